"""Every change of the books notes its cause in the input log, and each end of day seals the log into the archive."""

from collections.abc import Mapping
from time import perf_counter_ns
from typing import Any

from depository.store import events, files
from depository.store.archive import Archive
from depository.store.events import EventKind, Sealed
from depository.store.work import Work
from flows.steps.own_signatures import keep_with_day
from flows.steps.program import keep_program, this_program

PROGRAM = "program"
"""Where an event says which program recorded it."""


def note(work: Work, archive: Archive, kind: EventKind, data: Mapping[str, Any]) -> None:
    """Notes the cause of the open transaction, as the last thing in it, with the market's configuration of the moment.

    With it goes what else decided how the work went (`Work.marks`), and which program did it.
    """
    marked = {"marks": sorted(work.marks)} if work.marks else {}
    program = this_program() if work.program is None else work.program
    recorded_by = {PROGRAM: program} if program else {}
    number = events.add(work, kind, _with_market(work, archive, {**data, **marked, **recorded_by}))
    if work.begun:
        events.keep_duration(work, number, (perf_counter_ns() - work.begun) // 1000)


def noted_last(work: Work, archive: Archive, kind: EventKind, data: Mapping[str, Any]) -> bool:
    """Was the last event of this kind the very same, under the same configuration, by whatever program?"""
    last = events.newest_of(work, kind)
    if last is None:
        return False
    said = {name: value for name, value in last.data.items() if name != PROGRAM}
    return said == _with_market(work, archive, data)


def seal(work: Work, archive: Archive) -> Sealed:
    """Puts the events since the last seal into the archive, chained by hash, with a pointer by date (CSD-2.5.1f-a).

    The archive alone then suffices to rebuild the books. Our signatures given out so far are kept with it, and the program.
    """
    before = events.last_sealed(work)
    after, previous = (before.last, before.sha256) if before else (0, "")
    last = events.newest(work)
    outgoing = files.queued_on(work, work.business_date)
    data = events.to_json(events.between(work, after, last), previous, outgoing, work.business_date)
    sealed = Sealed(work.business_date, last, archive.put(data))
    archive.point(f"{work.business_date}", sealed.sha256)
    events.keep_sealed(work, sealed)
    keep_with_day(work, archive, work.business_date)
    keep_program(work, archive)
    return sealed


def _with_market(work: Work, archive: Archive, data: Mapping[str, Any]) -> dict[str, Any]:
    return {**data, "market": [archive.put(text.encode()) for text in work.market.sources]}
