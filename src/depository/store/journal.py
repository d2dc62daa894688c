"""The journal and the balances derived from it: written together, in one transaction, or not at all (design §3)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    Select,
    SelectBase,
    Text,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    tuple_,
    type_coerce,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from depository.ledger import AVAILABLE, Entry, Posting, chain, is_contra
from depository.pieces import pieces
from depository.points import reached
from depository.register import AccountType
from depository.rejects import Broken
from depository.store import bulk, schema
from depository.store.columns import moment_text
from depository.store.work import Work

Key = tuple[str, str, str]
"""Holder, asset, part."""

Holders = SelectBase
"""A query for names of holders."""

CHUNK = 400
MOST_NAMED = 5_000
"""Holders that a query names; of more than these everybody's balances are read, which no database refuses."""


class Written(NamedTuple):
    """An entry as it stands in the journal, whatever it says: the proof has yet to be made. Day and moment are as stored."""

    number: int
    business_date: str
    at: str
    kind: str
    cause: str
    hash: str
    postings: list[tuple[str, str, str, int]]
    """Holder, asset, part, amount."""


def post(work: Work, entries: Sequence[Entry]) -> None:
    """Chains the entries to the journal and moves the balances; raises Broken when a balance would go negative (CSD-5.2-dvp)."""
    entries = [entry for entry in entries if entry.postings]
    if not entries:
        return
    number, previous = head(work)
    day, stamp = work.business_date.isoformat(), moment_text(work.at)
    journal_rows: list[bulk.Row] = []
    posting_rows: list[bulk.Row] = []
    for entry in entries:
        number += 1
        previous = chain(previous, number, work.business_date, stamp, entry)
        journal_rows.append((number, day, stamp, entry.kind, entry.cause, previous))
        posting_rows += [(number, line, *posting) for line, posting in enumerate(entry.postings, 1)]
    _move_balances(work, (p for entry in entries for p in entry.postings))
    reached("journal.balances moved")
    bulk.add(work.connection, schema.journal, journal_rows)
    bulk.add(work.connection, schema.posting, posting_rows)
    work.connection.execute(update(schema.journal_head).values(number=number, hash=previous))
    reached("journal.posted")


def head(work: Work) -> tuple[int, str]:
    """Number and hash of the last entry."""
    row = work.connection.execute(select(schema.journal_head)).one()
    return row.number, row.hash


def causes(work: Work, kind: str) -> set[str]:
    """What has caused entries of a kind so far."""
    return set(work.connection.execute(select(schema.journal.c.cause).where(schema.journal.c.kind == kind)).scalars())


def amount(work: Work, holder: str, asset: str, part: str = AVAILABLE) -> int:
    """One part of a balance in smallest units; nought when there is none."""
    t = schema.balance
    found = work.connection.execute(
        select(t.c.amount).where(t.c.holder == holder, t.c.asset == asset, t.c.part == part)
    ).scalar()
    return int(found or 0)


def holders_of(participant: str) -> Holders:
    """A participant's accounts, and itself as the holder of its money: a query, since the accounts may be a hundred thousand."""
    t = schema.account
    return union_all(select(t.c.number).where(t.c.participant == participant), select(literal(participant)))


def transitory() -> Holders:
    """The settlement accounts, which hold nothing overnight (CSD-3.1.3-a)."""
    return select(schema.account.c.number).where(schema.account.c.type == AccountType.SETTLEMENT.value)


def balances(work: Work, holders: Iterable[str] | Holders | None = None) -> dict[Key, int]:
    """All balances that are not nought, of the given holders or of everyone, in order of key."""
    t = schema.balance
    query = select(t.c.holder, t.c.asset, t.c.part, t.c.amount).where(t.c.amount != 0)
    if isinstance(holders, SelectBase):
        query, holders = query.where(t.c.holder.in_(holders)), None
    wanted = None if holders is None else set(holders)
    if wanted is not None and len(wanted) <= MOST_NAMED:
        query = query.where(t.c.holder.in_(wanted))
    rows = sorted(map(tuple, work.connection.execute(query)))
    return {(h, a, p): amount for h, a, p, amount in rows if wanted is None or h in wanted}


