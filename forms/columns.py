"""The rows of a table validated column by column: the same outcome as `field.validate` row by row, in a fraction of the time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from depository.rejects import Reject
from forms.field import CellFault, Convert, Field, R, fields_of, rejects_of
from forms.spec import Checks


@dataclass(frozen=True, slots=True)
class ValidColumns:
    """Some rows of a table as columns, and what is wrong with them."""

    columns: Mapping[str, Sequence[Any]]
    """Field -> its value in each row, the fields in their order; None in place of a value that is wrong."""
    rejects: Mapping[int, tuple[Reject, ...]]
    """Index of a row that is not right -> its rejects."""


def validate_columns(
    model: type[R],
    cells: Sequence[Sequence[object]],
    form_rule: str,
    checks: Checks,
    usual: Callable[[Mapping[str, Sequence[Any]]], Sequence[bool]] | None = None,
) -> ValidColumns:
    """Validate rows given as columns of cells in the order of the model's fields, and list every fault of form in each (see `validate`).

    `usual` tells quickly of most rows that the checks have nothing to say of them, so that they are run on the others alone.
    """
    fields = fields_of(model)
    columns: dict[str, Sequence[Any]] = {}
    wrong: dict[int, list[tuple[str, CellFault]]] = {}
    for one, column in zip(fields, cells, strict=True):
        columns[one.name], faults = _converted(one, column)
        for index, fault in faults.items():
            wrong.setdefault(index, []).append((one.name, fault))
    fine = usual(columns) if usual else [False] * len(cells[0])
    rejects = {}
    for index, is_fine in enumerate(fine):
        found = wrong.get(index, [])
        if is_fine and not found:
            continue
        bad = {name for name, _ in found}
        found = found + checks({name: column[index] for name, column in columns.items() if name not in bad})
        if found:
            shown = {one.name: column[index] for one, column in zip(fields, cells, strict=True)}
            rejects[index] = rejects_of(fields, found, shown, form_rule)
    return ValidColumns(columns, rejects)


def _converted(one: Field, cells: Sequence[object]) -> tuple[Sequence[Any], Mapping[int, CellFault]]:
    """The values of a column, and by index of a row what is wrong with its cell."""
    first, convert, as_is = cells[0], one.convert, one.as_is
    try:
        if type(first) is str and first == cells[-1] and cells.count(first) == len(cells):
            # A column that nobody fills in, or in which all say the same.
            return [convert(first)] * len(cells), {}
        if as_is:
            return [cell if type(cell) is str and as_is(cell) else convert(cell) for cell in cells], {}
        return list(map(convert, cells)), {}
    except CellFault:
        return _with_faults(convert, cells)


def _with_faults(convert: Convert, cells: Sequence[object]) -> tuple[Sequence[Any], Mapping[int, CellFault]]:
    values: list[Any] = []
    faults = {}
    for index, cell in enumerate(cells):
        try:
            values.append(convert(cell))
        except CellFault as fault:
            values.append(None)
            # Its traceback leads back here: a circle, and where a form is read nothing collects circles.
            faults[index] = fault.with_traceback(None)
            fault.__context__ = None
    return values, faults
