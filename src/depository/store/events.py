"""The input log: what came from outside and changed the books, so that they can be rebuilt by the same functions (KCSD-88).

An event is written last in the transaction that it caused, so it has the journal's head after it. Numbers are gapless, and the one
writer lock makes their order the order of the commits.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, func, insert, select

from depository.rejects import Broken
from depository.store import schema
from depository.store.columns import moment_text, text_moment
from depository.store.work import Work

LATELY = 5000
"""Events that are looked through for what has happened a moment ago."""
T = schema.event
S = schema.sealed_day
D = schema.duration


class EventKind(StrEnum):
    """What can change the books."""

    REFERENCE = "reference"
    FILE = "file"
    UNFINISHED = "unfinished upload"
    PLAN = "plan"
    TIMETABLE = "timetable"
    BATCH = "batch"
    HOLD = "hold"
    RELEASE = "release"
    INTEREST_REPORT = "interest report"
    WAITING = "technology time"
    NOTICE = "notice"
    ASSIGNMENT = "assignment"
    REFUND = "refund"
    TAKE_BACK = "refund taken back"
    HISTORY = "history"
    UNMARKED = "answer not marked"
    CANCELLATION = "cancellation"
    ANSWER = "answer to a challenge"
    BLOCK = "block"
    UNBLOCK = "unblock"
    HANDED_OVER = "letter handed over"


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the input log; `entries` and `head` are the journal's last number and hash after it."""

    number: int
    business_date: date
    at: datetime
    kind: EventKind
    data: Mapping[str, Any]
    entries: int
    head: str


@dataclass(frozen=True, slots=True)
class Tally:
    """What an event counted; its journal entries are `first` to `last`, none when `last` is before `first`."""

    kind: EventKind
    slot: str
    """Of a batch, else ""."""
    at: datetime
    counts: Counter[str]
    first: int
    last: int
    head: str
    microseconds: int | None


@dataclass(frozen=True, slots=True)
class Sealed:
    """A closed piece of the input log, archived under its hash: events up to `last`, since the piece before it."""

    business_date: date
    last: int
    sha256: str


def add(work: Work, kind: EventKind, data: Mapping[str, Any]) -> int:
    """Writes the event of the open transaction; to be called when everything else is written. Returns its number."""
    number = work.next_number("event")
    head = schema.journal_head.c
    work.connection.execute(
        insert(T).values(
            number=number,
            business_date=work.business_date,
            at=work.at,
            kind=kind.value,
            data=_canonical(data),
            entries=select(head.number).scalar_subquery(),
            head=select(head.hash).scalar_subquery(),
            figures=_canonical(work.tally) if work.tally else "",
        )
    )
    work.tally.clear()
    return number


def keep_duration(work: Work, number: int, microseconds: int) -> None:
    """Keeps how long an event took (KCSD-98)."""
    work.connection.execute(insert(D).values(event=number, microseconds=microseconds))


def tallies(work: Work, day: date) -> list[Tally]:
    """What the events of a business date counted, in order, each with the journal's range and hash."""
    rows = work.connection.execute(
        select(T, D.c.microseconds)
        .join(D, D.c.event == T.c.number, isouter=True)
        .where(T.c.business_date == day)
        .order_by(T.c.number)
    ).all()
    if not rows:
        return []
    before = work.connection.execute(select(T.c.entries).where(T.c.number == rows[0].number - 1)).scalar() or 0
    found = []
    for r in rows:
        slot = json.loads(r.data)["slot"] if r.kind == EventKind.BATCH else ""
        counts = Counter(json.loads(r.figures) if r.figures else {})
        found.append(
            Tally(EventKind(r.kind), slot, r.at, counts, int(before) + 1, int(r.entries), r.head, r.microseconds)
        )
        before = r.entries
    return found


