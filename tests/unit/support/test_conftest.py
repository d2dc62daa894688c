"""The closing word of a test run names what was not tested and why."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
pytest_plugins = ["pytester"]


def test_skipped_tests_are_named_with_their_reason_before_the_closing_line(pytester: pytest.Pytester) -> None:
    source = (ROOT / "tests/conftest.py").read_text()
    pytester.makeconftest(source[source.index("def pytest_terminal_summary") :].join(["import pytest\n", ""]))
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("number", [1, 2])
        def test_it(number):
            pytest.skip("workbooks: soffice is not installed")
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--import-mode=importlib")
    result.stdout.fnmatch_lines(
        ["*not tested*", "2 test(s) not run: workbooks: soffice is not installed", "*2 skipped*"]
    )
