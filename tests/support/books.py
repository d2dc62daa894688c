"""A small depository for tests: the reference data of the sample day on a real database, and short words for what parties do.

`Books` works on the core alone (one transaction per piece of work), `Desk` on the steps: files in, batches, answers out.
Times are written "10:00" or "10:00:00" and mean the market's local time of the business day.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from depository import bank, trades, transfers, withdrawals
from depository.answers import LineOutcome, Receipt
from depository.cycles import Cycle, run_cycle
from depository.feeds import BankEntry, BankStatement, Trade
from depository.indemnities import record_indemnity
from depository.instructions import Instruction, InstructionKind, Status
from depository.interests import InterestAnswer, record_interest
from depository.ledger import AVAILABLE, ISSUER, Entry, move
from depository.requests import (
    Action,
    ClientData,
    Giver,
    Header,
    IndemnityRequest,
    InterestAction,
    InterestRequest,
    Movement,
    OpeningRequest,
    Signatory,
    TransferRequest,
    WithdrawalRequest,
)
from depository.sftp.intake import Policy
from depository.store import files, journal, register, schema
from depository.store import indemnities as indemnity_store
from depository.store import instructions as instruction_store
from depository.store import interests as interest_store
from depository.store.archive import Archive
from depository.store.database import open_database
from depository.store.work import Work
from depository.timetable import PlannedBatch
from depository.transfers import Recorded
from depository.units import TooFine, to_units
from depository.verify import Verdict as Proof
from depository.verify import verify
from flows.steps.arrivals import Arrival
from flows.steps.batches import BatchResult, run_batch
from flows.steps.intake import take
from flows.steps.planning import due, plan
from flows.steps.reference import load_reference
from flows.steps.replay import ReplayResult, replay
from flows.steps.sites import Site, load_market
from parsers import report_json
from parsers.camt import render_statements
from parsers.csv_table import EXACT
from parsers.reference_csv import read_bank_accounts
from parsers.sandbox import Sandbox
from parsers.trades_csv import render_trades
from tools import sample_day

ROOT = Path(__file__).parents[2]
SAMPLE_DAY = ROOT / "sample_files" / "day"
REFERENCE = SAMPLE_DAY / "reference"
MARKET = ROOT / "market" / "kazakhstan"
ZONE = ZoneInfo("Asia/Almaty")

FRIDAY = date(2026, 11, 20)
DAY = date(2026, 11, 23)
"""A Monday on which the market settles; its trade day T is Thursday 19 November."""
TUESDAY = date(2026, 11, 24)
TRADE_DAY = date(2026, 11, 19)
NAMES = sample_day.NAMES
SHARE_A, SHARE_B, BOND, FUND = sample_day.SHARE_A, sample_day.SHARE_B, sample_day.BOND_C, sample_day.FUND_D
BANK_ACCOUNTS = {
    (a.participant, a.currency): a for a in read_bank_accounts((REFERENCE / "bank_accounts.csv").read_bytes()).records
}
IBAN = {key: account.iban for key, account in BANK_ACCOUNTS.items()}
NOMINEE = {currency.code: currency.nominee_iban for currency in load_market(MARKET).currencies}
SECRET = "the secret of the test's day"


def at(local: str, day: date = DAY) -> datetime:
    """A moment of a day, local to the market."""
    return datetime.combine(day, time.fromisoformat(local), ZONE)


def header(participant: str, reference: str, form: str = "IST", **changes: Any) -> Header:
    """A header signed by the participant's authorised person."""
    signed = (Signatory(f"Authorised Person {participant}", "Head of operations"),)
    values = {"form": form, "reference": reference, "form_date": DAY, "participant": participant}
    return Header(**{**values, "participant_name": NAMES.get(participant, ""), "signatories": signed, **changes})


def transfer(
    reference: str,
    own: str,
    other: str,
    quantity: int | str | Decimal = 100,
    *,
    isin: str = SHARE_B,
    due: date | None = DAY,
    receive: bool = False,
    line: int = 1,
    **changes: Any,
) -> TransferRequest:
    """A new line of an IST: deliver from `own` to `other`, or receive into `own` from `other`."""
    values: dict[str, Any] = {
        "line": line,
        "action": Action.NEW,
        "reference": reference,
        "previous": "",
        "movement": Movement.RECEIVE if receive else Movement.DELIVER,
        "own_account": own,
        "counterparty": other[:3],
        "counterparty_account": other,
        "isin": isin,
        "quantity": Decimal(quantity),
        "quantity_type": "FAMT" if isin == BOND else "UNIT",
        "due_date": due,
        "trade_date": None,
        "reason": "transfer",
        "agreement": "",
        "counterparty_reference": "",
    }
    return TransferRequest(**{**values, **changes})


