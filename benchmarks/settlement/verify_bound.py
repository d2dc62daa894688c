"""The bound of a certificate, recomputed from the input and `multipliers.csv` alone: nothing of the engine is used.

Rows as in the files of `csd solve`; amounts as integers or fractions of whole units.

`python -m benchmarks.settlement.verify_bound FOLDER` compares it with `certificate.json` in a folder that `csd solve` or `csd cycle` wrote.
"""

import csv
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any


def bound(
    securities: Iterable[Any],
    cash: Iterable[Any],
    due: Iterable[Any],
    rates: Mapping[str, Fraction],
    multipliers: str,
    objective: str = "mixed",
    priority: int | None = None,
    reached: Mapping[int, Fraction] = {},
) -> Fraction:
    """What no set of whole instructions can exceed; `mixed` is value / total value + 1 / number of instructions.

    With a `priority`: at that one, among the sets that bring at least what was `reached` at each higher one.
    """
    due = list(due)
    total = sum(i.amount * rates.get(i.currency, Fraction(1)) for i in due)
    available = {(asset, holder): Fraction(b) for rows in (securities, cash) for holder, asset, b in rows}
    group = {i.id: ("link", i.link) if i.link else i.id for i in due}  # linked instructions count as one
    profit: dict[Any, Fraction] = defaultdict(Fraction)
    brings: dict[int, dict[Any, Fraction]] = defaultdict(
        lambda: defaultdict(Fraction)
    )  # priority -> group -> objective
    needs: dict[Any, dict[Any, Fraction]] = defaultdict(
        lambda: defaultdict(Fraction)
    )  # position -> group -> what it takes
    for i in due:
        value = i.amount * rates.get(i.currency, Fraction(1))
        mixed = Fraction(1, len(due)) + (value / total if total else 0)
        brings[int(i.priority)][group[i.id]] += {"mixed": mixed, "value": value, "count": 1}[objective]
        for asset, giver, taker, moved in (
            (i.isin, i.deliver_account, i.receive_account, i.quantity),
            (i.currency, i.payer, i.payee, i.amount),
        ):
            if moved:
                needs[asset, giver][group[i.id]] += moved
                needs[asset, taker][group[i.id]] -= moved
    for level, of in brings.items():
        for u, weight in of.items():
            profit[u] += weight if priority in (None, level) else 0
    result, never = Fraction(0), set()
    for line in csv.DictReader(multipliers.splitlines()):
        if line["kind"] == "priority":  # what it brings beyond what was reached there is worth that much
            level, times = int(line["other"]), Fraction(line["multiplier"])
            assert priority is not None and level < priority and times >= 0  # noqa: PT018 - one rule
            result -= times * reached[level]
            for u, weight in brings[level].items():
                profit[u] += times * weight
            continue
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
        if line["kind"] == "cut":
            # The row says: sum of need * x <= side. Some x counted as 1 - x, divided, rounded (Marchand and Wolsey).
            other, divisor = {group[i] for i in line["other"].split(";") if i}, Fraction(line["divisor"])
            side -= sum(need for u, need in row.items() if u in other)
            whole, rest = side // divisor, side / divisor % 1
            for u, need in row.items():
                share = (-need if u in other else need) / divisor
                row[u] = share // 1 + max(Fraction(0), share % 1 - rest) / (1 - rest)
            side = Fraction(whole) - sum(row[u] for u in row if u in other)
            row = {u: -c if u in other else c for u, c in row.items()}
        result += price * side
        for u, need in row.items():
            profit[u] -= price * need
    return result + sum(p for u, p in profit.items() if p > 0 and u not in never)


def main(folder: Path) -> int:
    """Prints both bounds; 0 when they agree to the last digit of the certificate."""

    def rows(name: str) -> list[dict[str, str]]:
        if not (folder / name).exists():
            return []
        with (folder / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def available(name: str) -> list[tuple[str, ...]]:
        return [(*list(row.values())[:2], row["available"]) for row in rows(name)]

    due = [
        SimpleNamespace(**{**row, "quantity": Fraction(row["quantity"]), "amount": Fraction(row["amount"])})
        for row in rows("instructions.csv")
    ]
    rates = {row["currency"]: Fraction(row["rate"]) for row in rows("rates.csv")}
    certificate = json.loads((folder / "certificate.json").read_text(encoding="utf-8"))
    multipliers = (folder / "multipliers.csv").read_text(encoding="utf-8")
    found = bound(available("securities.csv"), available("cash.csv"), due, rates, multipliers, certificate["objective"])
    stated = certificate["bound_from_multipliers"]
    agree = float(found) == stated
    reached = certificate["objective_settled"]
    print(f"bound recomputed: {float(found)!r}\nbound certified:  {stated!r}\nreached:          {reached!r}")
    agree = _by_priority(folder, available, due, rates, certificate) and agree
    print("The bound holds." if agree else "The bound does NOT follow from the multipliers.")
    return 0 if agree else 1


def _by_priority(folder: Path, available: Any, due: list[Any], rates: dict[str, Fraction], certificate: Any) -> bool:
    """The same for each priority, where each has a proof of its own; what was reached is counted from `outcome.csv`."""
    path = folder / "multipliers_by_priority.csv"
    if not path.exists():
        return True
    with path.open(encoding="utf-8", newline="") as file:
        header, *lines = file.read().splitlines()
    with (folder / "outcome.csv").open(encoding="utf-8", newline="") as file:
        settled = {row["id"] for row in csv.DictReader(file) if row["settled"] == "1"}
    objective = certificate["objective"]
    total = sum(i.amount * rates.get(i.currency, Fraction(1)) for i in due)
    reached: dict[int, Fraction] = defaultdict(Fraction)
    for i in due:
        if i.id in settled:
            value = i.amount * rates.get(i.currency, Fraction(1))
            mixed = Fraction(1, len(due)) + (value / total if total else 0)
            reached[int(i.priority)] += {"mixed": mixed, "value": value, "count": 1}[objective]
    agree = True
    for line in certificate["priorities"]:
        level = line["priority"]
        mine = "\n".join([header, *(one for one in lines if one.startswith(f"{level},"))])
        found = bound(available("securities.csv"), available("cash.csv"), due, rates, mine, objective, level, reached)
        # The certificate states the greatest objective that a set can have up to the bound.
        stated = line["upper_bound"]
        fits = found >= reached[level] and stated * (1 - 1e-12) <= float(found) <= stated * (1 + 1e-12) + 1e-15
        print(f"priority {level}: recomputed {float(found)!r}, certified {stated!r}, reached {float(reached[level])!r}")
        agree = agree and fits
    return agree


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
