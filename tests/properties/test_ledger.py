"""Whatever parties do in whatever order: nothing is made or lost, nothing goes negative, and the journal proves itself."""

from collections import defaultdict
from collections.abc import Callable
from datetime import date
from itertools import count
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import text

from depository.answers import Verdict
from depository.interests import carry_out_enforcements
from depository.ledger import is_contra
from depository.reconciliation import conservation, negative_balances
from depository.requests import InterestAction
from depository.store import interests as interest_store
from depository.store import payments, schema
from depository.transfers import execute_transfers
from depository.withdrawals import order_payments
from parsers.sandbox import Sandbox
from tests.support.books import (
    BOND,
    DAY,
    SHARE_A,
    SHARE_B,
    TUESDAY,
    Desk,
    advice,
    at,
    entry,
    interest,
    open_site,
    revoke,
    trade,
    transfer,
    withdrawal,
)
from tests.support.books_fixtures import books, books_url, lite, loaded_postgres, loaded_sqlite, sandbox

__all__ = ["books", "books_url", "lite", "loaded_postgres", "loaded_sqlite", "sandbox"]

ACCOUNTS = st.sampled_from(["B01-HO", "B01-DO", "B02-HO", "B02-ST", "B03-DO"])
PARTICIPANTS = st.sampled_from(["B01", "B02", "B03"])
ISINS = st.sampled_from([SHARE_A, SHARE_B, BOND])
QUANTITIES = st.sampled_from([1, 2, 3, 500, 5_000, 40_000, 99_999])
AMOUNTS = st.sampled_from(["0.01", "1.00", "500.00", "99999.99", "1000000.00"])
ELEVENTH = date(2026, 12, 8)