def revoke(reference: str, previous: str) -> TransferRequest:
    """A line of an IST that revokes an earlier one."""
    return transfer(reference, "", "", 0, isin="", due=None, action=Action.REVOKE, previous=previous, movement=None)


def withdrawal(participant: str, amount: str, currency: str = "KZT", **changes: Any) -> WithdrawalRequest:
    """A WRN to the participant's own registered account."""
    values: dict[str, Any] = {
        "currency": currency,
        "amount": Decimal(amount),
        "all_available": False,
        "iban": BANK_ACCOUNTS[participant, currency].iban,
        "bank_bic": BANK_ACCOUNTS[participant, currency].bank_bic,
        "beneficiary_name": BANK_ACCOUNTS[participant, currency].beneficiary_name,
        "beneficiary_bin": BANK_ACCOUNTS[participant, currency].beneficiary_bin,
        "purpose": "1515KZT119",
        "value_date": DAY,
        "details": "Own funds",
    }
    return WithdrawalRequest(**{**values, **changes})


def interest(
    action: InterestAction = InterestAction.CREATE, quantity: int | None = 1_000, **changes: Any
) -> InterestRequest:
    """A SIN: B01 locks SHARE_B on B01-HO in favour of B03 (B03-DO)."""
    values: dict[str, Any] = {
        "action": action,
        "debtor": "B01",
        "debtor_account": "B01-HO",
        "secured_party": "B03",
        "secured_account": "B03-DO",
        "isin": SHARE_B,
        "quantity": None if quantity is None else Decimal(quantity),
        "agreement_number": "SA-17/2026",
        "agreement_date": FRIDAY,
        "interest": "",
        "agreement_attached": True,
        "indemnity_attached": True,
        "additional_information": "Loan 17 of 20 November 2026",
    }
    return InterestRequest(**{**values, **changes})


def indemnity(given_by: Giver = Giver.DEBTOR, sin: str = "B01-SIN-1", **changes: Any) -> IndemnityRequest:
    """An IND of B01 for the lock that `interest` asks for."""
    values: dict[str, Any] = {
        "given_by": given_by,
        "sin_number": sin,
        "interest": "",
        "debtor": "B01",
        "secured_party": "B03",
        "isin": SHARE_B,
        "quantity": Decimal(1_000),
        "agreement_number": "SA-17/2026",
        "agreement_date": FRIDAY,
        "text_version": "1",
    }
    return IndemnityRequest(**{**values, **changes})


def indemnify(work: Work, participant: str, sin: str, request: InterestRequest) -> None:
    """Records the indemnity that fits a SIN, if the SIN is right in itself; a wrong one is refused before anybody looks for it."""
    found = interest_store.get(work, request.interest)
    isin = request.isin or (found.isin if found else "")
    product = register.product(work, isin)
    if product is None:
        return
    try:
        quantity = None if request.quantity is None else to_units(request.quantity, product.scale)
    except TooFine:
        return
    indemnity_store.add(
        work,
        indemnity_store.Indemnity(
            number=f"IND{work.next_number('indemnity'):06d}",
            reference=f"{participant}-IND-{sin}",
            giver=participant,
            given_by=(Giver.DEBTOR if request.action is InterestAction.CREATE else Giver.SECURED_PARTY).value,
            sin=sin,
            debtor=request.debtor,
            secured_party=request.secured_party,
            isin=isin,
            quantity=quantity,
            agreement_number=request.agreement_number,
            agreement_date=request.agreement_date or FRIDAY,
            text_version="1",
            interest=request.interest,
            enforcement="",
            state=indemnity_store.GIVEN,
            recorded_at=work.at,
        ),
    )


