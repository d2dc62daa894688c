"""The settlement engine: the best set that can settle, the proof of how good it is, and the reasons for the rest (design §5)."""

from depository.settlement.checker import check
from depository.settlement.engine import EFFORTS, settle
from depository.settlement.fallback import SIMPLE, by_engine, first_in_first_out
from depository.settlement.forecast import ENOUGH, LEAST, NO_LINE_LESS, Forecast, Missing, Release, Runs, forecast
from depository.settlement.objective import OBJECTIVES
from depository.settlement.outcome import Certificate, Failing, Multiplier, Outcome, PriorityLine, Unsettled
from depository.settlement.problem import Due, Position, Problem, problem
from depository.settlement.watch import Late

__all__ = [
    "Due",
    "Position",
    "Problem",
    "problem",
    "settle",
    "EFFORTS",
    "OBJECTIVES",
    "check",
    "by_engine",
    "first_in_first_out",
    "SIMPLE",
    "Late",
    "forecast",
    "Outcome",
    "Unsettled",
    "Failing",
    "Certificate",
    "PriorityLine",
    "Multiplier",
    "Forecast",
    "LEAST",
    "NO_LINE_LESS",
    "ENOUGH",
    "Missing",
    "Runs",
    "Release",
]
