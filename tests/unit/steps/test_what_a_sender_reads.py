"""What comes back says where it is wrong, what stood there and what to send instead, in the sender's own terms."""

import pytest

from tests.support.books import DAY, Desk, trade


@pytest.fixture
def desk(lite: Desk) -> Desk:
    lite.plan()
    return lite


@pytest.mark.rule("CSD-4.1.1-b", "KCSD-87")
def test_a_trade_that_the_books_refuse_is_told_by_line_and_column(desk: Desk) -> None:
    receipt = desk.drop_trades(
        trade("T-1", "B01-HO", "B04-HO", 5),
        trade("T-2", "B01-HO", "B04-N000009", 5, line=3),
        trade("T-1", "B01-HO", "B04-HO", 5, line=4, cancelled=True),
        day=DAY,
    )
    found = [(line.line, line.places, line.rejects[0].field, line.rejects[0].found) for line in receipt.lines[1:]]
    assert found == [
        (3, ("line 3, column 12 (buyer_account)",), "buyer_account", "B04-N000009"),
        (4, ("line 4, column 18 (state)",), "state", "CANCELLED"),
    ]
