"""A loan rests on a registered agreement between its two sides; nobody borrows from the depository itself."""

from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from depository.answers import LineOutcome, Verdict
from depository.register import LendingAgreement
from depository.rejects import FileRefused
from depository.reports import Report
from depository.statements import statement
from depository.store import register
from flows.steps.end_of_day import close_day
from flows.steps.reference import load_contents
from tests.support.books import DAY, SHARE_B, TUESDAY, Desk, at, ist_line, transfer

WEDNESDAY = date(2026, 11, 25)
NUMBERS = count(1)


@pytest.fixture
def desk(lite: Desk) -> Desk:
    """B01 lends to B02 under an agreement that is in force to 24 November."""
    agreement = LendingAgreement("GMSLA-1", "B01", "B02", "GMSLA 2010", date(2026, 1, 1), TUESDAY)
    with lite.work() as work:
        register.add_lending_agreements(work, [agreement])
    return lite


def lend(desk: Desk, own: str, other: str, **changes: Any) -> LineOutcome:
    values = {"reason": "lending", "agreement": "GMSLA-1", **changes}
    (outcome,) = desk.send(own[:3], transfer(f"L-{next(NUMBERS)}", own, other, **values)).outcomes
    return outcome


def why(outcome: LineOutcome) -> str:
    (reject,) = outcome.rejects
    assert (reject.rule, reject.field) == ("CSD-6.2.2-a", "agreement")
    return reject.message


@pytest.mark.rule("CSD-6.2.2-a")
def test_a_loan_under_a_registered_agreement_is_taken_from_both_sides_and_so_is_its_return(desk: Desk) -> None:
    assert lend(desk, "B01-HO", "B02-HO").verdict is Verdict.ACCEPTED
    assert lend(desk, "B02-HO", "B01-HO", receive=True).status == "settled"
    # What was lent goes back also when no more may be lent.
    late = {"reason": "lending return", "due": WEDNESDAY}
    assert lend(desk, "B02-HO", "B01-HO", **late).verdict is Verdict.ACCEPTED
    assert lend(desk, "B01-HO", "B02-HO", receive=True, **late).status == "matched"


@pytest.mark.rule("CSD-6.2.2-a")
def test_without_an_agreement_of_just_these_two_in_force_and_this_way_round_nothing_is_lent(desk: Desk) -> None:
    assert "no approved agreement" in why(lend(desk, "B01-HO", "B02-HO", agreement="GMSLA-2"))
    assert "an agreement of others" in why(lend(desk, "B01-HO", "B03-HO"))
    assert why(lend(desk, "B02-HO", "B01-HO")).startswith("under it B01 lends to B02")
    assert why(lend(desk, "B01-HO", "B02-HO", reason="lending return")).startswith("under it B01 lends to B02")
    assert "to 2026-11-24, not on 2026-11-25" in why(lend(desk, "B01-HO", "B02-HO", due=WEDNESDAY))
    assert lend(desk, "B01-HO", "B03-HO", reason="transfer", agreement="").verdict is Verdict.ACCEPTED


@pytest.mark.rule("CSD-6.2.2-b")
def test_borrowing_from_the_depository_itself_is_refused(desk: Desk) -> None:
    desk.plan()
    line = ist_line("L-1", "B02-HO", "B01-HO", receive=True, reason="lending")
    (reject,) = desk.drop_form("IST", "B02", "B02-IST-1", lines=[line]).lines[0].rejects
    assert reject.field == "agreement"
    assert "Borrowing from the depository itself is not possible until further notice (CSD-6.2.2-b)" in reject.message


@pytest.mark.rule("CSD-6.2.2-a")
def test_an_agreement_with_a_side_that_is_no_participant_is_not_registered(desk: Desk) -> None:
    table = b"reference,lender,borrower,kind,valid_from,valid_to\nMSLA-9,B01,B99,MSLA 2017,2026-01-01,2026-12-31\n"
    with pytest.raises(FileRefused, match="MSLA-9 names B99, which is no participant"):
        load_contents(desk.site, {"lending_agreements.csv": table}, at("09:00"))
    right = table.replace(b"B99", b"B03")
    assert load_contents(desk.site, {"lending_agreements.csv": right}, at("09:01")) == {"lending_agreements.csv": 1}
    assert lend(desk, "B01-HO", "B03-HO", agreement="MSLA-9").verdict is Verdict.ACCEPTED


@pytest.mark.rule("CSD-6.3.3-a")
def test_a_loan_is_reported_to_both_sides_and_to_operators_until_just_as_much_is_given_back(desk: Desk) -> None:
    def move(own: str, other: str, quantity: str, **changes: Any) -> None:
        assert lend(desk, own, other, quantity=quantity, **changes).verdict is Verdict.ACCEPTED
        assert lend(desk, other, own, quantity=quantity, receive=True, **changes).status == "settled"

    def loans(report: Report) -> list[tuple[Any, ...]]:
        return next(list(one.rows) for one in report.tables if one.name == "Loans")

    def reported() -> list[list[tuple[Any, ...]]]:
        with desk.work() as work:
            return [loans(statement(work, participant)) for participant in ("B01", "B02", "B03")]

    move("B01-HO", "B02-HO", "100")
    move("B01-HO", "B02-HO", "20", reason="transfer", agreement="")
    lent = ("GMSLA-1", "B01", "B02", SHARE_B, Decimal(100), Decimal(0), Decimal(100), DAY)
    assert reported() == [[lent], [lent], []]
    move("B02-HO", "B01-HO", "40", reason="lending return")
    partly = (*lent[:5], Decimal(40), Decimal(60), DAY)
    assert reported() == [[partly], [partly], []]
    with desk.work() as work:
        _, report = close_day(work, desk.site.archive, "end-of-day")
        assert report is not None
        assert loans(report) == [partly]
    move("B02-HO", "B01-HO", "60", reason="lending return")
    assert reported() == [[], [], []]
    move("B02-HO", "B01-HO", "5", reason="lending return")
    too_much = (*lent[:5], Decimal(105), Decimal(-5), DAY)
    assert reported() == [[too_much], [too_much], []]
