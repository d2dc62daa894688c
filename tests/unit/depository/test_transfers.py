"""Free-of-payment transfers: when they execute, match, wait, are withdrawn and lapse."""

from datetime import date
from decimal import Decimal

import pytest

from depository.answers import Verdict
from depository.instructions import InstructionKind, Status
from depository.rejects import RejectionReason
from depository.requests import Action, TransferRequest
from depository.store import instructions as store
from depository.transfers import execute_transfers, lapse_transfers
from tests.support.books import BOND, DAY, FRIDAY, FUND, SHARE_A, SHARE_B, TUESDAY, Desk, revoke, transfer

SATURDAY = date(2026, 11, 21)
HOLIDAY = date(2026, 12, 16)


def window(books: Desk, local: str, day: date = DAY, **when: date):
    with books.work(local, day, **when) as work:
        return execute_transfers(work, "test")


def only(recorded):
    assert len(recorded.outcomes) == 1
    return recorded.outcomes[0]


def refusal(recorded) -> tuple[RejectionReason, str, str]:
    outcome = only(recorded)
    assert outcome.verdict is Verdict.REFUSED
    return outcome.rejects[0].code, outcome.rejects[0].rule, outcome.rejects[0].field


def matched_transfer(books: Desk, quantity: int = 100, due: date = DAY, local: str = "10:00") -> None:
    books.send("B01", transfer("D-1", "B01-HO", "B03-DO", quantity, due=due), local=local)
    books.send("B03", transfer("R-1", "B03-DO", "B01-HO", quantity, due=due, receive=True), local=local)


# Within one participant ---------------------------------------------------------------------------------------------------


@pytest.mark.rule("CSD-4.1.2-a", "CSD-4.1.1-a")
@pytest.mark.parametrize("local", ["00:10:00", "09:00:00", "13:00:00", "18:59:59"])
def test_a_transfer_within_one_participant_is_executed_at_once_at_any_time_of_its_due_day(books: Desk, local):
    outcome = only(books.send("B01", transfer("T-1", "B01-HO", "B01-DO", 40), local=local))
    assert outcome.status == "settled"
    assert books.amount("B01-DO", SHARE_B) == 40
    assert books.amount("B01-HO", SHARE_B) == 99_960


@pytest.mark.rule("CSD-4.1.2-a")
def test_a_transfer_within_one_participant_with_a_later_due_date_waits_for_it_and_is_executed_on_it(books: Desk):
    outcome = only(books.send("B01", transfer("T-1", "B01-HO", "B01-DO", 40, due=TUESDAY)))
    assert outcome.status == "matched"
    assert "2026-11-24" in outcome.note
    assert window(books, "17:00").settled == ()
    assert books.amount("B01-DO", SHARE_B) == 0
    assert [one.reference for one in window(books, "09:00", TUESDAY).settled] == ["T-1"]
    assert books.amount("B01-DO", SHARE_B) == 40


@pytest.mark.rule("CSD-4.1.2-a")
def test_a_transfer_within_one_participant_can_be_changed_until_its_due_date(books: Desk):
    books.send("B01", transfer("T-1", "B01-HO", "B01-DO", 40, due=TUESDAY))
    changed = transfer("T-2", "B01-HO", "B01-DO", 25, due=TUESDAY, action=Action.REPLACE, previous="T-1")
    assert only(books.send("B01", changed)).verdict is Verdict.ACCEPTED
    window(books, "09:00", TUESDAY)
    assert books.amount("B01-DO", SHARE_B) == 25
    assert books.status("B01", "T-1") is Status.CANCELLED


# Between participants ------------------------------------------------------------------------------------------------------


