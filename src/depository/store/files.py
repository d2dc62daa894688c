"""Files that came, forms that they carried, and answers that wait to be made and to go out (design §3, KCSD-84, KCSD-87)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, bindparam, delete, func, insert, select, tuple_, update

from depository.answers import Receipt, Verdict
from depository.pieces import pieces
from depository.sftp.intake import Sighting
from depository.store import bulk, schema
from depository.store.columns import moment_text
from depository.store.work import Work

T = schema.file
O = schema.outgoing  # noqa: E741 - the tables of this module
FILES_IN, FILES_OUT, LINES, REFUSED = "files in", "files out", "lines", "refused"
"""What is counted of each run (KCSD-98)."""


@dataclass(frozen=True, slots=True)
class Known:
    """A file taken before, with its receipt."""

    id: int
    receipt: str
    verdict: str
    claimed: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An answer that waits for delivery; its bytes are in the archive under `sha256`."""

    id: int
    party: str
    name: str
    sha256: str
    queued_at: datetime


class Queued(NamedTuple):
    """An answer to be queued: whole, in the archive under `sha256`, or to be made of a receipt."""

    party: str
    name: str
    sha256: str = ""
    made_of: str = ""
    """SHA-256 of the receipt."""
    made_as: str = ""


@dataclass(frozen=True, slots=True)
class Unmade:
    """An answer that is queued by name and still has to be made of its receipt (`made_of`)."""

    id: int
    party: str
    name: str
    made_of: str
    made_as: str


def known_file(work: Work, party: str, folder: str, sha256: str, signature: str = "") -> Known | None:
    """The same bytes from the same sender with the same signature (its SHA-256, "" for none), if they came before."""
    row = work.connection.execute(
        select(T).where(T.c.party == party, T.c.folder == folder, T.c.sha256 == sha256, T.c.signature == signature)
    ).first()
    return None if row is None else Known(row.id, row.receipt, row.verdict, row.claimed)


def known_form(work: Work, party: str, reference: str) -> tuple[str, int] | None:
    """Content hash and file of the form that used this reference."""
    t = schema.form
    row = work.connection.execute(select(t).where(t.c.party == party, t.c.reference == reference)).first()
    return None if row is None else (row.content_sha256, row.file)


def add_file(
    work: Work,
    party: str,
    folder: str,
    name: str,
    sha256: str,
    size: int,
    channel: str,
    claimed: str,
    signature: str = "",
) -> int:
    """Writes a file as received; returns its number."""
    id_ = work.next_number("file")
    work.connection.execute(
        insert(T).values(
            id=id_,
            party=party,
            folder=folder,
            name=name,
            sha256=sha256,
            size=size,
            arrived_at=work.at,
            business_date=work.business_date,
            channel=channel,
            claimed=claimed,
            signature=signature,
        )
    )
    return id_


def take_anew(work: Work, id_: int, name: str, channel: str, claimed: str) -> None:
    """A file that was put aside for what its bytes are not to blame for came again: it is taken under its number.

    Its earlier answers stay as they are.
    """
    work.connection.execute(
        update(T)
        .where(T.c.id == id_)
        .values(
            name=name,
            arrived_at=work.at,
            business_date=work.business_date,
            channel=channel,
            claimed=claimed,
            repeats=T.c.repeats + 1,
        )
    )
    # What answers the file from now on is not sent together with what answered it then.
    work.connection.execute(update(O).where(O.c.cause == f"file/{id_}").values(cause=f"file/{id_} put aside"))


def answer_file(work: Work, id_: int, receipt: Receipt, archived: str) -> None:
    """Writes what became of a file; `archived` is the hash of its receipt as archived."""
    refused = sum(line.verdict is Verdict.REFUSED for line in receipt.lines)
    work.tally.update({FILES_IN: 1, LINES: len(receipt.lines), REFUSED: refused})
    work.connection.execute(
        update(T)
        .where(T.c.id == id_)
        .values(
            form=receipt.form,
            reference=receipt.reference,
            verdict=receipt.verdict.value,
            lines=len(receipt.lines),
            refused=refused,
            receipt=archived,
            signed_by="; ".join(receipt.signed_by),
        )
    )


def receipt_of(work: Work, id_: int) -> str:
    """The archived content that is a file's receipt."""
    return str(work.connection.execute(select(T.c.receipt).where(T.c.id == id_)).scalar_one())


def add_form(work: Work, party: str, reference: str, form: str, content_sha256: str, file: int) -> None:
    """Keeps a form's identity: sender and own reference."""
    work.connection.execute(
        insert(schema.form).values(
            party=party, reference=reference, form=form, content_sha256=content_sha256, file=file
        )
    )


def receipt_number(work: Work) -> str:
    """The next receipt number of the business day."""
    return f"R{work.business_date:%Y%m%d}-{work.next_number(f'receipt/{work.business_date}'):05d}"