def has_taken(work: Work, party: str, claimed: str) -> bool:
    """Was a file taken lately under this name on our side?"""
    recent = work.connection.execute(
        select(T.c.data).where(T.c.kind == EventKind.FILE.value, T.c.number > newest(work) - LATELY)
    ).scalars()
    return any((found["party"], found["claimed"]) == (party, claimed) for found in map(json.loads, recent))


def last_of(work: Work, until: date) -> int:
    """The last event of the business dates up to `until`; 0 when there is none."""
    return int(work.connection.execute(select(func.max(T.c.number)).where(T.c.business_date <= until)).scalar() or 0)


def newest(work: Work) -> int:
    """The last event of all; 0 when there is none."""
    return int(work.connection.execute(select(func.max(T.c.number))).scalar() or 0)


def newest_of(work: Work, kind: EventKind) -> Event | None:
    """The last event of a kind."""
    row = work.connection.execute(select(T).where(T.c.kind == kind.value).order_by(T.c.number.desc()).limit(1)).first()
    return None if row is None else _event(row)


def last_timetable(work: Work, after: int) -> Event | None:
    """The last change of the timetable of a planned day after an event."""
    query = select(T).where(T.c.number > after, T.c.kind == EventKind.TIMETABLE.value).order_by(T.c.number.desc())
    row = work.connection.execute(query.limit(1)).first()
    return None if row is None else _event(row)


def between(work: Work, after: int, last: int) -> list[Event]:
    """The events after one number up to another, in order; raises Broken when one is missing."""
    rows = work.connection.execute(select(T).where(T.c.number > after, T.c.number <= last).order_by(T.c.number)).all()
    found = [_event(row) for row in rows]
    if [e.number for e in found] != list(range(after + 1, last + 1)):
        raise Broken(f"the input log has gaps between {after + 1} and {last}: restore the database from backup")
    return found


def last_sealed(work: Work) -> Sealed | None:
    """The newest sealed piece."""
    row = work.connection.execute(select(S).order_by(S.c.last.desc()).limit(1)).first()
    return None if row is None else Sealed(row.business_date, row.last, row.sha256)


def sealed_days(work: Work) -> list[Sealed]:
    """Every sealed piece, oldest first."""
    return [Sealed(r.business_date, r.last, r.sha256) for r in work.connection.execute(select(S).order_by(S.c.last))]


def keep_sealed(work: Work, sealed: Sealed) -> None:
    """Notes that a piece was sealed."""
    work.connection.execute(
        insert(S).values(business_date=sealed.business_date, last=sealed.last, sha256=sealed.sha256)
    )


def to_json(events: list[Event], previous: str, outgoing: list[tuple[str, str, str]], day: date) -> bytes:
    """A sealed piece as canonical JSON: the events, what went out (party, name, SHA-256), the hash of the piece before."""
    piece = {
        "business_date": day.isoformat(),
        "previous": previous,
        "events": [
            {
                "number": e.number,
                "business_date": e.business_date.isoformat(),
                "at": moment_text(e.at),
                "kind": e.kind.value,
                "data": e.data,
                "entries": e.entries,
                "head": e.head,
            }
            for e in events
        ],
        "outgoing": [list(row) for row in outgoing],
    }
    return (_canonical(piece) + "\n").encode()


def from_json(data: bytes) -> tuple[list[Event], str, list[tuple[str, str, str]]]:
    """The inverse of `to_json`: events, hash of the piece before, what went out."""
    piece = json.loads(data)
    events = [
        Event(
            e["number"],
            date.fromisoformat(e["business_date"]),
            text_moment(e["at"]),
            EventKind(e["kind"]),
            e["data"],
            e["entries"],
            e["head"],
        )
        for e in piece["events"]
    ]
    return events, piece["previous"], [(party, name, sha256) for party, name, sha256 in piece["outgoing"]]


def _canonical(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _event(row: Row[Any]) -> Event:
    return Event(
        row.number, row.business_date, row.at, EventKind(row.kind), json.loads(row.data), row.entries, row.head
    )
