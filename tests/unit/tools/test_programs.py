"""What outside programs are missing is said plainly, and where nothing may be missing it is a failure."""

from collections.abc import Sequence

import pytest

from tools.programs import Program, find, last_line, main, missing

THERE = Program("sh", "dash", "a shell")
NOT_THERE = Program("no-such-program", "no-such-package", "what no machine can do")


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without apt-get in sight."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CI", raising=False)


def test_a_program_is_found_and_a_missing_one_is_not() -> None:
    assert find("sh")
    assert missing([THERE, NOT_THERE]) == [NOT_THERE]


def test_when_nothing_is_missing_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([THERE]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("ci", "code"), [(None, 0), ("true", 1)])
@pytest.mark.usefixtures("bare")
def test_what_cannot_be_installed_is_named_with_its_reason_and_fails_in_ci_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ci: str | None, code: int
) -> None:
    if ci:
        monkeypatch.setenv("CI", ci)
    programs: Sequence[Program] = [NOT_THERE]
    assert main(programs) == code
    said = capsys.readouterr().out
    assert "NOT TESTED: what no machine can do: no-such-program is missing (this is not Debian (no apt-get))" in said
    assert "apt-get install no-such-package" in said


def test_of_a_long_message_the_last_line_that_says_something_is_kept() -> None:
    assert last_line("first\nE: Unable to locate package x\n\n") == "E: Unable to locate package x"
    assert last_line("\n") == "no message"
