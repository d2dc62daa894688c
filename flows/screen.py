"""What an operator sees while a business day runs, and the tables at its end; plain lines where there is no terminal.

    with DayScreen("Business day 2026-11-23", clock.now) as screen:
        screen.show_batches(batches)
        screen.tell(DayEvent(clock.now(), EventKind.FILE_TAKEN, "A01 ist-0001.xlsx: 12 lines accepted"))
    print_summary("Business day 2026-11-23", tables, {"Answers": "var/demo/sftp/<party>/outbox"})

Texts come from participants' files: nothing in them is taken for markup or for an order to the terminal.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table as Grid
from rich.text import Text

from depository.day import DONE, PLANNED, SKIPPED, BatchState
from depository.reports import Kind, Table, Value
from depository.timetable import BatchKind

LAST_EVENTS = 8
ROWS_SHOWN = 40
"""Rows of a summary table on the screen; the workbooks have them all."""
NUMBERS = frozenset({Kind.COUNT, Kind.QUANTITY, Kind.MONEY, Kind.PERCENT})


class EventKind(StrEnum):
    """What happened; the first five are counted on the screen."""

    FILE_TAKEN = "file taken"
    FILE_REFUSED = "file refused"
    LINE_REFUSED = "line refused"
    SETTLED = "settled"
    FAILING = "failing"
    BATCH = "batch"
    NOTICE = "notice"
    NOTE = "note"


COUNTED = {
    EventKind.FILE_TAKEN: "files taken",
    EventKind.FILE_REFUSED: "files refused",
    EventKind.LINE_REFUSED: "lines refused",
    EventKind.SETTLED: "settled",
    EventKind.FAILING: "failing",
}
STYLES = {
    EventKind.FILE_REFUSED: "red",
    EventKind.LINE_REFUSED: "yellow",
    EventKind.FAILING: "red",
    EventKind.SETTLED: "green",
    EventKind.BATCH: "bold",
}
MARKS = {DONE: ("●", "green"), SKIPPED: ("–", "yellow"), PLANNED: ("○", "dim")}


@dataclass(frozen=True, slots=True)
class DayEvent:
    """One thing that happened: when, what, in words for people, and how often (`count` instructions settled)."""

    at: datetime
    kind: EventKind
    text: str
    count: int = 1


def harmless(text: str) -> str:
    """The text without what a terminal would obey: control characters become a visible mark."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def line(event: DayEvent) -> str:
    """An event as one plain line."""
    return f"{event.at:%H:%M:%S}  {event.kind:<13} {harmless(event.text)}"


