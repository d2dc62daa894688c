"""`csd solve`: files in, files out, and what bad input leads to."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.steps.solve import solve_folder

HEADER = "id,deliver_account,receive_account,isin,quantity,payer,payee,currency,amount,priority,isd,netting,link\n"
GOOD = {
    "securities.csv": "account,isin,available\nALFA-1,KZ0000000017,100\n",
    "cash.csv": "participant,currency,available\nBETA,KZT,1500.50\n",
    "instructions.csv": HEADER
    + "I1,ALFA-1,BETA-1,KZ0000000017,100,BETA,ALFA,KZT,1500.5,5,2026-03-02,net,\n"
    + "I2,BETA-1,GAMA-1,KZ0000000017,40,GAMA,BETA,KZT,700,5,2026-03-02,net,\n"
    + "I3,,,,0,ALFA,DELT,KZT,1000.25,5,2026-03-02,net,\n",
    "rates.csv": "currency,rate\nKZT,1\nUSD,512.34\n",
}

Solve = Callable[..., int]


@pytest.fixture
def solve(tmp_path: Path) -> Solve:
    def run(**changed: str | None) -> int:
        source = tmp_path / "in"
        source.mkdir(exist_ok=True)
        for name, text in GOOD.items():
            given = changed.get(name.removesuffix(".csv"), text)
            if given is None:
                (source / name).unlink(missing_ok=True)
            else:
                (source / name).write_text(given, encoding="utf-8")
        return solve_folder(source, tmp_path / "out")

    return run


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_what_can_settle_settles_and_the_rest_names_who_failed(solve: Solve, tmp_path: Path) -> None:
    assert solve() == 0
    out = tmp_path / "out"
    assert (out / "outcome.csv").read_text() == "id,settled\nI1,1\nI2,0\nI3,1\n"
    assert rows(out / "unsettled.csv") == [
        {"id": "I2", "role": "cash", "asset": "KZT", "holder": "GAMA", "short_by": "700.00", "cause": "GAMA"}
    ]
    assert rows(out / "failing.csv") == [
        {"participant": "GAMA", "asset": "KZT", "holder": "GAMA", "short_by": "700.00"}
    ]
    certificate = json.loads((out / "certificate.json").read_text())
    assert certificate["value_total"] == 3200.75
    assert certificate["value_settled"] == 2500.75
    assert certificate["count_settled"] == 2
    assert certificate["proven_optimal"] is True
    assert certificate["gap"] == 0
    assert certificate["stopped_by"] == "finished"
    assert set(json.loads((out / "timing.json").read_text())) >= {"settle_seconds", "memory_megabytes"}


def test_the_same_files_give_the_same_bytes(solve: Solve, tmp_path: Path) -> None:
    solve()
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.name != "timing.json"}
    solve()
    assert {
        path.name: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.name != "timing.json"
    } == first


def test_missing_files_mean_no_rows(solve: Solve, tmp_path: Path) -> None:
    assert solve(securities=None, cash=None, instructions=None, rates=None) == 0
    assert (tmp_path / "out" / "outcome.csv").read_text() == "id,settled\n"
    assert solve(securities=None, cash=None, rates=None) == 0
    assert (tmp_path / "out" / "outcome.csv").read_text() == "id,settled\nI1,0\nI2,0\nI3,0\n"


def test_columns_in_another_order_and_left_out_defaults_are_taken(solve: Solve, tmp_path: Path) -> None:
    text = "amount,id,payer,payee,currency,quantity,deliver_account,receive_account,isin\n5,I1,BETA,ALFA,KZT,0,,,\n"
    assert solve(instructions=text) == 0
    assert (tmp_path / "out" / "outcome.csv").read_text() == "id,settled\nI1,1\n"


ROW = "I9,ALFA-1,BETA-1,KZ0000000017,{quantity},BETA,ALFA,KZT,{amount},{priority},{isd},{netting},\n"


def row(
    quantity: str = "1", amount: str = "1", priority: str = "5", isd: str = "2026-03-02", netting: str = "net"
) -> dict[str, str]:
    line = ROW.format(quantity=quantity, amount=amount, priority=priority, isd=isd, netting=netting)
    return {"instructions": GOOD["instructions.csv"] + line}


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"instructions": GOOD["instructions.csv"].replace("link", "links")}, "instructions.csv, line 1, column links"),
        ({"instructions": GOOD["instructions.csv"].replace("id,", "", 1)}, "instructions.csv, line 1, column id"),
        ({"cash": "participant,currency\nBETA,KZT\n"}, "cash.csv, line 1, column available"),
        (row(quantity="-5"), "instructions.csv, line 5, column quantity: '-5' is negative"),
        (row(quantity="ten"), "instructions.csv, line 5, column quantity: 'ten' is not a number"),
        (row(amount="1,000".replace(",", " ")), "instructions.csv, line 5, column amount"),
        (row(amount="1e3"), "instructions.csv, line 5, column amount"),
        (row(amount="nan"), "instructions.csv, line 5, column amount"),
        (row(amount=""), "instructions.csv, line 5, column amount"),
        (row(amount="٣"), "instructions.csv, line 5, column amount"),
        (row(priority="high"), "instructions.csv, line 5, column priority"),
        (row(priority="0"), "instructions.csv, line 5, column priority"),
        (row(isd="2.3.2026"), "instructions.csv, line 5, column isd"),
        (row(netting="both"), "instructions.csv, line 5, column netting"),
        (
            {"instructions": GOOD["instructions.csv"] + "I1,,,,0,ALFA,BETA,KZT,1,5,2026-03-02,net,\n"},
            "line 5, column id",
        ),
        (
            {"instructions": GOOD["instructions.csv"] + "I8,,,,0,,BETA,KZT,1,5,2026-03-02,net,\n"},
            "line 5, column payer",
        ),
        ({"instructions": GOOD["instructions.csv"] + "I8,,,,3,,,,0,5,2026-03-02,net,\n"}, "column deliver_account"),
        ({"instructions": GOOD["instructions.csv"] + "I8,,,\n"}, "instructions.csv, line 5: 4 fields"),
        ({"instructions": HEADER + '"two\nlines",,,,0,,,,x,5,,net,\n'}, "instructions.csv, line 3, column amount"),
        ({"cash": GOOD["cash.csv"] + "BETA,KZT,3\n"}, "cash.csv, line 3, column currency: 'BETA KZT' is given twice"),
        ({"securities": GOOD["securities.csv"] + "ALFA-1,,3\n"}, "securities.csv, line 3, column isin"),
        ({"securities": GOOD["securities.csv"] + "ALFA-1,X,-3\n"}, "securities.csv, line 3, column available"),
        ({"rates": "currency,rate\nKZT,one\n"}, "rates.csv, line 2, column rate"),
    ],
)
def test_bad_input_names_file_line_and_column_and_writes_nothing(
    solve: Solve, tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: dict[str, str], place: str
) -> None:
    assert solve(**changed) == 2
    assert place in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_there_and_bytes_that_are_no_text_are_bad_input(tmp_path: Path) -> None:
    assert solve_folder(tmp_path / "none", tmp_path / "out") == 2
    (tmp_path / "cash.csv").write_bytes(b"participant,currency,available\nBETA,KZT,\xff\n")
    assert solve_folder(tmp_path, tmp_path / "out") == 2
    assert solve_folder(tmp_path, tmp_path / "out", effort="forever") == 2
    assert not (tmp_path / "out").exists()


def test_a_file_that_cannot_be_read_and_a_target_that_is_no_folder_are_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cash.csv").mkdir()
    assert solve_folder(tmp_path, tmp_path / "out") == 2
    assert "cash.csv: cannot be read: Is a directory" in capsys.readouterr().err
    (tmp_path / "out").write_text("mine")
    assert solve_folder(tmp_path, tmp_path / "out") == 2
    assert "is not a folder" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "mine"


def test_amounts_finer_than_cents_and_larger_than_64_bits_stay_exact(solve: Solve, tmp_path: Path) -> None:
    large = "123456789012345678901234567890"
    text = (
        HEADER + f"I1,,,,0,ALFA,BETA,KZT,{large}.000000001,5,,net,\nI2,,,,0,BETA,ALFA,KZT,{large}.000000002,5,,net,\n"
    )
    assert solve(instructions=text, cash="participant,currency,available\nALFA,KZT,0.000000001\n") == 0
    assert (tmp_path / "out" / "outcome.csv").read_text() == "id,settled\nI1,0\nI2,0\n"
    assert [line["short_by"] for line in rows(tmp_path / "out" / "failing.csv")] == ["0.000000001"]
    assert solve(instructions=text, cash="participant,currency,available\nBETA,KZT,0.000000001\n") == 0
    assert (tmp_path / "out" / "outcome.csv").read_text() == "id,settled\nI1,1\nI2,1\n"
