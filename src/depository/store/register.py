"""Reads and writes of the register: parties, powers, bank accounts, accounts, clients, products, calendar."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, insert, select, update

from depository.business_days import Calendar, DayKind
from depository.register import (
    Account,
    AccountState,
    AccountType,
    BankAccount,
    Currency,
    ExchangeRate,
    LendingAgreement,
    Party,
    PartyKind,
    Power,
    Product,
)
from depository.requests import ClientData, client_from_json
from depository.store import bulk, schema
from depository.store.columns import moment_text
from depository.store.work import Work

ACCOUNT = tuple(column for column in schema.account.columns if not column.name.startswith("client_"))
"""The columns of an account itself: its client's data are ten times as long."""


def party(work: Work, code: str) -> Party | None:
    """The party with this code."""
    return all_parties(work).get(code)


def all_parties(work: Work) -> dict[str, Party]:
    """Every party by code, in order of code."""
    if "parties" not in work.known:
        rows = work.connection.execute(select(schema.party).order_by(schema.party.c.code))
        work.known["parties"] = {r.code: _party(r) for r in rows}
    return work.known["parties"]  # type: ignore[no-any-return]


def participants(work: Work) -> list[Party]:
    """The participants in order of code."""
    return [p for p in all_parties(work).values() if p.kind is PartyKind.PARTICIPANT]


def party_of_kind(work: Work, kind: PartyKind) -> Party | None:
    """The one party of a kind such as the settlement bank."""
    return next((p for p in all_parties(work).values() if p.kind is kind), None)


def powers(work: Work, participant: str) -> list[Power]:
    """The authorised persons of a participant."""
    rows = work.connection.execute(select(schema.power).where(schema.power.c.participant == participant))
    return [Power(r.participant, r.name, r.position, tuple(r.forms.split()), r.valid_from, r.valid_to) for r in rows]


def bank_accounts(work: Work, participant: str, currency: str) -> list[BankAccount]:
    """The registered bank accounts of a participant in a currency."""
    t = schema.bank_account
    rows = work.connection.execute(
        select(t).where(t.c.participant == participant, t.c.currency == currency).order_by(t.c.iban)
    )
    return [BankAccount(**r._mapping) for r in rows]


def account(work: Work, number: str) -> Account | None:
    """The account with this number."""
    key = ("account", number)
    if key not in work.known:
        row = work.connection.execute(select(*ACCOUNT).where(schema.account.c.number == number)).first()
        work.known[key] = None if row is None else _account(row)
    return work.known[key]  # type: ignore[no-any-return]


def know_accounts(work: Work, numbers: Iterable[str]) -> None:
    """Reads several accounts in one go, for `account` to know them in this piece of work."""
    wanted = sorted(number for number in numbers if ("account", number) not in work.known)
    if wanted:
        t = schema.account
        found = {
            r.number: _account(r)
            for r in work.connection.execute(select(*ACCOUNT).where(bulk.among(work.connection, t.c.number, wanted)))
        }
        work.known.update((("account", number), found.get(number)) for number in wanted)


def accounts_of(work: Work, participant: str) -> list[Account]:
    """All accounts of a participant in order of number."""
    t = schema.account
    rows = work.connection.execute(select(*ACCOUNT).where(t.c.participant == participant).order_by(t.c.number))
    return [_account(r) for r in rows]