class DayScreen:
    """The progress of a business day: time, batches, counters and the last events. May be told from any thread.

    `now` gives the moment that the day has reached. Without a terminal each event is a line and there is no picture.
    """

    def __init__(self, title: str, now: Callable[[], datetime], console: Console | None = None) -> None:
        self.title = title
        self.now = now
        self.console = console or Console()
        self.counts: Counter[EventKind] = Counter()
        self._batches: Sequence[BatchState] = ()
        self._last: deque[DayEvent] = deque(maxlen=LAST_EVENTS)
        self._lock = threading.Lock()
        self._live: Live | None = None

    def tell(self, event: DayEvent) -> None:
        """Notes that something happened."""
        with self._lock:
            self._last.append(event)
            self.counts[event.kind] += event.count
        if self._live is None:
            self.console.print(Text(line(event)), soft_wrap=True)

    def show_batches(self, batches: Sequence[BatchState]) -> None:
        """The day's batches as the database has them now."""
        with self._lock:
            self._batches = tuple(batches)

    def picture(self) -> RenderableType:
        """The whole screen as it is now."""
        with self._lock:
            batches, last = self._batches, tuple(self._last)
            counts = {kind: self.counts[kind] for kind in COUNTED}
        done = sum(each.state != PLANNED for each in batches)
        head = Text(f"{self.now():%Y-%m-%d %H:%M:%S}", style="bold cyan")
        if batches:
            head.append(f"   {done} of {len(batches)} batches", style="none")
        counted = Text("   ").join(
            Text.assemble((f"{counts[kind]}", STYLES.get(kind, "bold")), f" {label}") for kind, label in COUNTED.items()
        )
        events = Group(
            *(Text(line(event), style=STYLES.get(event.kind, ""), overflow="ellipsis", no_wrap=True) for event in last)
        )
        return Panel(
            Group(head, Text(), timeline(batches), Text(), counted, Text(), events), title=harmless(self.title)
        )

    def __enter__(self) -> "DayScreen":
        if self.console.is_terminal:
            self._live = Live(console=self.console, get_renderable=self.picture, refresh_per_second=8)
            self._live.start()
        else:
            self.console.print(Text(harmless(self.title)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.stop()


def timeline(batches: Sequence[BatchState]) -> Grid:
    """One row for each kind of batch: its times, a mark for each batch, and when the next one is due."""
    grid = Grid.grid(padding=(0, 2))
    for kind in BatchKind:
        of_kind = [each for each in batches if each.batch.kind is kind]
        if not of_kind:
            continue
        marks = Text()
        for each in of_kind:
            marks.append(*MARKS.get(each.state, ("●", "cyan")))
        open_ = [each for each in of_kind if each.state == PLANNED]
        # The main cycle's moment is nobody's to know before it has come (CSD-5.2.10-a).
        hidden = kind is BatchKind.MAIN_CYCLE and bool(open_)
        times = "drawn by lot" if hidden else span(of_kind)
        coming = f"next {open_[0].batch.due_at:%H:%M}" if open_ and not hidden else ""
        grid.add_row(Text(kind.value), Text(times, style="dim"), marks, Text(coming))
    return grid


def span(batches: Sequence[BatchState]) -> str:
    """First and last moment of some batches."""
    first, last = batches[0].batch.due_at, batches[-1].batch.due_at
    return f"{first:%H:%M}" if first == last else f"{first:%H:%M} to {last:%H:%M}"


def print_summary(
    title: str,
    tables: Sequence[Table],
    places: Mapping[str, str],
    facts: Sequence[tuple[str, Value]] = (),
    console: Console | None = None,
) -> None:
    """The end of the day on the screen: facts, tables (what came in, was refused, settled, failed) and where to look.

    `places` are folders and files by what is to be found there. Of a long table the first rows are shown, and how many
    there are.
    """
    console = console or Console()
    console.print()
    console.rule(Text(harmless(title), style="bold"))
    for label, value in facts:
        console.print(Text.assemble((f"{harmless(label)}: ", "dim"), shown(value)))
    for table in tables:
        console.print()
        console.print(summary_grid(table))
        if len(table.rows) > ROWS_SHOWN:
            console.print(Text(f"… and {len(table.rows) - ROWS_SHOWN} more", style="dim"))
        elif not table.rows:
            console.print(Text(harmless(table.note) or "none", style="dim"))
    if places:
        console.print()
        console.print(Text("Where to look", style="bold"))
        for label, place in places.items():
            # Never folded: a path is copied whole.
            console.print(Text(f"  {harmless(label)}: {harmless(place)}"), soft_wrap=True)


def summary_grid(table: Table) -> Grid:
    """A report's table for the screen, numbers to the right."""
    grid = Grid(title=Text(harmless(table.title)), title_justify="left", title_style="bold", header_style="bold")
    for column in table.columns:
        grid.add_column(
            Text(harmless(column.title)), justify="right" if column.kind in NUMBERS else "left", overflow="fold"
        )
    for row in table.rows[:ROWS_SHOWN]:
        grid.add_row(*(Text(shown(value)) for value in row))
    return grid


def shown(value: Value) -> str:
    """A value for people: exact, with thousands apart; moments to the second."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int() | Decimal():
            return f"{value:,}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case date():
            return value.isoformat()
        case str():
            return harmless(value)
