"""Every sample form is answered exactly as its `.expected.json` says, and every answer the reader can give has a sample."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from parsers.workbook_form import read_form
from parsers.workbook_rows import openpyxl_rows
from tests.support.form_cases import CASES, FOLDER, Case, outcome

ROOT = FOLDER.parent
FORMS = ("IST", "WRN", "SIN", "IND", "IAO", "BUNA", "BDN", "PAOF", "ACR", "TCR", "OBC")
SAMPLES = sorted(path for form in FORMS for path in (FOLDER / form).glob("*.xlsx"))
RULES = {
    "IST": "CSD-4.1.2-b",
    "WRN": "CSD-3.3.2-b",
    "SIN": "CSD-4.3-1-a",
    "IND": "CSD-4.3-1-a",
    "IAO": "CSD-3.1.2-d",
    "BUNA": "CSD-3.1.2-e",
    "BDN": "CSD-3.3.2-c",
    "TCR": "CSD-5.1.10-b",
    "ACR": "CSD-3.4.1-a",
    "PAOF": "CSD-3.1.2-b",
    "OBC": "CSD-5.2.13-a",
}


def _parameters() -> list[Any]:
    return [
        pytest.param(
            path,
            id=f"{path.parent.name}-{path.stem}",
            marks=pytest.mark.rule(RULES[path.parent.name], "CSD-A3", "KCSD-90"),
        )
        for path in SAMPLES
    ]


@pytest.mark.parametrize("path", _parameters())
def test_a_sample_form_is_answered_as_expected(path: Path) -> None:
    expected = json.loads(path.with_suffix(".expected.json").read_text(encoding="utf-8"))
    assert outcome(path.read_bytes(), path.name) == expected
    name = path.stem.split("-")[0]
    assert name in ("right", "wrong", "refused")
    assert ("file_refused" in expected) == (name == "refused")
    if name != "refused":
        assert bool(expected["rejects"]) == (name == "wrong")


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.form}-{case.name}") for case in CASES])
def test_a_sample_can_be_made_again_with_the_same_content(case: Case) -> None:
    expected = json.loads(case.expected_path.read_text(encoding="utf-8"))
    assert outcome(case.make(), case.path.name) == expected


def test_every_sample_file_belongs_to_a_case() -> None:
    assert {case.path for case in CASES} == set(SAMPLES)
    expected = {path for form in FORMS for path in (FOLDER / form).glob("*.json")}
    assert {case.expected_path for case in CASES} == expected


@pytest.mark.rule("CSD-A3")
def test_each_form_has_right_and_wrong_samples() -> None:
    for form in FORMS:
        names = [path.stem for path in SAMPLES if path.parent.name == form]
        assert any(name.startswith("right-") for name in names), form
        assert any(name.startswith("wrong-") for name in names), form


# Answers whose files are too large for a sample or that no workbook reaches; each has a test of its own under tests/unit.
_ELSEWHERE = (
    " are taken. Split it into several forms",
    "does not end in .xlsx",
    "list of parts is far larger than a form's",
    "expands to more than it says",
    "lines: split it into several forms",
    "LEI",
    "CFI code",
)


def _messages_of(path: Path) -> Iterator[str]:
    """Give the longest fixed piece of each message that the code of a module can answer with."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in ("CellFault", "BadIdentifier"):
            arguments = node.args[:1]
        elif called in ("FileRefused", "_refuse", "pattern") or (called == "fault" and path.name == "sin.py"):
            arguments = node.args[1:2]
        else:
            continue
        for argument in arguments:
            pieces = [
                one.value for one in ast.walk(argument) if isinstance(one, ast.Constant) and isinstance(one.value, str)
            ]
            if pieces and len(max(pieces, key=len)) >= 8:
                yield max(pieces, key=len)


def test_every_answer_the_reader_can_give_has_a_sample() -> None:
    modules = [
        *(ROOT / "forms").glob("*.py"),
        *(ROOT / "parsers").glob("workbook_*.py"),
        ROOT / "src/depository/identifiers.py",
    ]
    answers = " ".join(
        path.read_text(encoding="utf-8") for form in FORMS for path in (FOLDER / form).glob("*.json")
    ).lower()
    wanted = {message for module in modules for message in _messages_of(module)}
    assert len(wanted) > 100
    without = [
        one for one in wanted if json.dumps(one)[1:-1].lower() not in answers and not any(e in one for e in _ELSEWHERE)
    ]
    assert sorted(without) == []


@pytest.mark.parametrize(
    "path", [pytest.param(p, id=f"{p.parent.name}-{p.stem}") for p in SAMPLES if not p.stem.startswith("refused")]
)
def test_both_readers_of_sheets_give_the_same_form(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = path.read_bytes()
    by_calamine = read_form(data, path.name)
    monkeypatch.setattr("parsers.workbook_rows.calamine_rows", openpyxl_rows)
    assert read_form(data, path.name) == by_calamine
