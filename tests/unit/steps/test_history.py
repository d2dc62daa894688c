"""A form has one history, from its receipt to the final state of all that it asked for, printed as order and report."""

from pathlib import Path
from typing import Any

import pytest

from depository.reports import Report
from flows.steps.history import history_of, send_history, write_history
from forms import samples
from parsers import report_json
from tests.support.books import Desk, advice, at, entry, ist_line, wrn_body
from tests.support.pdf_text import pages


@pytest.fixture
def desk(lite: Desk) -> Desk:
    lite.plan()
    lite.drop_money(advice(entry("K-1", "50000.00", "B01")), local="09:20")
    return lite


def told(desk: Desk, reference: str, local: str = "20:00", party: str = "B01") -> Report:
    return history_of(desk.site, party, reference, at(local))


def rows(report: Report, name: str) -> list[dict[str, Any]]:
    table = next(table for table in report.tables if table.name == name)
    return [dict(zip((column.key for column in table.columns), row, strict=True)) for row in table.rows]


@pytest.mark.rule("KCSD-86")
def test_a_form_is_followed_from_its_receipt_to_its_final_state(desk: Desk) -> None:
    desk.drop_form("WRN", "B01", "B01-WRN-1", wrn_body("B01", "1000.00"), local="10:00")
    under_way = told(desk, "B01-WRN-1", "10:05")
    assert dict(under_way.facts)["State"] == "under way: 1 of 1 records are not final"
    assert rows(under_way, "States")[0]["state"] == "queued, payment day 2026-11-23"
    desk.run_until("13:30")
    desk.drop_money(advice(entry("D-1", "1000.00", "", credit=False, end_to_end="W000000001")), local="15:00")
    final = told(desk, "B01-WRN-1")
    assert dict(final.facts)["State"] == "final"
    assert [(r["record"], r["state"], r["final"]) for r in rows(final, "States")] == [("W000000001", "paid", "yes")]
    steps = [(f"{r['at']:%H:%M}", r["state"]) for r in rows(final, "Steps")]
    assert [state for _, state in steps] == ["block", "ordered", "payment"]
    assert (steps[0][0], steps[2][0]) == ("10:00", "15:00")
    order = {r["field"]: r["value"] for r in rows(final, "Order")}
    assert (order["amount"], order["currency"]) == ("1000", "KZT")
    assert order["signatory"] == "Authorised Person B01, Head of operations"
    assert [r["name"].rpartition(".")[2] for r in rows(final, "Answers")] == ["json", "xlsx"]


@pytest.mark.rule("KCSD-86")
def test_a_form_that_was_refused_and_came_again_mended_has_one_history(desk: Desk) -> None:
    wrong = wrn_body("B01", "90000.00")
    desk.drop_form("WRN", "B01", "B01-WRN-1", wrong, local="10:00")
    refused = told(desk, "B01-WRN-1", "10:01")
    assert dict(refused.facts)["State"] == "final: nothing of it was taken"
    assert "50000.00 KZT is there" in rows(refused, "Refusals")[0]["reason"]
    desk.drop_form("WRN", "B01", "B01-WRN-1", wrn_body("B01", "900.00"), local="10:30")
    both = told(desk, "B01-WRN-1", "10:31")
    assert [r["verdict"] for r in rows(both, "Files")] == ["refused", "accepted"]
    assert {r["field"]: r["value"] for r in rows(both, "Order")}["amount"] == "900"
    assert len(rows(both, "Refusals")) == 1


@pytest.mark.rule("KCSD-86")
def test_each_line_of_a_form_has_its_own_steps(desk: Desk) -> None:
    lines = [ist_line("L-1", "B01-HO", "B02-HO"), ist_line("L-2", "B01-HO", "B03-HO", isin="KZX000000001")]
    desk.drop_form("IST", "B01", "B01-IST-1", lines=lines, local="10:00")
    desk.drop_form("IST", "B02", "B02-IST-1", lines=[ist_line("R-1", "B02-HO", "B01-HO", receive=True)], local="10:10")
    report = told(desk, "B01-IST-1")
    assert [r["state"] for r in rows(report, "Steps")] == ["unmatched", "matched", "settled"]
    assert [(r["line"], r["reference"], r["state"]) for r in rows(report, "States")] == [(1, "L-1", "settled")]
    assert [r["line"] for r in rows(report, "Refusals")] == [2]
    assert dict(report.facts)["Lines refused"] == 1


@pytest.mark.rule("KCSD-86")
def test_the_history_of_a_bulk_form_tells_what_was_asked_for_each_client(desk: Desk) -> None:
    """The client's data as it was given, line by line; a line that is not right says why."""
    desk.drop_form(
        "BUNA", "B01", "B01-BUNA-1", samples.buna_cover(2), [samples.buna_client(1), samples.buna_client(2, iin="1")]
    )
    report = told(desk, "B01-BUNA-1")
    asked = {(r["line"], r["field"]): r["value"] for r in rows(report, "Order")}
    assert asked[1, "surname"] == "Testov"
    assert asked[1, "nin"] == "KZ00000001"
    assert asked[1, "politically exposed"] == "no"
    assert "12 digits" in asked[2, "not right in form"]
    assert [(r["line"], r["state"]) for r in rows(report, "States")] == [(1, "recorded")]


@pytest.mark.rule("KCSD-86")
def test_it_is_printed_and_sent_to_its_sender_and_a_replay_sends_the_same(desk: Desk, tmp_path: Path) -> None:
    desk.drop_form("WRN", "B01", "B01-WRN-1", wrn_body("B01", "1000.00"), local="10:00")
    desk.run_until("13:30")
    name = send_history(desk.site, "B01", "B01-WRN-1", at("14:00"))
    sent = desk.outbox("B01")
    assert report_json.parse(sent[f"{name}.json"]) == told(desk, "B01-WRN-1", "14:00")
    pdf, _ = write_history(told(desk, "B01-WRN-1", "14:00"), "B01-WRN-1", tmp_path / "out")
    assert pdf.read_bytes() == sent[f"{name}.pdf"]
    printed = " ".join(pages(pdf.read_bytes()))
    assert "History of WRN B01-WRN-1" in printed
    assert "Authorised Person B01" in printed
    assert desk.replay(tmp_path / "replay").differences == ()


def test_a_form_that_never_came_and_anothers_form_have_no_history(desk: Desk) -> None:
    desk.drop_form("WRN", "B01", "B01-WRN-1", wrn_body("B01", "1000.00"), local="10:00")
    for party, reference in (("B01", "B01-WRN-2"), ("B02", "B01-WRN-1")):
        with pytest.raises(LookupError, match="no form of"):
            told(desk, reference, party=party)
