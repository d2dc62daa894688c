"""A day already planned follows a change of the timetable, entered by one person and approved by another (CSD-7.6.5-c)."""

import re
from dataclasses import replace
from datetime import time
from pathlib import Path
from typing import Any

import pytest

from depository.day import draw_of, moment_of
from depository.market import read_market
from depository.store import schema
from depository.timetable import BatchKind
from flows import office
from flows.steps.batches import run_batch
from flows.steps.planning import due, move
from tests.support.books import DAY, SECRET, TUESDAY, Desk, at, trade

pytestmark = pytest.mark.rule("CSD-7.6.5-c")


def changed(desk: Desk, **times: Any) -> None:
    """The market has a timetable of its own for the day, as a one-day notice in its configuration gives it."""
    market, timetable = desk.site.market.sources
    entry = timetable[timetable.index("[[timetable]]") :].split("\n\n")[0]
    values = {"valid_from": f"{DAY}\nvalid_to = {DAY}", "source": '"Notice 17"', **times}
    for name, value in values.items():
        entry = re.sub(rf"^{name} = .*$", f"{name} = {value}", entry, flags=re.MULTILINE)
    usual = timetable.split("\n# notice\n")[0]
    desk.site = replace(desk.site, market=read_market(market, f"{usual}\n# notice\n{entry}"))


def moments(desk: Desk, state: str = "planned") -> dict[str, str]:
    return {r.slot: f"{desk.site.market.local(r.due_at):%H:%M:%S}" for r in desk.rows(schema.batch) if r.state == state}


LATER: dict[str, Any] = {
    "funding_deadline": time(14),
    "main_earliest": time(14),
    "main_latest": time(14, 30),
    "late_start": time(14, 31),
}


def test_the_main_cycle_moves_to_its_new_window_by_the_secret_that_is_published_already(desk: Desk):
    with desk.work() as work:
        before = draw_of(work, DAY)
    changed(desk, **LATER)
    assert {"main-cycle", "late-01"} <= set(move(desk.site, DAY, "First Person", "Second Person", at("10:50")))
    with desk.work() as work:
        after = draw_of(work, DAY)
    assert before is not None
    assert after is not None
    assert (after.secret, after.commitment) == (before.secret, before.commitment)
    assert after.moment == moment_of(SECRET, at("14:00"), at("14:30")) == desk.batch("main-cycle").due_at
    assert moments(desk)["late-01"] == "14:31:00"
    assert not [b for b in due(desk.site, at("13:59")) if b.kind in (BatchKind.MAIN_CYCLE, BatchKind.LATE_CYCLE)]
    assert desk.run("main-cycle").state == "done"


def test_what_no_longer_belongs_to_the_day_is_skipped_and_comes_back_with_a_further_change(desk: Desk):
    usual = moments(desk)
    changed(desk, **LATER)
    move(desk.site, DAY, "First Person", "Second Person", at("10:50"))
    gone = moments(desk, "skipped")
    assert gone
    assert set(gone) == set(usual) - set(moments(desk))
    slot = next(iter(gone))
    assert run_batch(desk.site, DAY, slot, at("17:00")).state == "skipped before"
    changed(desk)
    move(desk.site, DAY, "First Person", "Second Person", at("10:55"))
    assert moments(desk) == usual


def test_what_has_run_stays_and_late_cycles_count_on_from_there(desk: Desk):
    desk.run_until("11:50")
    ran = moments(desk, "done")
    changed(desk, late_start=time(13), last_money=time(17, 59), last_dvp=time(18), end_of_day=time(19, 30))
    move(desk.site, DAY, "First Person", "Second Person", at("12:00"))
    assert moments(desk, "done") == ran
    late = sorted((slot, when) for slot, when in moments(desk).items() if slot.startswith("late-"))
    assert late[0] == ("late-03", "13:00:00")
    assert late[-1][1] == moments(desk)["settlement-fail"] == "18:00:00"
    assert moments(desk)["end-of-day"] == "19:30:00"
    assert all(one.state == "done" for one in desk.run_until("19:30").values() if one.slot.startswith("settlement"))


