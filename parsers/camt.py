"""The settlement bank's statements (camt.053) and credit and debit advices (camt.054), any version, and back.

Only booked entries are money (CSD-3.3.1-a); what the bank has not booked is left out and said. An entry's identity is
the bank's own reference (AcctSvcrRef), so that advice and statement of the same money have one effect. A statement's
opening balance and entries must give its closing balance, else nothing of the file is taken.

Source: ISO 20022 message definitions camt.053.001 and camt.054.001; versions 02 to 08 and later differ in Sts (code as
text or in Cd) and in party names (directly or in Pty), and both are read.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from depository.feeds import BankEntry, BankStatement, RefusedLine
from depository.identifiers import BadIdentifier, bic, iban, iin_bin, lookalikes
from depository.rejects import FileRefused, Reject, RejectionReason
from parsers.csv_table import EXACT, exact_sum, shown, too_fine
from parsers.iso_xml import (
    Element,
    add,
    as_bytes,
    child,
    children,
    local,
    moment,
    new_document,
    read_document,
    words,
)

RULE = "CSD-3.3.1-a"
VERSION = "001.08"
"""The version that is written."""

_WHAT = "bank statement"
_AMOUNT = re.compile(r"[0-9]{1,18}(\.[0-9]{1,5})?")
_CODE = re.compile(r"(?<![\w-])[A-Z][0-9]{2}(?![\w-])")
_ROOTS = {"BkToCstmrStmt": "Stmt", "BkToCstmrDbtCdtNtfctn": "Ntfctn"}
_UNBOOKED = ("PDNG", "INFO", "FUTR")
_LONGEST_USTRD = 140


def read_statement(data: bytes, zone: ZoneInfo) -> tuple[BankStatement, ...]:
    """All statements or advices of a message, one per account and currency; entries are numbered through the message.

    `zone` is the market's: a moment with an offset belongs to the day that it is there, one without is local.
    Raises FileRefused when it is no such message, or when a balance is missing or does not come out.
    """
    message, document = read_document(data, _WHAT)
    if not message.startswith(("camt.053.", "camt.054.")):
        raise FileRefused("wrong-type", f"The message is {message}: send camt.053 (statement) or camt.054 (advice).")
    body = next((element for element in document if local(element) in _ROOTS), None)
    if body is None:
        raise FileRefused(
            "incomplete", f"The {message} has neither BkToCstmrStmt nor BkToCstmrDbtCdtNtfctn: send it whole."
        )
    advice = local(body) == "BkToCstmrDbtCdtNtfctn"
    if advice != message.startswith("camt.054."):
        raise FileRefused(
            "wrong-type", f"The {message} holds {local(body)}, which belongs to another message: send it anew."
        )
    message_id = words(body, "GrpHdr", "MsgId")
    if not message_id:
        raise FileRefused("incomplete", "The message has no GrpHdr/MsgId: give it one.")
    created = words(body, "GrpHdr", "CreDtTm")
    statements: list[BankStatement] = []
    line = 0
    for number, element in enumerate(children(body, _ROOTS[local(body)]), start=1):
        reading = _Reading(element, number, line, advice, words(element, "CreDtTm") or created, zone)
        statements.append(reading.statement(message_id))
        line = reading.line
    if not statements:
        raise FileRefused("incomplete", f"The {message} holds no {_ROOTS[local(body)]}: send one per account.")
    return tuple(statements)


@dataclass(slots=True)
class _Reading:
    """One statement while it is read."""

    element: Element
    number: int
    line: int
    advice: bool
    created: str
    zone: ZoneInfo
    iban: str = ""
    currency: str = ""
    entries: list[BankEntry] = field(default_factory=list)
    refused: list[RefusedLine] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    booked: Decimal = Decimal(0)
    """Sum of the booked entries with their sign, refused ones included."""

    def statement(self, message_id: str) -> BankStatement:
        identifier = words(self.element, "Id")
        if not identifier:
            raise FileRefused("incomplete", f"{self._name()} has no Id: give it one.")
        self.iban = words(self.element, "Acct", "Id", "IBAN") or words(self.element, "Acct", "Id", "Othr", "Id")
        if not self.iban:
            raise FileRefused("incomplete", f"{self._name()} does not name its account: give Acct/Id/IBAN.")
        opening, opening_currency, _ = self._balance("OPBD", "PRCD")
        closing, closing_currency, closing_day = self._balance("CLBD")
        self.currency = words(self.element, "Acct", "Ccy") or closing_currency or opening_currency
        if not self.currency:
            amounts = {amount.get("Ccy", "") for amount in children(self.element, "Ntry", "Amt")}
            self.currency = amounts.pop() if len(amounts) == 1 else ""
        if not re.fullmatch("[A-Z]{3}", self.currency):
            raise FileRefused("incomplete", f"{self._name()} does not say its currency: give Acct/Ccy.")
        if {opening_currency, closing_currency} - {"", self.currency}:
            raise FileRefused("wrong-balance", f"{self._name()} has balances in another currency than {self.currency}.")
        days = [_day(booking, self.zone) for booking in children(self.element, "Ntry", "BookgDt")]
        for entry in children(self.element, "Ntry"):
            self._entry(entry)
        if not self.advice:
            if opening is None or closing is None:
                raise FileRefused("wrong-balance", f"{self._name()} lacks the balance OPBD or CLBD: send both.")
            self._check_arithmetic(opening, closing)
        return BankStatement(
            message_id=message_id,
            statement_id=identifier,
            iban=self.iban,
            currency=self.currency,
            business_date=self._business_date(closing_day, days),
            opening=None if self.advice else opening,
            closing=None if self.advice else closing,
            entries=tuple(self.entries),
            refused=tuple(self.refused),
            remarks=tuple(self.remarks),
        )

    def _name(self) -> str:
        return f"{local(self.element)} {self.number} of the {_WHAT}"

    def _balance(self, *codes: str) -> tuple[Decimal | None, str, date | None]:
        """The balance of the first of the types that is there: signed amount, currency, day."""
        balances = list(children(self.element, "Bal"))
        for code in codes:
            found = [b for b in balances if words(b, "Tp", "CdOrPrtry", "Cd") == code]
            if len(found) > 1:
                raise FileRefused("wrong-balance", f"{self._name()} has {len(found)} balances {code}: send one.")
            if found:
                text, side = words(found[0], "Amt"), words(found[0], "CdtDbtInd")
                if not _AMOUNT.fullmatch(text) or side not in ("CRDT", "DBIT"):
                    raise FileRefused(
                        "wrong-balance",
                        f"{self._name()} has the balance {code} of {shown(text)!r} {shown(side)!r}: "
                        "give a plain amount and CRDT or DBIT.",
                    )
                amount = Decimal(text) if side == "CRDT" else -Decimal(text)
                return amount, _amount(found[0])[1], _day(child(found[0], "Dt"), self.zone)
        return None, "", None

    def _check_arithmetic(self, opening: Decimal, closing: Decimal) -> None:
        if EXACT.add(opening, self.booked) != closing:
            raise FileRefused(
                "wrong-balance",
                f"{self._name()} opens with {opening:f}, its booked entries sum to {self.booked:f}, yet it closes with "
                f"{closing:f}: entries are missing or changed; ask the bank to send it anew.",
            )

    def _business_date(self, closing: date | None, booked: list[date | None]) -> date:
        """The day that the statement is about: closing balance, else period, else its entries, else its creation."""
        period = child(self.element, "FrToDt", "ToDtTm")
        candidates = [closing, _day_of(words(period), self.zone) if period is not None else None]
        if booked and len(set(booked)) == 1:
            candidates.append(booked[0])
        candidates.append(_day_of(self.created, self.zone))
        found = next((day for day in candidates if day is not None), None)
        if found is None:
            raise FileRefused("incomplete", f"{self._name()} does not say its day: give the date of CLBD, or CreDtTm.")
        return found

    def _entry(self, entry: Element) -> None:
        """Take one Ntry: left out with a remark when not booked; else whole, or split into its transactions."""
        status = words(entry, "Sts", "Cd") or words(entry, "Sts", "Prtry") or words(entry, "Sts")
        details = list(children(entry, "NtryDtls", "TxDtls"))
        reference = words(entry, "AcctSvcrRef")
        if not reference and len(details) == 1:
            reference = words(details[0], "Refs", "AcctSvcrRef")
        if status in _UNBOOKED:
            self.line += 1
            named = reference or str(self.line)
            self.remarks.append(f"Entry {shown(named)} is {status}, not booked: it is no money yet and was left out.")
        elif _splits(entry, details):
            for part in details:
                self._take(entry, status, part, [part], words(part, "Refs", "AcctSvcrRef"))
        else:
            self._take(entry, status, entry, details, reference)

    def _take(self, entry: Element, status: str, bearer: Element, details: Sequence[Element], reference: str) -> None:
        """Take one booking: the whole entry or one of its transactions; `bearer` is the one of them with the amount."""
        self.line += 1
        faults: list[Reject] = []

        def fault(code: RejectionReason, name: str, found: str, message: str) -> None:
            faults.append(Reject(code, RULE, name, shown(found), message))

        (text, currency), side, reversal = _amount(bearer), words(entry, "CdtDbtInd"), words(entry, "RvslInd")
        amount = Decimal(text) if _AMOUNT.fullmatch(text) else Decimal(0)
        if not amount:
            fault(RejectionReason.MONEY, "Amt", text, "The amount must be a plain number above nought.")
        elif too_fine(amount, currency):
            fault(RejectionReason.MONEY, "Amt", text, f"The amount has more decimals than {currency} knows.")
        if currency != self.currency:
            message = f"The currency must be that of the account, {self.currency}."
            fault(RejectionReason.MONEY, "Amt@Ccy", currency, message)
        if side not in ("CRDT", "DBIT"):
            fault(RejectionReason.OTHER, "CdtDbtInd", side, "The entry must say CRDT or DBIT.")
        if status != "BOOK":
            fault(RejectionReason.OTHER, "Sts", status, "The status must be BOOK, or PDNG, INFO or FUTR.")
        if not self.advice and faults:
            raise FileRefused(
                "wrong-balance",
                f"{self._name()}, entry {self.line}: {faults[0].message} The balances cannot be proved without it.",
            )
        self.booked = EXACT.add(self.booked, amount if side == "CRDT" else -amount)
        if not reference:
            message = "The entry has no bank reference (AcctSvcrRef), so it cannot be told from another: give it one."
            fault(RejectionReason.REFERENCE, "AcctSvcrRef", "", message)
        elif reference in self.seen:
            message = "The bank reference (AcctSvcrRef) stands on an entry before: give each entry its own."
            fault(RejectionReason.REFERENCE, "AcctSvcrRef", reference, message)
        self.seen.add(reference)
        if reversal not in ("", "true", "false", "1", "0"):
            fault(RejectionReason.OTHER, "RvslInd", reversal, "The reversal indicator must be true or false.")
        value_date = _day(child(entry, "ValDt"), self.zone) or _day(child(entry, "BookgDt"), self.zone)
        if value_date is None:
            fault(RejectionReason.DATE, "ValDt", words(entry, "ValDt", "Dt"), "The entry needs a value date.")
        if faults or value_date is None:
            place = f"{local(self.element)} {self.number}, entry {self.line} (line {entry.sourceline} of the file)"
            self.refused.append(RefusedLine(self.line, shown(reference), tuple(faults), (place,) * len(faults)))
            return
        booked = self._booked(details, reference, amount, side == "CRDT", reversal in ("true", "1"), value_date)
        self.entries.append(booked)

    def _booked(
        self,
        details: Sequence[Element],
        reference: str,
        amount: Decimal,
        credit: bool,
        reversal: bool,
        value_date: date,
    ) -> BankEntry:
        structured = [words(ref) for d in details for ref in children(d, "RmtInf", "Strd", "CdtrRefInf", "Ref")]
        free = [words(text) for d in details for text in children(d, "RmtInf", "Ustrd")]
        participant, remark = _participant(structured, free)
        if remark:
            self.remarks.append(f"Entry {shown(reference)}: {remark}")
        detail = details[0] if len(details) == 1 else None
        end_to_end = words(detail, "Refs", "EndToEndId")
        # On other people's credits the reference is theirs, not ours.
        ours = not credit or reversal or child(detail, "RtrInf") is not None
        side = "Dbtr" if credit else "Cdtr"
        name = words(detail, "RltdPties", side, "Pty", "Nm") or words(detail, "RltdPties", side, "Nm")
        sender = _sender(detail) if credit else ("", "", "")
        return BankEntry(
            line=self.line,
            reference=reference,
            amount=amount,
            credit=credit,
            reversal=reversal,
            value_date=value_date,
            participant=participant,
            end_to_end=end_to_end if ours and end_to_end != "NOTPROVIDED" else "",
            counterparty_name=name,
            remittance=" ".join(free),
            counterparty_iban=sender[0],
            counterparty_bic=sender[1],
            counterparty_bin=sender[2],
        )


def _amount(bearer: Element) -> tuple[str, str]:
    """Amount and currency of an entry or transaction, as written."""
    amount = child(bearer, "Amt")
    if amount is None:
        amount = child(bearer, "AmtDtls", "TxAmt", "Amt")
    return ("", "") if amount is None else (words(amount), amount.get("Ccy", ""))


def _sender(detail: Element | None) -> tuple[str, str, str]:
    """Account, BIC of the bank and IIN or BIN of who sent a credit; "" for what is not there or not right."""
    agent = ("RltdAgts", "DbtrAgt", "FinInstnId")
    number = ""
    for party in (("RltdPties", "Dbtr", "Pty"), ("RltdPties", "Dbtr")):
        for kind in ("OrgId", "PrvtId"):
            number = number or _right(iin_bin, words(detail, *party, "Id", kind, "Othr", "Id"))
    return (
        _right(iban, words(detail, "RltdPties", "DbtrAcct", "Id", "IBAN")),
        _right(bic, words(detail, *agent, "BICFI") or words(detail, *agent, "BIC")),
        number,
    )


def _right(check: Callable[[str], str], text: str) -> str:
    try:
        return check(text)
    except BadIdentifier:
        return ""


def _splits(entry: Element, details: Sequence[Element]) -> bool:
    """Is it a collective booking whose transactions have their own references and amounts, and add up to it?"""
    total, currency = _amount(entry)
    amounts = [_amount(part) for part in details]
    if len(details) < 2 or not all(_AMOUNT.fullmatch(text) for text in [total, *(text for text, _ in amounts)]):
        return False
    side = words(entry, "CdtDbtInd")
    return (
        all(words(part, "Refs", "AcctSvcrRef") for part in details)
        and all(words(part, "CdtDbtInd") in ("", side) for part in details)
        and all(found == currency for _, found in amounts)
        and sum(Decimal(text) for text, _ in amounts) == Decimal(total)
    )


def _participant(structured: list[str], free: list[str]) -> tuple[str, str]:
    """The one participant code that the remittance names, structured before free text, and a remark if it is not plain.

    Two different codes identify nobody: money is never given to the one of two that happens to stand first.
    """
    for texts in (structured, free):
        codes = {code for text in texts for code in _CODE.findall(text)}
        if len(codes) == 1:
            return codes.pop(), ""
        if codes:
            return "", f"the remittance names several participants ({', '.join(sorted(codes)[:5])})."
    for text in [*structured, *free]:
        for word in text.split():
            latin = _latin(word)
            if latin != word and _CODE.fullmatch(latin):
                return (
                    "",
                    f"the remittance word {shown(word)!r} has letters that only look Latin; {latin} may be meant.",
                )
    return "", ""


def _latin(word: str) -> str:
    letters = list(word)
    for position, _, letter in lookalikes(word):
        letters[position - 1] = letter
    return "".join(letters)


def _day(element: Element | None, zone: ZoneInfo) -> date | None:
    """The day of a DateAndDateTimeChoice."""
    return _day_of(words(element, "Dt") or words(element, "DtTm"), zone)


def _day_of(text: str, zone: ZoneInfo) -> date | None:
    """The market's day of a date or moment by ISO 8601; a moment without offset is local."""
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (at.astimezone(zone) if at.tzinfo else at).date()


