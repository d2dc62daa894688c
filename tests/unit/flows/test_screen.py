"""The screen shows the day's time, batches, counts and last events; without a terminal it prints plain lines."""

import io
import threading
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from depository.day import DONE, PLANNED, SKIPPED, BatchState
from depository.reports import Column, Kind, Table
from depository.timetable import BatchKind, PlannedBatch
from flows.screen import ROWS_SHOWN, DayEvent, DayScreen, EventKind, harmless, print_summary, shown

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=ZoneInfo("Asia/Almaty"))
MONDAY = date(2026, 11, 23)


def paper(*, terminal: bool = False) -> Console:
    """A console that writes into memory."""
    return Console(file=io.StringIO(), force_terminal=terminal, width=110, color_system=None)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def picture(screen: DayScreen) -> str:
    console = paper()
    console.print(screen.picture())
    return written(console)


def batch(kind: BatchKind, minutes: int, state: str = PLANNED) -> BatchState:
    due = NINE + timedelta(minutes=minutes)
    return BatchState(PlannedBatch(MONDAY, f"{kind}-{minutes}", kind, due), state, "")


def test_without_a_terminal_each_event_is_one_line() -> None:
    console = paper()
    with DayScreen("Monday", lambda: NINE, console) as screen:
        screen.tell(DayEvent(NINE, EventKind.FILE_TAKEN, "A01 ist-0001.xlsx, 12 lines"))
        screen.tell(DayEvent(NINE + timedelta(minutes=1), EventKind.FAILING, "B02 short of 100 KZT" + " and more" * 30))
    assert written(console).splitlines()[:2] == ["Monday", "09:00:00  file taken    A01 ist-0001.xlsx, 12 lines"]
    assert len(written(console).splitlines()) == 3


def test_the_picture_shows_time_counts_and_the_last_events() -> None:
    screen = DayScreen("Monday", lambda: NINE + timedelta(hours=2), paper())
    screen.tell(DayEvent(NINE, EventKind.SETTLED, "the first of all", count=41))
    for number in range(10):
        screen.tell(DayEvent(NINE, EventKind.FILE_TAKEN, f"file {number}"))
    said = picture(screen)
    assert "2026-11-23 11:00:00" in said
    assert "41 settled" in said
    assert "10 files taken" in said
    assert "file 9" in said
    assert "the first of all" not in said


def test_the_timeline_has_a_row_for_each_kind_with_a_mark_for_each_batch() -> None:
    screen = DayScreen("Monday", lambda: NINE, paper())
    screen.show_batches(
        [
            batch(BatchKind.OPENING, 0, DONE),
            batch(BatchKind.LATE_CYCLE, 151, DONE),
            batch(BatchKind.LATE_CYCLE, 166, SKIPPED),
            batch(BatchKind.LATE_CYCLE, 181),
        ]
    )
    said = picture(screen)
    assert "3 of 4 batches" in said
    late = next(row for row in said.splitlines() if "late cycle" in row)
    assert "11:31 to 12:01" in late
    assert "●–○" in late
    assert "next 12:01" in late


@pytest.mark.rule("CSD-5.2.10-a")
def test_the_main_cycles_moment_is_not_shown_before_it_has_come() -> None:
    screen = DayScreen("Monday", lambda: NINE, paper())
    screen.show_batches([batch(BatchKind.MAIN_CYCLE, 137)])
    assert "11:17" not in picture(screen)
    screen.show_batches([batch(BatchKind.MAIN_CYCLE, 137, DONE)])
    assert "11:17" in picture(screen)


def test_on_a_terminal_the_picture_is_drawn_and_the_end_of_the_day_stays_on_the_screen() -> None:
    console = paper(terminal=True)
    with DayScreen("Monday", lambda: NINE, console) as screen:
        screen.tell(DayEvent(NINE, EventKind.NOTE, "the day is open"))
    assert "the day is open" in written(console)


def test_events_told_by_many_threads_are_all_counted() -> None:
    screen = DayScreen("Monday", lambda: NINE, paper())

    def tell() -> None:
        for _ in range(200):
            screen.tell(DayEvent(NINE, EventKind.SETTLED, ""))

    tellers = [threading.Thread(target=tell) for _ in range(4)]
    for teller in tellers:
        teller.start()
    for teller in tellers:
        teller.join()
    assert screen.counts[EventKind.SETTLED] == 800


def test_what_stands_in_a_participants_file_gives_the_terminal_no_order() -> None:
    console = paper()
    with DayScreen("Monday", lambda: NINE, console) as screen:
        screen.tell(DayEvent(NINE, EventKind.FILE_REFUSED, "[bold]x[/bold] \x1b[2J\r\n.xlsx"))
    assert "\x1b" not in written(console)
    assert "[bold]x[/bold] \N{REPLACEMENT CHARACTER}[2J" in written(console)
    assert harmless("Әлия, файл №1 – ok") == "Әлия, файл №1 – ok"


def test_the_summary_shows_tables_with_exact_numbers_and_where_to_look() -> None:
    console = paper()
    rows = (("A01", Decimal("1234567.50"), None), ("B02", Decimal(-3), True))
    columns = (
        Column("party", "Participant"),
        Column("amount", "Short of", Kind.MONEY),
        Column("root", "Root", Kind.TEXT),
    )
    place = "var/demo/sftp/<party>/outbox/" + "long-" * 30
    print_summary(
        "End of Monday",
        [
            Table("failing", "Who failed", columns, rows),
            Table("refused", "What was refused", columns, (), "Nothing was refused."),
        ],
        {"Answers": place},
        [("Files taken", 12)],
        console,
    )
    said = written(console)
    for wanted in (
        "End of Monday",
        "Files taken: 12",
        "Who failed",
        "1,234,567.50",
        "yes",
        "Nothing was refused.",
        f"Answers: {place}",
    ):
        assert wanted in said


def test_of_a_long_table_the_summary_shows_the_first_rows_and_how_many_more_there_are() -> None:
    console = paper()
    rows = tuple((f"row-{number:03}",) for number in range(ROWS_SHOWN + 27))
    print_summary("End", [Table("t", "T", (Column("name", "Name"),), rows)], {}, console=console)
    assert f"row-{ROWS_SHOWN - 1:03}" in written(console)
    assert f"row-{ROWS_SHOWN:03}" not in written(console)
    assert "and 27 more" in written(console)


def test_moments_and_dates_are_shown_in_full() -> None:
    assert shown(NINE) == "2026-11-23 09:00:00"
    assert shown(MONDAY) == "2026-11-23"
