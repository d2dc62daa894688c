"""The command `csd`: what a newcomer types, and what it says when something is wrong."""

import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import openpyxl
import pytest

from depository.reports import Column, Table
from flows.clock import RealClock
from flows.commands.common import print_table
from flows.steps.sites import load_market
from tests.support.books import MARKET
from tests.support.command import ROOT, csd, forked_csd

STATEMENT = ROOT / "sample_files/day/2026-11-23/0905/bank/inbox/camt053_20261123_0905.xml"
WRONG_ROWS = ROOT / "sample_files/day/2026-11-23/1030/B01/inbox/IST_B01-IST-0001.xlsx"


def test_help_names_the_demonstration_first() -> None:
    """A newcomer learns what to type."""
    ran = csd("--help")

    assert ran.returncode == 0
    assert "csd demo" in ran.stdout
    for command in ("blank", "check", "up", "status", "verify", "solve"):
        assert command in ran.stdout


@pytest.mark.parametrize("form", ["IST", "WRN", "SIN", "IND", "IAO", "BUNA", "BDN", "PAOF", "ACR", "TCR", "OBC"])
def test_blank_writes_a_workbook_that_opens(form: str, tmp_path: Path) -> None:
    """One file, one sheet named after the form."""
    target = tmp_path / f"{form}.xlsx"

    assert forked_csd("blank", form, "--out", target).returncode == 0
    assert form in openpyxl.load_workbook(target).sheetnames


def test_blank_of_an_unknown_form_names_the_forms_there_are() -> None:
    """The error names the fix."""
    ran = forked_csd("blank", "XYZ")

    assert ran.returncode == 2
    assert "IST" in ran.stdout


def test_check_names_the_cell_of_every_fault_and_sends_nothing() -> None:
    """The faults of form of a workbook with wrong rows."""
    ran = csd("check", WRONG_ROWS)

    assert ran.returncode == 1
    assert "IST!K14" in ran.stdout
    assert "2 faults of form" in ran.stdout


@pytest.mark.rule("CSD-3.1.2-d")
def test_a_single_account_s_form_is_checked_before_it_is_sent() -> None:
    """A right form says so; a wrong one is named with its cells."""
    samples = ROOT / "sample_files/IAO"
    right, wrong = (
        forked_csd("check", samples / "right-open.xlsx"),
        forked_csd("check", samples / "wrong-document-expired.xlsx"),
    )

    assert right.returncode == 0, right.stdout
    assert wrong.returncode == 1
    assert "IAO!B24: Document expires" in wrong.stdout


def test_a_missing_site_is_explained(tmp_path: Path) -> None:
    """Not a traceback but the command that makes one."""
    ran = csd("status", "--site", tmp_path / "nothing.toml")

    assert ran.returncode == 2
    assert "csd init" in ran.stdout
    assert "Traceback" not in ran.stderr


@pytest.mark.rule("CSD-7.6.5-b", "CSD-1.5-d")
def test_in_the_technology_time_the_operator_sees_it_and_takes_nothing_in_by_hand(tmp_path: Path) -> None:
    """A market whose technology time is around this very moment."""
    market, site = tmp_path / "market", tmp_path / "site"
    shutil.copytree(MARKET, market)
    now = RealClock(load_market(market).zone).now()
    begin, end = (now + timedelta(hours=hours) for hours in (-1, 1))
    timetable = (market / "timetable.toml").read_text()
    timetable = timetable.replace("technology_start = 23:00:00", f"technology_start = {begin:%H:%M}:00")
    timetable = timetable.replace("technology_end = 01:00:00", f"technology_end = {end:%H:%M}:00")
    (market / "timetable.toml").write_text(timetable)
    assert forked_csd("init", site, "--market", market).returncode == 0
    why = ("--party", "B01", "--channel", "e-mail", "--reason", "SFTP is down", "--operator", "Operator One")

    taken = forked_csd("take", WRONG_ROWS, *why, "--site", site / "csd.toml")
    of_nobody = forked_csd("take", WRONG_ROWS, "--party", "B99", *why[2:], "--site", site / "csd.toml")
    seen = forked_csd("status", "--site", site / "csd.toml")

    assert (taken.returncode, of_nobody.returncode) == (2, 2)
    assert f"technology time ({begin:%H:%M} to {end:%H:%M})" in taken.stdout
    # What waiting would not mend is told at once.
    assert "there is no party B99" in of_nobody.stdout
    assert f"technology time {begin:%H:%M} to {end:%H:%M}: 0 files wait for its end" in seen.stdout
    assert "0 files taken" in seen.stdout


