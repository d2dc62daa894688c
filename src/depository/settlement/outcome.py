"""What a cycle hands back: the settled set, why the rest stayed behind, and the certificate (`csd solve`, CSD-A2-3.2)."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ENGINE_VERSION = "1.15"

CLOCK = "emergency stop by clock"

ROOTED = "rooted"
INDIVISIBLE = "indivisible"
CHOICE = "choice"


class Unsettled(NamedTuple):
    """One asset that is short on a side of an unsettled instruction.

    `role` is `securities` or `cash`; `short_by` is in units of the asset, against the balance after the cycle; `causes` are the failing
    participants at the root; `label` is `rooted`, `indivisible` (no participant fails upstream: only the wholeness of instructions
    keeps it back) or `choice` (a set with this one instead of others, all of higher priority kept, was found: the engine chose).
    """

    id: str
    role: str
    asset: str
    holder: str
    short_by: int
    causes: tuple[str, ...]
    label: str


class Failing(NamedTuple):
    """A participant short on an asset even if everyone else delivered: available + all due in - all due out = -short_by < 0."""

    participant: str
    asset: str
    holder: str
    short_by: int


class PriorityLine(NamedTuple):
    """One priority's part of the certificate; its bound holds given what the higher priorities have settled."""

    priority: int
    objective_settled: Fraction
    upper_bound: Fraction
    gap: Fraction
    proven_optimal: bool


class Multiplier(NamedTuple):
    """One line of the proof of the bound; `docs/concepts/settlement-engine.md` has the thirty lines that check it.

    kind `never`: the instruction can never settle, because of that position (in this order). `balance`: the price of one unit of
    that position. `cut`: the price of the position's rule after counting the instructions in `other` by what is missing, dividing
    by `divisor` and rounding down. An instruction stands for its whole linked group. `priority`: in the proof of a lower one, the
    price of what the priority in `other` has reached.
    """

    kind: str
    asset: str
    holder: str
    instruction: str
    multiplier: Fraction
    other: str
    divisor: Fraction


@dataclass(frozen=True, slots=True)
class Certificate:
    """How good the settled set is; values in the reference currency, `objective_settled`, `upper_bound`, `gap` in units of the objective.

    `bound_from_multipliers` is the bound anyone can recompute; `upper_bound` is lower where a search tree proved more.
    `stopped_by` is `finished`, `effort` (the budget of work units ran out) or, where the emergency stop by clock ended it, says so
    and after how many `units` of work; the same number ends with the same set.
    """

    instructions: int
    value_total: Fraction
    value_settled: Fraction
    count_settled: int
    objective: str
    objective_settled: Fraction
    upper_bound: Fraction
    gap: Fraction
    proven_optimal: bool
    bound_from_multipliers: Fraction
    effort: str
    stopped_by: str
    units: int
    by_clock: bool
    seed: int
    engine_version: str
    input_sha256: str
    priorities: tuple[PriorityLine, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """The result of one cycle.

    `settled[j]` in input order; `step[j]` is 0 where unsettled, else the place in the order of settling (a netted set shares one step).
    """

    settled: NDArray[np.bool_]
    step: NDArray[np.int64]
    unsettled: list[Unsettled]
    failing: list[Failing]
    certificate: Certificate
    multipliers: list[Multiplier]
    priority_multipliers: list[tuple[int, Multiplier]] = field(default_factory=list)
    """Priority and line of the proof of its bound; only where priorities and the gross class come together."""
