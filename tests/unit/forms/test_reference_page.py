"""The reference page follows from the field tables."""

from pathlib import Path

import pytest

from forms.catalog import FORMS
from forms.field import fields_of
from forms.header import HeaderRow
from forms.reference import render

PAGE = Path(__file__).parents[3] / "docs/reference/forms.md"


@pytest.mark.rule("CSD-A3")
def test_the_page_in_the_repository_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "write it again with forms.reference.render()"


def test_the_page_names_every_label_of_every_form() -> None:
    page = render()
    for spec in FORMS.values():
        for model in filter(None, (HeaderRow, spec.body, spec.table)):
            for field in fields_of(model):
                assert f"| {field.label} |" in page


def test_labels_are_unlike_within_a_sheet_so_that_they_can_be_found_by_text() -> None:
    for spec in FORMS.values():
        labels = [
            field.label.casefold() for model in filter(None, (HeaderRow, spec.body)) for field in fields_of(model)
        ]
        if spec.table and spec.table_sheet == spec.code:
            labels += [field.label.casefold() for field in fields_of(spec.table)]
        assert len(labels) == len(set(labels)), spec.code
