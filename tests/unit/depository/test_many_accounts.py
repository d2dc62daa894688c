"""A participant with more accounts than a statement to the database may name."""

import pytest

from depository.ledger import AVAILABLE, ISSUER, Entry, move
from depository.reconciliation import conservation, negative_balances, overnight_breaches
from depository.statements import statement, statements
from depository.store import bulk, journal, schema
from flows.steps.export import export_participant
from tests.support.books import DAY, SHARE_A, SHARE_B, TUESDAY, Desk, at

MANY = 70_000
"""PostgreSQL takes 65,535 parameters."""


@pytest.fixture
def crowded(books: Desk) -> Desk:
    rows = [
        (f"B03-N{n:06d}", "B03", "N", "open", DAY.isoformat(), f"X{n:08d}", "", "", None)
        for n in range(100_000, 100_000 + MANY)
    ]
    with books.work() as work:
        bulk.add(work.connection, schema.account, rows)
        journal.post(work, [Entry("lodgment", "T-1", move(SHARE_B, 7, ISSUER, "B03-N169999"))])
    return books


def rows_of(report, name: str):
    return next(t.rows for t in report.tables if t.name == name)


@pytest.mark.rule("CSD-3.1.2-e")
def test_its_statement_and_its_export_are_made_all_the_same(crowded: Desk, tmp_path):
    with crowded.work() as work:
        report = statement(work, "B03")
    assert [(row[0], row[1], row[3]) for row in rows_of(report, "Holdings") if row[0] == "B03-N169999"] == [
        ("B03-N169999", SHARE_B, 7)
    ]
    assert [row[3:7] for row in rows_of(report, "Movements")][-1] == ("T-1", "B03-N169999", SHARE_B, "available")
    exported = export_participant(crowded.site, "B03", DAY, DAY, tmp_path / "out.zip", at("18:00"))
    assert exported.rows >= MANY


def test_statements_one_after_the_other_are_those_of_each_alone(books: Desk):
    books.fund("B01", "100.00", local="12:00")
    with books.work("18:00") as work:
        journal.post(work, [Entry("lodgment", "T-1", move(SHARE_A, 5, ISSUER, "B01-HO"))])
        together = list(statements(work, ["B01", "B02", "B03"]))
        assert together == [statement(work, code) for code in ("B01", "B02", "B03")]
    mine = [row[4:] for row in rows_of(together[0], "Movements")]
    assert [row[0] for row in mine] == ["B01", "B01-HO"]
    assert [row[:4] for row in rows_of(together[0], "Cash")] == [("KZT", 0, 100, 0)]


def test_a_day_that_closes_late_leaves_out_what_the_next_day_has_booked(books: Desk):
    with books.work("18:00") as work:
        before = statement(work, "B02")
    with books.work("10:00", TUESDAY) as work:
        journal.post(work, [Entry("lodgment", "T-1", move(SHARE_A, 5, ISSUER, "B02-ST"))])
        assert overnight_breaches(work) == [("B02-ST", SHARE_A, "5")]
    with books.work("18:00") as work:
        late = statement(work, "B02")
        assert overnight_breaches(work) == []
    assert rows_of(late, "Holdings") == rows_of(before, "Holdings")


def test_what_does_not_sum_to_nought_or_is_negative_is_named(lite: Desk):
    with lite.site.engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA ignore_check_constraints=ON")
        connection.execute(
            schema.balance.insert(), [{"holder": "B01-HO", "asset": "X", "part": AVAILABLE, "amount": -3}]
        )
    with lite.work() as work:
        assert conservation(work) == {"X": -3}
        assert negative_balances(work) == [("B01-HO", "X", AVAILABLE)]