def queue(work: Work, party: str, name: str, sha256: str, cause: str) -> None:
    """Queues an answer; the same name again replaces what waits under it."""
    _queue(work, Queued(party, name, sha256), cause)


def _queue(work: Work, one: Queued, cause: str) -> None:
    work.tally[FILES_OUT] += 1
    values = {"cause": cause, "business_date": work.business_date, "queued_at": work.at, "sent": 0, **one._asdict()}
    same = (O.c.party == one.party, O.c.name == one.name)
    if work.connection.execute(update(O).where(*same).values(**values)).rowcount == 0:
        work.connection.execute(insert(O).values(id=work.next_number("outgoing"), **values))


def queue_all(work: Work, answers: Sequence[Queued], cause: str) -> None:
    """Queues many answers of one cause, in order; a name that waits already gets the new content."""
    contents = {(one.party, one.name): one for one in answers}
    known = _queued_names(work, list(contents))
    for key in (key for key in contents if key in known):
        _queue(work, contents[key], cause)
    new = [one for key, one in contents.items() if key not in known]
    work.tally[FILES_OUT] += len(new)
    if not new:
        return
    day, stamp = work.business_date.isoformat(), moment_text(work.at)
    first = work.next_number("outgoing", len(new))
    rows = [
        (first + n, one.party, one.name, one.sha256, cause, day, stamp, 0, one.made_of, one.made_as)
        for n, one in enumerate(new)
    ]
    bulk.add(work.connection, O, rows)