def accounts_by_nin(work: Work, participant: str, nins: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """NIN to nominee account of a participant, for those of the given NINs that have one; then the same of accounts that are closed."""
    t = schema.account
    asked = bulk.among(work.connection, t.c.nin, nins)
    rows = work.connection.execute(select(t.c.nin, t.c.number, t.c.state).where(t.c.participant == participant, asked))
    there: dict[str, str] = {}
    closed: dict[str, str] = {}
    for nin, number, state in rows:
        (closed if state == AccountState.CLOSED.value else there)[nin] = number
    return there, closed


def open_accounts(work: Work, accounts: Sequence[Account]) -> None:
    """Writes new accounts."""
    rows = [
        (a.number, a.participant, a.type.value, a.state.value, a.opened_on.isoformat(), a.nin or None, "", "", None)
        for a in accounts
    ]
    bulk.add(work.connection, schema.account, rows)
    for opened in accounts:
        # "Not there" may be known from before.
        work.known.pop(("account", opened.number), None)


def set_state(work: Work, number: str, state: AccountState) -> None:
    """Changes where an account stands in its life."""
    t = schema.account
    work.connection.execute(update(t).where(t.c.number == number).values(state=state.value))
    work.known.pop(("account", number), None)


def open_nominee_accounts(work: Work, participant: str, clients: Iterable[tuple[str, str, str, str]]) -> None:
    """Writes new nominee accounts of a participant; there may be very many.

    Each is given as its number, the client's NIN, the participant's reference, and the client's data as `client_to_json` writes them.
    """
    nominee, is_open, today = AccountType.NOMINEE.value, AccountState.OPEN.value, work.business_date.isoformat()
    stamp = moment_text(work.at)
    rows = [
        (number, participant, nominee, is_open, today, nin, reference, data, stamp)
        for number, nin, reference, data in clients
    ]
    bulk.add(work.connection, schema.account, rows)
    for row in rows:
        work.known.pop(("account", row[0]), None)


def product(work: Work, isin: str) -> Product | None:
    """The product with this ISIN."""
    return all_products(work).get(isin)


def all_products(work: Work) -> dict[str, Product]:
    """Every product by ISIN."""
    if "products" not in work.known:
        rows = work.connection.execute(select(schema.product).order_by(schema.product.c.isin))
        work.known["products"] = {r.isin: Product(**{**r._mapping, "admitted": bool(r.admitted)}) for r in rows}
    return work.known["products"]  # type: ignore[no-any-return]


def scale(work: Work, asset: str) -> int:
    """Decimals of an asset, security or currency; raises LookupError for one that is not registered."""
    held = product(work, asset)
    if held is not None:
        return held.scale
    money = work.market.currency(asset)
    if money is None:
        raise LookupError(f"asset {asset} is neither an admitted product nor a settlement currency")
    return money.digits


def calendar(work: Work) -> Calendar:
    """The published settlement calendars."""
    if "calendar" not in work.known:
        rows = work.connection.execute(select(schema.calendar_day)).all()
        declared = {r.day: DayKind(r.kind) for r in rows}
        work.known["calendar"] = Calendar(declared, frozenset(day.year for day in declared))
    return work.known["calendar"]  # type: ignore[no-any-return]


def add_parties(work: Work, parties: Iterable[Party]) -> None:
    """Writes parties, replacing what was known of the same code."""
    _replace(work, schema.party, [{**asdict(p), "kind": p.kind.value, "active": int(p.active)} for p in parties])
    work.known.pop("parties", None)


def add_powers(work: Work, powers_: Iterable[Power]) -> None:
    """Writes powers of attorney."""
    _replace(work, schema.power, [{**asdict(p), "forms": " ".join(p.forms)} for p in powers_])


def add_bank_accounts(work: Work, accounts: Iterable[BankAccount]) -> None:
    """Registers bank accounts of participants (CSD-3.3.2-c)."""
    _replace(work, schema.bank_account, [asdict(a) for a in accounts])


def add_products(work: Work, products: Iterable[Product]) -> None:
    """Writes products."""
    _replace(work, schema.product, [{**asdict(p), "admitted": int(p.admitted)} for p in products])
    work.known.pop("products", None)


def add_currencies(work: Work, currencies: Iterable[Currency]) -> None:
    """Writes the market's settlement currencies, for whoever reads the database without the configuration."""
    _replace(work, schema.currency, [asdict(c) for c in currencies])


def add_calendar(work: Work, days: Iterable[tuple[date, DayKind, str, str]]) -> None:
    """Writes declared days: day, kind, reason, source."""
    _replace(work, schema.calendar_day, [{"day": d, "kind": k.value, "reason": r, "source": s} for d, k, r, s in days])
    work.known.pop("calendar", None)


def add_rates(work: Work, rates: Iterable[ExchangeRate]) -> None:
    """Writes rates of exchange, replacing those of the same currency and day."""
    _replace(work, schema.exchange_rate, [{**asdict(r), "rate": str(r.rate)} for r in rates])


def add_lending_agreements(work: Work, agreements: Iterable[LendingAgreement]) -> None:
    """Registers lending agreements, replacing what was known under the same reference."""
    _replace(work, schema.lending_agreement, [asdict(a) for a in agreements])


def lending_agreement(work: Work, reference: str) -> LendingAgreement | None:
    """The registered agreement with this reference."""
    t = schema.lending_agreement
    row = work.connection.execute(select(t).where(t.c.reference == reference)).first()
    return None if row is None else LendingAgreement(**row._mapping)


def rate(work: Work, currency: str, day: date) -> ExchangeRate | None:
    """The rate in force on a day: the newest one not later than it."""
    t = schema.exchange_rate
    row = work.connection.execute(
        select(t).where(t.c.currency == currency, t.c.valid_from <= day).order_by(t.c.valid_from.desc()).limit(1)
    ).first()
    return None if row is None else ExchangeRate(row.currency, row.valid_from, Decimal(row.rate), row.source)


def client_data(work: Work, account_number: str) -> ClientData | None:
    """The client data of a nominee account."""
    t = schema.account
    data = work.connection.execute(select(t.c.client_data).where(t.c.number == account_number)).scalar()
    return client_from_json(data) if data else None


def open_again(work: Work, account_number: str, reference: str, data: str) -> None:
    """Opens a closed nominee account again with the participant's reference and data of now, written as `client_to_json` does."""
    set_state(work, account_number, AccountState.OPEN)
    change_client(work, account_number, data)
    t = schema.account
    work.connection.execute(update(t).where(t.c.number == account_number).values(client_reference=reference))


def change_client(work: Work, account_number: str, data: str) -> None:
    """Replaces the client data of an account, given as `client_to_json` writes them."""
    t = schema.account
    changed = {"client_data": data, "client_changed_at": work.at}
    work.connection.execute(update(t).where(t.c.number == account_number).values(changed))


def _replace(work: Work, table: Any, rows: list[dict[str, Any]]) -> None:
    """Inserts rows, replacing those with the same primary key."""
    keys = list(table.primary_key.columns)
    for row in rows:
        same = [column == row[column.name] for column in keys]
        rest = {k: v for k, v in row.items() if k not in {c.name for c in keys}}
        if work.connection.execute(update(table).where(*same).values(**rest)).rowcount == 0:
            work.connection.execute(insert(table).values(**row))


def _party(row: Row[Any]) -> Party:
    return Party(row.code, row.name, PartyKind(row.kind), row.bic, row.bin, bool(row.active))


def _account(row: Row[Any]) -> Account:
    return Account(
        row.number, row.participant, AccountType(row.type), AccountState(row.state), row.opened_on, row.nin or ""
    )