def test_every_participant_is_told_the_new_times_and_the_source_but_not_the_moment(desk: Desk):
    changed(desk, **LATER)
    move(desk.site, DAY, "First Person", "Second Person", at("10:50"))
    for party in ("B01", "B02", "B03"):
        notice = next(n for n in desk.rows(schema.notice) if n.addressee == party and "Timetable" in n.subject)
        assert notice.audience == "broadcast"
        facts = dict(desk.report(party, f"_notice_{notice.number}.json").facts)
        assert facts["Main cycle, at a moment between"] == "14:00 and 14:30"
        assert facts["Timetable by"] == "Notice 17"
        assert f"{desk.batch('main-cycle').due_at:%H:%M:%S}" not in str(facts)


@pytest.mark.parametrize(("first", "second"), [("One Person", "one person "), ("One Person", ""), (" ", "Another")])
def test_one_person_alone_moves_nothing(desk: Desk, first: str, second: str):
    before = moments(desk)
    changed(desk, **LATER)
    with pytest.raises(LookupError, match="two persons"):
        move(desk.site, DAY, first, second, at("10:50"))
    assert moments(desk) == before


def test_a_window_that_has_begun_is_no_window(desk: Desk):
    changed(desk, main_earliest=time(10))
    with pytest.raises(LookupError, match="must not have begun"):
        move(desk.site, DAY, "First Person", "Second Person", at("10:30"))
    assert desk.batch("main-cycle").due_at >= at("11:00")


def test_a_day_that_has_ended_or_is_not_planned_is_not_moved(desk: Desk):
    with pytest.raises(LookupError, match="not planned"):
        move(desk.site, TUESDAY, "First Person", "Second Person", at("12:00"))
    desk.run_until("19:00")
    with pytest.raises(LookupError, match="has ended"):
        move(desk.site, DAY, "First Person", "Second Person", at("19:10"))


def test_a_moved_day_is_replayed_byte_for_byte(desk: Desk, tmp_path: Path):
    desk.run_until("10:45")
    changed(desk, **LATER)
    move(desk.site, DAY, "First Person", "Second Person", at("10:50"))
    desk.run_until("19:00")
    result = desk.replay(tmp_path / "again", "19:30")
    assert result.differences == ()


def test_times_that_cannot_follow_each_other_are_refused_when_they_are_read(desk: Desk):
    usual = desk.site.market.timetables[0]
    with pytest.raises(ValueError, match="main_latest must not be after late_start"):
        replace(usual, main_latest=time(12))


def test_the_funding_report_shows_the_times_of_the_changed_timetable(desk: Desk):
    desk.drop_trades(trade("X-1", "B01-HO", "B02-HO", 10))
    changed(desk, **LATER, challenge_until=time(15, 30))
    move(desk.site, DAY, "First Person", "Second Person", at("09:10"))
    desk.run_until("09:30")
    facts = dict(desk.report("B02", "_funding-0930_funding.json").facts)
    assert facts["Challenge until"] == "15:30 of the business day after the trade (CSD-5.2.13-a)"
    assert "14:00:00" in str(facts["Fund by"])


def test_what_runs_for_days_follows_a_moved_day_by_itself_with_the_times_that_were_approved(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    running, key = desk.site, str(tmp_path / "csd.toml")
    monkeypatch.setattr(office, "read_site", lambda _: running)
    monkeypatch.setattr(office, "_open", {})
    assert office.site_of(key) is running
    changed(desk, **LATER)
    # Written into the file, and approved by nobody yet.
    assert office.site_of(key) is running
    move(desk.site, DAY, "First Person", "Second Person", at("10:50"))
    followed = office.site_of(key)
    assert followed.market.timetable(DAY).main_earliest == time(14)
    assert followed.engine is running.engine
    assert office.site_of(key) is followed