def _queued_names(work: Work, names: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for some in pieces(names, 400):
        rows = work.connection.execute(select(O.c.party, O.c.name).where(tuple_(O.c.party, O.c.name).in_(some)))
        found.update((party, name) for party, name in rows)
    return found


def queue_again(work: Work, cause: str) -> int:
    """Sends every answer of a cause once more (the same file again gets the first answer again); returns how many."""
    again = work.connection.execute(update(O).where(O.c.cause == cause).values(sent=0)).rowcount
    work.tally[FILES_OUT] += again
    return again


def made_for(work: Work, cause: str) -> list[str]:
    """What was made, or is to be made, of the receipt of a cause, in order."""
    query = select(O.c.made_as).where(O.c.cause == cause, O.c.made_as != "").order_by(O.c.id)
    return list(work.connection.execute(query).scalars())


def repeat(work: Work, id_: int) -> None:
    """Counts that a file came again."""
    work.tally[FILES_IN] += 1
    work.connection.execute(update(T).where(T.c.id == id_).values(repeats=T.c.repeats + 1))


def waiting(work: Work, most: int = 1000, after: int = 0) -> list[Outgoing]:
    """Answers that are made and not yet delivered, oldest first, beginning after a number."""
    there = (O.c.sent == 0, O.c.sha256 != "", O.c.id > after)
    rows = work.connection.execute(select(O).where(*there).order_by(O.c.id).limit(most))
    return [Outgoing(r.id, r.party, r.name, r.sha256, r.queued_at) for r in rows]


def delivered(work: Work, done: Sequence[Outgoing]) -> list[Outgoing]:
    """Marks answers as delivered, unless other content has been queued under the same name meanwhile.

    Those on which another transaction works at this moment are left as they are: they go out once more. Returns the others.
    """
    unlocked = free(work, [one.id for one in done])
    gone = [one for one in done if one.id in unlocked]
    if gone:
        same = (O.c.id == bindparam("of"), O.c.sha256 == bindparam("content"))
        rows = [{"of": one.id, "content": one.sha256} for one in gone]
        work.connection.execute(update(O).where(*same).values(sent=1), rows)
    return gone


def unmade(work: Work, most: int = 200, after: int = 0) -> list[Unmade]:
    """Answers that have to be made, oldest first, beginning after a number."""
    query = select(O.c.id, O.c.party, O.c.name, O.c.made_of, O.c.made_as).where(O.c.sha256 == "", O.c.id > after)
    return [Unmade(*row) for row in work.connection.execute(query.order_by(O.c.id).limit(most))]


def made(work: Work, done: Sequence[tuple[Unmade, str]]) -> None:
    """Notes the SHA-256 of answers that were made, unless their names were queued anew meanwhile."""
    rows = [{"of": one.id, "receipt": one.made_of, "content": sha256} for one, sha256 in done]
    if rows:
        same = (O.c.id == bindparam("of"), O.c.made_of == bindparam("receipt"), O.c.sha256 == "")
        work.connection.execute(update(O).where(*same).values(sha256=bindparam("content")), rows)


def made_first(work: Work, one: Unmade, sha256: str) -> bool:
    """The same of one answer; False when nothing was noted, as somebody else had made it or its name was queued anew."""
    same = (O.c.id == one.id, O.c.made_of == one.made_of, O.c.sha256 == "")
    return work.connection.execute(update(O).where(*same).values(sha256=sha256)).rowcount == 1


def free(work: Work, numbers: Sequence[int]) -> set[int]:
    """Of outgoing files those that no other transaction has locked, locked for this one: who takes them so never waits for another."""
    query = select(O.c.id).where(O.c.id.in_(numbers)).with_for_update(key_share=True, skip_locked=True)
    return set(work.connection.execute(query).scalars())


def queued_on(work: Work, day: date) -> list[tuple[str, str, str]]:
    """What was queued on a business date, by party and name: party, name, SHA-256."""
    rows = work.connection.execute(select(O.c.party, O.c.name, O.c.sha256).where(O.c.business_date == day))
    return sorted((r.party, r.name, r.sha256) for r in rows)


def numbers_on(work: Work, day: date) -> list[tuple[int, str, str]]:
    """What was queued on a business date, in order: number, party, name."""
    query = select(O.c.id, O.c.party, O.c.name).where(O.c.business_date == day).order_by(O.c.id)
    return [(r.id, r.party, r.name) for r in work.connection.execute(query)]


def days_of(work: Work, numbers: Sequence[int]) -> set[date]:
    """The business dates on which these were queued."""
    return set(work.connection.execute(select(O.c.business_date).where(O.c.id.in_(numbers)).distinct()).scalars())


def queued(work: Work, cause: str) -> bool:
    """Has this cause queued anything yet?"""
    return work.connection.execute(select(O.c.id).where(O.c.cause == cause).limit(1)).first() is not None


def hashes(work: Work) -> set[str]:
    """Every archived content that the books refer to: files in with their signatures, files out, proofs of cycles."""
    columns = (T.c.sha256, T.c.signature, O.c.sha256, O.c.made_of, schema.cycle.c.proof)
    return {digest for column in columns for digest in work.connection.execute(select(column)).scalars() if digest}


def of_day(work: Work, day: date) -> Sequence[tuple[str, str, str, str, int, int, datetime]]:
    """Files of a day: party, name, form, verdict, lines, refused, arrival."""
    rows = work.connection.execute(select(T).where(T.c.business_date == day).order_by(T.c.id))
    return [(r.party, r.name, r.form, r.verdict, r.lines, r.refused, r.arrived_at) for r in rows]


def count_waiting(work: Work) -> int:
    """How many answers wait."""
    return int(work.connection.execute(select(func.count()).select_from(O).where(O.c.sent == 0)).scalar_one())


def sightings(work: Work, party: str, folder: str) -> list[Sighting]:
    """What was seen in a folder and has not been taken yet."""
    t = schema.sighting
    rows = work.connection.execute(select(t).where(t.c.party == party, t.c.folder == folder).order_by(t.c.name))
    return [_sighting(r) for r in rows]


def _sighting(r: Row[Any]) -> Sighting:
    return Sighting(r.party, r.name, r.size, r.mtime, r.first_seen, r.last_seen, r.looks, r.since, bool(r.reported))


def all_sightings(work: Work) -> dict[tuple[str, str], list[Sighting]]:
    """What was seen in every folder and has not been taken yet, by party and folder."""
    found: dict[tuple[str, str], list[Sighting]] = defaultdict(list)
    t = schema.sighting
    for r in work.connection.execute(select(t).order_by(t.c.party, t.c.folder, t.c.name)):
        found[r.party, r.folder].append(_sighting(r))
    return found


class SeenIn(NamedTuple):
    """What was seen in a folder at one look, and is seen there now."""

    party: str
    folder: str
    before: Sequence[Sighting]
    after: Sequence[Sighting]


def keep_sightings(work: Work, folders: Iterable[SeenIn]) -> None:
    """Keeps what is seen in folders now in place of what was seen before."""
    gone: list[tuple[str, str, str]] = []
    rows = []
    for party, folder, before, after in folders:
        old, new = {one.name: one for one in before}, {one.name: one for one in after}
        gone += [(party, folder, name) for name, one in old.items() if new.get(name) != one]
        # Another worker may have seen the same meanwhile.
        gone += [(party, folder, name) for name in new if name not in old]
        rows += [
            {
                "party": party,
                "folder": folder,
                "name": s.name,
                "size": s.size,
                "mtime": s.mtime,
                "first_seen": s.first_seen,
                "last_seen": s.last_seen,
                "looks": s.looks,
                "since": s.since,
                "reported": int(s.reported),
            }
            for s in new.values()
            if old.get(s.name) != s
        ]
    forget_sightings(work, gone)
    if rows:
        work.connection.execute(insert(schema.sighting), rows)


def forget_sightings(work: Work, names: Iterable[tuple[str, str, str]]) -> None:
    """Forgets what was seen of files (party, folder, name) that are claimed or gone, so that the next of the same name starts anew."""
    t = schema.sighting
    for some in pieces(names, 300):
        work.connection.execute(delete(t).where(tuple_(t.c.party, t.c.folder, t.c.name).in_(some)))
