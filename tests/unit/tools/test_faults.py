"""The page of what is survived says of each trial what was tried, how often and what came of it."""

import json
from pathlib import Path

import pytest

from tests.faults.test_kill_points import points_in_code
from tests.support.fault_results import SAME
from tools import faults

RUN = """<testsuites><testsuite>
<testcase classname="tests.faults.test_backup" name="test_a_folder_in_use_is_not_overwritten[one]"/>
<testcase classname="tests.faults.test_backup" name="test_a_folder_in_use_is_not_overwritten[two]"><failure/></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The page of a small run."""
    noted = [
        ("SIGKILL at “make.before”", "SQLite", SAME, 0.5),
        ("SIGKILL at “make.before”", "SQLite", SAME, 61.0),
        ("SIGKILL at “make.before”", "PostgreSQL", "a row is missing", 2.0),
        ("SIGKILL at “make.before”", "SQLite, reader in the sandbox", SAME, 3.0),
        ("SFTP server: slow", "the whole intake", "each file taken once", None),
        ("the roof leaks", "SQLite", "dry again", None),
    ]
    names = ("fault", "where", "outcome", "seconds")
    lines = [json.dumps(dict(zip(names, one, strict=True))) for one in noted]
    (tmp_path / "1.jsonl").write_text("\n".join(lines[:2]) + "\n")
    (tmp_path / "2.jsonl").write_text("\n".join(lines[2:]) + "\n")
    (tmp_path / "run.xml").write_text(RUN)
    monkeypatch.setattr(faults, "RESULTS", tmp_path)
    monkeypatch.setattr(faults, "RUN", tmp_path / "run.xml")
    return faults.page()


def test_of_every_point_it_is_said_what_is_under_way_there() -> None:
    assert {point.partition(".")[0] for point in points_in_code()} == set(faults.UNDER_WAY)


def test_each_point_has_one_row_that_hides_no_other_outcome(page: str) -> None:
    what = "answers for people are made of recorded receipts: a row is missing"
    assert f"| make.before | {what} | 2, 61.0 s | 1, 2.0 s |" in page
    assert f"| SIGKILL at “make.before” | SQLite, reader in the sandbox | 1 | {SAME} | 3.0 s |" in page


def test_every_other_trial_stands_under_its_heading(page: str) -> None:
    assert "| slow | the whole intake | 1 | each file taken once |  |" in page.partition("SFTP server does wrong")[2]
    assert "| the roof leaks | SQLite | 1 | dry again |  |" in page.partition("What it stands on breaks")[2]


def test_restarts_are_counted_and_those_that_took_over_a_minute(page: str) -> None:
    assert "| SQLite | 2 | 0.5 s | 61.0 s | 61.0 s | 1 |" in page


def test_a_test_that_failed_is_told_under_what_its_file_is_about(page: str) -> None:
    assert "That run: 2 tests, 1 FAILED, 1 passed." in page
    assert "### `test_backup.py`\n\nA copy made while the day goes on" in page
    assert "| a folder in use is not overwritten | 2 | 1 FAILED, 1 passed |" in page
