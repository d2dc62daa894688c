"""The list of rules, the ids that code and tests name, and the page made of them agree."""

from pathlib import Path

import pytest

from tools.rules import PAGE, RULE_ID, RULES, main, marked_in_tests, named_in_code, page, read_rules, state, trace

BOOK = """
[[rule]]
id = "CSD-5.2-dvp"
section = "Settlement"
title = "Delivery and payment together"
source = "5.2"

[[rule]]
id = "CSD-A2-3.1"
section = "Fails"
title = "What a fail is"
source = "Attachment 2, 3.1"
"""
CODE = '''"""Cycles (CSD-5.2)."""


class Cycle:
    def settle(self) -> None:
        # Together or not at all: CSD-5.2-dvp.
        ...
'''
TEST = """import pytest

pytestmark = pytest.mark.rule("CSD-A2-3.1")


@pytest.mark.rule("CSD-5.2-dvp")
def test_both_or_none() -> None: ...
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small repository with two rules, one module and one test."""
    for name, text in ((RULES, BOOK), (Path("src/depository/cycle.py"), CODE), (Path("tests/test_cycle.py"), TEST)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_code_is_traced_to_the_innermost_function_that_names_the_rule() -> None:
    assert list(named_in_code(CODE)) == [("CSD-5.2", ""), ("CSD-5.2-dvp", "Cycle.settle")]


def test_tests_are_traced_by_their_marks() -> None:
    assert sorted(marked_in_tests(TEST)) == [("CSD-5.2-dvp", "test_both_or_none"), ("CSD-A2-3.1", "(all)")]


def test_a_rule_with_code_and_test_is_shown_and_one_without_code_says_so(repository: Path) -> None:
    rules = read_rules(repository)
    traces = trace(rules, repository)
    assert [state(rule, traces) for rule in rules] == ["shown", "no code names it"]
    assert traces.unknown == []


def test_open_rules_are_listed_and_are_no_failure(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], repository) == 0
    said = capsys.readouterr().out
    assert "CSD-A2-3.1" in said
    assert "2 rules: 1 shown, 0 no test, 1 no code names it, 0 open." in said


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("src/depository/wrong.py", "# CSD-9.9.9-z\n"),
        ("tests/test_wrong.py", 'import pytest\n\n@pytest.mark.rule("CSD-9.9.9-z")\ndef test_it(): ...\n'),
    ],
)
def test_an_id_that_the_rulebook_does_not_know_is_a_failure(
    repository: Path, capsys: pytest.CaptureFixture[str], file: str, text: str
) -> None:
    (repository / file).write_text(text)
    assert main([], repository) == 1
    assert f"unknown rule CSD-9.9.9-z in {file}" in capsys.readouterr().out


def test_a_page_that_is_not_up_to_date_is_a_failure_until_it_is_made_anew(repository: Path) -> None:
    assert main(["--check"], repository) == 1
    assert main(["--write"], repository) == 0
    assert main(["--check"], repository) == 0
    (repository / "src/depository/cycle.py").write_text("")
    assert main(["--check"], repository) == 1


def test_an_id_that_stands_twice_in_the_list_is_refused(repository: Path) -> None:
    (repository / RULES).write_text(BOOK + BOOK)
    with pytest.raises(ValueError, match="more than once"):
        read_rules(repository)


@pytest.mark.parametrize("text", ["CSD-IST", "CSD-84", "KCSD-1.5-a", "CSD-20261123-0001"])
def test_form_codes_and_references_are_no_rule_ids(text: str) -> None:
    assert RULE_ID.findall(text) == []


def test_every_id_of_the_list_is_found_in_running_text() -> None:
    for rule in read_rules():
        assert RULE_ID.findall(f"as {rule.id}. Then") == [rule.id]


def test_the_repositorys_code_and_tests_name_no_unknown_rule() -> None:
    assert trace(read_rules()).unknown == []


def test_the_page_of_rules_code_and_tests_is_up_to_date() -> None:
    rules = read_rules()
    root = Path(__file__).parents[3]
    assert (root / PAGE).read_text() == page(rules, trace(rules)), "make it anew with: make docs"