def test_nobodys_money_is_listed_and_given_to_its_participant_by_two_persons(tmp_path: Path) -> None:
    """The bank's statement of the sample day has a credit that names nobody; taken by hand, whatever the hour."""
    market, site = tmp_path / "market", tmp_path / "site"
    shutil.copytree(MARKET, market)
    timetable = (market / "timetable.toml").read_text()
    (market / "timetable.toml").write_text(re.sub(r"(?m)^technology_.*\n", "", timetable))
    settings = ("--site", site / "csd.toml")
    assert forked_csd("init", site, "--market", market).returncode == 0
    why = ("--party", "bank", "--channel", "e-mail", "--reason", "SFTP is down", "--operator", "Operator One")
    assert forked_csd("take", STATEMENT, *why, *settings).returncode == 0
    command = (
        "assign",
        "KZT-261123-007",
        "B03",
        "--reason",
        "letter of the bank",
        "--operator",
        "Operator One",
        *settings,
    )

    before = forked_csd("status", *settings).stdout
    alone, given = (
        forked_csd(*command, "--approved-by", "Operator One"),
        forked_csd(*command, "--approved-by", "Operator Two"),
    )

    assert "nobody's money: 123456.00 KZT, bank reference KZT-261123-007" in before
    assert alone.returncode == 2
    assert "two persons" in alone.stdout
    assert given.stdout == "A00000001: KZT-261123-007 is money of B03\n"
    assert "nobody's money" not in forked_csd("status", *settings).stdout


@pytest.mark.rule("CSD-1.5-c")
def test_a_notice_is_sent_from_a_text_file_to_everybody(tmp_path: Path) -> None:
    """One line for each addressee; who gives the command twice, or to nobody, is told."""
    site, text = tmp_path / "site", tmp_path / "notice.txt"
    assert forked_csd("init", site).returncode == 0
    text.write_text("Годовое собрание: 1 декабря.\n", encoding="utf-8")
    command = ("notice", "Meeting", "--file", text, "--operator", "Operator One", "--site", site / "csd.toml")

    sent, again, nobody = forked_csd(*command, "--all"), forked_csd(*command, "--all"), forked_csd(*command)

    assert [line.split()[1] for line in sent.stdout.splitlines()] == [f"B0{n}" for n in range(1, 7)]
    assert "nothing was sent again" in again.stdout
    assert nobody.returncode == 2
    assert "--to CODE, --class TYPE or --all" in nobody.stdout


def test_the_page_of_commands_is_fresh(tmp_path: Path) -> None:
    """`make docs` writes it."""
    page = tmp_path / "cli.md"
    command = [
        sys.executable,
        "-m",
        "typer",
        "flows.commands.app",
        "utils",
        "docs",
        "--name",
        "csd",
        "--output",
        str(page),
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=240)

    assert page.read_text() == (ROOT / "docs/reference/cli.md").read_text()


def test_a_site_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    """Its settings may have been changed by hand since. An attempt that failed leaves none, and can be repeated."""
    failed = forked_csd("init", tmp_path / "site", "--database", "csd.db")
    assert failed.returncode == 2
    assert "sqlite:///FILE" in failed.stdout
    made = forked_csd("init", tmp_path / "site")
    assert made.returncode == 0
    assert "csd up --own-sftp --site" in made.stdout
    settings = tmp_path / "site" / "csd.toml"
    settings.write_text(settings.read_text() + "# changed\n")

    again = forked_csd("init", tmp_path / "site")

    assert again.returncode == 2
    assert "has a site already" in again.stdout
    assert settings.read_text().endswith("# changed\n")


