"""The history of participants' bank details, and which accounts are registered on a day (CSD-3.3.2-c)."""

from dataclasses import asdict, dataclass
from datetime import date, datetime

from sqlalchemy import insert, select

from depository.register import BankAccount
from depository.requests import BankDetailsAction
from depository.store import register, schema
from depository.store.work import Work

T = schema.bank_account_change


@dataclass(frozen=True, slots=True)
class Change:
    """One change by notice: the details from `valid_from` on and those before, "" where there are none."""

    number: str
    participant: str
    currency: str
    iban: str
    action: BankDetailsAction
    bank_bic: str
    beneficiary_name: str
    beneficiary_bin: str
    old_bank_bic: str
    old_beneficiary_name: str
    old_beneficiary_bin: str
    valid_from: date
    reference: str
    """The participant's number of the form."""
    cause: str
    business_date: date
    recorded_at: datetime


def add(work: Work, change: Change) -> None:
    """Writes a change; none is ever altered or deleted."""
    work.connection.execute(insert(T).values(**{**asdict(change), "action": change.action.value}))


def history(work: Work, participant: str) -> list[Change]:
    """Every change of a participant's bank details in the order in which they were recorded."""
    rows = work.connection.execute(select(T).where(T.c.participant == participant).order_by(T.c.number))
    return [Change(**{**row._mapping, "action": BankDetailsAction(row.action)}) for row in rows]


def registered(work: Work, participant: str, currency: str, on: date) -> list[BankAccount]:
    """A participant's accounts for a currency on a day: the loaded ones, and over them what it has given notice of, by IBAN."""
    found = {one.iban: one for one in register.bank_accounts(work, participant, currency)}
    changes = [one for one in history(work, participant) if one.currency == currency and one.valid_from <= on]
    for one in sorted(changes, key=lambda one: (one.valid_from, one.number)):
        if one.action is BankDetailsAction.REMOVE:
            found.pop(one.iban, None)
        else:
            found[one.iban] = BankAccount(
                participant, currency, one.iban, one.bank_bic, one.beneficiary_name, one.beneficiary_bin
            )
    return [found[iban] for iban in sorted(found)]


def holders(work: Work, iban: str, on: date) -> set[str]:
    """The participants for whom the account is registered on a day, whatever the currency."""
    ever = {
        (row.participant, row.currency)
        for t in (schema.bank_account, T)
        for row in work.connection.execute(select(t.c.participant, t.c.currency).where(t.c.iban == iban))
    }
    return {who for who, currency in ever if any(one.iban == iban for one in registered(work, who, currency, on))}