def balances_at_close(work: Work, holders: Sequence[str] | Holders) -> dict[Key, int]:
    """Like `balances`, as at the end of the business date: what later business dates have booked already is left out.

    An end of day that runs late thus closes its own day, and not what came in the meantime.
    """
    p, j = schema.posting, schema.journal
    later = (
        select(p.c.holder, p.c.asset, p.c.part, func.sum(p.c.amount).label("moved"))
        .join(j, j.c.number == p.c.entry)
        .where(j.c.business_date > work.business_date, p.c.holder.in_(holders))
        .group_by(p.c.holder, p.c.asset, p.c.part)
    )
    found = balances(work, holders)
    for row in work.connection.execute(later):
        key = (row.holder, row.asset, row.part)
        found[key] = found.get(key, 0) - int(row.moved)
    return {key: found[key] for key in sorted(found) if found[key]}


@contextmanager
def day_at_hand(work: Work) -> Iterator[None]:
    """Today's postings in a temporary table by participant, read once, for `movements` of one participant after the other."""
    p, j, a, d = schema.posting, schema.journal, schema.account, schema.day_posting
    work.connection.execute(CreateTable(d, if_not_exists=True))
    for index in d.indexes:
        work.connection.execute(CreateIndex(index, if_not_exists=True))
    today = (
        select(
            func.coalesce(a.c.participant, p.c.holder),
            p.c.entry,
            p.c.line,
            type_coerce(j.c.at, Text),
            j.c.kind,
            j.c.cause,
        )
        .add_columns(p.c.holder, p.c.asset, p.c.part, p.c.amount)
        .join_from(j, p, j.c.number == p.c.entry)
        .join(a, a.c.number == p.c.holder, isouter=True)
        .where(j.c.business_date == work.business_date)
    )
    work.connection.execute(insert(d).from_select([column.name for column in d.c], today))
    yield
    work.connection.execute(delete(d))


class Movement(NamedTuple):
    """A posting with its entry's moment, kind and cause."""

    entry: int
    at: datetime
    kind: str
    cause: str
    holder: str
    asset: str
    part: str
    amount: int


def movements(work: Work, participant: str) -> list[Movement]:
    """Today's postings on a participant's accounts and money, in order; to be asked while `day_at_hand`."""
    d = schema.day_posting
    query = select(d.c.entry, d.c.at, d.c.kind, d.c.cause, d.c.holder, d.c.asset, d.c.part, d.c.amount)
    rows = work.connection.execute(query.where(d.c.owner == participant).order_by(d.c.entry, d.c.line))
    return [Movement(*row) for row in rows]


def lopsided(work: Work) -> dict[str, int]:
    """Assets whose balances do not sum to nought over all holders, and by how much."""
    t = schema.balance
    total = func.sum(t.c.amount)
    rows = work.connection.execute(select(t.c.asset, total).group_by(t.c.asset).having(total != 0).order_by(t.c.asset))
    return {asset: int(amount) for asset, amount in rows}


def negative(work: Work) -> list[Key]:
    """Balances below nought of anyone but the contra accounts."""
    t = schema.balance
    below = and_(t.c.amount < 0, t.c.holder.not_like("~%"))
    rows = work.connection.execute(select(t.c.holder, t.c.asset, t.c.part).where(below).order_by(t.c.holder))
    return [(holder, asset, part) for holder, asset, part in rows]


def received_since(work: Work, moment: datetime, kinds: Sequence[str]) -> dict[tuple[str, str], int]:
    """What entries of these kinds have credited from a moment on: holder and asset to amount."""
    p, j = schema.posting, schema.journal
    rows = work.connection.execute(
        select(p.c.holder, p.c.asset, func.sum(p.c.amount).label("amount"))
        .join(j, j.c.number == p.c.entry)
        .where(j.c.kind.in_(kinds), j.c.at >= moment, p.c.amount > 0)
        .group_by(p.c.holder, p.c.asset)
    )
    return {(r.holder, r.asset): int(r.amount) for r in rows}


def moved_in(work: Work, first: int, last: int) -> dict[str, int]:
    """Control totals of a range of entries: per asset what was put onto balances, in smallest units."""
    t = schema.posting
    rows = work.connection.execute(
        select(t.c.asset, func.sum(t.c.amount))
        .where(t.c.entry >= first, t.c.entry <= last, t.c.amount > 0)
        .group_by(t.c.asset)
        .order_by(t.c.asset)
    )
    return {asset: int(amount) for asset, amount in rows}