def trade(
    id_: str,
    seller: str,
    buyer: str,
    quantity: int,
    price: str = "1000.00",
    *,
    isin: str = SHARE_B,
    currency: str = "KZT",
    traded: date = TRADE_DAY,
    settles: date = DAY,
    line: int = 2,
    **changes: Any,
) -> Trade:
    """An exchange trade between two accounts; the amount is quantity times price."""
    values: dict[str, Any] = {
        "line": line,
        "trade_id": id_,
        "traded_at": at("12:30", traded),
        "kind": "TRADE",
        "isin": isin,
        "quantity": Decimal(quantity),
        "price": Decimal(price),
        "amount": EXACT.quantize(EXACT.multiply(Decimal(quantity), Decimal(price)), Decimal("0.01")),
        "currency": currency,
        "alternative_currency": "",
        "buyer": buyer[:3],
        "buyer_account": buyer,
        "seller": seller[:3],
        "seller_account": seller,
        "settlement_date": settles,
        "repo_rate": None,
        "repo_end": None,
        "cancelled": False,
    }
    return Trade(**{**values, **changes})


def entry(
    reference: str, amount: str, participant: str, *, credit: bool = True, line: int = 1, **changes: Any
) -> BankEntry:
    """A booking on the nominee account."""
    values: dict[str, Any] = {
        "line": line,
        "reference": reference,
        "amount": Decimal(amount),
        "credit": credit,
        "reversal": False,
        "value_date": DAY,
        "participant": participant,
        "end_to_end": "",
        "counterparty_name": NAMES.get(participant, "Somebody"),
        "remittance": f"{participant} FUNDING",
    }
    return BankEntry(**{**values, **changes})


def advice(*entries: BankEntry, currency: str = "KZT", closing: str | None = None, **changes: Any) -> BankStatement:
    """A credit or debit advice, or with `closing` a statement, of the nominee account of a currency."""
    values: dict[str, Any] = {
        "message_id": f"ADV-{entries[0].reference if entries else 'empty'}",
        "statement_id": f"ADV-{entries[0].reference if entries else 'empty'}",
        "iban": NOMINEE[currency],
        "currency": currency,
        "business_date": DAY,
        "opening": None,
        "closing": None if closing is None else Decimal(closing),
        "entries": entries,
    }
    return BankStatement(**{**values, **changes})


def client(nin: str, **changes: Any) -> ClientData:
    """A client of a nominee account."""
    return ClientData(
        **{"person_type": "INDIVIDUAL", "surname": "Testov", "first_name": "Client", "nin": nin, **changes}
    )


def opening(line: int, nin: str, *, change: bool = False, **changes: Any) -> OpeningRequest:
    """A row of a BUNA."""
    return OpeningRequest.of(line, change, f"N-{line:06d}", client(nin, **changes))


