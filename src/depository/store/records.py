"""The records of two databases held against each other: what is there, and what a replay gives."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Table, select, type_coerce
from sqlalchemy.types import TypeDecorator

from depository.store import schema
from depository.store.work import Work

# Held against each other already, event by event, by hash and by balance.
BOOKS = (schema.event, schema.journal, schema.posting, schema.balance)
# Follow from the machine, the state of folders and our key, not from what came in.
OF_THE_MACHINE = (schema.duration, schema.sighting, schema.failed_take, schema.own_signature, schema.site)
ALSO_OF_THE_MACHINE = {schema.outgoing.c.sent}
MOST_TOLD = 20
LONGEST = 60


class Comparison(NamedTuple):
    """How many records were held against each other, and in words where they differ, at most twenty a table."""

    records: int
    differences: tuple[str, ...]


def compare(there: Work, replayed: Work) -> Comparison:
    """Holds every record of one database against that of the other, by table and key."""
    records = 0
    differences: list[str] = []
    for table in schema.metadata.sorted_tables:
        if table in (*BOOKS, *OF_THE_MACHINE):
            continue
        was, now = _rows(there, table), _rows(replayed, table)
        records += len(was)
        told = list(_differing(table, was, now))
        differences += told[:MOST_TOLD]
        if len(told) > MOST_TOLD:
            differences.append(f"{len(told) - MOST_TOLD} more differences in records of {table.name}")
    return Comparison(records, tuple(differences))


def _rows(work: Work, table: Table) -> dict[tuple[Any, ...], dict[str, Any]]:
    columns = [column for column in table.columns if column not in ALSO_OF_THE_MACHINE]
    key = [column.name for column in table.primary_key.columns]
    rows = work.connection.execute(select(*map(_as_stored, columns))).mappings()
    return {tuple(row[name] for name in key): dict(row) for row in rows}


def _as_stored(column: Column[Any]) -> ColumnElement[Any]:
    """A day or a moment as its text: one that was changed by hand need not be a day any more."""
    stored = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    return type_coerce(column, stored).label(column.name)


def _differing(
    table: Table, was: dict[tuple[Any, ...], dict[str, Any]], now: dict[tuple[Any, ...], dict[str, Any]]
) -> Iterator[str]:
    for key in sorted(was.keys() | now.keys()):
        name = f"{table.name} {' '.join(map(str, key))}"
        if key not in now:
            yield f"{name} is there, the replay does not give it"
        elif key not in was:
            yield f"{name} is not there, the replay gives it"
        else:
            for column, value in was[key].items():
                if value != now[key][column]:
                    yield f"{name}: {column} is {_short(value)}, the replay gives {_short(now[key][column])}"


def _short(value: object) -> str:
    said = str(value)
    return said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…"
