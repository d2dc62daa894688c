"""The answer to a form of many lines."""

import csv

import pytest

from depository.answers import Verdict
from forms import samples
from tests.support.books import Desk
from tests.support.books import form as make_form


@pytest.mark.rule("CSD-3.1.2-e")
def test_an_accepted_form_of_many_lines_is_answered_with_a_table_of_its_accounts(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("flows.steps.intake.MANY_LINES", 2)
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