def render_statements(statements: Sequence[BankStatement], advice: bool, created: datetime) -> bytes:
    """Statements of one message as camt.053, or as camt.054 when `advice`.

    Raises ValueError when a statement lacks a balance or does not add up.
    Days begin and end in the zone that `created` carries. Written so that read_statement in that zone gives equal statements
    again; refused lines and remarks are not written.
    """
    document = new_document(f"camt.05{4 if advice else 3}.{VERSION}")
    body = add(document, "BkToCstmrDbtCdtNtfctn" if advice else "BkToCstmrStmt")
    header = add(body, "GrpHdr")
    add(header, "MsgId", statements[0].message_id)
    add(header, "CreDtTm", moment(created))
    for statement in statements:
        _write_statement(body, statement, advice, created)
    return as_bytes(document)


def _write_statement(body: Element, statement: BankStatement, advice: bool, created: datetime) -> None:
    element = add(body, "Ntfctn" if advice else "Stmt")
    add(element, "Id", statement.statement_id)
    add(element, "CreDtTm", moment(created))
    day = statement.business_date.isoformat()
    period = add(element, "FrToDt")
    add(period, "FrDtTm", moment(datetime.combine(statement.business_date, time.min, created.tzinfo)))
    add(period, "ToDtTm", moment(datetime.combine(statement.business_date, time(23, 59, 59), created.tzinfo)))
    account = add(element, "Acct")
    add(account, "Id/IBAN", statement.iban)
    add(account, "Ccy", statement.currency)
    if not advice:
        moved = exact_sum(e.amount if e.credit else -e.amount for e in statement.entries)
        if (
            statement.opening is None
            or statement.closing is None
            or EXACT.add(statement.opening, moved) != statement.closing
        ):
            raise ValueError(f"statement {statement.statement_id} does not add up")
        _write_balance(element, "OPBD", statement.opening, statement.currency, day)
        _write_balance(element, "CLBD", statement.closing, statement.currency, day)
    for entry in statement.entries:
        _write_entry(element, entry, statement.currency, day)


