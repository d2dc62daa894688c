"""A set that stays far from the bound is searched more widely, and one far from the relaxation not near its solutions."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.settlement.instances import day as made_up_day
from depository.settlement import Problem, check, engine, netting, searches, settle
from depository.settlement.plans import PLANS


def sizes_of(monkeypatch: pytest.MonkeyPatch, day: Problem, far_off: float, wider: int) -> tuple[list[int], Any]:
    """How many units each search in turn looks at, and the outcome."""
    sizes: list[int] = []

    def noted(task: Any, x: Any, blocks: list[np.ndarray], ends: Any) -> Any:
        sizes.append(sum(len(block) for block in blocks))
        return searched(task, x, blocks, ends)

    searched = searches.searched_in_blocks
    monkeypatch.setattr(netting, "searched_in_blocks", noted)
    monkeypatch.setattr(netting, "FAR_OFF", far_off)
    monkeypatch.setattr(netting, "PROVEN_AT_ONCE", 0)
    plan = replace(PLANS["quick"], searches=((20, 60),), wider=wider, whole=0)
    monkeypatch.setitem(engine.WAYS, "quick", (plan,))
    outcome = settle(day, "value", "quick")
    assert not check(day, outcome)
    return sizes, outcome


def test_a_set_far_from_the_bound_is_searched_among_more_units_as_long_as_it_gains(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gains, gains_nothing = (made_up_day(1000, "tight", seed).problem() for seed in (6, 1))
    near, once = sizes_of(monkeypatch, gains, 1.0, 3)
    far, wide = sizes_of(monkeypatch, gains, 0.0, 3)
    given_up, _ = sizes_of(monkeypatch, gains_nothing, 0.0, 3)

    assert len(near) == 1
    assert len(far) == 4
    assert far[0] == near[0]
    assert far[1] < far[2] < far[3]
    assert wide.certificate.objective_settled > once.certificate.objective_settled
    assert len(given_up) == 2


def test_a_set_far_from_the_relaxation_is_searched_in_blocks_not_near_its_solutions(
    in_blocks: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    bred: list[bool] = []

    def noted(*rest: Any) -> Any:
        bred.append(True)
        return near_solutions(*rest)

    near_solutions = netting._of_kin
    monkeypatch.setattr(netting, "_of_kin", noted)
    monkeypatch.setitem(engine.WAYS, "standard", (replace(PLANS["standard"], whole=0),))
    near = settle(in_blocks, "value", "standard")
    assert bred == [True]

    monkeypatch.setattr(netting, "FAR_FROM_ROUNDED", 0)
    far = settle(in_blocks, "value", "standard")

    assert bred == [True]
    assert not check(in_blocks, far)
    assert far.certificate.objective_settled > near.certificate.objective_settled * 9 / 10
