"""What a cycle leaves behind: its certificate, the reasons for what stayed, and files from which anyone can prove both again."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from depository.cycle_report import MEANING
from depository.instructions import Instruction, InstructionKind, Side, Status
from depository.reports import Report
from depository.store import files, instructions, schema
from flows import office
from flows.office import page_of
from flows.steps.cycle_files import hand_over_cycle
from flows.steps.solve import solve_folder
from tests.support.books import DAY, FUND, ROOT, SHARE_A, TRADE_DAY, Desk, at, trade


def sheet(report: Report, name: str) -> list[dict[str, Any]]:
    found = next(t for t in report.tables if t.name == name)
    return [dict(zip((c.key for c in found.columns), row, strict=True)) for row in found.rows]


@pytest.fixture
def torn(desk: Desk) -> Desk:
    """B06 has sold what it does not have to B01, which has sold it on to B02; B04 can pay for one of two equal buys."""
    desk.fund("B01", "100000.00")
    desk.fund("B02", "500000.00")
    desk.fund("B04", "1000.00")
    desk.trade(
        trade("T-ROOT", "B06-HO", "B01-HO", 50, "1000.00", isin=SHARE_A),
        trade("T-VICTIM", "B01-HO", "B02-HO", 50, "1000.00", isin=SHARE_A, line=3),
        trade("T-ONE", "B01-HO", "B04-HO", 1, "1000.00", line=4),
        trade("T-OTHER", "B01-HO", "B04-HO", 1, "1000.00", line=5),
        trade("T-FINE", "B01-HO", "B02-HO", 10, "1000.00", line=6),
    )
    return desk


def operators_report(desk: Desk) -> Report:
    code = next(r.code for r in desk.rows(schema.party) if r.kind == "operator")
    found: Report = desk.report(code, "_main-cycle_cycle.json")
    return found


def test_the_operators_see_bound_gap_proof_seed_version_and_rates(torn: Desk) -> None:
    torn.run("main-cycle")
    facts = dict(operators_report(torn).facts)
    assert (facts["Due"], facts["Settled"], facts["Unsettled"]) == (5, 2, 3)
    assert facts["Value due, KZT"] == Decimal("112000.00")
    assert facts["Value settled, KZT"] == Decimal("11000.00")
    assert (facts["Proven the best possible"], facts["Gap"], facts["Stopped by"]) == (True, "0", "finished")
    assert facts["Objective reached"] == facts["Upper bound: no set of instructions reaches more"]
    assert (facts["Objective"], facts["Effort"], facts["Seed"]) == ("mixed", "standard", 0)
    assert facts["Engine version"]
    assert facts["Labels"] == MEANING


@pytest.mark.rule("CSD-A2-3.2")
def test_every_unsettled_instruction_is_told_with_what_is_short_by_how_much_who_failed_and_its_label(
    torn: Desk,
) -> None:
    torn.run("main-cycle")
    report = operators_report(torn)
    rows = {row["trade"]: row for row in sheet(report, "Unsettled")}
    assert {
        trade_id: (row["role"], row["holder"], row["short_by"], row["caused_by"], row["label"])
        for trade_id, row in rows.items()
    } == {
        "T-ROOT": ("securities", "B06-HO", Decimal(50), "B06", "rooted"),
        "T-VICTIM": ("securities", "B01-HO", Decimal(50), "B06", "rooted"),
        "T-OTHER": ("cash", "B04", Decimal("1000.00"), "B04", "engine's choice"),
    }
    assert [(row["participant"], row["asset"], row["short_by"]) for row in sheet(report, "Failing")] == [
        ("B04", "KZT", Decimal("1000.00")),
        ("B06", SHARE_A, Decimal(50)),
    ]


@pytest.mark.rule("CSD-A2-3.2")
def test_a_participant_sees_its_own_instructions_and_not_how_much_the_other_is_short_of(torn: Desk) -> None:
    torn.run("main-cycle")
    seen = {row["trade"]: row for row in sheet(torn.report("B01", "_main-cycle_cycle.json"), "Unsettled")}
    assert (seen["T-VICTIM"]["holder"], seen["T-VICTIM"]["short_by"]) == ("B01-HO", Decimal(50))
    assert (seen["T-ROOT"]["holder"], seen["T-ROOT"]["short_by"], seen["T-ROOT"]["caused_by"]) == (
        "B06-HO",
        None,
        "B06",
    )
    assert {row["trade"] for row in sheet(torn.report("B06", "_main-cycle_cycle.json"), "Unsettled")} == {"T-ROOT"}
    assert [t.name for t in torn.report("B06", "_main-cycle_cycle.json").tables] == ["Settled", "Unsettled"]


def test_what_has_settled_is_told_as_settled_with_both_sides_to_the_operators(torn: Desk) -> None:
    torn.run("main-cycle")
    assert [
        (r["trade"], r["deliver_account"], r["receive_account"]) for r in sheet(operators_report(torn), "Settled")
    ] == [
        ("T-ONE", "B01-HO", "B04-HO"),
        ("T-FINE", "B01-HO", "B02-HO"),
    ]
    report = torn.report("B02", "_main-cycle_cycle.json")
    assert dict(report.facts)["Labels"] == MEANING
    mine = sheet(report, "Settled")
    assert [(r["trade"], r["side"], r["status"]) for r in mine] == [("T-FINE", "receive", "settled")]


def test_what_only_the_order_one_by_one_keeps_back_is_labelled_indivisible(desk: Desk) -> None:
    """Two participants owe each other the same security one by one: neither fails, and neither can begin."""

    def gross(number: int, giver: str, taker: str) -> Instruction:
        return Instruction(
            f"I{number:09d}", InstructionKind.EXCHANGE, Side.BOTH, "exchange", f"T-{giver}", giver, f"{giver}-ST", taker,
            f"{taker}-ST", SHARE_A, 5, DAY, at("18:10", TRADE_DAY), trade_date=TRADE_DAY, netting="gross", status=Status.MATCHED,
        )  # fmt: skip

    with desk.work() as work:
        instructions.add(work, [gross(901, "B04", "B05"), gross(902, "B05", "B04")], "test")
    desk.run("main-cycle")
    report = operators_report(desk)
    assert [(row["trade"], row["caused_by"], row["label"]) for row in sheet(report, "Unsettled")] == [
        ("T-B04", "", "indivisible"),
        ("T-B05", "", "indivisible"),
    ]
    assert sheet(report, "Failing") == []


def test_the_cycles_table_keeps_the_whole_certificate(torn: Desk) -> None:
    torn.run("main-cycle")
    (row,) = torn.rows(schema.cycle)
    kept = json.loads(row.certificate)
    assert (kept["seed"], kept["engine_version"] != "", kept["objective"], kept["effort"]) == (
        0,
        True,
        "mixed",
        "standard",
    )
    assert {
        "upper_bound",
        "gap",
        "proven_optimal",
        "bound_from_multipliers",
        "input_sha256",
        "stopped_by",
        "priorities",
    } <= set(kept)
    assert (kept["reference_currency"], kept["rates"], kept["currencies_without_rate"]) == ("KZT", {}, [])
    with torn.work() as work:
        assert row.proof in files.hashes(work)


def test_a_cycle_taken_from_the_archive_is_settled_again_by_csd_solve_to_the_same_bytes(
    torn: Desk, tmp_path: Path
) -> None:
    torn.run("main-cycle")
    names = hand_over_cycle(torn.site, DAY, 1, tmp_path / "cycle", at("20:00"))
    assert {"instructions.csv", "outcome.csv", "multipliers.csv", "certificate.json"} <= set(names)
    assert solve_folder(tmp_path / "cycle", tmp_path / "again") == 0
    for name in ("outcome.csv", "unsettled.csv", "labels.csv", "failing.csv", "multipliers.csv", "certificate.json"):
        assert (tmp_path / "cycle" / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def prove(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.settlement.verify_bound", str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_its_bound_is_recomputed_from_the_files_by_a_program_that_knows_nothing_of_the_engine(
    torn: Desk, tmp_path: Path
) -> None:
    torn.run("main-cycle")
    hand_over_cycle(torn.site, DAY, 1, tmp_path / "cycle", at("20:00"))
    proved = prove(tmp_path / "cycle")
    assert (proved.returncode, "The bound holds." in proved.stdout) == (0, True), proved
    certificate = tmp_path / "cycle" / "certificate.json"
    claimed = json.loads(certificate.read_text())
    certificate.write_text(json.dumps(claimed | {"bound_from_multipliers": claimed["bound_from_multipliers"] / 2}))
    assert prove(tmp_path / "cycle").returncode == 1


def test_a_cycle_that_never_was_is_named(torn: Desk, tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="2026-11-23 has no settlement cycle 7"):
        hand_over_cycle(torn.site, DAY, 7, tmp_path / "cycle", at("20:00"))


def test_the_operators_page_has_the_certificate(torn: Desk) -> None:
    page = page_of(torn.run("main-cycle"))
    assert "| settled | 2 |" in page
    assert "## Settlement cycle 1" in page
    for label in (
        "Upper bound: no set of instructions reaches more",
        "Gap",
        "Proven the best possible",
        "Engine version",
    ):
        assert f"| {label} |" in page
    assert "| Value due, KZT | 112,000.00 |" in page
    assert "| Proven the best possible | yes |" in page
    assert "| Objective counts | share of the value due + of the number due; everything is 2 |" in page


def test_what_is_short_stands_on_the_operators_page_and_of_much_the_first_rows(
    torn: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = torn.run("main-cycle")
    page = page_of(result)
    assert "| Instruction | Trade | Short of | Asset | Holder | Short by | Caused by | Label |" in page
    assert "### Failing participants" in page
    assert f"\n**Labels**: {MEANING}\n" in page
    assert "| Labels |" not in page
    assert "more: the whole table" not in page
    assert "### Settled instructions" not in page
    monkeypatch.setattr(office, "ROWS_BESIDE_FACTS", 1)
    assert "more: the whole table stands beside this page." in page_of(result)


def test_a_missing_rate_stands_on_the_operators_page_and_in_the_report(desk: Desk) -> None:
    with desk.work() as work:
        work.connection.execute(schema.exchange_rate.delete())
    desk.trade(trade("T-F", "B03-DO", "B06-HO", 10, "100.00", isin=FUND, currency="USD"))
    assert "No rate of USD" in page_of(desk.run("main-cycle"))
    assert "No rate of USD" in str(dict(operators_report(desk).facts)["Rates: attention"])