def _write_balance(element: Element, code: str, amount: Decimal, currency: str, day: str) -> None:
    balance = add(element, "Bal")
    add(balance, "Tp/CdOrPrtry/Cd", code)
    add(balance, "Amt", f"{abs(amount):f}", Ccy=currency)
    add(balance, "CdtDbtInd", "DBIT" if amount < 0 else "CRDT")
    add(balance, "Dt/Dt", day)


def _write_entry(element: Element, entry: BankEntry, currency: str, day: str) -> None:
    booking = add(element, "Ntry")
    add(booking, "Amt", f"{entry.amount:f}", Ccy=currency)
    add(booking, "CdtDbtInd", "CRDT" if entry.credit else "DBIT")
    if entry.reversal:
        add(booking, "RvslInd", "true")
    add(booking, "Sts/Cd", "BOOK")
    add(booking, "BookgDt/Dt", day)
    add(booking, "ValDt/Dt", entry.value_date.isoformat())
    add(booking, "AcctSvcrRef", entry.reference)
    domain = add(booking, "BkTxCd/Domn")
    add(domain, "Cd", "PMNT")
    family = add(domain, "Fmly")
    add(family, "Cd", "RCDT" if entry.credit else "ICDT")
    add(family, "SubFmlyCd", "DMCT")
    detail = add(booking, "NtryDtls/TxDtls")
    references = add(detail, "Refs")
    add(references, "AcctSvcrRef", entry.reference)
    add(references, "EndToEndId", entry.end_to_end or "NOTPROVIDED")
    add(detail, "Amt", f"{entry.amount:f}", Ccy=currency)
    add(detail, "CdtDbtInd", "CRDT" if entry.credit else "DBIT")
    _write_counterparty(detail, entry)
    if entry.remittance or entry.participant:
        remittance = add(detail, "RmtInf")
        for piece in _pieces(entry.remittance):
            add(remittance, "Ustrd", piece)
        if entry.participant:
            add(remittance, "Strd/CdtrRefInf/Ref", entry.participant)
    if entry.end_to_end and entry.credit and not entry.reversal:
        add(detail, "RtrInf/AddtlInf", "RETURNED")


