"""What is not on the register of admitted products is refused by everything that names a security."""

from dataclasses import replace

import pytest

from depository.answers import LineOutcome, Verdict
from depository.rejects import RejectionReason
from depository.requests import Giver, InterestAction
from depository.store import register
from tests.support.books import SHARE_B, Desk, indemnity, interest, trade, transfer

UNKNOWN = "KZX000009998"


def admit_no_more(desk: Desk) -> None:
    with desk.work() as work:
        product = register.product(work, SHARE_B)
        assert product is not None
        register.add_products(work, [replace(product, admitted=False)])


@pytest.fixture(params=["unknown", "no longer admitted"])
def isin(lite: Desk, request: pytest.FixtureRequest) -> str:
    """A security that nobody may use."""
    if request.param == "unknown":
        return UNKNOWN
    admit_no_more(lite)
    return SHARE_B


def refused(outcome: LineOutcome) -> bool:
    (reject,) = outcome.rejects
    return (reject.code, reject.rule, reject.field) == (RejectionReason.SECURITY, "CSD-7.1.1-a", "isin")


@pytest.mark.rule("CSD-7.1.1-a")
def test_a_security_that_is_unknown_or_not_admitted_is_refused_whatever_names_it(lite: Desk, isin: str) -> None:
    assert refused(lite.trade(trade("X-1", "B01-HO", "B02-HO", 1, isin=isin))[0])
    assert refused(lite.send("B01", transfer("T-1", "B01-HO", "B03-DO", isin=isin)).outcomes[0])
    assert refused(lite.secure("B01", interest(isin=isin)).outcome)
    assert refused(lite.indemnify("B01", indemnity(isin=isin)))


@pytest.mark.rule("CSD-4.3-1-a", "CSD-4.3-1-f")
def test_what_was_locked_before_is_enforced_or_discharged_all_the_same(lite: Desk) -> None:
    for _ in range(2):
        assert lite.secure("B01", interest(quantity=1_000)).outcome.verdict is Verdict.ACCEPTED
    admit_no_more(lite)
    given = indemnity(Giver.SECURED_PARTY, "B03-SIN-9", interest="S000001")
    assert lite.indemnify("B03", given).verdict is Verdict.ACCEPTED
    for number, action in (("S000001", InterestAction.ENFORCE), ("S000002", InterestAction.DISCHARGE)):
        asked = interest(action, quantity=None, interest=number)
        assert lite.secure("B03", asked).outcome.verdict is Verdict.ACCEPTED
