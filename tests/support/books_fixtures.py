"""Fixtures over `tests.support.books`; a folder's conftest imports those that its tests use.

The reference data is loaded once per session and kind of database; every test works on a copy of its own.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from depository.store import schema
from parsers.sandbox import Sandbox
from tests.support.books import Desk, load_sample_reference, open_site
from tests.support.databases import PostgresServer, SqliteTemplate


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The real reader in its own process, kept warm for the session."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def loaded_sqlite(
    sqlite_template: SqliteTemplate, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Path], str]:
    """Copies a SQLite database with the sample market's register to a path; returns its address."""
    folder = tmp_path_factory.mktemp("books")
    site = open_site(sqlite_template.copy_to(folder / "loaded.sqlite"), folder, sandbox)
    load_sample_reference(site)
    site.engine.dispose()
    with closing(sqlite3.connect(folder / "loaded.sqlite")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def copy(target: Path) -> str:
        shutil.copyfile(folder / "loaded.sqlite", target)
        return f"sqlite:///{target}"

    return copy


@pytest.fixture(scope="session")
def loaded_postgres(
    postgres_server: PostgresServer, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], str]]:
    """Puts one PostgreSQL database back to the sample market's register; gives its address.

    Emptying tables is many times quicker than making a database per test.
    """
    url = postgres_server.url(postgres_server.create())
    site = open_site(url, tmp_path_factory.mktemp("books"), sandbox)
    load_sample_reference(site)
    tables = schema.metadata.sorted_tables
    with site.engine.begin() as connection:
        loaded = [(table, [dict(row._mapping) for row in connection.execute(table.select())]) for table in tables]

    def reset() -> str:
        with site.engine.begin() as connection:
            for table in reversed(tables):
                connection.execute(table.delete())
            for table, rows in loaded:
                if rows:
                    connection.execute(table.insert(), rows)
        return url

    yield reset
    site.engine.dispose()


@pytest.fixture(params=("sqlite", "postgresql"))
def books_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database with the sample market's register, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("loaded_sqlite")(tmp_path / "csd.sqlite"))
    return str(request.getfixturevalue("loaded_postgres")())


@pytest.fixture
def books(books_url: str, tmp_path: Path, sandbox: Sandbox) -> Iterator[Desk]:
    """The sample market's books, on SQLite and on PostgreSQL."""
    desk = Desk(open_site(books_url, tmp_path, sandbox))
    yield desk
    desk.site.engine.dispose()


@pytest.fixture
def desk(books: Desk) -> Desk:
    """The books with the business day planned."""
    books.plan()
    return books


@pytest.fixture
def lite(loaded_sqlite: Callable[[Path], str], tmp_path: Path, sandbox: Sandbox) -> Iterator[Desk]:
    """The sample market's books on SQLite alone, for what does not hang on the kind of database."""
    desk = Desk(open_site(loaded_sqlite(tmp_path / "csd.sqlite"), tmp_path, sandbox))
    yield desk
    desk.site.engine.dispose()