@pytest.mark.rule("CSD-4.1.2-b", "KCSD-91")
def test_a_transfer_between_two_participants_needs_both_sides_and_then_moves_at_once(books: Desk):
    first = only(books.send("B01", transfer("D-1", "B01-HO", "B03-DO")))
    assert (first.verdict, first.status) == (Verdict.ACCEPTED, "unmatched")
    assert books.amount("B03-DO", SHARE_B) == 40_000
    second = books.send("B03", transfer("R-1", "B03-DO", "B01-HO", receive=True))
    assert only(second).status == "settled"
    assert books.amount("B03-DO", SHARE_B) == 40_100
    assert books.amount("B01-HO", SHARE_B) == 99_900
    assert books.status("B01", "D-1") is Status.SETTLED
    assert sorted(notice.addressee for notice in second.notices) == ["B01", "B03"]


@pytest.mark.rule("KCSD-91")
@pytest.mark.parametrize(
    "other",
    [
        {"quantity": 99},
        {"isin": FUND},
        {"due": TUESDAY},
        {"own": "B03-ST"},
        {"other": "B01-DO"},
        {"receive": False},
    ],
)
def test_sides_that_differ_in_quantity_security_date_account_or_direction_do_not_match(books: Desk, other):
    books.send("B01", transfer("D-1", "B01-HO", "B03-DO", 100))
    values = {"own": "B03-DO", "other": "B01-HO", "quantity": 100, "receive": True, **other}
    outcome = only(books.send("B03", transfer("R-1", **values)))
    assert outcome.status == "unmatched"
    assert books.status("B01", "D-1") is Status.UNMATCHED
    assert books.amount("B03-DO", SHARE_B) == 40_000


@pytest.mark.rule("KCSD-91")
def test_two_equal_deliveries_are_matched_with_the_oldest_first_and_each_only_once(books: Desk):
    books.send("B01", transfer("D-1", "B01-HO", "B03-DO"), transfer("D-2", "B01-HO", "B03-DO"))
    books.send("B03", transfer("R-1", "B03-DO", "B01-HO", receive=True))
    assert books.status("B01", "D-1") is Status.SETTLED
    assert books.status("B01", "D-2") is Status.UNMATCHED
    assert books.amount("B03-DO", SHARE_B) == 40_100
    books.send("B03", transfer("R-2", "B03-DO", "B01-HO", receive=True))
    assert books.amount("B03-DO", SHARE_B) == 40_200


@pytest.mark.rule("KCSD-91")
def test_equal_lines_of_one_form_are_matched_with_one_counterpart_each_the_oldest_first_and_one_too_many_waits(
    books: Desk,
):
    sent = [transfer(f"D-{n}", "B01-HO", "B03-DO", 10, due=TUESDAY) for n in range(3)]
    older = [only(books.send("B01", one)).record for one in sent]
    lines = [transfer(f"R-{n}", "B03-DO", "B01-HO", 10, due=TUESDAY, receive=True) for n in range(4)]
    lines.insert(2, transfer("R-other", "B03-DO", "B01-HO", 11, due=TUESDAY, receive=True))
    outcomes = books.send("B03", *lines).outcomes
    with books.work("12:00") as work:
        recorded = [store.get(work, one.record) for one in outcomes]
        assert [one.matched_with for one in recorded] == [*older[:2], "", older[2], ""]
        assert [store.get(work, one).matched_with for one in older] == [outcomes[n].record for n in (0, 1, 3)]
    assert [one.status for one in outcomes] == ["matched", "matched", "unmatched", "matched", "unmatched"]


@pytest.mark.rule("CSD-4.1.2-c", "CSD-A1")
@pytest.mark.parametrize(
    ("local", "moves"),
    [("09:29:59", False), ("09:30:00", True), ("17:45:00", True), ("17:45:01", False), ("17:59:59", False)],
)
def test_transfers_between_participants_are_executed_from_0930_to_1745_to_the_second(books: Desk, local, moves):
    matched_transfer(books, local=local)
    assert books.amount("B03-DO", SHARE_B) == (40_100 if moves else 40_000)
    assert books.status("B01", "D-1") is (Status.SETTLED if moves else Status.MATCHED)


