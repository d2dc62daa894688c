"""What the exact reduction decides of some units, the others standing as they are."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from depository.settlement.reduction import Reduced, reduce
from depository.settlement.units import Units


def units_from(legs: list[list[tuple[int, int]]]) -> Units:
    """Units of these (position, change) each."""
    start = np.cumsum([0, *(len(of_unit) for of_unit in legs)])
    row = np.array([position for of_unit in legs for position, _ in of_unit], dtype=np.int64)
    change = np.array([amount for of_unit in legs for _, amount in of_unit], dtype=np.int64)
    return Units(np.arange(len(legs)), np.zeros(len(legs), dtype=np.bool_), start, row, change)


def names(core: Reduced) -> tuple[list[Any], ...]:
    """What was decided, in the numbers of units and positions."""
    legs = np.repeat(np.arange(len(core.free)), np.diff(core.start))
    left = [*zip(core.free[legs].tolist(), core.bind[core.row].tolist(), core.change.tolist(), strict=True)]
    balance = [*zip(core.bind.tolist(), core.balance.tolist(), strict=True)]
    never = [*zip(core.never.tolist(), core.never_row.tolist(), strict=True)]
    return core.free.tolist(), core.surely.tolist(), never, left, balance


def test_positions_keep_their_numbers_where_no_open_unit_touches_the_first_of_them() -> None:
    units = units_from([[(0, -5), (1, 5)], [(2, -9), (3, 9)], [(2, -4), (3, 4)], [(2, -3), (3, 3)], [(3, -1), (4, 1)]])
    core = reduce(units, np.array([5, 0, 6, 1, 0]), np.array([1, 2, 3, 4]))
    assert core.never.tolist() == [1]
    assert core.never_row.tolist() == [2]
    assert core.surely.tolist() == [4]
    assert core.free.tolist() == [2, 3]
    assert core.bind.tolist() == [2]
    assert core.balance.tolist() == [6]


@given(st.data())
def test_what_is_decided_of_open_units_does_not_depend_on_positions_that_they_do_not_touch(data: st.DataObject) -> None:
    leg = st.tuples(st.integers(0, 3), st.integers(-9, 9).filter(bool))
    legs = data.draw(
        st.lists(st.lists(leg, min_size=1, max_size=3, unique_by=lambda one: one[0]), min_size=1, max_size=8)
    )
    balance = data.draw(st.lists(st.integers(0, 12), min_size=4, max_size=4))
    alone = reduce(units_from(legs), np.array(balance), np.arange(len(legs)))
    # The same units after others that stay as they are, on positions of which every second is theirs alone.
    others = [[(0, -1), (2, 1)], [(4, -7)]]
    wider = units_from([*others, *([(2 * position + 1, amount) for position, amount in one] for one in legs)])
    apart = np.array([amount for own in balance for amount in (3, own)])
    among = reduce(wider, apart, np.arange(len(others), len(others) + len(legs)))
    free, surely, never, left, of_balance = names(among)
    assert ([u - 2 for u in free], [u - 2 for u in surely]) == names(alone)[:2]
    assert [(u - 2, p // 2) for u, p in never] == names(alone)[2]
    assert [(u - 2, p // 2, amount) for u, p, amount in left] == names(alone)[3]
    assert [(p // 2, amount) for p, amount in of_balance] == names(alone)[4]