@dataclass
class Books:
    """The core on one database, with the sample market's register loaded."""

    site: Site
    day: date = DAY
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @contextmanager
    def work(self, local: str = "10:00", day: date | None = None, *, on: date | None = None) -> Iterator[Work]:
        """One transaction at a moment of a business day; `on` = the calendar day when it differs from the business day."""
        business_date = day or self.day
        with self.site.writing(at(local, on or business_date), business_date) as work:
            yield work

    # What others do --------------------------------------------------------------------------------------------------

    def fund(
        self, participant: str, amount: str, currency: str = "KZT", local: str = "09:05", day: date | None = None
    ) -> None:
        """Money comes in for a participant."""
        with self.work(local, day) as work:
            one = advice(entry(f"REF-{next(self._numbers)}", amount, participant), currency=currency)
            outcomes = bank.record_statement(work, one).outcomes
        assert all(not o.rejects for o in outcomes)

    def give(self, account: str, isin: str, quantity: int) -> None:
        """Securities are lodged on an account."""
        with self.work() as work:
            journal.post(
                work, [Entry("lodgment", f"TEST-{next(self._numbers)}", move(isin, quantity, ISSUER, account))]
            )

    def trade(self, *made: Trade, local: str = "18:10", day: date = TRADE_DAY) -> list[LineOutcome]:
        """The exchange reports trades."""
        with self.work(local, day) as work:
            return trades.record_trades(work, "exchange", made, "test")

    def credit(self, statement: BankStatement, local: str = "09:05", day: date | None = None) -> list[LineOutcome]:
        """The bank reports entries."""
        with self.work(local, day) as work:
            return list(bank.record_statement(work, statement).outcomes)

    def send(
        self, participant: str, *lines: TransferRequest, local: str = "10:00", day: date | None = None
    ) -> Recorded:
        """A participant sends an IST."""
        numbered = [_numbered(line, n) for n, line in enumerate(lines, 1)]
        with self.work(local, day) as work:
            return transfers.record_transfers(
                work, header(participant, f"{participant}-IST-{next(self._numbers)}"), numbered, "test"
            )

    def withdraw(
        self, participant: str, request: WithdrawalRequest, local: str = "12:00", day: date | None = None
    ) -> LineOutcome:
        """A participant sends a WRN."""
        with self.work(local, day) as work:
            number = f"{participant}-WRN-{next(self._numbers)}"
            return withdrawals.record_withdrawal(work, header(participant, number, "WRN"), request)

    def secure(
        self, participant: str, request: InterestRequest, local: str = "10:00", day: date | None = None
    ) -> InterestAnswer:
        """A participant sends a SIN, its indemnity lying recorded."""
        with self.work(local, day) as work:
            number = f"{participant}-SIN-{next(self._numbers)}"
            if request.action is not InterestAction.DISCHARGE:
                indemnify(work, participant, number, request)
            return record_interest(work, header(participant, number, "SIN"), request)

    def indemnify(
        self, participant: str, request: IndemnityRequest, local: str = "09:50", day: date | None = None
    ) -> LineOutcome:
        """A participant sends an IND."""
        with self.work(local, day) as work:
            return record_indemnity(
                work, header(participant, f"{participant}-IND-{next(self._numbers)}", "IND"), request
            )

    def cycle(self, kind: str = "main", local: str = "11:15", day: date | None = None) -> Cycle:
        """A settlement cycle runs."""
        with self.work(local, day) as work:
            return run_cycle(work, kind, "test")

    # What the books say ----------------------------------------------------------------------------------------------

    def amount(self, holder: str, asset: str, part: str = AVAILABLE) -> int:
        """A part of a balance in smallest units."""
        with self.work() as work:
            return journal.amount(work, holder, asset, part)

    def balances(self) -> dict[journal.Key, int]:
        """Every balance."""
        with self.work() as work:
            return journal.balances(work)

    def instruction(self, sender: str, reference: str) -> Instruction:
        """The sender's instruction with this reference."""
        with self.work() as work:
            found = instruction_store.by_reference(work, sender, reference)
        assert found is not None
        return found

    def status(self, sender: str, reference: str) -> Status:
        """Where that instruction stands."""
        return self.instruction(sender, reference).status

    def due(self, day: date | None = None) -> list[Instruction]:
        """Unsettled exchange instructions that are due."""
        with self.work(day=day) as work:
            return instruction_store.due(
                work, [InstructionKind.EXCHANGE], [Status.MATCHED, Status.FAILING], day or self.day
            )

    def proof(self) -> Proof:
        """What `verify` says."""
        with self.work() as work:
            return verify(work)

    def rows(self, table: Any) -> list[Any]:
        """All rows of a table, in order of its key."""
        with self.work() as work:
            return list(work.connection.execute(table.select().order_by(*table.primary_key)))


def _numbered(line: TransferRequest, number: int) -> TransferRequest:
    return TransferRequest(**{name: getattr(line, name) for name in TransferRequest.__slots__} | {"line": number})


def form(
    code: str,
    party: str,
    reference: str,
    body: Mapping[str, object] | None = None,
    lines: Sequence[Mapping[str, object]] = (),
    day: date = DAY,
    **changes: object,
) -> bytes:
    """A filled workbook, signed by the party's authorised person."""
    return sample_day.form(code, party, reference, day, body, lines, **changes)


def ist_line(
    reference: str,
    own: str,
    other: str,
    quantity: int = 100,
    *,
    receive: bool = False,
    due: date = DAY,
    **changes: object,
) -> Mapping[str, object]:
    """A row of an IST workbook."""
    return {
        "action": "new",
        "reference": reference,
        "movement": "receive free" if receive else "deliver free",
        "own_account": own,
        "counterparty": other[:3],
        "counterparty_account": other,
        "isin": SHARE_B,
        "quantity": Decimal(quantity),
        "quantity_type": "unit",
        "due_date": due,
        "reason": "transfer",
        **changes,
    }


def wrn_body(party: str, amount: str, currency: str = "KZT", **changes: object) -> Mapping[str, object]:
    """The body of a WRN workbook."""
    request = withdrawal(party, amount, currency)
    return {
        "currency": currency,
        "mode": "exact amount",
        "amount": request.amount,
        "iban": request.iban,
        "bank_bic": request.bank_bic,
        "beneficiary_name": request.beneficiary_name,
        "beneficiary_bin": request.beneficiary_bin,
        **({"purpose": request.purpose} if currency == "KZT" else {}),
        "value_date": DAY,
        "details": "Own funds",
        **changes,
    }


