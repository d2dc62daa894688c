"""The answer to a form of many lines."""

import csv
import io

import pytest
from openpyxl import load_workbook

from depository.answers import Verdict
from forms import samples
from tests.support.books import Desk
from tests.support.books import form as make_form


@pytest.mark.rule("CSD-3.1.2-e")
def test_an_accepted_form_of_many_lines_is_answered_with_a_table_of_its_accounts(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("flows.steps.answering.MANY_LINES", 2)
    clients = [samples.buna_client(n) for n in (501, 502, 503)]
    receipt = desk.drop("B03", "buna.xlsx", make_form("BUNA", "B03", "BU-1", samples.buna_cover(3), lines=clients))
    assert receipt.verdict is Verdict.ACCEPTED
    (answer,) = [name for name in desk.outbox("B03") if ".answer." in name]
    table = list(csv.DictReader(desk.outbox("B03")[answer].decode().splitlines()))
    assert answer.endswith(".csv")
    assert [(row["reference"], row["record"], row["status"]) for row in table] == [
        (line.reference, line.record, "opened") for line in receipt.lines
    ]
    assert [line.reference for line in receipt.lines] == ["N-000501", "N-000502", "N-000503"]


@pytest.mark.rule("CSD-3.1.2-e")
def test_of_a_form_of_many_lines_only_what_is_refused_comes_back_with_cell_rule_and_reason(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("flows.steps.answering.MANY_LINES", 2)
    clients = [
        samples.buna_client(501),
        samples.buna_client(502, email="client at example.com", iin=None),
        samples.buna_client(503),
    ]
    receipt = desk.drop("B03", "buna.xlsx", make_form("BUNA", "B03", "BU-1", samples.buna_cover(3), lines=clients))
    assert receipt.verdict is Verdict.PARTLY
    given = {name.partition(".answer.")[2]: data for name, data in desk.outbox("B03").items() if ".answer." in name}
    assert set(given) == {"refused.xlsx", "csv"}
    book = load_workbook(io.BytesIO(given["refused.xlsx"]), data_only=True)
    rows = [row for row in book["Refused"].iter_rows(values_only=True) if row[0] == 2]
    assert [(row[1], row[3], row[6]) for row in rows] == [
        ("N-000502", r.field, r.rule) for r in receipt.lines[1].rejects
    ]
    assert [row[2] for row in rows] == list(receipt.lines[1].places)
    assert all(place.startswith("Accounts!") for place in receipt.lines[1].places)
    cover = {(row[0], row[1]) for row in book.worksheets[0].iter_rows(values_only=True, max_col=2)}
    assert {("Lines", 3), ("Lines accepted", 2), ("Lines refused", 1)} <= cover
    table = list(csv.DictReader(given["csv"].decode().splitlines()))
    assert [row["verdict"] for row in table] == ["accepted", "refused", "accepted"]
    assert table[0]["record"] == receipt.lines[0].record != ""


@pytest.mark.rule("CSD-3.1.2-e")
def test_when_more_is_refused_than_a_person_reads_it_is_a_table(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("flows.steps.answering.MANY_LINES", 2)
    clients = [samples.buna_client(n, email="client at example.com") for n in (501, 502, 503)]
    data = make_form("BUNA", "B03", "BU-1", samples.buna_cover(3), lines=clients)
    for folder, between in (("inbox", ".answer."), ("check", ".check.")):
        desk.drop("B03", "buna.xlsx", data, folder=folder)
        (answer,) = [name for name in desk.outbox("B03") if between in name and not name.endswith(".json")]
        assert answer.endswith(f"{between}refused.csv")
        table = list(csv.DictReader(desk.outbox("B03")[answer].decode().splitlines()))
        assert [(row["line"], row["field"], row["found"]) for row in table] == [
            (f"{line}", "email", "client at example.com") for line in (1, 2, 3)
        ]
        assert all(row["cell"] and "name@example.com" in row["reason"] for row in table)


def test_a_form_of_many_lines_refused_as_a_whole_is_told_why(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("flows.steps.answering.MANY_LINES", 2)
    clients = [samples.buna_client(n) for n in (501, 502, 503)]
    data = make_form("BUNA", "B03", "BU-1", samples.buna_cover(4), lines=clients)
    assert desk.drop("B03", "buna.xlsx", data).verdict is Verdict.REFUSED
    (answer,) = [name for name in desk.outbox("B03") if ".answer." in name]
    sheet = load_workbook(io.BytesIO(desk.outbox("B03")[answer]))["Refused"]
    texts = " ".join(str(cell) for row in sheet.iter_rows(values_only=True) for cell in row if cell)
    assert "accounts" in texts