@pytest.mark.rule("CSD-4.1.2-c")
def test_what_comes_before_the_window_waits_for_it_and_is_executed_in_it(books: Desk):
    matched_transfer(books, local="08:00")
    assert [one.reference for one in window(books, "09:30").settled] == ["D-1"]
    assert books.amount("B03-DO", SHARE_B) == 40_100


@pytest.mark.rule("CSD-4.1.2-c", "CSD-7.6.5-a")
def test_a_form_that_comes_on_a_day_off_waits_for_the_next_business_day(books: Desk):
    """Sent on Saturday, it belongs to Monday; nothing moves before Monday's window."""
    with books.work("12:00", DAY, on=SATURDAY) as work:
        from depository.transfers import record_transfers
        from tests.support.books import header

        lines = [transfer("D-1", "B01-HO", "B03-DO"), transfer("O-1", "B01-HO", "B01-DO", 7, line=2)]
        record_transfers(work, header("B01", "F-1"), lines, "test")
        record_transfers(work, header("B03", "F-2"), [transfer("R-1", "B03-DO", "B01-HO", receive=True)], "test")
    assert books.status("B01", "D-1") is Status.MATCHED
    assert books.status("B01", "O-1") is Status.MATCHED
    assert {one.reference for one in window(books, "09:30").settled} == {"D-1", "O-1"}


@pytest.mark.rule("CSD-7.6.5-c")
def test_a_notice_that_prolongs_the_window_takes_effect_without_a_change_of_code(books: Desk):
    from dataclasses import replace
    from datetime import time

    usual = books.site.market.timetables[0]
    longer = replace(usual, valid_from=DAY, valid_to=DAY, source="Notice 17", fop_end=time(18, 30), close=time(18, 45))
    books.site = replace(books.site, market=replace(books.site.market, timetables=(usual, longer)))
    matched_transfer(books, local="18:20")
    assert books.status("B01", "D-1") is Status.SETTLED
    books.send("B01", transfer("D-2", "B01-HO", "B03-DO", due=TUESDAY), local="17:50", day=TUESDAY)
    books.send("B03", transfer("R-2", "B03-DO", "B01-HO", due=TUESDAY, receive=True), local="17:50", day=TUESDAY)
    assert books.status("B01", "D-2") is Status.MATCHED


@pytest.mark.rule("CSD-5.2-dvp")
def test_a_transfer_without_cover_waits_whole_and_moves_when_the_securities_come(books: Desk):
    matched_transfer(books, quantity=100_001)
    waiting = books.instruction("B01", "D-1")
    assert waiting.status is Status.MATCHED
    assert waiting.reason.startswith("LACK")
    assert books.amount("B01-HO", SHARE_B) == 100_000
    books.give("B01-HO", SHARE_B, 1)
    assert len(window(books, "11:00").settled) == 1
    assert books.amount("B01-HO", SHARE_B) == 0
    assert books.amount("B03-DO", SHARE_B) == 140_001


