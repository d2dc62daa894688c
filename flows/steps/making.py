"""Makes the answers that are queued by name, of their archived receipts: outside any transaction, as often as it takes (design §4).

The receipt is recorded with what it tells of; an answer is made of it alone. A kill anywhere leaves an answer to be made again, with the
same bytes, and two workers that make one make the same.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from depository.pieces import pieces
from depository.points import reached
from depository.rejects import Broken, FileRefused
from depository.store import files
from depository.store.events import Event, EventKind
from depository.store.files import Unmade
from depository.store.work import Work
from flows.steps.answering import Answer, make
from flows.steps.inputs import note
from flows.steps.resting import rests
from flows.steps.sites import Site
from parsers.sandbox import LIMITS

log = logging.getLogger(__name__)
TOGETHER = 16
"""Answers that are archived and noted together."""
STOPPED = "not marked "
"""Begins the mark of a receipt's hash in the event that closes a day or sends a history, which make what is left."""


def make_answers(site: Site, at: datetime, failed: dict[int, datetime] | None = None) -> int:
    """Makes all that wait, oldest first; returns how many. One that cannot be made by a fault of ours waits, and holds up no other.

    `failed` are the numbers of such ones with the moment of the last try, for whoever calls this again and again: they rest for a while.
    Raises OSError when the disk, the database or the machine does not work; what was made before stays.
    """
    failed = {} if failed is None else failed
    count = last = 0
    while True:
        with site.reading(at, site.market.local(at).date()) as work:
            waiting = files.unmade(work, after=last)
        if not waiting:
            return count
        tried = [one for one in waiting if not rests(failed.get(one.id), at)]
        # What may take long comes behind what takes milliseconds.
        for some in pieces(sorted(tried, key=lambda one: one.made_as == Answer.MARKED), TOGETHER):
            reached("make.before")
            done = _made(site, some)
            failed |= {one.id: at for one in set(some) - {made.answer for made in done}}
            reached("make.archived")
            _note_made(site, done, at)
            reached("make.committed")
            count += len(done)
        last = waiting[-1].id


def make_left(site: Site, work: Work) -> None:
    """The same within a writer's transaction that needs every answer's hash, before its event is noted: what has not been made by now.

    Raises Broken when one cannot be made.
    """
    last = 0
    while waiting := files.unmade(work, after=last):
        for made in _made(site, waiting, all_of_them=True):
            if files.made_first(work, made.answer, made.sha256) and made.stopped:
                work.marks.add(f"{STOPPED}{made.answer.made_of}")
        last = waiting[-1].id


def stopped_in(log: Sequence[Event]) -> frozenset[str]:
    """The receipts whose workbooks a limit stopped from being marked, by the input log."""
    noted = {event.data["receipt"] for event in log if event.kind is EventKind.UNMARKED}
    marks = [mark for event in log for mark in event.data.get("marks", ()) if mark.startswith(STOPPED)]
    return frozenset(noted | {mark.removeprefix(STOPPED) for mark in marks})


@dataclass(frozen=True, slots=True)
class _Made:
    """An answer that was made and archived."""

    answer: Unmade
    sha256: str
    stopped: bool
    """A limit of time or memory stopped the marking, so that it is another answer than another machine would give."""


def _note_made(site: Site, done: Sequence[_Made], at: datetime) -> None:
    """Notes what was made; what a limit stopped each with its event, which a writer does."""
    whole = [made for made in done if not made.stopped]
    with site.noting(at) as work:
        free = files.free(work, [made.answer.id for made in whole])
        files.made(work, [(made.answer, made.sha256) for made in whole if made.answer.id in free])
        reached("make.before commit")
    for made in done:
        if made.stopped:
            with site.writing(at) as work:
                if files.made_first(work, made.answer, made.sha256):
                    # A replay does not mark it either.
                    note(work, site.archive, EventKind.UNMARKED, {"receipt": made.answer.made_of})
                reached("make.stopped noted")


def _made(site: Site, some: Sequence[Unmade], *, all_of_them: bool = False) -> list[_Made]:
    """What was made of each and archived. One that cannot be made is left out, or with `all_of_them` raises Broken."""
    contents: list[tuple[Unmade, bytes, bool]] = []
    for one in some:
        try:
            contents.append((one, *_content(site, one)))
        except OSError:
            raise
        except Exception as fault:
            if all_of_them or site.unmarked is not None:
                raise Broken(
                    f"the answer {one.name} to {one.party} cannot be made of its receipt {one.made_of}: {fault}. The day is not closed "
                    "and no history sent without it; without a backup `csd replay` makes the content again, in the archive of its folder "
                    "(docs/operating/backup.md)"
                ) from fault
            log.exception("the answer %d of receipt %s cannot be made; it waits", one.id, one.made_of)
    done = []
    archived = site.archive.put_all([data for _, data, _ in contents])
    for (one, _, stopped), stored in zip(contents, archived, strict=True):
        if isinstance(stored, OSError):
            raise stored
        done.append(_Made(one, stored, stopped))
    return done


def _content(site: Site, one: Unmade) -> tuple[bytes, bool]:
    """The bytes of an answer, and whether a limit of time or memory made them other than they would have been.

    Raises Broken in a replay that is stopped where the first time was not.
    """

    def made_as(answer: Answer) -> bytes:
        return make(site.sandbox, site.archive, answer, one.made_of)

    if site.unmarked is not None and one.made_of in site.unmarked:
        return made_as(Answer.REFUSED), False
    try:
        return made_as(Answer(one.made_as)), False
    except FileRefused as refused:
        stopped = refused.code in LIMITS
        if stopped and site.unmarked is not None:
            raise Broken(
                f"here the marking of the workbook is stopped ({refused.code}), then it was not: replay where there is more time and memory"
            ) from refused
        # A workbook that cannot be marked must not hold up its own answer; the refusals are what its sender needs.
        return made_as(Answer.REFUSED), stopped
