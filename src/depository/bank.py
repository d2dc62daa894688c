"""What the settlement bank reports: credits become participants' money, debits confirm our payments (CSD-3.3.1-a)."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import insert, select, update

from depository.answers import LineOutcome, Verdict
from depository.feeds import BankEntry, BankStatement
from depository.ledger import AVAILABLE, BANK, UNIDENTIFIED, Entry, move
from depository.register import PartyKind
from depository.rejects import Reject, RejectionReason
from depository.store import journal, register, schema
from depository.store import withdrawals as payments
from depository.store.work import Work
from depository.units import TooFine, to_units


def check_statement(work: Work, statement: BankStatement) -> Reject | None:
    """A statement is ours when it is of a nominee account of ours in that account's currency (CSD-3.3.1-f)."""
    currency = work.market.currency(statement.currency)
    if currency is None or currency.nominee_iban != statement.iban:
        return Reject(
            RejectionReason.CASH_ACCOUNT,
            "CSD-3.3.1-a",
            "iban",
            statement.iban,
            f"{statement.iban} is not the depository's nominee account in {statement.currency}",
        )
    return None


def record_statement(work: Work, statement: BankStatement, cause: str) -> list[LineOutcome]:
    """Books each entry once, however often advices and statements repeat it; keeps the closing balance for reconciliation."""
    outcomes = [_record_entry(work, statement, entry, cause) for entry in statement.entries]
    if statement.closing is not None:
        digits = register.scale(work, statement.currency)
        _keep_closing(work, statement.business_date, statement.currency, to_units(statement.closing, digits), statement.statement_id)
    return outcomes


def closing_balance(work: Work, day: date, currency: str) -> int | None:
    """The bank's closing balance of a day, None when no statement came."""
    t = schema.bank_closing
    found = work.connection.execute(select(t.c.amount).where(t.c.business_date == day, t.c.currency == currency)).scalar()
    return None if found is None else int(found)


def _record_entry(work: Work, statement: BankStatement, entry: BankEntry, cause: str) -> LineOutcome:
    t = schema.bank_entry
    known = work.connection.execute(select(t).where(t.c.reference == entry.reference)).first()
    try:
        amount = to_units(entry.amount, register.scale(work, statement.currency))
    except TooFine as fault:
        return _refused(entry, RejectionReason.MONEY, "amount", str(entry.amount), str(fault))
    if known is not None:
        same = (known.currency, known.amount, bool(known.credit)) == (statement.currency, amount, entry.credit)
        if same:
            return LineOutcome(entry.line, Verdict.ACCEPTED, entry.reference, "", "booked before")
        return _refused(
            entry,
            RejectionReason.REFERENCE,
            "reference",
            entry.reference,
            "this bank reference was booked before with another amount, currency or direction",
        )
    if entry.reversal:
        return _refused(
            entry, RejectionReason.OTHER, "reversal", "true", "reversals are booked by an operator with two approvals, not by file"
        )
    if not entry.credit:
        return _record_debit(work, statement, entry, amount, cause)
    party = register.party(work, entry.participant)
    holder = party.code if party is not None and party.kind is PartyKind.PARTICIPANT else UNIDENTIFIED
    journal.post(work, [Entry("credit", entry.reference, move(statement.currency, amount, BANK, holder))])
    _keep_entry(work, statement, entry, amount, holder)
    status = f"credited to {holder}" if holder != UNIDENTIFIED else "credited: participant not identified"
    return LineOutcome(entry.line, Verdict.ACCEPTED, entry.reference, holder, status)


def _record_debit(work: Work, statement: BankStatement, entry: BankEntry, amount: int, cause: str) -> LineOutcome:
    """A debit is the execution of one of our payment orders; anything else is refused and left to reconciliation."""
    paid = payments.get(work, entry.end_to_end)
    if paid is None or paid.state != payments.ORDERED or (paid.currency, paid.amount) != (statement.currency, amount):
        return _refused(
            entry,
            RejectionReason.REFERENCE,
            "end_to_end",
            entry.end_to_end,
            "no payment order of ours with this end-to-end id, currency and amount waits for execution",
        )
    part = payments.blocked_part(paid.number)
    journal.post(work, [Entry("payment", paid.number, move(paid.currency, amount, paid.participant, BANK, part, AVAILABLE))])
    payments.set_state(work, [paid.number], payments.PAID)
    _keep_entry(work, statement, entry, amount, paid.participant)
    return LineOutcome(entry.line, Verdict.ACCEPTED, entry.reference, paid.number, "paid")


def _keep_entry(work: Work, statement: BankStatement, entry: BankEntry, amount: int, holder: str) -> None:
    work.connection.execute(
        insert(schema.bank_entry).values(
            reference=entry.reference,
            currency=statement.currency,
            amount=amount,
            credit=int(entry.credit),
            participant=holder,
            state="booked",
            business_date=work.business_date,
            at=work.at,
        )
    )


def _keep_closing(work: Work, day: date, currency: str, amount: int, statement_id: str) -> None:
    t = schema.bank_closing
    values = {"amount": amount, "statement": statement_id}
    changed = work.connection.execute(
        update(t).where(t.c.business_date == day, t.c.currency == currency).values(**values)
    ).rowcount
    if not changed:
        work.connection.execute(insert(t).values(business_date=day, currency=currency, **values))


def unidentified(work: Work) -> Sequence[tuple[str, str, int]]:
    """Credits without a participant: bank reference, currency, amount."""
    t = schema.bank_entry
    rows = work.connection.execute(
        select(t.c.reference, t.c.currency, t.c.amount).where(t.c.participant == UNIDENTIFIED).order_by(t.c.reference)
    )
    return [(r.reference, r.currency, r.amount) for r in rows]


def _refused(entry: BankEntry, code: RejectionReason, field: str, found: str, message: str) -> LineOutcome:
    reject = Reject(code, "CSD-3.3.1-a", field, found, message)
    return LineOutcome(entry.line, Verdict.REFUSED, entry.reference, "", "", (reject,))
