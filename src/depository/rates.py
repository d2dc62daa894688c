"""What a cycle's instructions weigh: the objective, the effort, and the rates that bring amounts into one currency (design §5).

Rates decide nothing but which of several possible sets a cycle prefers: what can settle at all, and every amount, is unchanged by
them. So a cycle never waits for a rate:

- the newest rate up to the business date is in force; one older than `rate_days` is used, and the operators are told;
- a currency that has never had a rate cannot be compared with the others: its instructions weigh by their number alone (so the
  objective `value` becomes `mixed`), their values are left out of every sum, and the operators are told. No rate is ever made up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from depository.instructions import Instruction
from depository.register import ExchangeRate
from depository.store import register
from depository.store.work import Work

VALUE = "value"
MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class Weighing:
    """By what a cycle chooses. `rates`: by currency, without the reference currency, whose rate is 1, and without `missing` ones."""

    objective: str
    effort: str
    reference: str
    rates: Mapping[str, ExchangeRate]
    missing: tuple[str, ...]
    remarks: tuple[str, ...]
    """What operators have to know about the rates; empty when all is well."""


def remarks_in(weighing: Weighing) -> dict[str, str]:
    """What operators have to know about the rates, as a fact of a batch."""
    return {"rates": " ".join(weighing.remarks)} if weighing.remarks else {}


def weigh(work: Work, due: Sequence[Instruction]) -> Weighing:
    """The day's objective, effort and rates for these instructions."""
    market, day = work.market, work.business_date
    objective = str(market.parameter("settlement_objective", day))
    rates: dict[str, ExchangeRate] = {}
    remarks: list[str] = []
    missing: list[str] = []
    currencies = {one.currency for one in due if one.amount}
    for currency in sorted(currencies - {market.reference_currency}):
        rate = register.rate(work, currency, day)
        if rate is None:
            missing.append(currency)
            continue
        rates[currency] = rate
        age = (day - rate.valid_from).days
        if age > int(market.parameter("rate_days", day, 7)):
            remarks.append(f"The rate of {currency} is {age} days old ({rate.valid_from}): load rates.csv.")
    if missing:
        remarks.append(
            f"No rate of {', '.join(missing)} up to {day}: instructions in it weigh by their number alone, and sums of value leave "
            "them out. Load rates.csv with `csd load`."
        )
        objective = MIXED if objective == VALUE else objective
    effort = str(market.parameter("settlement_effort", day, "standard"))
    return Weighing(objective, effort, market.reference_currency, rates, tuple(missing), tuple(remarks))
