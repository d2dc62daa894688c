"""The depository's own clock is put back by hours or a day in the middle of its work: nothing is lost, done twice or dated ahead."""

from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from depository.store import schema
from depository.verify import verify
from flows.steps.replay import replay
from tests.faults.kill_points import DAY, SMALL_DAY, TODAY, Drop, Step, World, open_site, play
from tests.support.fault_results import tried

FORM = TODAY + "1005/B02/inbox/IST_B02-IST-0001.xlsx"
STANDS_STILL = Drop("B02", "inbox", FORM, name="back.xlsx", marker="", salt="1")
"""Seen before the clock is put back, and whole after it."""
AFTER = Drop("B02", "inbox", FORM, name="after.xlsx", salt="2")


@pytest.mark.parametrize(
    ("before", "back"),
    [(f"{DAY}T14:30", timedelta(hours=5)), (f"{DAY}T19:05", timedelta(days=1))],
    ids=["before the end of day", "after it"],
)
def test_files_and_batches_have_their_effect_once_when_the_clock_is_put_back(
    world: World, tmp_path: Path, before: str, back: timedelta
) -> None:
    index = next(number for number, step in enumerate(SMALL_DAY) if step.at == before) + 1
    put_back = datetime.fromisoformat(before).replace(tzinfo=world.zone) - back

    def then(seconds: int) -> str:
        return (put_back + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()

    steps = (
        *SMALL_DAY[:index],
        Step("look", before, (STANDS_STILL,)),
        *(Step("look", then(2 * number), (AFTER,) if number == 0 else ()) for number in range(4)),
        Step("plan", then(10)),
        Step("run", then(20)),
        *SMALL_DAY[index:],
    )
    url = f"sqlite:///{tmp_path / 'csd.db'}"
    state = play(world, url, tmp_path, steps=steps).state
    assert {name for name in state["folders"] if "/inbox/" in name} == {"B04/inbox/late.xlsx.part"}
    batches = {row[1]: row[4] for row in state["table batch"] if row[0] == DAY}
    assert set(batches.values()) == {"done"}
    with (
        world.server(tmp_path / "sftp") as server,
        closing(open_site(world.place(url, tmp_path / "var", server))) as site,
    ):
        with site.reading(put_back + back) as work:
            assert verify(work).faults == ()
            files = {row.name: row for row in work.connection.execute(select(schema.file))}
        for name in ("back.xlsx", "after.xlsx"):
            assert (files[name].verdict, files[name].repeats) == ("accepted", 0)
            assert files[name].arrived_at <= put_back
        assert replay(site, date(2099, 1, 1), tmp_path / "replay", put_back).differences == ()
    hours = back // timedelta(hours=1)
    tried(
        f"our clock put back by {hours} hours", "SQLite", "each file and batch once, none dated ahead, the same replay"
    )
