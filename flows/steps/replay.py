"""Rebuilds the books up to a date from the input log and the archived files alone, by the functions that made them, and compares.

`replay` takes the log from the database, `replay_archive` from the sealed days in the archive, for the case that nothing else is
left. Both play into a fresh SQLite database and folder; every outgoing file must come out with the same name and bytes. Signatures of
participants are checked again on the way; ours, kept in the database and in the archive, are checked against the files that come out.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import select

from depository.market import Market, read_market
from depository.rejects import Broken, FileRefused
from depository.sftp.intake import SIGNATURE, Policy
from depository.store import events, files, journal, schema, signatories
from depository.store.archive import Archive
from depository.store.bank import Sender
from depository.store.columns import text_moment
from depository.store.database import open_database
from depository.store.events import Event, EventKind
from depository.store.migrate import upgrade
from depository.store.records import Comparison, compare
from depository.store.work import Work
from flows.steps.arrivals import Arrival
from flows.steps.assigning import assign_money
from flows.steps.batches import run_batch
from flows.steps.blocking import block_account, hand_over, unblock_account
from flows.steps.cancelling import cancel_trade
from flows.steps.challenging import answer_challenge
from flows.steps.circulars import addressing_of, send_notice
from flows.steps.history import send_history
from flows.steps.holding import lift, place
from flows.steps.inputs import PROGRAM, note
from flows.steps.intake import take
from flows.steps.interest_report import send_interest_report
from flows.steps.making import make_answers, stopped_in
from flows.steps.own_signatures import kept_with
from flows.steps.planning import move, plan
from flows.steps.program import this_program, unpacking
from flows.steps.reference import load_contents
from flows.steps.refunding import refund_money, take_back_refund
from flows.steps.sites import SftpSettings, Site
from flows.steps.technology_time import tell_again as tell_waiting_again
from flows.steps.unfinished import tell_again
from parsers import cms
from parsers.sandbox import Sandbox

Balances = dict[journal.Key, int]
Sent = dict[tuple[str, str], str]
"""Party and name to SHA-256."""
NOT_COMPARED = Comparison(0, ())
NOWHERE = SftpSettings("", 0, "", Path(), "")
"""A replay reaches no server."""


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What a replay rebuilt, and where it differs from what was (nothing = it was proved)."""

    events: int
    entries: int
    head: str
    """The journal's head hash after the last event."""
    outgoing: int
    """Files that came out and were compared."""
    records: int
    """Records of the database that were compared, too; none when it has later ones, or from the archive alone."""
    differences: tuple[str, ...]
    other_programs: tuple[str, ...]
    """In words: which events another program recorded, and how to replay them by that one."""
    folder: Path
    """Has `csd.db`, `archive` and `outbox/<party>/<name>`."""


def replay(site: Site, until: date, folder: Path, at: datetime) -> ReplayResult:
    """Replays everything up to the end of business date `until` into `folder`, which must be empty or missing.

    Compares the journal's head after every event, all balances, name and hash of every outgoing file, and every other record as
    long as nothing was recorded later. `at` is the moment of the reading. Raises FileExistsError for a folder in use, LookupError
    when nothing was recorded by then.
    """
    make_answers(site, at)
    with site.reading(at, until) as work:
        log = events.between(work, 0, events.last_of(work, until))
        if not log:
            raise LookupError(f"nothing was recorded up to {until}")
        balances = _balances_at(work, log[-1].entries)
        sent = {
            (row[0], row[1]): row[2] for day in {e.business_date for e in log} for row in files.queued_on(work, day)
        }
        later = _queued_after(work, until)
        signatures = _own_signatures(work, until)
    fresh = _play(log, site.archive, site.sandbox, folder)
    compared = _with_records(site, fresh.site, log[-1], at) if not fresh.faults else NOT_COMPARED
    return _compared(fresh, log, balances, sent, later, signatures, compared, _other_programs(log, site.archive))


def _with_records(site: Site, replayed: Site, last: Event, at: datetime) -> Comparison:
    """What is recorded against what the replay gives; later events have changed what is recorded, and it cannot be compared then."""
    with site.reading(at, last.business_date) as there, replayed.reading(last.at, last.business_date) as given:
        return compare(there, given) if events.newest(there) == last.number else NOT_COMPARED


