"""Days that several tests of the engine share."""

import pytest

from benchmarks.settlement.instances import day as made_up_day
from depository.settlement import Problem, cuts, netting, searches


@pytest.fixture
def in_blocks(monkeypatch: pytest.MonkeyPatch) -> Problem:
    """A small day that goes the way of large ones: cuts for some units only, searches in blocks, two at a time."""
    for module, name, value in (
        (cuts, "WHOLE", 100), (netting, "LARGE", 100), (searches, "TOGETHER", 200), (searches, "BLOCK", 120),
        (netting, "PROVEN_AT_ONCE", 0), (searches, "REGION", 60),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    return made_up_day(600, "tight", 3).problem()