def count_postings(work: Work) -> int:
    """How many postings are written."""
    return int(work.connection.execute(select(func.count()).select_from(schema.posting)).scalar_one())


def entries(work: Work) -> Iterator[Written]:
    """Every entry in order with its postings, streamed: memory stays flat. Postings that belong to no entry are left out."""
    j, p = schema.journal, schema.posting
    # Without the columns' types: a million moments would be made and written out again only to be hashed.
    lines = _streamed(
        work, select(p.c.entry, p.c.holder, p.c.asset, p.c.part, p.c.amount).order_by(p.c.entry, p.c.line)
    )
    rows = _streamed(work, select(*(type_coerce(column, Text) for column in j.c)).order_by(j.c.number))
    line: tuple[Any, ...] = next(lines, _AFTER_ALL)
    for number, business_date, at, kind, cause, written in rows:
        mine: list[tuple[str, str, str, int]] = []
        while line[0] <= number:
            if line[0] == number:
                mine.append(line[1:])
            line = next(lines, _AFTER_ALL)
        yield Written(number, business_date, at, kind, cause, written, mine)


def stored_balances(work: Work) -> Iterator[tuple[str, str, str, int]]:
    """All stored balances, those of nought too, streamed: holder, asset, part, amount."""
    b = schema.balance
    return _streamed(work, select(b.c.holder, b.c.asset, b.c.part, b.c.amount))


_AFTER_ALL: tuple[Any, ...] = (2**63,)


def _streamed(work: Work, query: Select[Any]) -> Iterator[Any]:
    return iter(work.connection.execute(query, execution_options={"yield_per": 10_000}))


def _move_balances(work: Work, postings: Iterable[Posting]) -> None:
    changes: dict[Key, int] = defaultdict(int)
    for holder, asset, part, change in postings:
        changes[holder, asset, part] += change
    work.moved.update((holder, asset) for holder, asset, part in changes if part == AVAILABLE)
    if len(changes) > bulk.FEW:
        _move_many(work, changes)
        return
    before = _read(work, sorted(changes))
    rows = []
    for key in sorted(changes):
        after = before.get(key, 0) + changes[key]
        if after < 0 and not is_contra(key[0]):
            raise _negative(*key, after)
        rows.append({"holder": key[0], "asset": key[1], "part": key[2], "amount": after})
    dialect: Any = postgresql if work.connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(schema.balance)
    work.connection.execute(
        statement.on_conflict_do_update(
            index_elements=["holder", "asset", "part"], set_={"amount": statement.excluded.amount}
        ),
        rows,
    )


def _move_many(work: Work, changes: Mapping[Key, int]) -> None:
    """The same for many balances, inside the database."""
    b, m = schema.balance, schema.moved
    same = and_(b.c.holder == m.c.holder, b.c.asset == m.c.asset, b.c.part == m.c.part)
    after = func.coalesce(b.c.amount, 0) + m.c.amount
    with bulk.staged(work.connection, m, [(*key, changes[key]) for key in sorted(changes)]):
        negative = work.connection.execute(
            select(m.c.holder, m.c.asset, m.c.part, after)
            .select_from(m.outerjoin(b, same))
            .where(after < 0, m.c.holder.not_like("~%"))
            .order_by(m.c.holder, m.c.asset, m.c.part)
            .limit(1)
        ).first()
        if negative is not None:
            raise _negative(*negative)
        work.connection.execute(update(b).where(same).values(amount=b.c.amount + m.c.amount))
        new = select(m).where(~exists().where(same))
        work.connection.execute(insert(b).from_select(["holder", "asset", "part", "amount"], new))


def _negative(holder: str, asset: str, part: str, after: int) -> Broken:
    return Broken(f"balance of {holder} in {asset} part '{part}' would be {after}")


def _read(work: Work, keys: list[Key]) -> dict[Key, int]:
    t = schema.balance
    found: dict[Key, int] = {}
    for some in pieces(keys, CHUNK):
        rows = work.connection.execute(
            select(t.c.holder, t.c.asset, t.c.part, t.c.amount).where(tuple_(t.c.holder, t.c.asset, t.c.part).in_(some))
        )
        found.update({(h, a, p): value for h, a, p, value in rows})
    return found
