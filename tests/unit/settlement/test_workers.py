"""Two searches side by side: which of them ends the other is told by their checkpoints, never by the clock."""

import pytest

from depository.settlement.watch import Watch
from depository.settlement.workers import Race


def searched(race: Race, me: int, checkpoints: int) -> int:
    """A search that needs so many checkpoints; how many it passes until it is finished or ended."""
    over = race.lane(me)
    for passed in range(1, checkpoints + 1):
        if over():
            return passed
    race.finished(me)
    return checkpoints


@pytest.mark.parametrize(("first", "second", "winner"), [(10, 20, 0), (20, 10, 1), (10, 10, 0)])
@pytest.mark.parametrize("sooner", [0, 1])
def test_the_search_with_fewer_checkpoints_wins_whichever_is_sooner_by_the_clock(
    first: int, second: int, winner: int, sooner: int
) -> None:
    race = Race(Watch())
    for me in (sooner, 1 - sooner):
        searched(race, me, (first, second)[me])

    assert race.winner() == winner


@pytest.mark.parametrize(("me", "passed"), [(0, 21), (1, 20)])
def test_a_search_goes_on_as_long_as_it_may_still_win(me: int, passed: int) -> None:
    race = Race(Watch())
    searched(race, 1 - me, 20)

    assert searched(race, me, 100) == passed


def test_an_emergency_stop_ends_both_and_nobody_wins() -> None:
    race = Race(Watch(most=0))

    assert searched(race, 0, 100) == searched(race, 1, 100) == 1
    assert race.winner() is None
