"""What makes one settled set better than another: value, count, or both mixed, as exact integers."""

from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depository.settlement.problem import Problem

OBJECTIVES = ("mixed", "value", "count")


@dataclass(frozen=True, slots=True)
class Objective:
    """An instruction weighs (per_value * its value + per_instruction) / denominator."""

    per_value: int
    per_instruction: int
    denominator: int

    def of(self, value: int, count: int) -> Fraction:
        """The objective of a set with this total value (in the problem's value units) and this many instructions."""
        return Fraction(self.per_value * value + self.per_instruction * count, self.denominator)

    @property
    def step(self) -> Fraction:
        """Two sets differ by a whole number of these."""
        return Fraction(gcd(self.per_value, self.per_instruction), self.denominator)


def objective_of(problem: Problem, name: str) -> Objective:
    """The objective by its name; `mixed` = value / total value + 1 / number of instructions."""
    total, count = int(problem.value.sum()), len(problem.ids)
    if name == "value":
        return Objective(problem.value_unit.numerator, 0, problem.value_unit.denominator)
    if name == "count":
        return Objective(0, 1, 1)
    if name != "mixed":
        raise ValueError(f"objective is {name!r}, not one of {', '.join(OBJECTIVES)}")
    if total == 0:
        return Objective(0, 1, max(count, 1))
    return Objective(count, total, count * total)


def unit_totals(
    problem: Problem, member: NDArray[np.int64], units: int, priority: int | None = None
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Value and number of instructions per unit, of one priority or of all."""
    chosen = np.arange(len(problem.ids)) if priority is None else np.flatnonzero(problem.priority == priority)
    value = np.zeros(units, dtype=problem.value.dtype)
    np.add.at(value, member[chosen], problem.value[chosen])
    return value, np.bincount(member[chosen], minlength=units).astype(np.int64)
