"""Exchange trades become matched instructions; cycles settle them whole, securities and money together."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from depository.answers import Verdict
from depository.business_days import DayKind
from depository.cycles import run_cycle
from depository.fails import FAILED, LATE, fails_of_day, record_failed, record_late
from depository.instructions import Side, Status
from depository.obligations import free_cash
from depository.rejects import Broken, RejectionReason
from depository.store import instructions as store
from depository.store import register, schema
from tests.support.books import BOND, DAY, FUND, SHARE_A, SHARE_B, TRADE_DAY, TUESDAY, Desk, advice, entry, trade

WEDNESDAY = date(2026, 11, 25)


def fault(outcome):
    assert outcome.verdict is Verdict.REFUSED
    return outcome.rejects[0].code, outcome.rejects[0].field


def main_cycle(books: Desk, day: date = DAY, local: str = "11:15"):
    with books.work(local, day) as work:
        cycle = run_cycle(work, "main", "test")
        return cycle, record_late(work, cycle.unsettled, cycle.shortages)


def fails(books: Desk, day: date = DAY, local: str = "17:30"):
    with books.work(local, day) as work:
        return record_failed(work, "test")


# Trades ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("CSD-4.1.1-b", "CSD-4.1.1-a")
def test_a_trade_becomes_one_matched_instruction_that_settles_on_t_plus_two(books: Desk):
    outcome = books.trade(trade("X-1", "B01-HO", "B02-DO", 20, "1250.50", alternative_currency="USD"))[0]
    assert (outcome.verdict, outcome.status) == (Verdict.ACCEPTED, "matched")
    one = books.instruction("exchange", "X-1")
    assert (one.status, one.side, one.isd, one.trade_date) == (Status.MATCHED, Side.BOTH, DAY, TRADE_DAY)
    assert (one.deliver_account, one.receive_account, one.isin) == ("B01-HO", "B02-DO", SHARE_B)
    assert (one.quantity, one.amount, one.currency, one.netting) == (20, 2_501_000, "KZT", "net")
    assert one.alternative_currency == "USD"
    with books.work("18:11", TRADE_DAY) as work:
        assert [i.id for i in store.open_of(work, "B01")] == [one.id]
        assert [i.id for i in store.open_of(work, "B02")] == [one.id]


@pytest.mark.rule("CSD-4.1.1-b", "CSD-7.6.5-a")
def test_t_plus_two_counts_settlement_days_alone(books: Desk):
    """15 December trades over the holiday of the 16th; a business day without settlement is passed over too."""
    traded = date(2026, 12, 15)
    wrong = books.trade(trade("X-1", "B01-HO", "B02-HO", 1, traded=traded, settles=date(2026, 12, 17)), day=traded)
    assert fault(wrong[0]) == (RejectionReason.DATE, "settlement_date")
    assert "2026-12-18" in wrong[0].rejects[0].message
    with books.work() as work:
        register.add_calendar(work, [(date(2026, 12, 18), DayKind.BUSINESS, "No settlement", "Notice 3")])
    right = books.trade(trade("X-1", "B01-HO", "B02-HO", 1, traded=traded, settles=date(2026, 12, 21)), day=traded)
    assert right[0].verdict is Verdict.ACCEPTED


@pytest.mark.rule("CSD-4.1.1-b", "CSD-7.1.1-a", "CSD-5.1.5-a")
@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"buyer": "B09"}, RejectionReason.COUNTERPARTY, "buyer"),
        ({"seller": "exchange"}, RejectionReason.COUNTERPARTY, "seller"),
        ({"buyer_account": "B02-FO"}, RejectionReason.ACCOUNT, "buyer_account"),
        ({"seller_account": "B03-DO"}, RejectionReason.ACCOUNT, "seller_account"),
        ({"isin": "KZX000009998"}, RejectionReason.SECURITY, "isin"),
        ({"currency": "EUR"}, RejectionReason.MONEY, "currency"),
        ({"currency": "USD"}, RejectionReason.MONEY, "currency"),
        ({"settlement_date": TUESDAY}, RejectionReason.DATE, "settlement_date"),
        ({"kind": "REPO_CLOSE", "settlement_date": date(2026, 12, 16)}, RejectionReason.DATE, "settlement_date"),
        ({"kind": "REPO_CLOSE", "settlement_date": date(2031, 1, 6)}, RejectionReason.DATE, "settlement_date"),
        ({"quantity": trade("", "B01-HO", "B02-HO", 10**30).quantity}, RejectionReason.QUANTITY, "quantity"),
        ({"quantity": trade("", "B01-HO", "B02-HO", 1).price / 3000}, RejectionReason.QUANTITY, "quantity"),
        ({"amount": trade("", "B01-HO", "B02-HO", 1, "0.001").price}, RejectionReason.MONEY, "amount"),
        ({"amount": trade("", "B01-HO", "B02-HO", 10**17).amount}, RejectionReason.MONEY, "amount"),
    ],
)
def test_a_wrong_trade_is_refused_by_itself_and_the_others_are_taken(books: Desk, changes, code, field):
    bad = replace(trade("X-1", "B01-HO", "B02-HO", 1), **changes)
    outcomes = books.trade(bad, trade("X-2", "B01-HO", "B02-HO", 1, line=3))
    assert fault(outcomes[0]) == (code, field)
    assert outcomes[1].verdict is Verdict.ACCEPTED
    assert len(books.due()) == 1


@pytest.mark.rule("CSD-4.1.1-b")
def test_a_trade_is_recorded_once_over_all_files(books: Desk):
    outcomes = books.trade(trade("X-1", "B01-HO", "B02-HO", 1), trade("X-1", "B01-HO", "B02-HO", 2, line=3))
    assert [o.verdict for o in outcomes] == [Verdict.ACCEPTED, Verdict.REFUSED]
    assert fault(books.trade(trade("X-1", "B01-HO", "B02-HO", 1))[0])[1] == "trade_id"
    assert books.instruction("exchange", "X-1").quantity == 1


@pytest.mark.rule("CSD-5.1.10-a")
def test_the_exchange_cancels_on_the_trade_day_and_the_instruction_follows(books: Desk):
    made = trade("X-1", "B01-HO", "B02-HO", 1)
    outcomes = books.trade(made, replace(made, cancelled=True, line=3))
    assert outcomes[1].status == "cancelled"
    assert books.status("exchange", "X-1") is Status.CANCELLED
    books.fund("B02", "10000.00")
    assert books.cycle().certificate is None
    assert fault(books.trade(replace(made, cancelled=True))[0])[1] == "state"
    assert fault(books.trade(made)[0])[1] == "trade_id"


@pytest.mark.rule("CSD-5.1.10-a")
def test_after_the_trade_day_a_trade_is_official_and_stays(books: Desk):
    made = trade("X-1", "B01-HO", "B02-HO", 1)
    books.trade(made)
    outcome = books.trade(replace(made, cancelled=True), day=TRADE_DAY + timedelta(days=1), local="09:00")[0]
    assert outcome.rejects[0].code is RejectionReason.DEADLINE
    assert "limit passed" in outcome.rejects[0].message
    assert books.status("exchange", "X-1") is Status.MATCHED
    assert fault(books.trade(replace(trade("X-9", "B01-HO", "B02-HO", 1), cancelled=True))[0])[1] == "trade_id"


# Cycles ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("CSD-5.2-dvp", "KCSD-91")
def test_securities_and_money_move_together_in_one_entry_or_not_at_all(books: Desk):
    books.trade(trade("X-1", "B01-HO", "B02-HO", 10), trade("X-2", "B01-HO", "B04-HO", 10, line=3))
    books.fund("B02", "10000.00")
    books.fund("B04", "9999.99")
    cycle = books.cycle()
    assert [one.reference for one in cycle.settled] == ["X-1"]
    assert (books.amount("B02-HO", SHARE_B), books.amount("B02", "KZT"), books.amount("B01", "KZT")) == (
        5_010,
        0,
        1_000_000,
    )
    assert (books.amount("B04-HO", SHARE_B), books.amount("B04", "KZT")) == (0, 999_999)
    entries = [r for r in books.rows(schema.journal) if r.kind == "settlement"]
    assert len(entries) == 1
    postings = [r for r in books.rows(schema.posting) if r.entry == entries[0].number]
    assert sorted((p.holder, p.asset, p.amount) for p in postings) == [
        ("B01", "KZT", 1_000_000), ("B01-HO", SHARE_B, -10), ("B02", "KZT", -1_000_000), ("B02-HO", SHARE_B, 10),
    ]  # fmt: skip


@pytest.mark.rule("CSD-5.2-dvp")
def test_what_is_settled_is_final(books: Desk):
    books.trade(trade("X-1", "B01-HO", "B02-HO", 10))
    books.fund("B02", "10000.00")
    books.cycle()
    one = books.instruction("exchange", "X-1")
    with pytest.raises(Broken, match="final"), books.work() as work:
        store.change(work, [one], Status.CANCELLED, "", "test")
    assert books.cycle("late", "11:31").certificate is None


@pytest.mark.rule("CSD-5.2-dvp")
def test_a_circle_without_any_stock_settles_at_once_on_its_net_money(books: Desk):
    books.trade(
        trade("X-1", "B01-ST", "B02-ST", 500, "1000.00", isin=SHARE_A),
        trade("X-2", "B02-ST", "B03-ST", 500, "1010.00", isin=SHARE_A, line=3),
        trade("X-3", "B03-ST", "B01-ST", 500, "990.00", isin=SHARE_A, line=4),
    )
    books.fund("B03", "10000.00")
    assert len(books.cycle().settled) == 3
    assert books.amount("B03", "KZT") == 0
    assert (books.amount("B01", "KZT"), books.amount("B02", "KZT")) == (500_000, 500_000)


@pytest.mark.rule("CSD-3.3.1-a", "CSD-3.3.1-b", "CSD-3.3.1-c")
def test_the_main_cycle_settles_by_the_money_there_at_its_start_and_the_rest_waits_for_late_cycles(books: Desk):
    """Money that comes after 11:00 but before the cycle counts; what comes later settles later."""
    books.trade(trade("X-1", "B01-HO", "B02-HO", 10), trade("X-2", "B01-HO", "B04-HO", 10, line=3))
    books.fund("B02", "10000.00", local="11:10")
    cycle, late = main_cycle(books)
    assert [one.reference for one in cycle.settled] == ["X-1"]
    assert [fail.causes for fail in late] == [("B04",)]
    assert books.instruction("exchange", "X-2").reason.startswith("MONY B04")
    assert books.cycle("late", "11:31").settled == ()
    books.fund("B04", "10000.00", local="12:00")
    assert [one.reference for one in books.cycle("late", "12:16").settled] == ["X-2"]


@pytest.mark.rule("CSD-3.3.1-d", "CSD-A1")
@pytest.mark.parametrize(("local", "settles"), [("17:29:59", True), ("17:30:00", False), ("17:30:02", False)])
def test_money_counts_up_to_the_end_of_1729_also_when_the_last_cycle_starts_seconds_late(books: Desk, local, settles):
    books.trade(trade("X-1", "B01-HO", "B02-HO", 10))
    books.fund("B02", "10000.00", local=local)
    assert bool(books.cycle("late", "17:30:05").settled) == settles
    found, _ = fails(books, local="17:30:06")
    assert [(f.causes, f.short[:8]) for f in found] == ([] if settles else [(("B02",), "MONY B02")])
    assert books.cycle("main", "11:15", TUESDAY).certificate is None or not settles


@pytest.mark.rule("CSD-3.3.1-d", "CSD-A2-3.1", "CSD-4.1.4-a")
def test_late_from_the_main_cycle_failed_at_1730_and_tried_again_on_the_next_settlement_day(books: Desk):
    books.trade(trade("X-1", "B01-HO", "B02-HO", 10))
    main_cycle(books)
    with books.work("12:00") as work:
        assert [(f.stage, f.causes) for f in fails_of_day(work, LATE)] == [("late", ("B02",))]
    assert books.status("exchange", "X-1") is Status.MATCHED
    found, notices = fails(books)
    assert [(f.stage, f.causes) for f in found] == [("failed", ("B02",))]
    assert books.status("exchange", "X-1") is Status.FAILING
    told = {n.addressee: n.body for n in notices}
    assert "You are a failing participant" in told["B02"]
    assert "not failing" in told["B01"]
    assert all("tried again on the next settlement day" in said for said in told.values())
    assert books.status("exchange", "X-1") is Status.FAILING
    books.fund("B02", "10000.00", day=TUESDAY)
    cycle, late = main_cycle(books, TUESDAY)
    assert [one.reference for one in cycle.settled] == ["X-1"]
    assert late == []


@pytest.mark.rule("CSD-4.1.4-a", "CSD-A2-3.1")
def test_a_fail_that_stays_is_failed_again_on_the_next_day_but_late_only_once(books: Desk):
    books.trade(trade("X-1", "B01-HO", "B02-HO", 10))
    main_cycle(books)
    fails(books)
    assert main_cycle(books, TUESDAY)[1] == []
    assert [f.causes for f in fails(books, TUESDAY)[0]] == [("B02",)]
    with books.work("18:00", TUESDAY) as work:
        assert len(fails_of_day(work, FAILED)) == 1
    assert [r.stage for r in books.rows(schema.settlement_fail)].count(LATE) == 1
    assert len(books.rows(schema.settlement_fail)) == 4


@pytest.mark.rule("CSD-A2-3.2")
def test_who_cannot_deliver_only_because_another_did_not_deliver_to_it_is_no_failing_participant(books: Desk):
    """B04 passes on to B05, B05 to B06, what B01 was to deliver; B01 has not enough."""
    books.trade(
        trade("X-1", "B01-HO", "B04-HO", 150_000, "1.00"),
        trade("X-2", "B04-HO", "B05-HO", 150_000, "1.00", line=3),
        trade("X-3", "B05-HO", "B06-HO", 150_000, "1.00", line=4),
    )
    for who in ("B04", "B05", "B06"):
        books.fund(who, "150000.00")
    cycle, late = main_cycle(books)
    assert cycle.settled == ()
    assert {f.causes for f in late} == {("B01",)}
    _, notices = fails(books)
    words = {n.addressee: n.body + " ".join(text for _, text in n.facts) for n in notices}
    assert {party for party, said in words.items() if "You are a failing participant" in said} == {"B01"}
    assert words.keys() == {"B01", "B04", "B05", "B06"}
    assert len(notices) == 4


@pytest.mark.rule("CSD-A2-3.2")
def test_a_buyer_short_of_money_is_the_root_of_everything_behind_it(books: Desk):
    books.trade(
        trade("X-1", "B01-HO", "B04-HO", 10, "1000.00"),
        trade("X-2", "B04-HO", "B05-HO", 10, "1000.00", line=3),
    )
    books.fund("B05", "9999.00")
    _, late = main_cycle(books)
    assert {f.instruction[-1]: f.causes for f in late} == {"1": ("B05",), "2": ("B05",)}


@pytest.mark.rule("CSD-5.2-dvp")
def test_nothing_settles_in_part(books: Desk):
    books.trade(trade("X-1", "B02-HO", "B04-HO", 5_001, "1.00"))
    books.fund("B04", "100000.00")
    assert books.cycle().settled == ()
    assert (books.amount("B02-HO", SHARE_B), books.amount("B04", "KZT")) == (5_000, 10_000_000)


@pytest.mark.rule("CSD-3.3.1-a")
def test_each_currency_is_funded_by_itself(books: Desk):
    books.trade(trade("X-1", "B03-DO", "B01-HO", 10, "100.00", isin=FUND, currency="USD"))
    books.fund("B01", "100000000.00", "KZT")
    assert books.cycle().settled == ()
    books.fund("B01", "1000.00", "USD")
    assert len(books.cycle("late", "11:31").settled) == 1


def test_trades_between_accounts_of_one_participant_settle_on_its_own_net_money(books: Desk):
    books.trade(trade("X-1", "B02-HO", "B02-DO", 1_000_000, "0.985", isin=BOND))
    assert len(books.cycle().settled) == 1
    assert books.amount("B02-DO", BOND) == 1_000_000
    with books.work() as work:
        assert free_cash(work, "B02", "KZT") == 0


def test_an_instruction_due_on_a_day_that_loses_its_settlement_is_due_on_the_next(books: Desk):
    books.trade(trade("X-1", "B01-HO", "B02-HO", 10))
    books.fund("B02", "10000.00")
    assert len(books.cycle("main", "11:15", TUESDAY).settled) == 1


@pytest.mark.rule("CSD-5.2.10-b")
def test_every_cycle_keeps_its_number_counts_and_certificate(books: Desk):
    books.trade(trade("X-1", "B01-HO", "B02-HO", 10), trade("X-2", "B01-HO", "B04-HO", 10, line=3))
    books.fund("B02", "10000.00")
    books.cycle()
    books.cycle("late", "11:31")
    kept = [(r.number, r.kind, r.due, r.settled) for r in books.rows(schema.cycle)]
    assert kept == [(1, "main", 2, 1), (2, "late", 1, 0)]
    assert all("input_sha256" in r.certificate for r in books.rows(schema.cycle))


def test_money_of_nobody_settles_nothing(books: Desk):
    books.trade(trade("X-1", "B01-HO", "B02-HO", 10))
    books.credit(advice(entry("U", "10000.00", "")))
    assert books.cycle().settled == ()