class Day(RuleBasedStateMachine):
    """One noon that never ends: every kind of file and batch in any order."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.number = 0
        self.brought: dict[str, int] = defaultdict(int)
        self.open_transfers: list[tuple[str, str]] = []
        self.interests: list[tuple[str, str]] = []

    def next(self, kind: str) -> str:
        self.number += 1
        return f"{kind}-{self.number}"

    @rule(who=PARTICIPANTS, amount=AMOUNTS)
    def money_comes(self, who: str, amount: str) -> None:
        self.desk.fund(who, amount, local="12:00")
        self.brought["KZT"] += int(amount.replace(".", ""))

    @rule(own=ACCOUNTS, other=ACCOUNTS, isin=ISINS, quantity=QUANTITIES, both=st.booleans(), later=st.booleans())
    def a_transfer_is_sent(self, own: str, other: str, isin: str, quantity: int, both: bool, later: bool) -> None:
        due = TUESDAY if later else DAY
        first = self.next("T")
        self.desk.send(own[:3], transfer(first, own, other, quantity, isin=isin, due=due), local="12:00")
        self.open_transfers.append((own[:3], first))
        if both and own[:3] != other[:3]:
            second = self.next("T")
            line = transfer(second, other, own, quantity, isin=isin, due=due, receive=True)
            self.desk.send(other[:3], line, local="12:00")
            self.open_transfers.append((other[:3], second))

    @precondition(lambda self: self.open_transfers)
    @rule(pick=st.integers(0, 50))
    def one_is_withdrawn(self, pick: int) -> None:
        sender, reference = self.open_transfers.pop(pick % len(self.open_transfers))
        self.desk.send(sender, revoke(self.next("V"), reference), local="12:00")

    @rule(day=st.sampled_from([DAY, TUESDAY]))
    def a_window_opens(self, day: date) -> None:
        with self.desk.work("12:00", day) as work:
            execute_transfers(work, "test")

    @rule(debtor=ACCOUNTS, secured=ACCOUNTS, isin=ISINS, quantity=st.one_of(st.none(), QUANTITIES))
    def a_lock_is_asked_for(self, debtor: str, secured: str, isin: str, quantity: int | None) -> None:
        request = interest(
            quantity=quantity, debtor=debtor[:3], debtor_account=debtor, secured_party=secured[:3], secured_account=secured, isin=isin,
        )  # fmt: skip
        outcome = self.desk.secure(debtor[:3], request, local="12:00").outcome
        if outcome.verdict is Verdict.ACCEPTED:
            self.interests.append((outcome.record, secured[:3]))

    @precondition(lambda self: self.interests)
    @rule(pick=st.integers(0, 50), enforce=st.booleans(), quantity=st.one_of(st.none(), QUANTITIES))
    def a_lock_is_lifted_or_enforced(self, pick: int, enforce: bool, quantity: int | None) -> None:
        number, secured = self.interests[pick % len(self.interests)]
        action = InterestAction.ENFORCE if enforce else InterestAction.DISCHARGE
        nobody = {"debtor": "", "debtor_account": "", "secured_party": "", "secured_account": "", "isin": ""}
        request = interest(action, quantity if enforce else None, interest=number, **nobody)
        self.desk.secure(secured, request, local="12:00")

    @rule()
    def the_eleventh_day_comes(self) -> None:
        with self.desk.work("09:00", ELEVENTH) as work:
            carry_out_enforcements(work)

    @rule(who=PARTICIPANTS, amount=AMOUNTS, everything=st.booleans())
    def a_withdrawal_is_sent(self, who: str, amount: str, everything: bool) -> None:
        self.desk.withdraw(who, withdrawal(who, amount, all_available=everything), local="12:00")

    @rule(confirm=st.booleans())
    def payments_go_out(self, confirm: bool) -> None:
        with self.desk.work("12:31") as work:
            order_payments(work, self.next("payout"))
        ordered = [r for r in self.desk.rows(schema.withdrawal) if r.state == payments.ORDERED]
        for one in ordered if confirm else ():
            text_ = f"{one.amount // 100}.{one.amount % 100:02d}"
            debit = entry(self.next("D"), text_, "", credit=False, end_to_end=one.number)
            assert self.desk.credit(advice(debit), "12:40")[0].status == "paid"
            self.brought["KZT"] -= one.amount

    @rule(
        seller=ACCOUNTS,
        buyer=ACCOUNTS,
        isin=ISINS,
        quantity=QUANTITIES,
        price=st.sampled_from(["0.01", "1.00", "250.00"]),
    )
    def a_trade_is_reported(self, seller: str, buyer: str, isin: str, quantity: int, price: str) -> None:
        self.desk.trade(trade(self.next("X"), seller, buyer, quantity, price, isin=isin))

    @rule()
    def a_cycle_runs(self) -> None:
        cycle = self.desk.cycle("late", "12:01")
        again = self.desk.cycle("late", "12:02")
        assert not again.settled or cycle.certificate is None

    @invariant()
    def nothing_is_made_or_lost_and_nothing_is_negative(self) -> None:
        with self.desk.work() as work:
            assert conservation(work) == {}
            assert negative_balances(work) == []
        held: dict[str, int] = defaultdict(int)
        for (holder, asset, _), amount in self.desk.balances().items():
            if not is_contra(holder):
                held[asset] += amount
        assert held["KZT"] == self.brought["KZT"]
        assert (held[SHARE_A], held[SHARE_B], held[BOND]) == (0, 148_000, 2_500_000)

    @invariant()
    def what_is_blocked_is_what_interests_and_withdrawals_say(self) -> None:
        blocked = {(h, a, part): n for (h, a, part), n in self.desk.balances().items() if part}
        said = {
            (r.debtor_account, r.isin, f"SIN/{r.number}"): r.locked
            for r in self.desk.rows(interest_store.I)
            if r.locked
        }
        said |= {
            (r.participant, r.currency, f"WRN/{r.number}"): r.amount
            for r in self.desk.rows(schema.withdrawal)
            if r.state != payments.PAID
        }
        assert blocked == said

    def teardown(self) -> None:
        assert self.desk.proof().faults == ()
        final = {r.id: r.status for r in self.desk.rows(schema.instruction)}
        last = {
            r.instruction: r.status for r in sorted(self.desk.rows(schema.instruction_status), key=lambda r: r.step)
        }
        assert final == last
        self.desk.site.engine.dispose()


def run(fresh: Callable[[], Day], examples: int) -> None:
    """Plays so many random days, each on fresh books."""
    chosen = settings(
        max_examples=examples, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(cast(type[Day], fresh), settings=chosen)


@pytest.mark.rule("CSD-5.2-dvp", "CSD-4.3-1-a", "KCSD-88")
def test_whatever_a_day_brings_the_books_stay_whole_on_sqlite(
    loaded_sqlite: Callable[[Path], str], tmp_path: Path, sandbox: Sandbox
):
    numbers = count(1)

    def fresh() -> Day:
        return Day(Desk(open_site(loaded_sqlite(tmp_path / f"{next(numbers)}.sqlite"), tmp_path, sandbox)))

    run(fresh, examples=15)


@pytest.mark.rule("CSD-5.2-dvp", "CSD-4.3-1-a", "KCSD-88")
def test_whatever_a_day_brings_the_books_stay_whole_on_postgresql(
    loaded_postgres: Callable[[], str], tmp_path: Path, sandbox: Sandbox
):
    run(lambda: Day(Desk(open_site(loaded_postgres(), tmp_path, sandbox))), examples=6)


def history(desk: Desk) -> None:
    """A little of everything, so that the journal has every kind of entry."""
    desk.fund("B01", "5000.00")
    desk.fund("B02", "90000.00")
    desk.trade(trade("X-1", "B01-HO", "B02-HO", 10))
    desk.cycle()
    desk.send("B01", transfer("T-1", "B01-HO", "B01-DO", 5))
    desk.secure("B01", interest(quantity=100))
    desk.withdraw("B01", withdrawal("B01", "10.00"))


CHANGES = [
    "UPDATE posting SET amount = amount + 1 WHERE entry = 9 AND line = 1",
    "UPDATE posting SET amount = -amount WHERE entry = 9",
    "UPDATE posting SET holder = 'B05' WHERE entry = 9 AND line = 2",
    "UPDATE posting SET asset = 'USD' WHERE entry = 9",
    "UPDATE posting SET part = 'x' WHERE entry = 9 AND line = 2",
    "UPDATE journal SET cause = cause || '.' WHERE number = 9",
    "UPDATE journal SET kind = 'credits' WHERE number = 9",
    "UPDATE journal SET business_date = '2026-11-24' WHERE number = 9",
    "UPDATE journal SET at = replace(at, '04:05', '04:06') WHERE number = 9",
    "UPDATE journal SET hash = 'f' || substr(hash, 2) || '' WHERE number = 9 AND substr(hash, 1, 1) <> 'f'",
    "DELETE FROM posting WHERE entry = 9",
]


@pytest.mark.rule("KCSD-88")
@pytest.mark.parametrize("change", CHANGES)
def test_a_byte_of_the_journal_changed_by_hand_is_found_at_its_entry(books: Desk, change: str):
    history(books)
    assert books.proof().faults == ()
    with books.site.engine.begin() as connection:
        changed = connection.execute(text(change)).rowcount
    faults = books.proof().faults
    if changed:
        assert faults[0].startswith("entry 9:"), faults
    else:
        assert "hash" in change


@pytest.mark.rule("KCSD-88")
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE balance SET amount = amount + 1 WHERE holder = 'B01-DO'", "balance of B01-DO"),
        ("DELETE FROM balance WHERE holder = 'B01-DO'", "balance of B01-DO"),
        ("UPDATE balance SET part = 'SIN/S000009' WHERE part = 'SIN/S000001'", "SIN/S000001"),
        ("INSERT INTO balance (holder, asset, part, amount) VALUES ('B06-HO', 'KZX000009022', '', 5)", "balance of B06-HO"),
        ("UPDATE interest SET locked = locked - 1 WHERE number = 'S000001'", "blocked for SIN/S000001, whose record says 99"),
        ("UPDATE withdrawal SET state = 'paid' WHERE number = 'W000000001'", "1000 of KZT blocked for WRN/W000000001, whose record says 0"),
        ("UPDATE journal_head SET number = number - 1", "head"),
        ("UPDATE journal_head SET hash = 'x'", "head"),
        ("INSERT INTO posting (entry, line, holder, asset, part, amount) VALUES (9, 9, 'B06', 'KZT', '', 5)", "does not balance"),
    ],
)  # fmt: skip
def test_a_balance_or_the_head_changed_by_hand_is_named(books: Desk, change: str, named: str):
    history(books)
    with books.site.engine.begin() as connection:
        assert connection.execute(text(change)).rowcount == 1
    faults = books.proof().faults
    assert any(named in fault for fault in faults), faults


@pytest.mark.rule("KCSD-88")
def test_entries_cut_out_of_the_middle_or_off_the_end_are_found(books: Desk):
    history(books)
    last = books.proof().entries
    for cut, named in ((last, "entries are missing"), (10, "entry 10 is missing")):
        with books.site.engine.begin() as connection:
            connection.execute(text(f"DELETE FROM posting WHERE entry = {cut}"))
            connection.execute(text(f"DELETE FROM journal WHERE number = {cut}"))
        faults = books.proof().faults
        assert any(named in fault for fault in faults)
        # What follows the missing entry is still read: only what it moved, and the block that the last one made, is gone.
        assert len(faults) < 9


@pytest.mark.rule("KCSD-88")
def test_two_entries_that_changed_places_are_found_at_the_first_of_them(books: Desk):
    history(books)
    j, p = schema.journal, schema.posting
    with books.site.engine.begin() as connection:
        first, second = (connection.execute(j.select().where(j.c.number == n)).one()._mapping for n in (9, 10))
        postings = {n: connection.execute(p.select().where(p.c.entry == n)).all() for n in (9, 10)}
        connection.execute(p.delete().where(p.c.entry.in_([9, 10])))
        for number, other in ((9, second), (10, first)):
            connection.execute(j.update().where(j.c.number == number).values({**other, "number": number}))
            connection.execute(p.insert(), [{**one._mapping, "entry": number} for one in postings[19 - number]])
    (fault,) = books.proof().faults
    assert fault.startswith("entry 9:")


@pytest.mark.rule("KCSD-88")
def test_a_posting_that_belongs_to_no_entry_is_found(lite: Desk):
    history(lite)
    with lite.site.engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        raw.execute("PRAGMA foreign_keys=OFF")
        raw.execute(
            "INSERT INTO posting (entry, line, holder, asset, part, amount) VALUES (999, 1, 'B06', 'KZT', '', 5)"
        )
        raw.execute("PRAGMA foreign_keys=ON")
    assert any("belong to none" in fault for fault in lite.proof().faults)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_files_that_do_not_hang_on_each_other_give_the_same_balances_in_any_order(lite: Desk, order: tuple[int, ...]):
    pieces = [
        lambda: lite.credit(advice(entry("A", "100.00", "B01"), entry("B", "7.00", "B02", line=2))),
        lambda: lite.send("B01", transfer("D", "B01-HO", "B03-DO", 10), local="12:00"),
        lambda: lite.send("B03", transfer("R", "B03-DO", "B01-HO", 10, receive=True), local="12:00"),
        lambda: lite.send("B02", transfer("O", "B02-HO", "B02-ST", 3), local="12:00"),
    ]
    for one in order:
        pieces[one]()
    assert {key: n for key, n in lite.balances().items() if not is_contra(key[0])} == {
        ("B01", "KZT", ""): 10_000, ("B02", "KZT", ""): 700,
        ("B01-HO", SHARE_B, ""): 99_990, ("B02-HO", SHARE_B, ""): 4_997, ("B02-ST", SHARE_B, ""): 3,
        ("B02-HO", BOND, ""): 2_000_000, ("B03-DO", SHARE_B, ""): 40_010, ("B03-DO", "KZX000009048", ""): 20_000,
        ("B05-HO", BOND, ""): 500_000, ("B05-HO", SHARE_B, ""): 3_000,
    }  # fmt: skip
    assert at("12:00").hour == 12
