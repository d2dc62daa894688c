"""`python -m benchmarks.settlement.files DIR 500000`: a made-up day as the files of `csd solve`."""

import argparse
import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.settlement.instances import PROFILES, RATES, day
from depository.settlement import Due
from parsers.solve_files import decimal


def main() -> None:
    """Write the four files."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("instructions", type=int)
    arguments.add_argument("--profile", choices=sorted(PROFILES), default="mid")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--priorities", type=int, default=1)
    arguments.add_argument("--gross", type=float, default=0.0)
    given = arguments.parse_args()
    made = day(given.instructions, given.profile, given.seed, given.priorities, given.gross)
    given.folder.mkdir(parents=True, exist_ok=True)
    write(given.folder / "securities.csv", ("account", "isin", "available"), made.securities)
    write(
        given.folder / "cash.csv",
        ("participant", "currency", "available"),
        ((participant, currency, decimal(cents, 2)) for participant, currency, cents in made.cash),
    )
    instructions = ((*i[:8], decimal(i.amount, 2), *i[9:]) for i in made.due)
    write(given.folder / "instructions.csv", Due._fields, instructions)
    write(given.folder / "rates.csv", ("currency", "rate"), ((c, str(rate)) for c, rate in RATES.items()))


def write(path: Path, header: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """One CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
