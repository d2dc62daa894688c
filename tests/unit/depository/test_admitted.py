"""What is not on the register of admitted products is refused by everything that names a security."""

from dataclasses import replace

import pytest

from depository.answers import LineOutcome
from depository.rejects import RejectionReason
from depository.store import register
from tests.support.books import SHARE_B, Desk, indemnity, interest, trade, transfer

UNKNOWN = "KZX000009998"


@pytest.fixture(params=["unknown", "no longer admitted"])
def isin(lite: Desk, request: pytest.FixtureRequest) -> str:
    """A security that nobody may use."""
    if request.param == "unknown":
        return UNKNOWN
    with lite.work() as work:
        product = register.product(work, SHARE_B)
        assert product is not None
        register.add_products(work, [replace(product, admitted=False)])
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
