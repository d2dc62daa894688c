"""What is written is read back as it was, whatever the content, and twice written is the same bytes."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from depository.answers import LineOutcome, Receipt, Verdict
from depository.feeds import BankStatement, RegistryPosition, Trade
from depository.rejects import Reject, RejectionReason
from depository.reports import Column, Kind, Payment, Report, Table, Value
from parsers import receipt_json, report_json
from parsers.camt import read_statement
from parsers.pain001 import Debtor, read_orders, render
from parsers.registry_csv import read_positions, render_positions
from parsers.trades_csv import read_trades, render_trades
from tests.support.feed_builders import (
    AWARE,
    DAYS,
    IBAN,
    NOON,
    OTHER_IBAN,
    REFERENCES,
    SENTENCES,
    ZONE,
    numbers,
    positions,
    render_statement,
    statements,
    trades,
)

FEW = settings(max_examples=60, deadline=None)
TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
NAMES = SENTENCES.filter(lambda text: 0 < len(text) <= 140)


@FEW
@given(trades())
def test_trades_come_back(found: list[Trade]) -> None:
    data = render_trades(found)
    read = read_trades(data, ZONE)
    assert read.refused == ()
    assert read.trades == tuple(found)
    assert render_trades(read.trades) == data


@FEW
@given(positions())
def test_registry_positions_come_back(found: list[RegistryPosition]) -> None:
    data = render_positions(found)
    assert read_positions(data).positions == tuple(found)
    assert render_positions(found) == data


@FEW
@given(statements(advice=False))
def test_statements_come_back(found: BankStatement) -> None:
    data = render_statement(found, False, NOON)
    (read,) = read_statement(data, ZONE)
    assert read == found
    assert render_statement(found, False, NOON) == data


@FEW
@given(statements(advice=True))
def test_advices_come_back(found: BankStatement) -> None:
    (read,) = read_statement(render_statement(found, True, NOON), ZONE)
    assert read == found


@st.composite
def payments(draw: st.DrawFn) -> list[Payment]:
    """Payments of one order."""
    return [
        Payment(
            end_to_end=reference,
            debtor_iban=draw(st.sampled_from((IBAN, OTHER_IBAN))),
            currency=draw(st.sampled_from(("KZT", "USD"))),
            amount=draw(numbers(2)),
            creditor_name=draw(NAMES),
            creditor_bin=draw(st.sampled_from(("", "180140000018"))),
            creditor_iban=draw(st.sampled_from((IBAN, OTHER_IBAN))),
            creditor_bic="MBNKKZKA",
            purpose=draw(st.sampled_from(("", "1517KZT710"))),
            details=draw(SENTENCES),
            execution_date=draw(DAYS),
        )
        for reference in draw(st.lists(REFERENCES, unique=True, min_size=1, max_size=6))
    ]


@FEW
@given(payments(), st.randoms(use_true_random=False))
def test_payment_orders_come_back_whatever_the_order_given(found: list[Payment], order: object) -> None:
    debtor = Debtor("Model Central Securities Depository", "180140000018", "MCSDKZ22", "MBNKKZKA")
    data = render(found, "P1", NOON, debtor)
    read = read_orders(data)
    assert sorted(read.payments, key=lambda p: p.end_to_end) == sorted(found, key=lambda p: p.end_to_end)
    assert read.debtor == debtor
    order.shuffle(found)  # type: ignore[attr-defined]
    assert render(found, "P1", NOON, debtor) == data


REJECTS = st.builds(Reject, st.sampled_from(RejectionReason), TEXT, TEXT, TEXT, TEXT)
PLACED = st.lists(st.tuples(REJECTS, TEXT), max_size=3)


@st.composite
def receipts(draw: st.DrawFn) -> Receipt:
    """Any receipt, with texts that no one should send."""
    lines = []
    for number in range(1, draw(st.integers(0, 4)) + 1):
        placed = draw(PLACED)
        lines.append(
            LineOutcome(
                number,
                draw(st.sampled_from(Verdict)),
                draw(TEXT),
                draw(TEXT),
                draw(TEXT),
                tuple(reject for reject, _ in placed),
                tuple(place for _, place in placed),
                draw(TEXT),
            )
        )
    placed = draw(PLACED)
    return Receipt(
        number=draw(TEXT),
        sender=draw(TEXT),
        file_name=draw(TEXT),
        sha256=draw(TEXT),
        size=draw(st.integers(0, 10**12)),
        arrived_at=draw(AWARE),
        business_date=draw(DAYS),
        channel=draw(TEXT),
        form=draw(TEXT),
        reference=draw(TEXT),
        verdict=draw(st.sampled_from(Verdict)),
        batch=draw(TEXT),
        cut_off=draw(st.none() | AWARE),
        rejects=tuple(reject for reject, _ in placed),
        places=tuple(place for _, place in placed),
        lines=tuple(lines),
        message=draw(TEXT),
    )


@FEW
@given(receipts())
def test_receipts_come_back(found: Receipt) -> None:
    data = receipt_json.render(found)
    assert receipt_json.parse(data) == found
    assert receipt_json.render(receipt_json.parse(data)) == data


CELLS: dict[Kind, st.SearchStrategy[Value]] = {
    Kind.TEXT: TEXT,
    Kind.COUNT: st.integers(-(10**20), 10**20),
    Kind.QUANTITY: numbers(8),
    Kind.MONEY: st.integers(-(10**20), 10**20).map(lambda units: Decimal(units).scaleb(-2)),
    Kind.PERCENT: numbers(4, 3),
    Kind.DATE: DAYS,
    Kind.MOMENT: AWARE,
}
FACTS = st.tuples(TEXT, st.one_of(st.none(), st.booleans(), *CELLS.values()))


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """Any report whose values fit their columns."""
    tables = []
    for number in range(draw(st.integers(0, 3))):
        keys = draw(st.lists(TEXT, unique=True, max_size=5))
        columns = tuple(Column(key, draw(TEXT), draw(st.sampled_from(Kind))) for key in keys)
        rows = draw(st.lists(st.tuples(*(st.none() | CELLS[column.kind] for column in columns)), max_size=4))
        tables.append(Table(f"t{number}", draw(TEXT), columns, tuple(rows), draw(TEXT)))
    facts = tuple(draw(st.lists(FACTS, max_size=4)))
    return Report(draw(TEXT), draw(TEXT), draw(TEXT), draw(DAYS), draw(AWARE), facts, tuple(tables))


@FEW
@given(reports())
def test_reports_come_back(found: Report) -> None:
    data = report_json.render(found)
    assert report_json.parse(data) == found
    assert report_json.render(report_json.parse(data)) == data