def _write_counterparty(detail: Element, entry: BankEntry) -> None:
    if entry.counterparty_name or entry.counterparty_bin or entry.counterparty_iban:
        related = add(detail, "RltdPties")
        if entry.counterparty_name or entry.counterparty_bin:
            party = add(related, f"{'Dbtr' if entry.credit else 'Cdtr'}/Pty")
            if entry.counterparty_name:
                add(party, "Nm", entry.counterparty_name)
            if entry.counterparty_bin:
                add(party, "Id/OrgId/Othr/Id", entry.counterparty_bin)
        if entry.counterparty_iban:
            add(related, "DbtrAcct/Id/IBAN", entry.counterparty_iban)
    if entry.counterparty_bic:
        add(detail, "RltdAgts/DbtrAgt/FinInstnId/BICFI", entry.counterparty_bic)


def _pieces(text: str) -> list[str]:
    """The text in pieces of at most 140 characters, broken at blanks, as Ustrd holds them."""
    pieces: list[str] = []
    for word in text.split():
        if pieces and len(pieces[-1]) + 1 + len(word) <= _LONGEST_USTRD:
            pieces[-1] += f" {word}"
        elif len(word) > _LONGEST_USTRD:
            raise ValueError(f"a word of the remittance has {len(word)} characters, Ustrd holds {_LONGEST_USTRD}")
        else:
            pieces.append(word)
    return pieces
