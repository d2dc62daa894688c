"""Days with so many units that the work goes into searches rather than into cuts."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from depository.settlement import Problem, check, cuts, engine, netting, searches, settle, units
from depository.settlement.improvement import Task
from depository.settlement.reduction import Reduced
from depository.settlement.units import by_position_and


@pytest.mark.parametrize("effort", ["quick", "standard", "thorough"])
def test_a_huge_day_is_settled_by_a_plan_of_its_own(
    effort: str, in_blocks: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = settle(in_blocks, "value", effort).certificate
    for module in (cuts, netting, engine):
        monkeypatch.setattr(module, "HUGE", 100)
    # The usual plans are not asked for.
    monkeypatch.setattr(engine, "WAYS", {})
    huge, again = settle(in_blocks, "value", effort), settle(in_blocks, "value", effort)

    assert not check(in_blocks, huge)
    assert huge.step.tolist() == again.step.tolist()
    assert huge.certificate.objective_settled <= usual.upper_bound
    assert usual.objective_settled <= huge.certificate.upper_bound


def test_on_a_huge_day_thorough_crosses_what_standard_found_with_the_sets_of_other_solutions(
    in_blocks: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    crossed: list[list[float]] = []
    relaxed: list[int] = []

    def noted(task: Task, sets: list[Any], bound: float) -> Any:
        crossed.append([task.weight_of(x) for x in sets])
        return put_together(task, sets, bound)

    def counted(core: Reduced, *rest: Any) -> Any:
        relaxed.append(len(core.free))
        return tightened(core, *rest)

    put_together, tightened = searches.crossed_all, cuts.tighten
    monkeypatch.setattr(netting, "crossed_all", noted)
    monkeypatch.setattr(engine, "tighten", counted)
    for module in (cuts, netting, engine):
        monkeypatch.setattr(module, "HUGE", 100)
    # Without searches for the proof, which would leave thorough nothing to find.
    for name, plans in engine.HUGE_WAYS.items():
        monkeypatch.setitem(engine.HUGE_WAYS, name, tuple(replace(plan, whole=0) for plan in plans))
    standard = settle(in_blocks, "value", "standard").certificate.objective_settled
    crossed.clear()
    relaxed.clear()
    thorough = settle(in_blocks, "value", "thorough")

    assert [len(sets) for sets in crossed] == [2, 7]
    # The relaxation that standard ended with serves thorough, too.
    assert relaxed.count(max(relaxed)) == 1
    assert not check(in_blocks, thorough)
    assert thorough.certificate.objective_settled >= standard


def test_on_a_wide_day_quick_searches_in_blocks_of_its_own_size(
    in_blocks: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = settle(in_blocks, "value", "quick")
    sizes: list[int] = []

    def noted(task: Any, x: Any, blocks: list[Any], *rest: Any) -> Any:
        sizes.extend(len(block) for block in blocks)
        return searched(task, x, blocks, *rest)

    searched = searches.searched_in_blocks
    monkeypatch.setattr(netting, "searched_in_blocks", noted)
    monkeypatch.setattr(searches, "WIDE", 100)
    shorter = tuple(replace(plan, block=40, whole=0) for plan in engine.WAYS["quick"])
    monkeypatch.setitem(engine.WAYS, "quick", shorter)
    wide = settle(in_blocks, "value", "quick")

    assert not check(in_blocks, wide)
    assert len(sizes) >= 4
    assert max(sizes) <= 40
    assert wide.certificate.objective_settled <= together.certificate.upper_bound


def test_many_legs_are_sorted_in_two_parts_to_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(4)
    row, key = draw.integers(0, 50, 20_000), draw.integers(0, 9, 20_000)
    head, entry = by_position_and(key, row, 50)
    monkeypatch.setattr(units, "MANY", 20_000)
    again_head, again_entry = by_position_and(key, row, 50)

    assert again_head.tolist() == head.tolist()
    assert again_entry.tolist() == entry.tolist()
