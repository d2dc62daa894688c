"""Brings a database to the tables of this version: Alembic's revisions, shipped inside the package, run by one call."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from depository.store.database import prepare_head

LOCK = 0x637364
"""PostgreSQL's advisory lock for a migration ("csd" in ASCII); any number that nothing else in the database takes."""


def upgrade(engine: Engine) -> None:
    """Runs every revision that the database lacks and writes the journal's first head, all in one transaction.

    Repeating it changes nothing; of two processes at once the second waits and finds everything done. Raises alembic's
    CommandError when the database is of a later version than this program.
    """
    with engine.connect().execution_options(writer=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        command.upgrade(configuration(connection), "head")
        prepare_head(connection)


def revision_of(engine: Engine) -> str:
    """The revision that a database is at; "" for one without tables."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def newest() -> str:
    """The revision of this version of the program."""
    return ScriptDirectory.from_config(configuration(None)).get_current_head() or ""


def draft(engine: Engine, message: str) -> None:
    """Drafts the next revision from how an upgraded database differs from `schema`; a person reads and mends it."""
    number = f"{int(newest() or 0) + 1:04d}"
    with engine.begin() as connection:
        command.revision(configuration(connection), message, autogenerate=True, rev_id=number)


def configuration(connection: Connection | None) -> Config:
    """Alembic's configuration without a file; `env.py` works on the connection given here."""
    # A doubled sign, as the configuration would read a single one as the beginning of a reference.
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
