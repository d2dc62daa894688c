"""From the first funding report until the main cycle, whoever's figures change gets a fresh report, and nobody else does."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from depository.funding_report import _late
from depository.reports import Report
from depository.store import schema
from flows.office import page_of
from flows.steps.blocking import block_account
from parsers import report_json
from tests.support.books import DAY, SHARE_B, Desk, advice, at, entry, ist_line, trade
from tests.support.clocks import assert_ends_after, running_out


@pytest.fixture
def told(lite: Desk) -> Desk:
    """B04 owes 50,000 to B01, B05 owes 2,000 to B02, B06 has sold what it does not have to B03; at 09:30 all were told."""
    lite.plan()
    lite.drop_trades(
        trade("T-1", "B01-HO", "B04-HO", 50, "1000.00"),
        trade("T-2", "B02-HO", "B05-HO", 2, "1000.00", line=3),
        trade("T-3", "B06-HO", "B03-HO", 5, "1000.00", line=4),
    )
    lite.run("funding-0930")
    return lite


def reports(desk: Desk, party: str) -> list[Report]:
    """A participant's funding reports of the day, first to last."""
    found = [report_json.parse(d) for n, d in desk.outbox(party).items() if n.endswith("_funding.json")]
    return sorted(found, key=lambda report: dict(report.facts)["Report of the day"])  # type: ignore[arg-type, return-value]


def numbers(desk: Desk) -> dict[str, int]:
    return {f"B0{n}": len(reports(desk, f"B0{n}")) for n in range(1, 7)}


def facts(report: Report) -> dict[str, Any]:
    return dict(report.facts)


FIRST = {"B01": 1, "B02": 1, "B03": 1, "B04": 1, "B05": 1, "B06": 1}


@pytest.mark.rule("CSD-3.3.1-b", "CSD-3.3.1-a")
def test_a_credit_gives_a_fresh_report_to_those_whose_forecast_it_changes(told: Desk) -> None:
    assert numbers(told) == FIRST
    receipt = told.drop_money(advice(entry("K1", "50000.00", "B04")), local="09:50")
    assert numbers(told) == FIRST | {"B01": 2, "B04": 2}
    before, after = reports(told, "B04")
    assert [facts(r)["Still to fund or deliver"] for r in (before, after)] == [1, 0]
    assert [facts(r)["Would settle if the cycle ran now"] for r in (before, after)] == [0, 1]
    assert facts(after)["Made anew because of"] == f"camt_2.xml of bank, receipt {receipt.number}"
    assert after.made_at == at("09:50")
    assert any(f"funding-{receipt.number}_funding.xlsx" in name for name in told.outbox("B04"))


def test_a_part_of_what_is_missing_changes_the_forecast_of_the_one_who_brought_it(told: Desk) -> None:
    told.drop_money(advice(entry("K1", "20000.00", "B04")), local="09:50")
    assert numbers(told) == FIRST | {"B04": 2}
    cash = next(t for t in reports(told, "B04")[-1].tables if t.name == "Cash")
    assert cash.rows[0][-1] == Decimal("30000.00")


def test_one_file_with_many_credits_gives_one_fresh_report_each(told: Desk) -> None:
    told.drop_money(
        advice(
            entry("K1", "20000.00", "B04"),
            entry("K2", "30000.00", "B04", line=2),
            entry("K3", "2000.00", "B05", line=3),
        ),
        local="09:50",
    )
    assert numbers(told) == FIRST | {"B01": 2, "B02": 2, "B04": 2, "B05": 2}


def test_money_that_nobody_waits_for_changes_no_forecast(told: Desk) -> None:
    told.drop_money(advice(entry("K1", "1.00", "B01")), local="09:50")
    assert numbers(told) == FIRST


def test_the_same_file_again_tells_nothing_anew(told: Desk) -> None:
    told.drop_money(advice(entry("K1", "50000.00", "B04")), local="09:50")
    sent = told.rows(schema.outgoing)
    same = next(r for r in told.rows(schema.file) if r.party == "bank")
    told.drop("bank", "again.xml", told.site.archive.get(same.sha256), "09:55", claimed="again")
    again = {(r.party, r.name, r.sha256) for r in told.rows(schema.outgoing)}
    (receipt,) = again - {(r.party, r.name, r.sha256) for r in sent}
    assert receipt[:2] == ("bank", f"again.xml.R{DAY:%Y%m%d}-00002.receipt.json")


@pytest.mark.rule("CSD-4.1.2-c")
def test_securities_that_arrive_by_a_transfer_change_the_forecast_of_who_has_to_deliver_them(told: Desk) -> None:
    told.give("B02-HO", SHARE_B, 100)
    told.drop_form("IST", "B02", "B02-IST-F1", lines=[ist_line("F1", "B02-HO", "B06-HO", 5)], local="09:50")
    assert numbers(told) == FIRST
    told.drop_form(
        "IST", "B06", "B06-IST-F2", lines=[ist_line("F2", "B06-HO", "B02-HO", 5, receive=True)], local="09:52"
    )
    told.run_until("10:00")
    assert numbers(told)["B06"] >= 2
    assert facts(reports(told, "B06")[-1])["Still to fund or deliver"] == 0


def test_before_the_first_report_and_after_the_main_cycle_no_fresh_report_is_made(desk: Desk) -> None:
    desk.drop_trades(trade("T-1", "B01-HO", "B04-HO", 50, "1000.00"))
    desk.drop_money(advice(entry("K1", "20000.00", "B04")), local="09:05")
    assert numbers(desk)["B04"] == 0
    desk.run("funding-0930")
    desk.run("main-cycle")
    desk.drop_money(advice(entry("K2", "30000.00", "B04")), local="11:40")
    assert numbers(desk)["B04"] == 1


