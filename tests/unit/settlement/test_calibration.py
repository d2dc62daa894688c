"""Made-up days of the broad family are as tight as their profile says."""

import math

import pytest

from benchmarks.settlement import instances
from benchmarks.settlement.calibration import NEAR, TRIES, scarcity_for, share_left


def test_a_scarcity_is_found_at_which_what_is_left_is_near_the_share_aimed_at() -> None:
    tried: list[float] = []

    def left_at(scarcity: float) -> float:
        tried.append(scarcity)
        return min(0.3 * math.pow(scarcity, 1.5), 1.0)

    found = scarcity_for(0.14, left_at)

    assert tried[0] == 1.0
    assert found == tried[-1]
    assert abs(left_at(found) - 0.14) <= NEAR


def test_a_day_that_is_near_enough_stays_as_it_is() -> None:
    assert scarcity_for(0.08, lambda _: 0.08 + 0.9 * NEAR) == 1.0


def test_where_no_scarcity_comes_near_the_nearest_that_was_tried_stands() -> None:
    tried: list[float] = []

    def left_at(scarcity: float) -> float:
        # From one jump to the next nothing lies between.
        tried.append(scarcity)
        return 0.05 if scarcity < 1.0 else 0.2

    assert scarcity_for(0.14, left_at) == 1.0
    assert len(tried) == TRIES


@pytest.mark.parametrize("profile", ["mid", "tight"])
def test_a_calibrated_day_leaves_what_its_profile_says(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = share_left(instances.day(3000, profile, 1, broad=True).problem())
    monkeypatch.setattr(instances, "CALIBRATED_FROM", 3000)

    left = share_left(instances.day(3000, profile, 1, broad=True).problem())

    assert abs(plain - instances.LEFT[profile]) > 2 * NEAR
    assert abs(left - instances.LEFT[profile]) <= 2 * NEAR
