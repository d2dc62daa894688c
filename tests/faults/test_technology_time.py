"""What comes in the technology time, 23:00 to 01:00, lies where it is, keeps its moment of arrival and is taken in order afterwards."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from depository.store import schema
from flows.steps import technology_time
from flows.steps.batches import run_batch
from flows.steps.planning import plan
from flows.steps.replay import replay
from parsers import receipt_json, report_json
from tests.faults.kill_points import DAY, Drop, World, drop_files
from tests.faults.test_reading_ahead import Desk, depository

TUESDAY = DAY + timedelta(days=1)
LATER = Drop("B02", "inbox", f"{DAY}/1005/B02/inbox/IST_B02-IST-0001.xlsx")
FIRST = Drop("B05", "inbox", f"{DAY}/0940/B05/inbox/WRN_B05-WRN-0001.xlsx")
UNMARKED = Drop("B03", "inbox", f"{DAY}/1020/B03/inbox/IST_B03-IST-0001.xlsx", marker="")
MONEY = Drop("bank", "inbox", f"{DAY}/0905/bank/inbox/camt053_20261123_0905.xml")
TRIED = Drop("B06", "check", f"{DAY}/1040/B06/check/WRN_B06-WRN-0009.xlsx")


@pytest.fixture
def desk(world: World, tmp_path: Path) -> Iterator[Desk]:
    """A depository that has closed its Monday."""
    with depository(world, tmp_path / "site") as opened:
        plan(opened.site, DAY, at(opened, "08:55"), lambda: "secret")
        run_batch(opened.site, DAY, "end-of-day", at(opened, "19:00"))
        yield opened


def at(desk: Desk, local: str, day: date = DAY) -> datetime:
    return datetime.combine(day, time.fromisoformat(local), desk.site.market.zone)


def waiting(desk: Desk, moment: datetime) -> list[str]:
    waits = technology_time.waits(desk.site, moment)
    assert waits is not None
    return [one.name for one in waits.files]


def notices(desk: Desk, party: str) -> list[str]:
    """Texts of the notices to a party that its files wait."""
    found = [report_json.parse(p.read_bytes()) for p in sorted((desk.root / party / "outbox").glob("*_notice_*.json"))]
    return [str(dict(one.facts)["Text"]) for one in found if "technology time" in one.title]


@pytest.mark.rule("CSD-7.6.5-b", "CSD-1.5-b")
def test_files_of_the_technology_time_wait_and_are_taken_in_order_of_arrival_with_their_own_moments(
    desk: Desk, tmp_path: Path
) -> None:
    drop_files(desk.root, (FIRST, MONEY))
    assert desk.look(at(desk, "23:00")) == []
    drop_files(desk.root, (UNMARKED,))
    for seconds in range(0, 10, 2):
        assert desk.look(at(desk, f"23:30:0{seconds}")) == []
    drop_files(desk.root, (LATER,))
    assert desk.look(at(desk, "00:30", TUESDAY)) == []
    assert desk.look(at(desk, "00:59:59", TUESDAY)) == []
    assert desk.recorded() == []
    names = [Path(one.source).name for one in (FIRST, MONEY, UNMARKED, LATER)]
    assert waiting(desk, at(desk, "00:59:59", TUESDAY)) == names

    assert desk.look(at(desk, "01:00", TUESDAY)) == names

    assert desk.left() == []
    arrived = {}
    for path in desk.root.rglob("*.receipt.json"):
        receipt = receipt_json.parse(path.read_bytes())
        assert receipt.business_date == TUESDAY
        assert "It arrived in the technology time (23:00 to 01:00)" in receipt.message
        arrived[receipt.file_name] = receipt.arrived_at
    assert [arrived[name] for name in names] == [
        at(desk, "23:00"), at(desk, "23:00"), at(desk, "23:30"), at(desk, "00:30", TUESDAY)
    ]  # fmt: skip
    result = replay(desk.site, TUESDAY, tmp_path / "replay", at(desk, "02:00", TUESDAY))
    assert result.differences == ()


@pytest.mark.rule("CSD-7.6.5-b")
def test_a_party_is_told_once_that_its_files_wait_and_until_when(desk: Desk) -> None:
    drop_files(desk.root, (LATER, UNMARKED))
    desk.look(at(desk, "23:10"))
    # Not whole yet: it has not arrived, and is seen to the end in the technology time all the same.
    assert notices(desk, "B03") == []
    drop_files(desk.root, (Drop("B02", "inbox", LATER.source, "again.xlsx", salt="1"),))
    desk.look(at(desk, "23:20"))
    told = notices(desk, "B02")
    assert len(told) == 1
    assert "23:00 to 01:00" in told[0]
    assert "IST_B02-IST-0001.xlsx, which arrived at 2026-11-23 23:10:00" in told[0]
    assert len(notices(desk, "B03")) == 1
    desk.look(at(desk, "23:20:02"))
    assert len(notices(desk, "B03")) == 1
    with desk.site.reading(at(desk, "23:30")) as work:
        subjects = work.connection.execute(
            select(schema.notice.c.subject).where(schema.notice.c.subject.contains("technology time"))
        ).scalars()
        assert set(subjects) == {"Your files wait for the end of the technology time, 2026-11-24 01:00"}


@pytest.mark.rule("CSD-7.6.5-b")
def test_dry_runs_wait_too_and_a_file_of_the_minute_before_is_taken_at_once(desk: Desk) -> None:
    drop_files(desk.root, (LATER,))
    assert desk.look(at(desk, "22:59:59")) == ["IST_B02-IST-0001.xlsx"]
    drop_files(desk.root, (TRIED,))
    assert desk.look(at(desk, "23:00")) == []
    assert desk.look(at(desk, "01:00", TUESDAY)) == ["WRN_B06-WRN-0009.xlsx"]
    assert (desk.root / "B06" / "outbox" / "WRN_B06-WRN-0009.xlsx.check.json").exists()


def test_what_was_claimed_before_the_technology_time_is_finished_in_it(desk: Desk) -> None:
    drop_files(desk.root, (LATER,))
    inbox, claimed = desk.root / "B02" / "inbox", desk.root / "csd" / "claimed" / "B02"
    # As a process left it that was killed at 22:59 there.
    (inbox / "IST_B02-IST-0001.xlsx").rename(claimed / "inbox~20261123T175900000000~IST_B02-IST-0001.xlsx")
    (inbox / "IST_B02-IST-0001.xlsx.done").unlink()
    assert desk.look(at(desk, "23:05")) == ["IST_B02-IST-0001.xlsx"]


@pytest.mark.rule("CSD-7.6.5-b")
def test_operators_see_a_file_that_waits_from_the_look_at_which_it_is_whole(desk: Desk) -> None:
    drop_files(desk.root, (LATER,))
    desk.look(at(desk, "23:30:00"))
    assert waiting(desk, at(desk, "23:30:00")) == ["IST_B02-IST-0001.xlsx"]
    drop_files(desk.root, (UNMARKED,))
    desk.look(at(desk, "23:31:00"))
    assert waiting(desk, at(desk, "23:31:00")) == ["IST_B02-IST-0001.xlsx"]
    desk.look(at(desk, "23:31:01"))
    assert waiting(desk, at(desk, "23:31:01")) == ["IST_B02-IST-0001.xlsx", "IST_B03-IST-0001.xlsx"]
