"""The orders in which the inner loops look at legs: the same whether compiled or plain, and the same as by a plain sort."""

import numpy as np
import pytest

from depository.settlement import compiled
from depository.settlement.units import by_position, by_position_and, merge_legs


@pytest.mark.parametrize("small", [0, 1 << 30], ids=["compiled", "plain"])
def test_legs_come_by_position_then_by_key_and_equal_ones_as_they_stood(
    small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "SMALL", small)
    draw = np.random.default_rng(1)
    for legs, rows in ((0, 3), (1, 1), (500, 4), (3000, 700)):
        row, key = draw.integers(0, rows, legs), draw.integers(-9, 9, legs)
        head, entry = by_position_and(key, row, rows)
        assert entry.tolist() == np.lexsort((key, row)).tolist()
        assert head.tolist() == np.searchsorted(np.sort(row), np.arange(rows + 1)).tolist()
        assert by_position(row, rows)[1].tolist() == np.argsort(row, kind="stable").tolist()


def test_legs_of_a_unit_on_one_position_are_added_up_and_dropped_where_they_cancel_out() -> None:
    huge = 1 << 70
    for exact in (np.int64, object):
        change = np.array([5, -5, 7, 1, 2], dtype=exact)
        if exact is object:
            change = change * huge
        unit, row = np.array([1, 1, 1, 0, 1]), np.array([2, 2, 0, 1, 0])
        start, found, total = merge_legs(unit, row, change, 3, 4)
        assert start.tolist() == [0, 1, 2, 2]
        assert found.tolist() == [1, 0]
        assert total.tolist() == [change[3], change[2] + change[4]]
