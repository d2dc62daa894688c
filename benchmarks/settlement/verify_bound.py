"""The bound of a certificate, recomputed from the input and `multipliers.csv` alone: nothing of the engine is used.

Rows as in the files of `csd solve`; amounts as integers or fractions of whole units. Mixed objective.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any


def bound(
    securities: Iterable[Any], cash: Iterable[Any], due: Iterable[Any], rates: Mapping[str, Fraction], multipliers: str
) -> Fraction:
    """What no set of whole instructions can exceed under value / total value + 1 / number of instructions."""
    due = list(due)
    total = sum(i.amount * rates.get(i.currency, Fraction(1)) for i in due)
    available = {(asset, holder): Fraction(b) for rows in (securities, cash) for holder, asset, b in rows}
    group = {i.id: ("link", i.link) if i.link else i.id for i in due}  # linked instructions count as one
    profit: dict[Any, Fraction] = defaultdict(Fraction)
    needs: dict[Any, dict[Any, Fraction]] = defaultdict(
        lambda: defaultdict(Fraction)
    )  # position -> group -> what it takes
    for i in due:
        profit[group[i.id]] += Fraction(1, len(due)) + (
            i.amount * rates.get(i.currency, Fraction(1)) / total if total else 0
        )
        for asset, giver, taker, moved in (
            (i.isin, i.deliver_account, i.receive_account, i.quantity),
            (i.currency, i.payer, i.payee, i.amount),
        ):
            if moved:
                needs[asset, giver][group[i.id]] += moved
                needs[asset, taker][group[i.id]] -= moved
    result, never = Fraction(0), set()
    for line in csv.DictReader(multipliers.splitlines()):
        position = (line["asset"], line["holder"])
        row = {u: need for u, need in needs[position].items() if u not in never}
        if line["kind"] == "never":  # even with every receipt that is still possible there is too little
            unit = group[line["instruction"]]
            assert row[unit] > available.get(position, 0) - sum(n for n in row.values() if n < 0)
            never.add(unit)
            continue
        price = Fraction(line["multiplier"])
        side = available.get(position, Fraction(0))
        assert price >= 0
        if (
            line["kind"] == "cut"
        ):  # row: sum of need * x <= side; some x counted as 1 - x, divided, rounded (Marchand and Wolsey)
            other, divisor = {group[i] for i in line["other"].split(";") if i}, Fraction(line["divisor"])
            side -= sum(need for u, need in row.items() if u in other)
            whole, rest = side // divisor, side / divisor % 1
            for u, need in row.items():
                share = (-need if u in other else need) / divisor
                row[u] = share // 1 + max(Fraction(0), share % 1 - rest) / (1 - rest)
            side = whole - sum(row[u] for u in row if u in other)
            row = {u: -c if u in other else c for u, c in row.items()}
        result += price * side
        for u, need in row.items():
            profit[u] -= price * need
    return result + sum(p for u, p in profit.items() if p > 0 and u not in never)