@dataclass
class Desk(Books):
    """The steps on one database: files go in through `take`, batches run by the plan, answers lie in the outbox."""

    def plan(self, day: date | None = None) -> list[str]:
        """Plans a day; returns its slots in order."""
        day = day or self.day
        return [b.batch.slot for b in plan(self.site, day, at("08:55", day), lambda: SECRET)]

    def drop(
        self,
        party: str,
        name: str,
        data: bytes,
        local: str = "10:00",
        *,
        folder: str = "inbox",
        day: date | None = None,
        **changes: Any,
    ) -> Receipt:
        """A party drops a file."""
        return take(self.site, Arrival(party, folder, name, data, at(local, day or self.day), **changes))

    def drop_form(
        self,
        code: str,
        party: str,
        reference: str,
        body: Mapping[str, object] | None = None,
        lines: Sequence[Mapping[str, object]] = (),
        local: str = "10:00",
        *,
        folder: str = "inbox",
        day: date | None = None,
        **changes: object,
    ) -> Receipt:
        """A participant drops a form."""
        data = form(code, party, reference, body, lines, day or self.day, **changes)
        return self.drop(party, f"{code}_{reference}.xlsx", data, local, folder=folder, day=day)

    def drop_trades(self, *made: Trade, local: str = "18:10", day: date = TRADE_DAY) -> Receipt:
        """The exchange drops a file of trades."""
        return self.drop("exchange", f"trades_{next(self._numbers)}.csv", render_trades(made), local, day=day)

    def drop_money(self, *statements: BankStatement, local: str = "09:05", day: date | None = None) -> Receipt:
        """The bank drops a file of advices."""
        data = render_statements(statements, all(s.opening is None for s in statements), at(local, day or self.day))
        return self.drop("bank", f"camt_{next(self._numbers)}.xml", data, local, day=day)

    def run(
        self, slot: str, local: str | None = None, day: date | None = None, *, on: date | None = None
    ) -> BatchResult:
        """Runs a batch, at its own moment unless another is given."""
        day = day or self.day
        moment = at(local, on or day) if local else self.batch(slot, day).due_at
        return run_batch(self.site, day, slot, moment)

    def run_until(self, local: str, day: date | None = None) -> dict[str, BatchResult]:
        """Runs every batch that is due by then, each at its own moment."""
        until = at(local, day or self.day)
        return {b.slot: run_batch(self.site, b.business_date, b.slot, b.due_at) for b in due(self.site, until)}

    def keep_reference(self) -> None:
        """Puts the reference data into this archive, which a replay reads it from: the fixture loaded it into another one."""
        for file in REFERENCE.iterdir():
            self.site.archive.put(file.read_bytes())

    def replay(self, folder: Path, local: str = "20:00", day: date | None = None) -> ReplayResult:
        """Plays the days up to this one once more into a folder, and compares."""
        self.keep_reference()
        return replay(self.site, day or self.day, folder, at(local, day or self.day))

    def batch(self, slot: str, day: date | None = None) -> PlannedBatch:
        """A batch of the plan."""
        from depository.day import batches_of

        with self.work(day=day) as work:
            return next(b.batch for b in batches_of(work, day or self.day) if b.batch.slot == slot)

    def outbox(self, party: str) -> dict[str, bytes]:
        """Everything that was queued for a party, by name."""
        with self.work() as work:
            rows = work.connection.execute(schema.outgoing.select().where(schema.outgoing.c.party == party)).all()
        return {r.name: self.site.archive.get(r.sha256) for r in rows}

    def report(self, party: str, ending: str) -> Any:
        """The one report of a party whose file name ends so, as read from its JSON."""
        found = [data for name, data in sorted(self.outbox(party).items()) if name.endswith(ending)]
        assert len(found) == 1, (ending, sorted(self.outbox(party)))
        return report_json.parse(found[0])

    def waiting(self) -> list[files.Outgoing]:
        """The answers that wait for delivery."""
        with self.work() as work:
            return files.waiting(work, 100_000)


def open_site(url: str, folder: Path, sandbox: Sandbox) -> Site:
    """A site over a database with all tables, without an SFTP server."""
    return Site(open_database(url), Archive(folder / "archive"), load_market(MARKET), None, sandbox, Policy(), folder)  # type: ignore[arg-type]


def load_sample_reference(site: Site) -> None:
    """The sample market's register and opening positions, before its first business day."""
    load_reference(site, REFERENCE, at("09:00", date(2026, 11, 5)))