def replay_archive(archive: Archive, sandbox: Sandbox, until: date, folder: Path) -> ReplayResult:
    """The same from the archive alone: checks that the sealed days follow each other, plays them, compares with what they say.

    Raises LookupError when no day up to `until` is sealed, Broken when one is missing or was changed.
    """
    log: list[Event] = []
    sent: Sent = {}
    previous = ""
    days = []
    for name, digest in archive.pointers().items():
        if date.fromisoformat(name) > until:
            continue
        day, before, outgoing = events.from_json(archive.get(digest))
        if before != previous:
            raise Broken(f"the sealed day {name} does not follow the one before it: a day is missing from the archive")
        previous = digest
        log += day
        days.append(date.fromisoformat(name))
        sent.update({(party, name_): sha256 for party, name_, sha256 in outgoing})
    if not log:
        raise LookupError(f"no day up to {until} is sealed in the archive")
    fresh = _play(log, archive, sandbox, folder)
    others = _other_programs(log, archive)
    return _compared(fresh, log, None, sent, {}, kept_with(archive, days), NOT_COMPARED, others)


@dataclass(frozen=True, slots=True)
class _Fresh:
    """A replayed site and the first events at which it left the log."""

    site: Site
    faults: tuple[str, ...]


def _play(log: Sequence[Event], inputs: Archive, sandbox: Sandbox, folder: Path) -> _Fresh:
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty: name a new folder for the replay")
    folder.mkdir(parents=True, exist_ok=True)
    engine = open_database(f"sqlite:///{(folder / 'csd.db').resolve()}")
    upgrade(engine)
    market = _market(log[0], inputs)
    site = Site(
        engine,
        Archive(folder / "archive"),
        market,
        NOWHERE,
        sandbox,
        Policy(),
        folder,
        clock=None,
        unmarked=stopped_in(log),
    )
    for event in log:
        marks = frozenset(event.data.get("marks", ()))
        site = replace(site, market=_market(event, inputs), marks=marks, program=event.data.get(PROGRAM, ""))
        try:
            PLAYERS[event.kind](site, inputs, event)
        except (Broken, FileRefused, LookupError, ValueError) as fault:
            return _Fresh(site, (f"event {event.number} ({_words(event)}) could not be replayed: {fault}",))
        with site.reading(event.at, event.business_date) as work:
            found = events.between(work, event.number - 1, events.newest(work))
        if found != [event]:
            return _Fresh(
                site,
                (f"event {event.number} ({_words(event)}) has another effect: {_told(found)}, was {_told([event])}",),
            )
    return _Fresh(site, ())


def _compared(
    fresh: _Fresh,
    log: Sequence[Event],
    balances: Balances | None,
    sent: Sent,
    later: Sent,
    signatures: dict[tuple[str, str], bytes],
    compared: Comparison,
    others: tuple[str, ...],
) -> ReplayResult:
    """The differences; `later` are files whose content was queued anew after the replay's end, which cannot be compared.

    Our signatures are not made again, which would take the key: those given out must fit the files that come out.
    """
    site, last = fresh.site, log[-1]
    with site.reading(last.at, last.business_date) as work:
        entries, head = journal.head(work)
        rebuilt = journal.balances(work)
        came_out = {
            (row[0], row[1]): row[2] for day in {e.business_date for e in log} for row in files.queued_on(work, day)
        }
    differences = [*fresh.faults, *compared.differences]
    for key in sorted((rebuilt.keys() | balances.keys()) if balances is not None else ()):
        was, now = (balances or {}).get(key, 0), rebuilt.get(key, 0)
        if was != now:
            differences.append(f"balance of {key[0]} in {key[1]} part '{key[2]}' was {was}, the replay gives {now}")
    for party, name in sorted(sent.keys() | came_out.keys()):
        was_sent, now_sent = sent.get((party, name)), came_out.get((party, name))
        if was_sent != now_sent and (party, name) not in later:
            differences.append(
                f"outgoing {party}/{name} was {was_sent or 'not there'}, the replay gives {now_sent or 'none'}"
            )
    for (party, name), digest in came_out.items():
        if not digest:
            # It could not be made, which is told already.
            continue
        target = site.var / "outbox" / party / name
        target.parent.mkdir(parents=True, exist_ok=True)
        data = site.archive.get(digest)
        target.write_bytes(data)
        signature = signatures.get((party, name))
        if signature is not None:
            target.with_name(name + SIGNATURE).write_bytes(signature)
            fault = cms.fault_of_own(signature, data)
            if fault:
                differences.append(
                    f"our signature given out with {party}/{name} does not fit what the replay gives: {fault}"
                )
    site.engine.dispose()
    counts = len(log), entries, head, len(came_out), compared.records
    return ReplayResult(*counts, tuple(differences), others, site.var)


