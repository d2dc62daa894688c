"""A day on which no file comes: reference data and the opening, which tells everyone the timetable.

`python -m tests.support.idle_day play FOLDER` and `… replay FOLDER` do it in a process of their own, under the program that is found first.
"""

import sys
from datetime import date, datetime, time
from pathlib import Path

from flows.steps.batches import run_batch
from flows.steps.planning import due, plan
from flows.steps.reference import load_reference
from flows.steps.replay import ReplayResult, replay
from flows.steps.sites import Site
from tests.support.day_player import SAMPLE, site_at

DAY = date(2026, 11, 6)


def play_idle_day(site: Site) -> None:
    """Until the opening has run."""
    load_reference(site, SAMPLE / "reference", moment(site, 8, 0))
    plan(site, DAY, moment(site, 8, 55), lambda: "a secret")
    for batch in due(site, moment(site, 9, 31)):
        run_batch(site, DAY, batch.slot, batch.due_at)


def replay_idle_day(site: Site, folder: Path) -> ReplayResult:
    """Its replay by the present program."""
    return replay(site, DAY, folder, moment(site, 23, 0))


def moment(site: Site, hour: int, minute: int) -> datetime:
    """A moment of the day, local time."""
    return datetime.combine(DAY, time(hour, minute), site.market.zone)


if __name__ == "__main__":
    place = Path(sys.argv[2])
    with site_at(f"sqlite:///{place / 'csd.db'}", place) as there:
        if sys.argv[1] == "play":
            play_idle_day(there)
        else:
            print(*replay_idle_day(there, place / "replayed").differences, sep="\n", end="")
