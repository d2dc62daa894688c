"""What was short in the last cycle and came before the fails were recorded: who had made it late has failed, nobody else."""

import pytest

from depository.cycles import causes_in
from depository.fails import Fail, record_failed
from depository.notices import Notice
from tests.support.books import SHARE_A, Desk, advice, entry, trade


def failed(books: Desk) -> tuple[Fail, list[Notice]]:
    """The one fail of 17:30 with its notices."""
    with books.work("17:30:10") as work:
        (fail,), notices = record_failed(work, "test")
    return fail, notices


@pytest.mark.rule("CSD-A2-3.2", "CSD-3.3.1-d")
def test_a_seller_whose_securities_came_after_the_last_cycle_failed_and_not_the_buyer(books: Desk):
    books.fund("B01", "1000.00")
    books.trade(trade("T-1", "B06-HO", "B01-HO", 10, "100.00", isin=SHARE_A))
    books.cycle("late", "17:30")
    books.give("B06-HO", SHARE_A, 10)
    fail, notices = failed(books)
    assert (fail.causes, fail.label) == (("B06",), "rooted")
    assert fail.short.startswith("LINK covered only after the last cycle")
    assert {notice.addressee: "You are a failing participant" in notice.body for notice in notices} == {
        "B01": False,
        "B06": True,
    }


@pytest.mark.rule("CSD-A2-3.2", "CSD-3.3.1-d")
def test_a_buyer_whose_money_came_in_time_but_after_the_last_cycle_failed(books: Desk):
    books.trade(trade("T-1", "B02-HO", "B04-HO", 10, "100.00"))
    books.cycle("late", "17:30")
    books.credit(advice(entry("A", "1000.00", "B04")), "17:29:59")
    assert failed(books)[0].causes == ("B04",)


@pytest.mark.rule("CSD-A2-3.2")
def test_what_no_cycle_had_tried_names_nobody(books: Desk):
    books.fund("B04", "1000.00")
    books.trade(trade("T-1", "B02-HO", "B04-HO", 10, "100.00"))
    fail, notices = failed(books)
    assert (fail.causes, fail.label) == ((), "")
    assert all("Nobody was found to have caused it" in notice.body for notice in notices)


@pytest.mark.parametrize(
    ("reason", "causes"),
    [
        ("LACK B06-HO is short of KZX000009014 (caused by B06)", ("B06",)),
        ("MONY B04 is short of KZT; LACK B02-HO is short of X (caused by B02, B04)", ("B02", "B04")),
        ("LACK B06-HO is short of KZX000009014 (choice)", ()),
        ("LINK kept back by an instruction it settles with", ()),
        ("", ()),
    ],
)
def test_a_reason_names_its_causes_again(reason: str, causes: tuple[str, ...]):
    assert causes_in(reason) == causes
