"""Many rows at once: COPY on PostgreSQL, one prepared statement on SQLite; the only module that knows the two (design §3).

Values are given as the database holds them: whole numbers and text, a day or a moment already written out (`columns`).
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Dialect,
    Select,
    Table,
    Text,
    any_,
    delete,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.schema import CreateTable

from depository.pieces import pieces

FEW = 200
"""Up to so many rows it costs less to send them one by one than to stage them."""

VALUES = 900
"""Values that are sent to SQLite in one statement, which all its versions take; while it is carried out other threads go on."""

Row = tuple[Any, ...]


def add(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Inserts rows that have a value for every column of the table, in the table's order."""
    if not rows:
        return
    if connection.dialect.name != "postgresql":
        together = VALUES // len(table.columns)
        whole = len(rows) // together * together
        if whole:
            values = [tuple(chain.from_iterable(some)) for some in pieces(rows[:whole], together)]
            connection.exec_driver_sql(_insert(table, connection.dialect, together), values)
        if rest := list(rows[whole:]):
            connection.exec_driver_sql(_insert(table, connection.dialect), rest)
        return
    prepare = connection.dialect.identifier_preparer
    columns = ", ".join(prepare.format_column(column) for column in table.columns)
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {prepare.format_table(table)} ({columns}) FROM STDIN") as copy:
        write = copy.write_row
        for row in rows:
            write(row)


@lru_cache(200)
def _insert(table: Table, dialect: Dialect, rows: int = 1) -> str:
    """The statement as text, for so many rows: making it takes longer than inserting a few rows."""
    row = dict.fromkeys(table.columns.keys())
    return str(insert(table).values([row] * rows).compile(dialect=dialect))


def ask_each(connection: Connection, question: Select[Any], values: Sequence[dict[str, Any]]) -> list[list[Row]]:
    """The rows that a question finds for each of several values, in one round trip; the question's columns are text or whole numbers."""
    if not values:
        return []
    asked, names, fixed = _question(question, connection.dialect)
    if connection.dialect.name != "postgresql":
        found = (connection.exec_driver_sql(asked, tuple((fixed | one)[name] for name in names)) for one in values)
        return [[tuple(row) for row in rows] for rows in found]
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        cursor.executemany(asked, [fixed | one for one in values], returning=True)
        answers = [cursor.fetchall()]
        while cursor.nextset():
            answers.append(cursor.fetchall())
    return answers


@lru_cache(20)
def _question(question: Select[Any], dialect: Dialect) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    """The question as text, the names of its values in their order, and those that are always the same."""
    compiled: Any = question.compile(dialect=dialect)
    return str(compiled), tuple(compiled.positiontup or ()), dict(compiled.params)


def among(connection: Connection, column: ColumnElement[str], texts: Sequence[str]) -> ColumnElement[bool]:
    """That a column has one of the texts: one value for the statement, however many there are, which `in_` takes much longer with."""
    if connection.dialect.name == "postgresql":
        return column == any_(literal(list(texts), ARRAY(Text)))
    return column.in_(select(func.json_each(json.dumps(texts)).table_valued("value").c.value))


@contextmanager
def staged(connection: Connection, table: Table, rows: Sequence[Row]) -> Iterator[None]:
    """The rows in a temporary table (`schema.staging`), to join with inside the block."""
    connection.execute(CreateTable(table, if_not_exists=True))
    add(connection, table, rows)
    if connection.dialect.name == "postgresql":
        # Nothing else tells the planner how many rows there are.
        connection.exec_driver_sql(f"ANALYZE {table.name}")
    yield
    connection.execute(delete(table))