def test_what_was_told_in_between_counts_for_the_report_of_1030(told: Desk) -> None:
    told.drop_money(advice(entry("K1", "50000.00", "B04")), local="09:50")
    told.run("funding-1030")
    assert facts(reports(told, "B04")[-1])["Report of the day"] == 3
    told.drop_money(advice(entry("K2", "7.00", "B04")), local="10:40")
    assert numbers(told)["B04"] == 3


def test_a_replay_gives_the_same_fresh_reports(told: Desk, tmp_path: Path) -> None:
    told.drop_money(advice(entry("K1", "50000.00", "B04")), local="09:50")
    told.drop_money(advice(entry("K2", "2000.00", "B05")), local="10:10")
    result = told.replay(tmp_path / "replay")
    assert result.differences == ()
    assert len(list((tmp_path / "replay" / "outbox" / "B04").glob("*_funding-R*_funding.json"))) == 1


@pytest.mark.rule("CSD-3.3.1-b")
@pytest.mark.parametrize(("short_of_it", "settled"), [("0.00", 3), ("0.01", 2)])
def test_exactly_what_the_reports_ask_for_settles_everything_and_one_cent_less_does_not(
    desk: Desk, short_of_it: str, settled: int
) -> None:
    """B04 pays B01 out of what it gets of B05; B01 needs that for what it buys of B02."""
    desk.drop_trades(
        trade("T-1", "B01-HO", "B04-HO", 50, "1000.00"),
        trade("T-2", "B04-HO", "B05-HO", 50, "400.33", line=3),
        trade("T-3", "B02-HO", "B01-HO", 60, "1000.00", line=4),
    )
    desk.run("funding-0930")
    asked = {}
    for party in ("B01", "B02", "B04", "B05"):
        cash = next(t for t in reports(desk, party)[-1].tables if t.name == "Cash")
        asked[party] = cash.rows[0][-1]
    assert asked == {
        "B01": Decimal("10000.00"),
        "B02": Decimal("0.00"),
        "B04": Decimal("29983.50"),
        "B05": Decimal("20016.50"),
    }
    asked["B01"] -= Decimal(short_of_it)  # type: ignore[operator]
    brought = [entry(f"K-{party}", str(amount), party) for party, amount in asked.items() if amount]
    desk.drop_money(advice(*brought), local="09:50")
    assert desk.run("main-cycle").facts["settled"] == settled


def test_the_operators_see_whose_funding_would_release_the_most(desk: Desk) -> None:
    desk.drop_trades(
        trade("T-1", "B01-HO", "B04-HO", 50, "1000.00"),
        trade("T-2", "B02-HO", "B05-HO", 2, "1000.00", line=3),
        trade("T-3", "B06-HO", "B03-HO", 5, "1000.00", line=4),
    )
    result = desk.run("funding-0930")
    assert result.report is not None
    (ranking,) = result.report.tables
    assert [(row[0], row[1], row[3], row[4], row[5]) for row in ranking.rows][:2] == [
        ("B04", "KZT", Decimal("50000.00"), 1, Decimal("50000.00")),
        ("B05", "KZT", Decimal("2000.00"), 1, Decimal("2000.00")),
    ]
    told = facts(result.report)
    assert (told["Due"], told["Would settle if the cycle ran now"]) == (3, 0)
    assert told["Proven of this funding"] == "no line could be less"
    assert "## Whose funding would release the most" in page_of(result)


@pytest.mark.rule("KCSD-97")
def test_no_report_asks_for_funding_of_a_blocked_account(desk: Desk) -> None:
    desk.fund("B02", "5000.00")
    desk.trade(trade("T-1", "B01-HO", "B02-HO", 1, "1000.00"))
    block_account(
        desk.site,
        "B01-HO",
        "District Court",
        "order 7",
        "claim",
        "courier",
        "Operator One",
        "Operator Two",
        at("09:20"),
    )
    result = desk.run("funding-0930")
    for party in ("B01", "B02"):
        release = next(t for t in reports(desk, party)[-1].tables if t.name == "Release")
        assert release.rows == ()
    assert result.report is not None
    assert result.report.tables[0].rows == ()
    assert facts(result.report)["Lines on blocked accounts, which no funding helps"] == 1
    cycle = desk.run("main-cycle").report
    assert cycle is not None
    assert {row[4] for t in cycle.tables if t.name == "Unsettled" for row in t.rows} == {"B01-HO (blocked)"}


def marks(desk: Desk) -> list[list[str]]:
    return [m for row in desk.rows(schema.event) if (m := json.loads(row.data).get("marks"))]


@pytest.mark.parametrize("looks", [0, 1])
def test_a_forecast_that_the_clock_stops_is_told_all_the_same_and_replays_to_the_same_bytes(
    told: Desk, looks: int, tmp_path: Path
) -> None:
    site = told.site
    told.site = replace(site, clock=running_out(looks))
    result = told.run("funding-1030")
    told.site = replace(site, clock=running_out(looks))
    told.drop_money(advice(entry("K1", "20000.00", "B04")), local="10:40")
    told.site = site

    mark = f"forecast, run {looks + 1}: not begun"
    assert marks(told) == [[mark], [mark]]
    assert str(result.facts["attention"]).startswith(f"{mark}: more might settle")
    assert numbers(told) == {f"B0{n}": 3 if n == 4 else 2 for n in range(1, 7)}
    assert told.replay(tmp_path / "replay").differences == ()


@pytest.mark.parametrize(("begun", "allowed"), [("09:30", 60), ("09:44:30", 30), ("09:44:55", 10), ("23:00", 60)])
def test_a_forecast_ends_before_the_next_batch_is_due(lite: Desk, begun: str, allowed: int) -> None:
    lite.plan()
    assert_ends_after(allowed, _late, lite, begun)
