"""What each run of a business date left behind: files, lines, refusals, control totals, journal range and checksum (KCSD-98).

A run is a batch, or the work of intake and operators between two batches. Ranges of the journal follow each other without a gap, and
a run's checksum is the journal's hash after it, so the figures of a day add up to the day. How long a run took is measured by the
machine's clock: operators see it, nothing that goes out holds it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from depository.amounts import in_words
from depository.reports import Column, Kind, Value
from depository.store import events, journal
from depository.store.events import EventKind, Tally
from depository.store.files import FILES_IN, FILES_OUT, LINES, REFUSED
from depository.store.instructions import MOVED_ON
from depository.store.work import Work

BETWEEN = "intake and operators"
COLUMNS = (
    Column("run", "Run"),
    Column("began", "Began", Kind.MOMENT),
    Column("files_in", "Files in", Kind.COUNT),
    Column("files_out", "Files out", Kind.COUNT),
    Column("lines", "Lines", Kind.COUNT),
    Column("refused", "Refused", Kind.COUNT),
    Column("instructions", "Steps of instructions", Kind.COUNT),
    Column("entries", "Journal entries"),
    Column("money", "Money moved"),
    Column("securities", "Securities", Kind.COUNT),
    Column("hash_total", "Hash total of quantities", Kind.COUNT),
    Column("checksum", "Journal hash after it"),
)


@dataclass(frozen=True, slots=True)
class Run:
    """One run; its journal entries are `first` to `last`, none when `last` is before `first`."""

    name: str
    """Slot of the batch, or `BETWEEN`."""
    began: datetime
    counts: Counter[str]
    first: int
    last: int
    checksum: str
    microseconds: int
    """0 when nothing was measured."""

    @property
    def took(self) -> str:
        """How long it took, in seconds."""
        return f"{self.microseconds // 1_000_000}.{self.microseconds % 1_000_000 // 1000:03d} s"


def runs(work: Work) -> list[Run]:
    """The runs of the business date so far, in order."""
    found: list[Run] = []
    between: list[Tally] = []
    for tally in events.tallies(work, work.business_date):
        if tally.kind is EventKind.BATCH:
            found += [*_together(BETWEEN, between), *_together(tally.slot, [tally])]
            between = []
        else:
            between.append(tally)
    return [*found, *_together(BETWEEN, between)]


def _together(name: str, tallies: Sequence[Tally]) -> list[Run]:
    if not tallies:
        return []
    counts = sum((one.counts for one in tallies), Counter[str]())
    took = sum(one.microseconds or 0 for one in tallies)
    first, last = tallies[0], tallies[-1]
    return [Run(name, first.at, counts, first.first, last.last, last.head, took)]


def rows(work: Work, shown: Iterable[Run]) -> tuple[tuple[Value, ...], ...]:
    """The runs as rows of `COLUMNS`, with their control totals: money by currency, and a hash total of quantities.

    A hash total is the sum of smallest units over all securities: it means nothing but that two sums of the same are the same.
    """
    return tuple(_row(work, one) for one in shown)


def _row(work: Work, run: Run) -> tuple[Value, ...]:
    moved = journal.moved_in(work, run.first, run.last) if run.last >= run.first else {}
    money = [in_words(work, c.code, moved[c.code]) for c in work.market.currencies if c.code in moved]
    quantities = [amount for asset, amount in moved.items() if work.market.currency(asset) is None]
    return (
        run.name,
        work.market.local(run.began),
        *(run.counts[what] for what in (FILES_IN, FILES_OUT, LINES, REFUSED, MOVED_ON)),
        f"{run.first}-{run.last}" if run.last >= run.first else "none",
        "; ".join(money),
        len(quantities),
        sum(quantities),
        run.checksum,
    )
