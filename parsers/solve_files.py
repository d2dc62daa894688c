"""The files of `csd solve`: CSV text in, one settlement problem out; one outcome in, CSV and JSON text out.

Numbers are plain decimals with `.`; each asset is counted in units of the finest decimal that occurs for it, so nothing is rounded.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from depository.settlement import Due, Multiplier, Outcome, Problem, problem

SECURITIES = "securities.csv"
CASH = "cash.csv"
INSTRUCTIONS = "instructions.csv"
RATES = "rates.csv"
FILES = (SECURITIES, CASH, INSTRUCTIONS, RATES)
CERTIFICATE = "certificate.json"
BY_PRIORITY = "multipliers_by_priority.csv"
NOT_ALWAYS = (BY_PRIORITY,)
"""Files of an outcome that only some outcomes have."""

COLUMNS = {
    SECURITIES: ("account", "isin", "available"),
    CASH: ("participant", "currency", "available"),
    INSTRUCTIONS: Due._fields,
    RATES: ("currency", "rate"),
}
DEFAULTS = {"priority": "5", "isd": "", "netting": "net", "link": ""}

_DECIMAL = re.compile(r"[0-9]+(\.[0-9]+)?")
_MOST_DECIMALS = 18
_LONGEST_NUMBER = 100


class BadInput(Exception):
    """Something in the input cannot be taken: says which file, line and column, and what is wrong."""

    def __init__(self, file: str, line: int, column: str, message: str) -> None:
        place = ", ".join(
            part for part in (file, f"line {line}" if line else "", f"column {column}" if column else "") if part
        )
        super().__init__(f"{place}: {message}")
        self.file = file
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True, eq=False)
class SolveInput:
    """The problem and the number of decimals of each ISIN and currency in it."""

    problem: Problem
    decimals: dict[str, int]


def read(texts: Mapping[str, str]) -> SolveInput:
    """The problem in the texts of the files (a file that is missing has no rows). Raises BadInput."""
    securities = _Table(SECURITIES, texts.get(SECURITIES))
    cash = _Table(CASH, texts.get(CASH))
    instructions = _Table(INSTRUCTIONS, texts.get(INSTRUCTIONS))
    rates = _Table(RATES, texts.get(RATES))

    decimals: dict[str, int] = {}
    amounts = (
        (securities, "isin", "available"),
        (instructions, "isin", "quantity"),
        (cash, "currency", "available"),
        (instructions, "currency", "amount"),
    )
    for table, asset, amount in amounts:
        table.check_numbers(amount)
        _count_decimals(decimals, table.column(asset), table.column(amount))
    scaled = [_scaled(decimals, table.column(asset), table.column(amount)) for table, asset, amount in amounts]

    for table, keys in ((securities, ("account", "isin")), (cash, ("participant", "currency"))):
        for key in keys:
            table.check_filled(key)
        table.check_unique(*keys)
    instructions.check_filled("id")
    instructions.check_unique("id")
    for column in ("deliver_account", "receive_account", "isin"):
        instructions.check_filled(column, where=scaled[1])
    for column in ("payer", "payee", "currency"):
        instructions.check_filled(column, where=scaled[3])
    instructions.check_one_of("netting", ("net", "gross"))
    instructions.check_dates("isd")
    rates.check_filled("currency")
    rates.check_unique("currency")
    rates.check_numbers("rate")

    due = map(
        Due._make,
        zip(
            instructions.column("id"),
            instructions.column("deliver_account"),
            instructions.column("receive_account"),
            instructions.column("isin"),
            scaled[1],
            instructions.column("payer"),
            instructions.column("payee"),
            instructions.column("currency"),
            scaled[3],
            instructions.priorities(),
            instructions.column("isd"),
            instructions.column("netting"),
            instructions.column("link"),
            strict=True,
        ),
    )
    return SolveInput(
        problem(
            zip(securities.column("account"), securities.column("isin"), scaled[0], strict=True),
            zip(cash.column("participant"), cash.column("currency"), scaled[2], strict=True),
            due,
            {c: Fraction(r) for c, r in zip(rates.column("currency"), rates.column("rate"), strict=True)},
            decimals,
        ),
        decimals,
    )


class _Table:
    """The columns of one file, each checked on its own; errors name the line they stand in."""

    def __init__(self, file: str, text: str | None) -> None:
        self.file = file
        self.text = text or ""
        known = COLUMNS[file]
        # A byte order mark is no part of the first column's name.
        reader = csv.reader(io.StringIO(self.text.removeprefix("\ufeff"), newline=""), strict=True)
        try:
            header = next(reader, list(known))
            for name in header:
                if name not in known:
                    raise BadInput(file, 1, name, f"unknown column; known are {', '.join(known)}")
                if header.count(name) > 1:
                    raise BadInput(file, 1, name, "the column is there twice")
            for name in known:
                if name not in header and name not in DEFAULTS:
                    raise BadInput(file, 1, name, "the column is missing")
            rows = [row for row in reader if row]
        except csv.Error as error:
            raise BadInput(file, reader.line_num, "", str(error)) from error
        for number, row in enumerate(rows):
            if len(row) != len(header):
                raise BadInput(file, self.line(number), "", f"{len(row)} fields where the header has {len(header)}")
        self.size = len(rows)
        columns = list(zip(*rows, strict=True)) or [()] * len(header)
        self.columns: dict[str, Sequence[str]] = dict(zip(header, columns, strict=True))

    def column(self, name: str) -> Sequence[str]:
        """The texts of a column; its default where the file leaves it out."""
        found = self.columns.get(name)
        return found if found is not None else [DEFAULTS[name]] * self.size

    def line(self, number: int) -> int:
        """The line the row of that number ends in; fields may hold line breaks, so it is found by reading again."""
        reader = csv.reader(io.StringIO(self.text.removeprefix("\ufeff"), newline=""))
        next(reader)
        seen = -1
        for row in reader:
            seen += bool(row)
            if seen == number:
                break
        return reader.line_num

    def bad(self, number: int, column: str, message: str) -> BadInput:
        """The error of that row and column."""
        return BadInput(self.file, self.line(number), column, message)

    def check_numbers(self, name: str) -> None:
        """Every field is a plain number >= 0."""
        for number, text in enumerate(self.column(name)):
            if len(text) > _LONGEST_NUMBER:
                # Python refuses to convert numbers of thousands of digits.
                raise self.bad(number, name, f"it has {len(text)} characters, a number has {_LONGEST_NUMBER} at most")
            if text.isdigit() and text.isascii():
                continue
            if _DECIMAL.fullmatch(text):
                if len(text) - text.index(".") - 1 > _MOST_DECIMALS:
                    raise self.bad(number, name, f"{text!r} has more than {_MOST_DECIMALS} decimals")
                continue
            if text.startswith("-") and _DECIMAL.fullmatch(text[1:]):
                raise self.bad(number, name, f"{text!r} is negative")
            raise self.bad(number, name, f"{text!r} is not a number like 1250 or 1250.75")

    def check_filled(self, name: str, where: Sequence[int] | None = None) -> None:
        """No field is empty, or none where something moves."""
        column = self.column(name)
        if "" not in column:
            return
        for number, text in enumerate(column):
            if not text and (where is None or where[number]):
                raise self.bad(number, name, "is empty")

    def check_unique(self, *names: str) -> None:
        """No row says the same in these columns as one before."""
        keys = list(zip(*(self.column(name) for name in names), strict=True))
        if len(set(keys)) == len(keys):
            return
        seen: set[tuple[str, ...]] = set()
        for number, key in enumerate(keys):
            if key in seen:
                raise self.bad(number, names[-1], f"{' '.join(key)!r} is given twice")
            seen.add(key)

    def check_one_of(self, name: str, allowed: tuple[str, ...]) -> None:
        """Every field is one of the allowed words."""
        column = self.column(name)
        wrong = set(column) - set(allowed)
        if wrong:
            number = next(k for k, text in enumerate(column) if text in wrong)
            raise self.bad(number, name, f"{column[number]!r} is not one of {', '.join(allowed)}")

    def check_dates(self, name: str) -> None:
        """Every field is empty or a date like 2026-03-02."""
        column = self.column(name)
        wrong = {text for text in set(column) if text and not _is_date(text)}
        if wrong:
            number = next(k for k, text in enumerate(column) if text in wrong)
            raise self.bad(number, name, f"{column[number]!r} is not a date like 2026-03-02")

    def priorities(self) -> Iterable[int]:
        """The priority of each row; 5 where it is empty."""
        column = self.column("priority")
        meaning = {"": 5}
        for text in set(column) - {""}:
            if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) < 1:
                number = next(k for k, found in enumerate(column) if found == text)
                raise self.bad(number, "priority", f"{text!r} is not a whole number from 1 (highest)")
            meaning[text] = int(text)
        return [meaning[text] for text in column]


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _count_decimals(decimals: dict[str, int], assets: Sequence[str], texts: Sequence[str]) -> None:
    for asset, text in zip(assets, texts, strict=True):
        point = text.find(".")
        places = len(text) - point - 1 if point >= 0 else 0
        if places > decimals.get(asset, -1):
            decimals[asset] = places


def _scaled(decimals: dict[str, int], assets: Sequence[str], texts: Sequence[str]) -> list[int]:
    result = []
    for asset, text in zip(assets, texts, strict=True):
        places = decimals[asset]
        if places:
            whole, _, part = text.partition(".")
            result.append(int(whole + part.ljust(places, "0")))
        else:
            result.append(int(text))
    return result


def write(given: SolveInput, outcome: Outcome, input_sha256: str) -> dict[str, str]:
    """The texts of the outcome's files by name."""
    decimals = given.decimals
    certificate = outcome.certificate
    return {
        "outcome.csv": table(
            ("id", "settled"),
            zip(given.problem.ids, ("1" if s else "0" for s in outcome.settled.tolist()), strict=True),
        ),
        "unsettled.csv": table(
            ("id", "role", "asset", "holder", "short_by", "cause"),
            (
                (u.id, u.role, u.asset, u.holder, decimal(u.short_by, decimals[u.asset]), ";".join(u.causes))
                for u in outcome.unsettled
            ),
        ),
        "labels.csv": table(("id", "label"), dict.fromkeys((u.id, u.label) for u in outcome.unsettled)),
        "failing.csv": table(
            ("participant", "asset", "holder", "short_by"),
            ((f.participant, f.asset, f.holder, decimal(f.short_by, decimals[f.asset])) for f in outcome.failing),
        ),
        "multipliers.csv": table(
            ("kind", "asset", "holder", "instruction", "multiplier", "divisor", "other"),
            (_multiplier(line, decimals) for line in outcome.multipliers),
        ),
        **_by_priority(outcome, decimals),
        CERTIFICATE: _json(
            {
                "instructions": certificate.instructions,
                "value_total": certificate.value_total,
                "value_settled": certificate.value_settled,
                "count_settled": certificate.count_settled,
                "objective": certificate.objective,
                "objective_settled": certificate.objective_settled,
                "upper_bound": certificate.upper_bound,
                "gap": certificate.gap,
                "proven_optimal": certificate.proven_optimal,
                "bound_from_multipliers": certificate.bound_from_multipliers,
                "effort": certificate.effort,
                "stopped_by": certificate.stopped_by,
                "seed": certificate.seed,
                "engine_version": certificate.engine_version,
                "input_sha256": input_sha256,
                "priorities": [line._asdict() for line in certificate.priorities],
            }
        ),
    }