# Lines refused -------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("CSD-4.1.2-a", "CSD-4.1.2-b")
@pytest.mark.parametrize(
    ("line", "code", "field"),
    [
        (transfer("T", "B02-HO", "B03-DO"), RejectionReason.ACCOUNT, "own_account"),
        (transfer("T", "B01-FO", "B03-DO"), RejectionReason.ACCOUNT, "own_account"),
        (transfer("T", "B01-HO", "B09-DO"), RejectionReason.COUNTERPARTY, "counterparty"),
        (transfer("T", "B01-HO", "B03-MM"), RejectionReason.ACCOUNT, "counterparty_account"),
        (transfer("T", "B01-HO", "B03-DO", counterparty="B02"), RejectionReason.ACCOUNT, "counterparty_account"),
        (transfer("T", "B01-HO", "B01-HO"), RejectionReason.ACCOUNT, "counterparty_account"),
        (transfer("T", "B01-HO", "B03-DO", 0), RejectionReason.QUANTITY, "quantity"),
        (transfer("T", "B01-HO", "B03-DO", -5), RejectionReason.QUANTITY, "quantity"),
        (transfer("T", "B01-HO", "B03-DO", "0.5"), RejectionReason.QUANTITY, "quantity"),
        (transfer("T", "B01-HO", "B03-DO", Decimal(10) ** 30), RejectionReason.QUANTITY, "quantity"),
        (transfer("T", "B01-HO", "B03-DO", 2**63), RejectionReason.QUANTITY, "quantity"),
        (transfer("T", "B01-HO", "B03-DO", "1234567890123456789012345678.9"), RejectionReason.QUANTITY, "quantity"),
        (transfer("T", "B01-HO", "B03-DO", quantity_type="FAMT"), RejectionReason.QUANTITY, "quantity_type"),
        (transfer("T", "B01-HO", "B03-DO", due=FRIDAY), RejectionReason.DATE, "due_date"),
        (transfer("T", "B01-HO", "B03-DO", due=None), RejectionReason.DATE, "due_date"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_refused_with_its_field_and_nothing_is_recorded(books: Desk, line, code, field):
    assert refusal(books.send("B01", line))[::2] == (code, field)
    with books.work() as work:
        assert store.by_reference(work, "B01", "T") is None


@pytest.mark.rule("CSD-7.6.5-a")
@pytest.mark.parametrize("due", [SATURDAY.replace(day=28), HOLIDAY])
def test_a_due_date_on_a_day_off_is_refused(books: Desk, due):
    assert refusal(books.send("B01", transfer("T-1", "B01-HO", "B03-DO", due=due))) == (
        RejectionReason.DATE, "CSD-7.6.5-a", "due_date",
    )  # fmt: skip


@pytest.mark.rule("CSD-7.6.5-a")
def test_a_due_date_in_a_year_without_a_calendar_is_refused_and_not_guessed(books: Desk):
    assert refusal(books.send("B01", transfer("T-1", "B01-HO", "B03-DO", due=date(2031, 3, 3)))) == (
        RejectionReason.DATE, "CSD-7.6.5-a", "due_date",
    )  # fmt: skip


@pytest.mark.rule("CSD-4.1.4-b")
def test_a_transfer_between_participants_due_today_is_refused_from_1800_on(books: Desk):
    assert only(books.send("B01", transfer("T-1", "B01-HO", "B03-DO"), local="17:59:59")).verdict is Verdict.ACCEPTED
    assert refusal(books.send("B01", transfer("T-2", "B01-HO", "B03-DO"), local="18:00:00")) == (
        RejectionReason.DEADLINE, "CSD-4.1.4-b", "due_date",
    )  # fmt: skip
    within = only(books.send("B01", transfer("T-3", "B01-HO", "B01-DO"), local="18:00:00"))
    assert within.status == "settled"


def test_a_reference_is_used_once_also_within_one_form_but_a_refused_line_may_come_again_mended(books: Desk):
    outcomes = books.send(
        "B01",
        transfer("T-1", "B01-HO", "B03-DO", 0),
        transfer("T-1", "B01-HO", "B03-DO", 5),
        transfer("T-1", "B01-HO", "B03-DO", 6),
    ).outcomes
    assert [o.verdict for o in outcomes] == [Verdict.REFUSED, Verdict.ACCEPTED, Verdict.REFUSED]
    assert outcomes[2].rejects[0].code is RejectionReason.REFERENCE
    assert books.instruction("B01", "T-1").quantity == 5
    assert only(books.send("B03", transfer("T-1", "B03-DO", "B01-HO", 5, receive=True))).status == "settled"


# Withdrawal and change ------------------------------------------------------------------------------------------------------


@pytest.mark.rule("CSD-4.1.5-a", "CSD-4.3.3-a")
def test_the_sender_can_withdraw_until_the_day_before_and_on_the_day_itself_at_its_own_risk(books: Desk):
    books.send(
        "B01", transfer("T-1", "B01-HO", "B03-DO", due=TUESDAY), transfer("T-2", "B01-HO", "B03-DO", due=TUESDAY)
    )
    before = only(books.send("B01", revoke("V-1", "T-1")))
    assert (before.verdict, before.status, before.note) == (Verdict.ACCEPTED, "cancelled", "")
    on_the_day = only(books.send("B01", revoke("V-2", "T-2"), day=TUESDAY))
    assert on_the_day.verdict is Verdict.ACCEPTED
    assert "risk" in on_the_day.note
    assert books.status("B01", "T-1") is books.status("B01", "T-2") is Status.CANCELLED


@pytest.mark.rule("CSD-4.1.5-a", "CSD-4.3.3-a", "CSD-4.1.2-b")
def test_what_is_executed_stays_and_the_refusal_names_the_limit_passed(books: Desk):
    matched_transfer(books)
    for line in (revoke("V-1", "D-1"), transfer("V-2", "B01-HO", "B03-DO", 5, action=Action.REPLACE, previous="D-1")):
        outcome = only(books.send("B01", line, local="11:00"))
        assert outcome.verdict is Verdict.REFUSED
        assert outcome.rejects[0].code is RejectionReason.DEADLINE
        assert "limit passed" in outcome.rejects[0].message
        assert "2026-11-23 10:00:00" in outcome.rejects[0].message
    assert books.amount("B03-DO", SHARE_B) == 40_100
    assert books.status("B01", "D-1") is Status.SETTLED


@pytest.mark.rule("CSD-4.1.5-a")
def test_nobody_withdraws_the_instruction_of_another(books: Desk):
    books.send("B01", transfer("D-1", "B01-HO", "B03-DO"))
    assert refusal(books.send("B03", revoke("V-1", "D-1")))[0] is RejectionReason.REFERENCE
    assert books.status("B01", "D-1") is Status.UNMATCHED


@pytest.mark.rule("CSD-4.1.5-a")
def test_an_instruction_from_an_exchange_trade_can_be_withdrawn_by_no_participant(books: Desk):
    from tests.support.books import trade

    books.trade(trade("X-1", "B01-HO", "B02-HO", 10))
    for party in ("B01", "B02", "B03"):
        outcome = only(books.send(party, revoke(f"V-{party}", "X-1")))
        assert (outcome.verdict, outcome.rejects[0].rule) == (Verdict.REFUSED, "CSD-4.1.5-a")
        assert ("exchange trades cannot be withdrawn" in outcome.rejects[0].message) == (party != "B03")
    assert books.status("exchange", "X-1") is Status.MATCHED


def limit_passed(books: Desk, line: TransferRequest) -> str:
    (reject,) = only(books.send("B01", line, local="18:10")).rejects
    assert (reject.code, reject.rule) == (RejectionReason.DEADLINE, "CSD-4.3.3-a")
    return str(reject.message)


@pytest.mark.rule("CSD-4.3.3-a")
def test_what_was_withdrawn_replaced_or_has_lapsed_cannot_be_withdrawn_again(books: Desk):
    books.send("B01", transfer("T-1", "B01-HO", "B03-DO", due=TUESDAY), transfer("T-2", "B01-HO", "B03-DO"))
    books.send("B01", revoke("V-1", "T-1"))
    assert limit_passed(books, revoke("V-2", "T-1")).startswith("limit passed: I000000001 is cancelled already")
    with books.work("18:00") as work:
        lapse_transfers(work, [InstructionKind.TRANSFER], "test")
    assert limit_passed(books, revoke("V-3", "T-2")).startswith("limit passed: I000000002 is lapsed already")
    assert books.status("B01", "T-2") is Status.LAPSED


@pytest.mark.rule("CSD-4.1.2-b")
def test_a_change_revokes_the_old_and_records_the_new_or_does_neither(books: Desk):
    books.send("B01", transfer("T-1", "B01-HO", "B03-DO"))
    bad = transfer("T-2", "B01-HO", "B03-DO", 0, action=Action.REPLACE, previous="T-1")
    assert only(books.send("B01", bad)).verdict is Verdict.REFUSED
    assert books.status("B01", "T-1") is Status.UNMATCHED
    good = transfer("T-2", "B01-HO", "B03-DO", 55, action=Action.REPLACE, previous="T-1")
    assert only(books.send("B01", good)).verdict is Verdict.ACCEPTED
    assert books.status("B01", "T-1") is Status.CANCELLED
    assert books.instruction("B01", "T-2").quantity == 55


@pytest.mark.rule("CSD-4.1.2-b")
def test_changes_of_changes_within_one_form_follow_each_other(books: Desk):
    outcomes = books.send(
        "B01",
        transfer("T-1", "B01-HO", "B03-DO", 10),
        transfer("T-2", "B01-HO", "B03-DO", 20, action=Action.REPLACE, previous="T-1"),
        transfer("T-3", "B01-HO", "B03-DO", 30, action=Action.REPLACE, previous="T-1"),
        transfer("T-4", "B01-HO", "B03-DO", 40, action=Action.REPLACE, previous="T-2", due=TUESDAY),
        revoke("V-1", "T-2"),
        revoke("V-2", "T-4"),
        revoke("V-3", "T-4"),
    ).outcomes
    accepted = [o.verdict is Verdict.ACCEPTED for o in outcomes]
    assert accepted == [True, True, False, True, False, True, False]
    assert [books.status("B01", f"T-{n}") for n in (1, 2, 4)] == [Status.CANCELLED] * 3


@pytest.mark.rule("CSD-4.1.5-a")
def test_when_one_side_is_withdrawn_the_other_waits_for_a_new_match(books: Desk):
    matched_transfer(books, due=TUESDAY)
    assert books.status("B03", "R-1") is Status.MATCHED
    books.send("B01", revoke("V-1", "D-1"))
    assert books.status("B03", "R-1") is Status.UNMATCHED
    books.send("B01", transfer("D-2", "B01-HO", "B03-DO", due=TUESDAY))
    assert books.status("B03", "R-1") is Status.MATCHED
    window(books, "09:30", TUESDAY)
    assert books.amount("B03-DO", SHARE_B) == 40_100


@pytest.mark.rule("CSD-4.1.5-a")
def test_when_one_side_is_withdrawn_the_other_is_paired_at_once_with_an_equal_one_that_waits(books: Desk):
    books.send(
        "B01", transfer("D-1", "B01-HO", "B03-DO", due=TUESDAY), transfer("D-2", "B01-HO", "B03-DO", due=TUESDAY)
    )
    books.send("B03", transfer("R-1", "B03-DO", "B01-HO", due=TUESDAY, receive=True))
    books.send("B01", revoke("V-1", "D-1"))
    assert books.instruction("B03", "R-1").matched_with == books.instruction("B01", "D-2").id
    window(books, "09:30", TUESDAY)
    assert books.status("B01", "D-2") is Status.SETTLED
    assert books.status("B01", "D-1") is Status.CANCELLED


@pytest.mark.rule("CSD-4.1.5-a")
def test_a_transfer_within_one_participant_can_be_withdrawn_until_it_is_executed(books: Desk):
    books.send("B01", transfer("T-1", "B01-HO", "B01-DO", 200_000))
    assert books.status("B01", "T-1") is Status.MATCHED
    assert only(books.send("B01", revoke("V-1", "T-1"), local="18:30")).status == "cancelled"


def test_lines_that_depend_on_each_other_in_one_form_are_taken_in_their_order(books: Desk):
    """What the first line brings, the second passes on; the other way round it waits."""
    outcomes = books.send(
        "B06",
        transfer("T-1", "B06-HO", "B06-DO", 10, isin=FUND),
    ).outcomes
    assert outcomes[0].status == "matched"
    outcomes = books.send(
        "B03",
        transfer("T-1", "B03-DO", "B03-HO", 100, isin=FUND),
        transfer("T-2", "B03-HO", "B03-ST", 60, isin=FUND),
        transfer("T-3", "B03-HO", "B03-ST", 41, isin=FUND),
    ).outcomes
    assert [o.status for o in outcomes] == ["settled", "settled", "matched"]
    assert outcomes[2].note.startswith("LACK")
    assert (books.amount("B03-HO", FUND), books.amount("B03-ST", FUND)) == (40, 60)


# Lapse ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("CSD-4.1.4-b")
def test_what_is_not_executed_lapses_on_its_due_day_and_each_sender_is_told(books: Desk):
    matched_transfer(books, quantity=200_000)
    books.send("B02", transfer("T-1", "B02-HO", "B03-DO", 1, due=TUESDAY))
    books.send("B01", transfer("O-1", "B01-HO", "B01-DO", 999_999))
    with books.work("18:00") as work:
        lapsed, notices = lapse_transfers(work, [InstructionKind.TRANSFER], "test")
    assert {one.reference for one in lapsed} == {"D-1", "R-1"}
    assert sorted(n.addressee for n in notices) == ["B01", "B03"]
    assert all("LACK" in n.body for n in notices)
    assert books.status("B02", "T-1") is Status.UNMATCHED
    assert books.status("B01", "O-1") is Status.MATCHED
    with books.work("19:00") as work:
        lapsed, _ = lapse_transfers(work, [InstructionKind.OWN_TRANSFER], "test")
    assert [one.reference for one in lapsed] == ["O-1"]
    books.give("B01-HO", SHARE_B, 10_000_000)
    assert window(books, "11:00", TUESDAY).settled == ()


def test_a_bond_moves_by_face_amount(books: Desk):
    assert only(books.send("B02", transfer("T-1", "B02-HO", "B02-DO", 150_000, isin=BOND))).status == "settled"
    assert (
        refusal(books.send("B02", transfer("T-2", "B02-HO", "B02-DO", isin=SHARE_A, quantity_type="FAMT")))[2]
        == "quantity_type"
    )


def test_each_participant_gets_one_notice_however_many_transfers_were_executed_or_lapsed(books: Desk):
    deliveries = [transfer(f"D-{n}", "B01-HO", "B03-DO", n) for n in range(1, 4)]
    books.send("B01", *deliveries, transfer("D-9", "B01-HO", "B03-DO", 9), transfer("D-8", "B01-HO", "B03-DO", 8))
    receipts = [transfer(f"R-{n}", "B03-DO", "B01-HO", n, receive=True) for n in range(1, 4)]
    notices = books.send("B03", *receipts).notices
    assert [(n.addressee, n.subject) for n in notices] == [
        ("B01", "3 transfers were executed"),
        ("B03", "3 transfers were executed"),
    ]
    assert [ref for ref, _ in notices[0].facts] == ["D-1", "D-2", "D-3"]
    with books.work("18:00") as work:
        lapsed, told = lapse_transfers(work, [InstructionKind.TRANSFER], "test")
    assert sorted(one.reference for one in lapsed) == ["D-8", "D-9"]
    assert [(n.addressee, n.subject) for n in told] == [("B01", "2 instructions have lapsed")]
    assert all("CMIS" in what for _, what in told[0].facts)
    assert books.status("B01", "D-9") is books.status("B01", "D-8") is Status.LAPSED


@pytest.mark.rule("CSD-4.1.2-b")
def test_a_closed_or_held_account_and_an_inactive_participant_take_part_in_nothing(books: Desk):
    from depository.store import schema

    with books.work() as work:
        account, party = schema.account, schema.party
        work.connection.execute(account.update().where(account.c.number == "B03-DO").values(state="closed"))
        work.connection.execute(account.update().where(account.c.number == "B02-DO").values(state="on hold"))
        work.connection.execute(party.update().where(party.c.code == "B05").values(active=0))
    for other, field in (
        ("B03-DO", "counterparty_account"),
        ("B02-DO", "counterparty_account"),
        ("B05-HO", "counterparty"),
    ):
        assert refusal(books.send("B01", transfer(f"T-{other}", "B01-HO", other)))[2] == field
    assert refusal(books.send("B03", transfer("T-1", "B03-DO", "B03-HO")))[2] == "own_account"
