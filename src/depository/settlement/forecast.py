"""Before the cycle: what would settle now, what is missing, and whose funding would release the most (funding report)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from depository.settlement.engine import settle
from depository.settlement.fallback import SIMPLE, by_engine, first_in_first_out, until_nothing_more_settles
from depository.settlement.outcome import Outcome
from depository.settlement.problem import Problem
from depository.settlement.units import balance_after, units_of

# Shortages times instructions up to which each shortage's release is found by running the cycle again.
RUN_AGAIN = 20_000


class Missing(NamedTuple):
    """What a position lacks for everything to settle although everyone else delivers; `short_by` in units of the asset."""

    participant: str
    kind: str
    asset: str
    holder: str
    short_by: int


class Release(NamedTuple):
    """What funding this shortage alone would release: value in the reference currency, and number of instructions.

    Found by running the cycle again with it funded; on days too large for that, all unsettled instructions whose root includes
    the participant, which is the most it could be.
    """

    participant: str
    kind: str
    asset: str
    holder: str
    short_by: int
    value: Fraction
    instructions: int


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """What would happen if the cycle ran now.

    `funding` is the extra funding with which everything would settle, position by position: for the netted class the smallest there
    is (with one unit less anywhere something stays behind), for the gross class what its order asks for; `missing` is the same by
    participant and asset: (participant, kind, asset) -> amount.
    `ranked` is the funding in order of what it would release.
    """

    outcome: Outcome
    funding: tuple[Missing, ...]
    missing: dict[tuple[str, str, str], int]
    ranked: tuple[Release, ...]


def forecast(problem: Problem, objective: str = "mixed", effort: str = "quick") -> Forecast:
    """Run the engine on the day as it stands and say who has to bring what."""
    outcome = by_engine(problem, objective, effort) or first_in_first_out(problem, objective)
    short = _needed(problem)
    funding = tuple(
        Missing((at := problem.positions[p]).participant, at.kind, at.asset, at.holder, short[p]) for p in sorted(short)
    )
    missing: dict[tuple[str, str, str], int] = {}
    for line in funding:
        key = (line.participant, line.kind, line.asset)
        missing[key] = missing.get(key, 0) + line.short_by
    return Forecast(outcome, funding, missing, tuple(_ranked(problem, outcome, short, objective, effort)))


def _needed(problem: Problem) -> dict[int, int]:
    """Position -> what has to be added so that all settle.

    The netted class settles at once, so each position needs what it goes below nought by, and no smaller amount anywhere would do.
    The gross class follows in its order, tried again and again; where nothing more settles, the first that waits is funded.
    """
    units = units_of(problem)
    balance = balance_after(units, problem.opening, ~units.gross).tolist()
    needed = {p: -left for p, left in enumerate(balance) if left < 0}
    for p in needed:
        balance[p] = 0
    legs = units.legs()
    waiting: Sequence[int] = np.flatnonzero(units.gross).tolist()
    while waiting:
        _, waiting = until_nothing_more_settles(legs, waiting, balance)
        for p, change in legs[waiting[0]] if waiting else ():
            short = -(balance[p] + change)
            if short > 0:
                needed[p] = needed.get(p, 0) + short
                balance[p] += short
    return needed


def _ranked(problem: Problem, outcome: Outcome, short: dict[int, int], objective: str, effort: str) -> list[Release]:
    value_of = dict(zip(problem.ids, problem.value.tolist(), strict=True))
    held: dict[str, set[str]] = {}
    for line in outcome.unsettled:
        for participant in line.causes:
            held.setdefault(participant, set()).add(line.id)
    again = len(short) * len(problem.ids) <= RUN_AGAIN and outcome.certificate.effort != SIMPLE
    lines = []
    for p, missing in short.items():
        at = problem.positions[p]
        if again:
            opening = problem.opening.copy()
            opening[p] += missing
            funded = settle(replace(problem, opening=opening), objective, effort).certificate
            value = max(funded.value_settled - outcome.certificate.value_settled, Fraction(0))
            number = max(funded.count_settled - outcome.certificate.count_settled, 0)
        else:
            behind = held.get(at.participant, set())
            value, number = sum(value_of[i] for i in behind) * problem.value_unit, len(behind)
        lines.append(Release(at.participant, at.kind, at.asset, at.holder, missing, value, number))
    return sorted(lines, key=lambda line: (-line.value, -line.instructions, line.kind, line.asset, line.holder))
