"""Engines and transactions: SQLite and PostgreSQL by the same code, one writer at a time."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, RootTransaction, Select, create_engine, event, insert, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, InternalError, OperationalError
from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

from depository.ledger import GENESIS
from depository.store import schema

LOCK_SECONDS = 60
"""So long a lock is waited for."""
BARE = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError)
"""The same as the driver raises them where it is used without SQLAlchemy (`bulk`)."""


OUTCOME_UNKNOWN = "it is not known whether this was committed"
"""When the connection breaks at the commit itself."""


class DatabaseUnavailable(OSError):
    """The database is gone, full, locked or read-only; what was under way was not committed, or its outcome is not known.

    Files and batches may be repeated either way: what was committed has its effect once.
    """


def open_database(url: str) -> Engine:
    """An engine for `sqlite:///path` or `postgresql+psycopg://…`; waits for locks up to a minute instead of failing.

    Its errors show no values: they go into logs, and the values are participants' data. Raises ValueError for another URL.
    """
    if not _known(url):
        raise ValueError("the database is named by a URL: sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME")
    if not url.startswith("sqlite"):
        server = create_engine(url, pool_pre_ping=True, hide_parameters=True)
        event.listen(server, "connect", _commit_durably)
        return server
    engine = create_engine(url, connect_args={"timeout": LOCK_SECONDS}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: Any) -> None:
        # SQLAlchemy's own BEGIN below replaces the driver's, which would begin too late for a write lock.
        connection.isolation_level = None
        _write_ahead(connection)
        for pragma in ("synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writer") else "BEGIN")

    return engine


def _known(url: str) -> bool:
    try:
        return make_url(url).drivername in ("sqlite", "postgresql+psycopg")
    except ArgumentError:
        return False


def _busy(fault: BaseException) -> bool:
    return isinstance(fault, sqlite3.OperationalError) and fault.sqlite_errorcode == sqlite3.SQLITE_BUSY


@retry(
    retry=retry_if_exception(_busy),
    stop=stop_after_delay(LOCK_SECONDS),
    wait=wait_random(0.01, 0.05),  # float: seconds
    reraise=True,
)
def _write_ahead(connection: sqlite3.Connection) -> None:
    """Where several processes open a new file at once, SQLite lets one change its mode and refuses the others without waiting."""
    connection.execute("PRAGMA journal_mode=WAL")


def _commit_durably(connection: Any, _: Any) -> None:
    """A server set up to acknowledge commits before they are on disk would lose what we have answered."""
    connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )
    connection.commit()


def create_tables(engine: Engine) -> None:
    """All tables and the journal's empty head, for tests and the sandbox; a site uses the migrations (`store.migrate`)."""
    schema.metadata.create_all(engine)
    with engine.begin() as connection:
        prepare_head(connection)


def prepare_head(connection: Connection) -> None:
    """Writes the journal's first head once."""
    if connection.execute(select(schema.journal_head.c.id)).first() is None:
        connection.execute(insert(schema.journal_head).values(id=1, number=0, hash=GENESIS))


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that holds the one writer lock from its first moment, so that what it reads cannot change under it.

    Two intake workers, planners or cycle runners thus have the effect of one (design §3). PostgreSQL: row lock on the journal's
    head; SQLite: BEGIN IMMEDIATE.
    """
    with _locking(engine, BOOKS) as connection:
        yield connection


@contextmanager
def noting(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes nothing that the books hang on, such as what was delivered: on PostgreSQL it waits for no writer.

    None of them is open while a writer is `alone`. SQLite has one writer whatever it writes.
    """
    with _locking(engine, BESIDE) as connection:
        yield connection


def alone(connection: Connection) -> None:
    """From here to its end no other transaction writes anything, not even beside a writer; to be called by a writer."""
    connection.execute(HEAD.with_for_update())


HEAD = select(schema.journal_head.c.number)
BOOKS = HEAD.with_for_update(key_share=True)
BESIDE = HEAD.with_for_update(key_share=True, read=True)
"""How the journal's head is locked on PostgreSQL (FOR NO KEY UPDATE, FOR KEY SHARE); on SQLite they lock nothing themselves."""


@contextmanager
def _locking(engine: Engine, head: Select[tuple[int]]) -> Iterator[Connection]:
    with (
        told_plainly(),
        engine.connect().execution_options(writer=True) as connection,
        connection.begin() as transaction,
    ):
        if engine.dialect.name == "postgresql":
            connection.execute(head)
        yield connection
        _commit(transaction)


def _commit(transaction: RootTransaction) -> None:
    try:
        transaction.commit()
    except DBAPIError as fault:
        if not fault.connection_invalidated:
            raise
        # The server may have carried it out and its answer be lost.
        raise DatabaseUnavailable(
            f"the database does not work: the connection broke at the commit; {OUTCOME_UNKNOWN}, look before you do it again"
        ) from fault


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads, from one consistent state."""
    isolation = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    with told_plainly(), engine.connect().execution_options(**isolation) as connection, connection.begin():
        yield connection


@contextmanager
def told_plainly() -> Iterator[None]:
    """Raises DatabaseUnavailable for what the database's surroundings cause; faults of ours stay as they are."""
    try:
        yield
    except (OperationalError, InterfaceError, InternalError, *BARE) as fault:
        reason = " ".join(str(getattr(fault, "orig", fault)).split())
        raise DatabaseUnavailable(f"the database does not work: {reason}; nothing of this was committed") from fault
