"""Small random settlement days with every feature, and what brute force says of them."""

import random
from fractions import Fraction
from itertools import product
from typing import NamedTuple

from depository.settlement import Due, Outcome, Problem, problem

PARTICIPANTS = ("ALFA", "BETA", "GAMA", "DELT")
ISINS = ("KZ0000000017", "KZ0000000025")
CURRENCIES = ("KZT", "USD")
RATES = {"USD": Fraction(2)}


def random_rows(
    seed: int,
    most: int = 8,
    priorities: tuple[int, ...] = (5,),
    gross: float = 0.0,
    linked: float = 0.15,
    size: int = 1,
) -> tuple[list[tuple[str, str, int]], list[tuple[str, str, int]], list[Due]]:
    """Securities, cash and due instructions of one small day; amounts are multiples of nothing, up to 20 times `size`."""
    draw = random.Random(seed)
    due = []
    for number in range(draw.randint(1, most)):
        seller, buyer = draw.sample(PARTICIPANTS, 2)
        isin, currency = draw.choice(ISINS), draw.choice(CURRENCIES)
        quantity, amount = draw.randint(1, 9 * size), draw.randint(1, 20 * size)
        kind = draw.random()
        securities = (f"{seller}-1", f"{buyer}-1", isin, quantity) if kind >= 0.1 else ("", "", "", 0)
        money = (buyer, seller, currency, amount) if not 0.1 <= kind < 0.25 else ("", "", "", 0)
        netting = "gross" if draw.random() < gross else "net"
        link = draw.choice("AB") if draw.random() < linked else ""
        due.append(Due(f"I{number:02d}", *securities, *money, draw.choice(priorities), "2026-03-02", netting, link))
    securities_rows = [
        (f"{p}-1", isin, draw.randint(0, 12 * size)) for p in PARTICIPANTS for isin in ISINS if draw.random() < 0.5
    ]
    cash_rows = [(p, c, draw.randint(0, 22 * size)) for p in PARTICIPANTS for c in CURRENCIES if draw.random() < 0.6]
    return securities_rows, cash_rows, due


def random_day(seed: int, **shape: object) -> Problem:
    """The same as the engine takes it."""
    return problem(*random_rows(seed, **shape), RATES)  # type: ignore[arg-type]


def legs(day: Problem, j: int) -> list[tuple[int, int]]:
    """(position, change) of instruction j."""
    sides = (
        (day.deliver[j], -day.quantity[j]),
        (day.receive[j], day.quantity[j]),
        (day.payer[j], -day.amount[j]),
        (day.payee[j], day.amount[j]),
    )
    return [(int(row), int(change)) for row, change in sides if row >= 0]


def groups(day: Problem) -> list[list[int]]:
    """Instructions that settle together, in order of the earliest of each."""
    order = sorted(range(len(day.ids)), key=lambda j: int(day.rank[j]))
    by_key: dict[tuple[str, int], list[int]] = {}
    for j in order:
        key = ("link", int(day.link[j])) if day.link[j] >= 0 else ("own", j)
        by_key.setdefault(key, []).append(j)
    return list(by_key.values())


def fifo(day: Problem) -> set[int]:
    """First in, first out, repeated until nothing more settles."""
    balance = [int(b) for b in day.opening]
    settled: set[int] = set()
    moved = True
    while moved:
        moved = False
        for group in groups(day):
            if group[0] in settled:
                continue
            after = dict[int, int]()
            for j in group:
                for row, change in legs(day, j):
                    after[row] = after.get(row, 0) + change
            if all(balance[row] + change >= 0 for row, change in after.items() if change < 0):
                for row, change in after.items():
                    balance[row] += change
                settled |= set(group)
                moved = True
    return settled


class Score(NamedTuple):
    """Objective numerator per priority, highest first; value and number at the highest priority."""

    levels: tuple[int, ...]
    value: int
    number: int


def score(day: Problem, settled: set[int], objective: str) -> Score:
    """What a set is worth."""
    total, number = int(sum(day.value.tolist())), len(day.ids)
    per_value, per_one = {"value": (1, 0), "count": (0, 1), "mixed": (number, total) if total else (0, 1)}[objective]
    levels = sorted(set(day.priority.tolist()))
    sums = []
    for level in levels:
        chosen = [j for j in settled if day.priority[j] == level]
        sums.append(per_value * sum(int(day.value[j]) for j in chosen) + per_one * len(chosen))
    top = [j for j in settled if day.priority[j] == levels[0]]
    return Score(tuple(sums), sum(int(day.value[j]) for j in top), len(top))


def all_sets(day: Problem) -> list[set[int]]:
    """Every set after which no balance is below nought, whatever the order."""
    found = []
    members = groups(day)
    for pick in product((False, True), repeat=len(members)):
        settled = {j for group, taken in zip(members, pick, strict=True) if taken for j in group}
        balance = [int(b) for b in day.opening]
        for j in settled:
            for row, change in legs(day, j):
                balance[row] += change
        if min(balance, default=0) >= 0:
            found.append(settled)
    return found


def best(day: Problem, objective: str) -> tuple[tuple[int, ...], bool]:
    """The best score any netted set reaches without falling below first in, first out, and whether that costs anything."""
    least = score(day, fifo(day), objective)
    free: tuple[int, ...] | None = None
    kept: tuple[int, ...] | None = None
    for settled in all_sets(day):
        now = score(day, settled, objective)
        free = max(free or now.levels, now.levels)
        if objective != "mixed" or (now.value >= least.value and now.number >= least.number):
            kept = max(kept or now.levels, now.levels)
    assert free is not None
    assert kept is not None
    return kept, free != kept


def reached(day: Problem, outcome: Outcome, objective: str) -> tuple[int, ...]:
    """The score of an outcome."""
    return score(day, {j for j, s in enumerate(outcome.settled.tolist()) if s}, objective).levels
