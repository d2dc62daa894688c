"""The settlement bank of a simulated day: carries out our payment orders and sends the statement of the evening."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from depository.feeds import BankEntry, BankStatement
from depository.market import Market
from depository.sftp.folders import Folders
from depository.sftp.intake import SIGNATURE
from parsers.camt import read_statement, render_statements
from parsers.pain001 import read_orders


@dataclass(slots=True)
class SimulatedBank:
    """Remembers what it has booked on the depository's nominee accounts, and which orders it has carried out."""

    market: Market
    closing: dict[str, Decimal] = field(default_factory=dict)
    booked: dict[str, list[BankEntry]] = field(default_factory=dict)
    carried_out: set[str] = field(default_factory=set)

    def sent(self, data: bytes) -> None:
        """Notes the entries of a statement or advice that it has sent."""
        for statement in read_statement(data, self.market.zone):
            self.booked.setdefault(statement.currency, []).extend(statement.entries)

    def carry_out_orders(self, folders: Folders, at: datetime) -> Iterator[tuple[str, bytes]]:
        """Takes new payment orders from its outbox and answers each with a debit advice: file name and bytes."""
        for name in sorted(entry.name for entry in folders.look("/outbox") if entry.name.startswith("PAY-")):
            if name.endswith(SIGNATURE) or name in self.carried_out:
                continue
            self.carried_out.add(name)
            order = read_orders(folders.fetch(f"/outbox/{name}", 10_000_000))
            currency = order.payments[0].currency
            entries = tuple(
                BankEntry(
                    line=number,
                    reference=f"DEB-{payment.end_to_end}",
                    amount=payment.amount,
                    credit=False,
                    reversal=False,
                    value_date=payment.execution_date,
                    participant="",
                    end_to_end=payment.end_to_end,
                    counterparty_name=payment.creditor_name,
                    remittance=payment.details,
                )
                for number, payment in enumerate(order.payments, 1)
            )
            self.booked.setdefault(currency, []).extend(entries)
            advice = self._statement(f"ADV-{order.message_id}", currency, at.date(), None, None, entries)
            yield f"camt054_{order.message_id}.xml", render_statements((advice,), True, at)

    def evening_statement(self, at: datetime) -> tuple[str, bytes]:
        """The camt.053 of the day, all entries and the closing balances: file name and bytes."""
        statements = []
        for currency in self.market.currencies:
            entries = tuple(self.booked.get(currency.code, ()))
            opening = self.closing.get(currency.code, Decimal("0.00"))
            closing = opening + sum((e.amount if e.credit else -e.amount for e in entries), Decimal(0))
            statements.append(
                self._statement(f"{currency.code}-{at:%Y%m%d}-PM", currency.code, at.date(), opening, closing, entries)
            )
            self.closing[currency.code] = closing
        self.booked.clear()
        return f"camt053_{at:%Y%m%d}_{at:%H%M}.xml", render_statements(tuple(statements), False, at)

    def _statement(
        self,
        statement_id: str,
        currency: str,
        day: date,
        opening: Decimal | None,
        closing: Decimal | None,
        entries: tuple[BankEntry, ...],
    ) -> BankStatement:
        held = self.market.currency(currency)
        return BankStatement(
            statement_id, statement_id, held.nominee_iban if held else "", currency, day, opening, closing, entries
        )