def _other_programs(log: Sequence[Event], archive: Archive) -> tuple[str, ...]:
    told = []
    for program, run in groupby(log, lambda event: str(event.data.get(PROGRAM, ""))):
        if program == this_program():
            continue
        numbers = [event.number for event in run]
        whose = f"program {program}" if program else "a version that did not note which program it is"
        commands = unpacking(archive, program)
        told.append(
            f"Events {numbers[0]} to {numbers[-1]} were recorded by {whose}, and this is program {this_program()}; another "
            "version may rightly make other files. "
            + (f"Replay by the very same one: {commands}" if commands else "The archive does not have the other one.")
        )
    return tuple(told)


def _reference(site: Site, inputs: Archive, event: Event) -> None:
    load_contents(site, {name: inputs.get(digest) for name, digest in event.data["files"].items()}, event.at)


def _file(site: Site, inputs: Archive, event: Event) -> None:
    d = event.data
    stopped = (d["stopped"][0], d["stopped"][1]) if d["stopped"] else None
    data = inputs.get(d["sha256"])
    arrived = text_moment(d["arrived"])
    signature = inputs.get(d["signature"]) if "signature" in d else None
    told = (d["channel"], d["claimed"], d["fault"], stopped, signature)
    take(site, Arrival(d["party"], d["folder"], d["name"], data, arrived, *told))


def _plan(site: Site, inputs: Archive, event: Event) -> None:  # noqa: ARG001 - one of the players
    plan(site, date.fromisoformat(event.data["day"]), event.at, lambda: str(event.data["secret"]))


def _timetable(site: Site, inputs: Archive, event: Event) -> None:  # noqa: ARG001 - one of the players
    move(site, event.business_date, event.data["operator"], event.data["approved_by"], event.at)


def _batch(site: Site, inputs: Archive, event: Event) -> None:  # noqa: ARG001 - one of the players
    run_batch(site, event.business_date, event.data["slot"], event.at, event.data.get("marks", ()))


def _hold(site: Site, inputs: Archive, event: Event) -> None:  # noqa: ARG001 - one of the players
    d = event.data
    place(site, d["participant"], d["nin"], d["reason"], d["operator"], event.at)


def _release(site: Site, inputs: Archive, event: Event) -> None:  # noqa: ARG001 - one of the players
    lift(site, event.data["participant"], event.data["nin"], event.at)


def _interest_report(site: Site, inputs: Archive, event: Event) -> None:  # noqa: ARG001 - one of the players
    send_interest_report(site, event.data["interest"], event.data["participant"], event.at)


def _unfinished(site: Site, inputs: Archive, event: Event) -> None:  # noqa: ARG001 - one of the players
    tell_again(site, event.data, event.at)


def _waiting(site: Site, inputs: Archive, event: Event) -> None:  # noqa: ARG001 - one of the players
    tell_waiting_again(site, event.data, event.at)


def _notice(site: Site, inputs: Archive, event: Event) -> None:  # noqa: ARG001 - one of the players
    d = event.data
    addressing = addressing_of(d["parties"], d["account_type"])
    send_notice(site, addressing, d["subject"], d["body"], d["operator"], event.at)


def _assignment(site: Site, inputs: Archive, event: Event) -> None:  # noqa: ARG001 - one of the players
    d = event.data
    assign_money(site, d["reference"], d["participant"], d["reason"], d["operator"], d["approved_by"], event.at)


def _refund(site: Site, inputs: Archive, event: Event) -> None:  # noqa: ARG001 - one of the players
    d = event.data
    told = (d["purpose"], d["reason"], d["operator"], d["approved_by"])
    refund_money(site, d["reference"], Sender(**d["sender"]), *told, event.at)


def _take_back(site: Site, inputs: Archive, event: Event) -> None:  # noqa: ARG001 - one of the players
    d = event.data
    take_back_refund(site, d["number"], d["reason"], d["operator"], d["approved_by"], event.at)


def _history(site: Site, inputs: Archive, event: Event) -> None:  # noqa: ARG001 - one of the players
    send_history(site, event.data["party"], event.data["reference"], event.at)


