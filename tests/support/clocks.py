"""Clocks for what is stopped by one: the seconds they show are the test's own."""

from collections.abc import Callable
from dataclasses import replace

from depository.settlement.watch import Late
from depository.store.work import Work
from tests.support.books import Books

OVER = 86_400.0


def running_out(looks: int) -> Callable[[], float]:
    """A clock on which a day is over once it has been looked at so often since the search began."""
    seen = iter(range(looks + 1))
    return lambda: OVER if next(seen, None) is None else 0.0


def assert_ends_after(seconds: int, late: Callable[[Work], Late | None], books: Books, begun: str) -> None:
    """A search that begins then may go on for so many seconds and not for one more; where there is no clock nothing stops it."""
    now = [1000.0]
    with books.work(begun) as work:
        over = late(replace(work, clock=lambda: now[0]))
        assert over is not None
        assert late(replace(work, clock=None)) is None
    now[0] += seconds
    assert not over()
    now[0] += 1
    assert over()