def decimal(amount: int, places: int) -> str:
    """A scaled integer as a plain decimal."""
    if not places:
        return str(amount)
    text = str(abs(amount)).rjust(places + 1, "0")
    return f"{'-' if amount < 0 else ''}{text[:-places]}.{text[-places:]}"


def _by_priority(outcome: Outcome, decimals: Mapping[str, int]) -> dict[str, str]:
    """The proof of each priority's bound, where there is one of its own."""
    if not outcome.priority_multipliers:
        return {}
    header = ("priority", "kind", "asset", "holder", "instruction", "multiplier", "divisor", "other")
    rows = ((str(priority), *_multiplier(line, decimals)) for priority, line in outcome.priority_multipliers)
    return {BY_PRIORITY: table(header, rows)}


def _multiplier(line: Multiplier, decimals: Mapping[str, int]) -> tuple[str, ...]:
    """The line in the units of the files: a balance's price is per whole unit of the asset, a divisor counts whole units."""
    scale = 10 ** decimals.get(line.asset, 0)
    price = line.multiplier * scale if line.kind == "balance" else line.multiplier
    divisor = str(line.divisor / scale) if line.kind == "cut" else ""
    return (line.kind, line.asset, line.holder, line.instruction, str(price) if price else "", divisor, line.other)


def table(header: tuple[str, ...], rows: Iterable[Iterable[str]]) -> str:
    """A CSV table as these files are written."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _json(fields: Mapping[str, object]) -> str:
    """JSON with every number exact where a decimal can be exact, else to the nearest double."""
    return "{\n" + ",\n".join(f"  {json.dumps(name)}: {_literal(value)}" for name, value in fields.items()) + "\n}\n"


def _literal(value: object) -> str:
    if isinstance(value, Fraction):
        return _number(value)
    if isinstance(value, list):
        inner = ", ".join(
            "{" + ", ".join(f"{json.dumps(name)}: {_literal(part)}" for name, part in row.items()) + "}"
            for row in value
        )
        return f"[{inner}]"
    return json.dumps(value)


def _number(value: Fraction) -> str:
    for places in range(_MOST_DECIMALS + 1):
        if 10**places % value.denominator == 0:
            return decimal(int(value * 10**places), places)
    return repr(float(value))  # float: shown, never counted
