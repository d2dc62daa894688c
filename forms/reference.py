"""The reference page of the forms, written from the field tables: `docs/reference/forms.md`."""

from collections.abc import Iterator

from forms.catalog import FORMS
from forms.field import Field, Kind, Row, fields_of
from forms.header import LAYOUT_VERSION, HeaderRow
from forms.refusals import REFUSALS
from forms.spec import FormSpec


def render() -> str:
    """Render the page as Markdown."""
    return "\n".join([*_lines(), ""])


def _lines() -> Iterator[str]:
    yield "# Forms"
    yield ""
    yield "Generated from the field tables in `forms/`; do not edit."
    yield ""
    yield f"Layout version {LAYOUT_VERSION}. Every form is an Excel workbook (.xlsx) with one sheet named after the form; the"
    yield "folder `sample_files/` has samples. Labels stand beside their cell, in a table above their column, and are found"
    yield "by their text: rows may be inserted, labels must stay as they are. Column *asked*: `*` always, `°` in the case named."
    yield ""
    yield "- **Dates** are date cells, or text as `2026-11-23` or `23.11.2026`."
    yield "- **Numbers** are number cells, or text with a point before the decimals and nothing else: `1,234` is refused, never guessed."
    yield "- **Codes** are text, so that leading zeros stay. Letters that only look Latin are found and named."
    yield "- A cell with a formula needs its calculated value in the file."
    yield "- Every fault of form of a line is answered at once, each with code, rule, cell, what was found and how to mend it. Right lines"
    yield "  go on when others are refused; a fault in the header refuses the whole form."
    yield ""
    yield "## Header of every form"
    yield ""
    yield from _table(HeaderRow, "CSD-A3")
    for spec in FORMS.values():
        yield from _form(spec)
    yield "## Files refused as a whole"
    yield ""
    yield "| code | meaning |"
    yield "|---|---|"
    yield from (f"| `{code}` | {meaning} |" for code, meaning in REFUSALS.items())


def _form(spec: FormSpec) -> Iterator[str]:
    yield f"## {spec.code}: {spec.title}"
    yield ""
    yield f"Rule {spec.rule}. " + " ".join(spec.notes)
    yield ""
    if spec.body:
        yield f"On the sheet `{spec.code}`:"
        yield ""
        yield from _table(spec.body, spec.rule)
    if spec.table:
        yield f"Table on the sheet `{spec.table_sheet}`, 1 to {spec.max_lines:,} lines:"
        yield ""
        yield from _table(spec.table, spec.rule)


def _table(model: type[Row], rule: str) -> Iterator[str]:
    yield "| label | asked | holds | reject | rule | what to fill in |"
    yield "|---|---|---|---|---|---|"
    for field in fields_of(model):
        yield f"| {field.label} | {_asked(field)} | {_holds(field)} | {field.code.value} | {field.rule or rule} | {_hint(field)} |"
    yield ""


def _asked(field: Field) -> str:
    if field.mandatory:
        return "*"
    return f"° {field.when}" if field.when else ""


def _holds(field: Field) -> str:
    if field.kind is Kind.CHOICE:
        return " / ".join(f"`{choice}`" for choice in field.choices)
    if field.kind is Kind.NUMBER:
        return f"number, {field.decimals} decimals" if field.decimals else "whole number"
    if field.kind is Kind.DATE:
        return "date"
    return f"{field.kind.value}, {field.max_length}"


def _hint(field: Field) -> str:
    return field.hint + (f" Example: `{field.example}`." if field.example and field.kind is not Kind.CHOICE else "")