@pytest.mark.rule("CSD-5.2.10-a")
def test_the_status_of_a_planned_day_does_not_tell_the_moment_that_was_drawn(site_made: Path) -> None:
    """Neither by itself nor by its place between the batches whose moments are known."""
    assert forked_csd("plan", "2026-11-30", "--site", site_made / "csd.toml").returncode == 0

    shown = forked_csd("status", "2026-11-30", "--site", site_made / "csd.toml").stdout

    lines = [line for line in shown.splitlines() if "│" in line]
    at = next(number for number, line in enumerate(lines) if "main-cycle" in line)
    assert "drawn by lot" in lines[at]
    assert ("fop-1045" in lines[at - 1], "fop-1100" in lines[at + 1]) == (True, True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("load", "{folder}"), "has none of the files calendar.csv, parties.csv"),
        (("hold", "B99", "--reason", "x", "--operator", "One"), "there is no participant B99: they are B01, B02"),
        (("release", "B01"), "B01 has no such hold; its holds are: none"),
        (
            ("take", "{form}", "--party", "B99", "--channel", "e-mail", "--reason", "x", "--operator", "One"),
            "there is no party B99: the parties are B01, B02",
        ),
        (("export", "{folder}/out.zip", "--since", "2026-11-23", "--until", "2026-11-24"), "day by day"),
        (("export", "{folder}/out.zip", "--since", "2026-11-23", "--until", "2026-11-20"), "is before --since"),
        (("batch", "main-cycle", "2026-12-01"), "the day is not planned"),
        (("check", "{folder}/none.xlsx"), "none.xlsx: No such file or directory"),
    ],
)
def test_what_is_said_wrongly_is_refused_with_what_would_be_right(
    arguments: tuple[str, ...], told: str, site_made: Path
) -> None:
    """Nothing is recorded, and one line names the way out."""
    where = {"folder": site_made, "form": WRONG_ROWS}
    given = [argument.format(**where) for argument in arguments]
    of_a_site = [] if arguments[0] == "check" else ["--site", site_made / "csd.toml"]

    ran = forked_csd(*given, *of_a_site)

    assert (ran.returncode, ran.stderr) == (2, "")
    assert told in ran.stdout
    assert "Errno" not in ran.stdout


def test_a_record_that_cannot_be_read_any_more_is_told_with_what_names_it(tmp_path: Path) -> None:
    """A day of the calendar that somebody changed by hand to none that there is: verify says what to do, replay names it."""
    site = tmp_path / "site"
    assert forked_csd("init", site).returncode == 0
    with closing(sqlite3.connect(site / "csd.db")) as connection, connection:
        connection.execute("UPDATE calendar_day SET kind = 'holbday' WHERE day = '2026-12-16'")

    verified = forked_csd("verify", "--site", site / "csd.toml")
    replayed = forked_csd("replay", "2026-12-31", tmp_path / "again", "--site", site / "csd.toml")

    assert verified.returncode == 3
    assert "changed by hand: 'holbday' is not a valid DayKind" in verified.stdout
    assert "csd replay" in verified.stdout
    assert "calendar_day 2026-12-16: kind is holbday, the replay gives holiday" in replayed.stdout


@pytest.mark.rule("KCSD-98")
def test_the_figures_of_the_runs_can_be_read_on_a_screen_of_80_columns(site_made: Path) -> None:
    with closing(sqlite3.connect(site_made / "csd.db")) as connection:
        day, head = connection.execute("SELECT business_date, head FROM event ORDER BY number").fetchone()

    lines = forked_csd("figures", day, "--site", site_made / "csd.toml").stdout.splitlines()

    assert max(map(len, lines)) <= 80
    titles = next(line for line in lines if "Run " in line and "Began" in line)
    assert titles.split() == ["Run", "Began", "Took", "Files", "in", "out", "Lines", "Refused", "Steps"]
    assert any("1-7; 3 securities" in line for line in lines)
    assert lines[-1].strip() == head


@pytest.mark.parametrize("many", [2, 12])
def test_a_table_is_printed_with_nothing_cut_off_and_what_parties_wrote_as_it_is(
    many: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A grid where it fits, else row by row; a name that reads like our markup, or holds control characters, does nothing."""
    name = "[/red]paid[bold].xlsx"
    columns = tuple(Column(f"c{number}", f"Column {number}") for number in range(many))
    print_table(Table("Files", "Every file", columns, ((name, *("x" * 9 for _ in columns[1:])),)))
    shown = capsys.readouterr().out
    assert name in shown
    assert shown.count("x" * 9) == many - 1
    assert ("│" in shown) == (many == 2)
    print_table(Table("Files", "Every file", columns[:1], (("a\x1b[2Jb",),)))
    assert "\x1b" not in capsys.readouterr().out


@pytest.fixture(scope="module")
def site_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site on which 30 November is planned, and nothing else is written."""
    folder = tmp_path_factory.mktemp("made") / "site"
    assert forked_csd("init", folder).returncode == 0
    return folder
