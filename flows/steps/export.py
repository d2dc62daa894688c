"""Hands over the records of a participant or a day as one zip file, and says what may be purged (CSD-2.5.1f-a).

Extracts for analysis are the same tables: they are read in one consistent view and never wait for, or hold up, who writes (KCSD-89).
Files are as they came and went, each with the signature beside it; records are CSV tables with English headings, exact decimals and
UTC moments.
"""

import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, and_, or_, select, true

from depository.amounts import shown
from depository.reports import Column, Report, Value
from depository.reports import Table as Sheet
from depository.sftp.intake import SIGNATURE
from depository.store import durable, journal, register, schema, signatories
from depository.store.archive import SIGNATURES, Archive
from depository.store.work import Work
from flows.steps.making import make_answers
from flows.steps.sites import Site
from parsers import report_csv

YEARS_KEPT = 6
"""After the end of the financial year that a record relates to; the financial year is the calendar year."""
ASSET_OF = {"quantity": "isin", "locked": "isin", "amount": "currency"}
"""Columns of smallest units, and the column that names the asset."""
STAMP = (1980, 1, 1, 0, 0, 0)
"""The same moment on every entry, so that the same records give the same bytes."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What a zip file holds."""

    target: Path
    files_in: int
    files_out: int
    rows: int


def export_participant(site: Site, participant: str, since: date, until: date, target: Path, at: datetime) -> Exported:
    """A participant's records of the business dates from `since` to `until`, without anything of other participants.

    Raises LookupError for an unknown participant, FileExistsError when the target is there.
    """
    make_answers(site, at)
    with site.reading(at, until) as work:
        if register.party(work, participant) is None:
            raise LookupError(f"there is no party {participant}")
        return _export(work, site.archive, _Scope(work, participant, since, until), target)


def export_day(site: Site, day: date, target: Path, at: datetime) -> Exported:
    """Everything of one business date, of all parties."""
    make_answers(site, at)
    with site.reading(at, day) as work:
        return _export(work, site.archive, _Scope(work, "", day, day), target)


def last_purgeable(today: date) -> date:
    """The last day whose records may be purged: kept for 6 years after the end of their financial year."""
    return date(today.year - YEARS_KEPT - 1, 12, 31)


def purgeable(site: Site, until: date, at: datetime) -> list[str]:
    """Archived contents that only records up to `until` refer to, by hash; they may be purged, the journal never.

    Raises ValueError when anything up to `until` has still to be kept (CSD-2.5.1f-a).
    """
    today = site.market.local(at).date()
    limit = last_purgeable(today)
    if until > limit:
        raise ValueError(
            f"records up to {until} must be kept: on {today} those up to {limit} may be purged (CSD-2.5.1f-a)"
        )
    with site.reading(at, today) as work:
        old, young = _contents(work, until, older=True), _contents(work, until, older=False)
    # Our signatures of a day go with the day.
    lists = site.archive.pointers(SIGNATURES)
    old |= {digest for day, digest in lists.items() if date.fromisoformat(day) <= until}
    return sorted(old - young)


@dataclass(frozen=True, slots=True)
class _Scope:
    """Whose records of which days."""

    work: Work
    participant: str
    """"" = everyone's."""
    since: date
    until: date

    def days(self, column: Any) -> ColumnElement[bool]:
        return and_(column >= self.since, column <= self.until)

    def mine(self, *columns: Any) -> ColumnElement[bool]:
        return or_(*(column == self.participant for column in columns)) if self.participant else true()


def _export(work: Work, archive: Archive, scope: _Scope, target: Path) -> Exported:
    if target.exists():
        raise FileExistsError(f"{target} is there already: name a new file")
    temporary = target.with_name(f".{target.name}.part")
    index: list[tuple[Value, ...]] = []
    came = went = lines = 0
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as out:

        def write(name: str, data: bytes) -> None:
            out.writestr(zipfile.ZipInfo(name, STAMP), data, zipfile.ZIP_DEFLATED)
            index.append((name, hashlib.sha256(data).hexdigest(), len(data)))

        for name, digest, beside in _files_in(scope):
            write(name, archive.get(digest))
            if beside:
                write(name + SIGNATURE, archive.get(beside))
            came += 1
        for name, digest, signature in _files_out(scope):
            write(name, archive.get(digest))
            if signature:
                write(name + SIGNATURE, signature)
            went += 1
        for table, rows in _records(scope):
            columns = list(rows[0]._fields) if rows else [c.name for c in table.columns]
            lines += len(rows)
            write(f"records/{table.name}.csv", _csv(work, table.name, columns, [_plain(work, row) for row in rows]))
        write("records/posting.csv", _postings(scope))
        write("INDEX.csv", _csv(work, "index", ["name", "sha256", "bytes"], index))
    durable.to_disk(temporary)
    durable.put_in_place(temporary, target)
    return Exported(target, came, went, lines)


def _files_in(scope: _Scope) -> list[tuple[str, str, str]]:
    """Name, SHA-256 and that of the signature beside it."""
    t = schema.file
    rows = scope.work.connection.execute(
        select(t).where(scope.mine(t.c.party), scope.days(t.c.business_date)).order_by(t.c.id)
    )
    return [(f"in/{r.party}/{r.id:06d}_{r.name}", r.sha256, r.signature) for r in rows]


