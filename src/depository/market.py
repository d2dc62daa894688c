"""One market as configuration: zone, depository, currencies, parameters, timetable. Text in, record out; never code."""

import tomllib
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from depository.register import Currency
from depository.timetable import Span, Timetable, in_force, technology_time


@dataclass(frozen=True, slots=True)
class Parameter:
    """A dated setting with its source."""

    name: str
    value: str | int
    valid_from: date
    source: str


@dataclass(frozen=True, slots=True)
class SignaturePolicy:
    """Which forms are taken only with a signature beside the file, from a day on, with its source."""

    required: tuple[str, ...]
    """Form codes. Any other file may come signed, and its signature is then checked as well."""
    valid_from: date
    source: str


@dataclass(frozen=True, slots=True)
class Market:
    """A market's configuration."""

    name: str
    zone: ZoneInfo
    depository_name: str
    depository_bic: str
    depository_bin: str
    currencies: tuple[Currency, ...]
    reference_currency: str
    """In which values of all currencies are weighed against each other."""
    parameters: tuple[Parameter, ...]
    timetables: tuple[Timetable, ...]
    signature_policies: tuple[SignaturePolicy, ...] = ()
    sources: tuple[str, ...] = field(default=(), repr=False, compare=False)
    """The texts that this was read from, for the input log."""

    def timetable(self, day: date) -> Timetable:
        """The timetable in force on `day`."""
        return in_force(self.timetables, day)

    def technology_time(self, at: datetime) -> Span | None:
        """The technology time that a moment falls into, in which what parties send waits; None outside it (CSD-7.6.5-b)."""
        return technology_time(self.timetables, at, self.zone)

    def parameter(self, name: str, day: date, default: str | int | None = None) -> str | int:
        """The value of a parameter on `day`; raises LookupError when none is in force and there is no default."""
        dated = [p for p in self.parameters if p.name == name and p.valid_from <= day]
        if not dated and default is not None:
            return default
        if not dated:
            raise LookupError(
                f"parameter {name} has no value on {day}: add it to parameters of the market's configuration"
            )
        return max(dated, key=lambda p: p.valid_from).value

    def number(self, name: str, day: date) -> int:
        """A parameter that is a whole number."""
        return int(self.parameter(name, day))

    def signature_required(self, form: str, day: date) -> bool:
        """Is the form taken only with a signature on `day`?"""
        dated = [p for p in self.signature_policies if p.valid_from <= day]
        return bool(dated) and form in max(dated, key=lambda p: p.valid_from).required

    def purpose_required(self, currency: str, day: date) -> bool:
        """Do payments in the currency name their purpose by a code on `day`?"""
        return currency in str(self.parameter("purpose_code_currencies", day, "")).split()

    def local(self, at: datetime) -> datetime:
        """The moment in the market's zone."""
        return at.astimezone(self.zone)

    def currency(self, code: str) -> Currency | None:
        """The currency, or None when it has no settlement-bank arrangement (CSD-5.1.5-a)."""
        return next((c for c in self.currencies if c.code == code), None)


def read_market(market_toml: str, timetable_toml: str) -> Market:
    """The market of two TOML texts; raises KeyError or ValueError naming what is missing or wrong."""
    market = tomllib.loads(market_toml)
    return Market(
        name=market["name"],
        zone=ZoneInfo(market["zone"]),
        depository_name=market["depository"]["name"],
        depository_bic=market["depository"]["bic"],
        depository_bin=market["depository"]["bin"],
        currencies=tuple(Currency(**c) for c in market["currency"]),
        reference_currency=market.get("reference_currency", market["currency"][0]["code"]),
        parameters=tuple(Parameter(**p) for p in market["parameter"]),
        timetables=tuple(_timetable(t) for t in tomllib.loads(timetable_toml)["timetable"]),
        signature_policies=tuple(
            SignaturePolicy(tuple(p["required"]), p["valid_from"], p["source"]) for p in market.get("signatures", ())
        ),
        sources=(market_toml, timetable_toml),
    )


def _timetable(values: dict[str, Any]) -> Timetable:
    values = {"valid_to": None, **values}
    values["funding_reports"] = tuple(values["funding_reports"])
    for name, value in values.items():
        if isinstance(value, time) and value.tzinfo is not None:
            raise ValueError(f"timetable {name}: write a local time without zone")
    return Timetable(**values)
