"""A cycle of many instructions, written in bulk, is the one that would be written piece by piece."""

from typing import Any

import pytest
from sqlalchemy import select

from depository.cycles import run_cycle
from depository.store import bulk, journal, schema
from tests.support.books import Desk, trade

MANY = bulk.FEW + 30
PAID = MANY - 20


def written(books: Desk) -> dict[str, Any]:
    """What a cycle leaves in the books, taken back afterwards."""
    tables = (schema.journal, schema.posting, schema.instruction, schema.instruction_status, schema.cycle)
    with books.work("11:15") as work:
        undo = work.connection.begin_nested()
        cycle = run_cycle(work, "main", "test")
        found: dict[str, Any] = {
            t.name: work.connection.execute(select(t).order_by(*t.primary_key.columns)).all() for t in tables
        }
        found |= {
            "balances": journal.balances(work),
            "head": journal.head(work),
            "settled": [one.id for one in cycle.settled],
            "unsettled": [one.id for one in cycle.unsettled],
        }
        undo.rollback()
    return found


@pytest.mark.rule("CSD-5.2-dvp")
def test_entries_hashes_balances_and_statuses_are_the_same(books: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    books.fund("B02", f"{PAID * 10}.00")
    books.trade(*(trade(f"T-{n:04d}", "B01-HO", "B02-HO", 1, "10.00", line=n + 2) for n in range(MANY)))
    in_bulk = written(books)
    monkeypatch.setattr(bulk, "FEW", 10 * MANY)
    assert in_bulk == written(books)
    assert (len(in_bulk["settled"]), len(in_bulk["unsettled"])) == (PAID, MANY - PAID)
    reasons = {row.reason for row in in_bulk["instruction"] if row.id in in_bulk["unsettled"]}
    assert reasons == {"MONY B02 is short of KZT (caused by B02)"}
    assert {row.step for row in in_bulk["instruction_status"]} == {1, 2}


def test_the_books_prove_themselves_after_it(books: Desk) -> None:
    books.fund("B02", f"{PAID * 10}.00")
    books.trade(*(trade(f"T-{n:04d}", "B01-HO", "B02-HO", 1, "10.00", line=n + 2) for n in range(MANY)))
    assert len(books.cycle().settled) == PAID
    assert books.proof().faults == ()
    assert books.cycle("late", "11:31").settled == ()