def _files_out(scope: _Scope) -> list[tuple[str, str, bytes]]:
    """Name, SHA-256 and our signature, b"" for what has not gone out yet; not what is not even made."""
    t = schema.outgoing
    wanted = (scope.mine(t.c.party), scope.days(t.c.business_date), t.c.sha256 != "")
    rows = scope.work.connection.execute(select(t).where(*wanted).order_by(t.c.id)).all()
    signatures = signatories.own_of(scope.work, [r.id for r in rows])
    return [(f"out/{r.party}/{r.name}", r.sha256, signatures.get(r.id, b"")) for r in rows]


def _records(scope: _Scope) -> Iterator[tuple[Table, Sequence[Row[Any]]]]:
    s, days, mine = schema, scope.days, scope.mine
    steps = s.instruction_status
    touched = select(steps.c.instruction).where(days(steps.c.business_date))
    one = s.instruction
    parts = mine(one.c.sender, one.c.deliver_participant, one.c.receive_participant)
    wanted: list[tuple[Table, ColumnElement[bool]]] = [
        (s.file, and_(mine(s.file.c.party), days(s.file.c.business_date))),
        (s.outgoing, and_(mine(s.outgoing.c.party), days(s.outgoing.c.business_date))),
        (one, and_(parts, one.c.id.in_(touched))),
        (steps, and_(days(steps.c.business_date), steps.c.instruction.in_(select(one.c.id).where(parts)))),
        (s.withdrawal, mine(s.withdrawal.c.participant)),
        (s.bank_account_change, mine(s.bank_account_change.c.participant)),
        (s.interest, mine(s.interest.c.debtor, s.interest.c.secured_party)),
        (s.indemnity, mine(s.indemnity.c.giver)),
        (s.cancellation, s.cancellation.c.instruction.in_(select(one.c.id).where(parts))),
        (s.challenge, mine(s.challenge.c.participant)),
        (s.opening, mine(s.opening.c.participant)),
        (
            s.account_change,
            s.account_change.c.account.in_(select(s.account.c.number).where(mine(s.account.c.participant))),
        ),
        (s.account, mine(s.account.c.participant)),
        (s.signatory, mine(s.signatory.c.party)),
        (s.notice, and_(mine(s.notice.c.sender, s.notice.c.addressee), days(s.notice.c.business_date))),
        (s.bank_entry, and_(mine(s.bank_entry.c.participant), days(s.bank_entry.c.business_date))),
    ]
    if not scope.participant:
        wanted += [(t, days(t.c.business_date)) for t in (s.batch, s.cycle, s.settlement_fail, s.bank_closing, s.event)]
        wanted += [(s.refund, true())]
    for table, condition in wanted:
        rows = scope.work.connection.execute(select(table).where(condition).order_by(*table.primary_key.columns)).all()
        yield table, rows


def _postings(scope: _Scope) -> bytes:
    """The journal's entries with their postings; of a participant those on its own accounts and money."""
    j, p = schema.journal, schema.posting
    query = select(j, p.c.line, p.c.holder, p.c.asset, p.c.part, p.c.amount).join(p, p.c.entry == j.c.number)
    query = query.where(scope.days(j.c.business_date)).order_by(j.c.number, p.c.line)
    if scope.participant:
        query = query.where(p.c.holder.in_(journal.holders_of(scope.participant)))
    columns = ["number", "business_date", "at", "kind", "cause", "hash", "line", "holder", "asset", "part", "amount"]
    rows = [
        tuple(shown(scope.work, row.asset, row.amount) if name == "amount" else getattr(row, name) for name in columns)
        for row in scope.work.connection.execute(query)
    ]
    return _csv(scope.work, "posting", columns, rows)


def _plain(work: Work, row: Row[Any]) -> tuple[Value, ...]:
    values = row._mapping
    return tuple(_exact(work, values, name) for name in values)


def _exact(work: Work, values: Any, name: str) -> Value:
    asset = ASSET_OF.get(name)
    if asset is None or asset not in values or values[name] is None:
        return values[name]  # type: ignore[no-any-return]
    if not values[asset]:
        return Decimal(values[name])
    return shown(work, values[asset], values[name])


def _csv(work: Work, name: str, columns: list[str], rows: Sequence[tuple[Value, ...]]) -> bytes:
    sheet = Sheet(name, name, tuple(Column(c, c) for c in columns), tuple(rows))
    return report_csv.render(Report("export", "Export", "", work.business_date, work.at, (), (sheet,)), name)


def _contents(work: Work, until: date, older: bool) -> set[str]:
    """Contents that records of business dates up to `until`, or after it, refer to."""
    found: set[str] = set()
    for column, day in (
        (schema.file.c.sha256, schema.file.c.business_date),
        (schema.file.c.signature, schema.file.c.business_date),
        (schema.file.c.receipt, schema.file.c.business_date),
        (schema.outgoing.c.sha256, schema.outgoing.c.business_date),
        (schema.outgoing.c.made_of, schema.outgoing.c.business_date),
        (schema.sealed_day.c.sha256, schema.sealed_day.c.business_date),
    ):
        found |= set(work.connection.execute(select(column).where(day <= until if older else day > until)).scalars())
    # No signature beside a file; an answer that is not made of a receipt, or not yet.
    return found - {""}