def _unmarked(site: Site, inputs: Archive, event: Event) -> None:  # noqa: ARG001 - one of the players
    with site.writing(event.at) as work:
        # The answer itself was made so at once.
        note(work, site.archive, EventKind.UNMARKED, {"receipt": event.data["receipt"]})


def _cancellation(site: Site, inputs: Archive, event: Event) -> None:  # noqa: ARG001 - one of the players
    d = event.data
    cancel_trade(site, d["instruction"], d["reason"], d["operator"], d["approved_by"], event.at)


def _block(site: Site, inputs: Archive, event: Event) -> None:  # noqa: ARG001 - one of the players
    d = event.data
    order = (d["body"], d["document"], d["reason"], d["channel"])
    block_account(site, d["account"], *order, d["operator"], d["approved_by"], event.at)


def _unblock(site: Site, inputs: Archive, event: Event) -> None:  # noqa: ARG001 - one of the players
    d = event.data
    unblock_account(site, d["account"], d["document"], d["channel"], d["operator"], d["approved_by"], event.at)


def _handed_over(site: Site, inputs: Archive, event: Event) -> None:  # noqa: ARG001 - one of the players
    hand_over(site, event.data["number"], event.data["operator"], event.at)


def _answer(site: Site, inputs: Archive, event: Event) -> None:  # noqa: ARG001 - one of the players
    answer_challenge(site, event.data["number"], event.data["text"], event.data["operator"], event.at)


PLAYERS: dict[EventKind, Callable[[Site, Archive, Event], None]] = {
    EventKind.REFERENCE: _reference,
    EventKind.FILE: _file,
    EventKind.UNFINISHED: _unfinished,
    EventKind.PLAN: _plan,
    EventKind.TIMETABLE: _timetable,
    EventKind.BATCH: _batch,
    EventKind.HOLD: _hold,
    EventKind.RELEASE: _release,
    EventKind.INTEREST_REPORT: _interest_report,
    EventKind.WAITING: _waiting,
    EventKind.NOTICE: _notice,
    EventKind.ASSIGNMENT: _assignment,
    EventKind.REFUND: _refund,
    EventKind.TAKE_BACK: _take_back,
    EventKind.HISTORY: _history,
    EventKind.UNMARKED: _unmarked,
    EventKind.CANCELLATION: _cancellation,
    EventKind.ANSWER: _answer,
    EventKind.BLOCK: _block,
    EventKind.UNBLOCK: _unblock,
    EventKind.HANDED_OVER: _handed_over,
}


def _market(event: Event, inputs: Archive) -> Market:
    """The configuration in force at an event."""
    market, timetable = (inputs.get(digest).decode() for digest in event.data["market"])
    return read_market(market, timetable)


def _balances_at(work: Work, entries: int) -> Balances:
    """Balances by the journal up to an entry."""
    t = schema.posting
    sums: Balances = defaultdict(int)
    for holder, asset, part, amount in work.connection.execute(
        select(t.c.holder, t.c.asset, t.c.part, t.c.amount).where(t.c.entry <= entries)
    ):
        sums[holder, asset, part] += amount
    return {key: amount for key, amount in sums.items() if amount}


def _own_signatures(work: Work, until: date) -> dict[tuple[str, str], bytes]:
    t = schema.outgoing
    rows = work.connection.execute(select(t.c.id, t.c.party, t.c.name).where(t.c.business_date <= until)).all()
    made = signatories.own_of(work, [r.id for r in rows])
    return {(r.party, r.name): made[r.id] for r in rows if r.id in made}


def _queued_after(work: Work, until: date) -> Sent:
    t = schema.outgoing
    rows = work.connection.execute(select(t.c.party, t.c.name, t.c.sha256).where(t.c.business_date > until))
    return {(r.party, r.name): r.sha256 for r in rows}


def _words(event: Event) -> str:
    told = {name: value for name, value in event.data.items() if name not in ("market", PROGRAM) and value}
    return f"{event.kind} of {event.business_date} {json.dumps(told, ensure_ascii=False)}"


def _told(found: Sequence[Event]) -> str:
    def one(event: Event) -> dict[str, Any]:
        return {"number": event.number, "at": event.at.isoformat(), "entries": event.entries, "head": event.head[:16]}

    return ", ".join(str(one(event)) for event in found) or "none"
