"""Where a depository runs: its database, archive, market and SFTP server, from one settings file."""

import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from time import monotonic, perf_counter_ns
from typing import Any

from sqlalchemy import Connection as Transaction
from sqlalchemy import Engine

from depository.market import Market, read_market
from depository.sftp.client import Connection, connect
from depository.sftp.folders import Folders
from depository.sftp.intake import Policy
from depository.store import belonging
from depository.store.archive import Archive
from depository.store.database import noting, open_database, reading, writing
from depository.store.work import Work
from flows.steps.business_date import business_date_at
from flows.steps.signing import read_signer
from flows.steps.told import Told
from parsers.cms_signer import Signer
from parsers.sandbox import Sandbox

READERS = 2
"""Children that read files and mark workbooks; the second is started when one is asked for while the first works."""
LARGEST_FILE = 64 * 1024 * 1024
"""Bytes; a larger file is not fetched."""


@dataclass(frozen=True, slots=True)
class SftpSettings:
    """How the depository reaches the SFTP server."""

    host: str
    port: int
    user: str
    key_file: Path
    host_key: str
    """The server's public key line, pinned."""


@dataclass(frozen=True, slots=True)
class Site:
    """A running depository's surroundings. One per process; closes nothing by itself but the sandbox (`close`)."""

    engine: Engine
    archive: Archive
    market: Market
    sftp: SftpSettings
    sandbox: Sandbox
    policy: Policy
    var: Path
    signer: Signer | None = None
    """Signs what is given out; None where nothing is, as in a replay."""
    clock: Callable[[], float] | None = monotonic  # float: seconds
    """The machine's own clock in seconds, for emergency stops alone; None: nothing is stopped by it, as in a replay."""
    marks: frozenset[str] = frozenset()
    """Those of `Work`, given by a replay."""
    program: str | None = None
    """That of `Work`, given by a replay."""
    unmarked: frozenset[str] | None = None
    """SHA-256 of the receipts whose workbooks a limit stopped from being marked, given by a replay; None: it is none."""
    told: Told = field(default_factory=Told, compare=False, repr=False)
    """What this process has told of the parties' folders."""

    @contextmanager
    def writing(self, at: datetime, business_date: date | None = None) -> Iterator[Work]:
        """One transaction under the writer lock; the business date follows from the moment unless a batch states it."""
        with writing(self.engine) as connection:
            day = business_date or business_date_at(connection, self.market, at)
            yield self._work(connection, day, at)

    @contextmanager
    def noting(self, at: datetime) -> Iterator[Work]:
        """One transaction beside the writer, for what the books do not hang on; the date is the local one, whatever day is open."""
        with noting(self.engine) as connection:
            yield Work(connection, self.market.local(at).date(), at, self.market)

    def at(self, work: Work, at: datetime) -> Work:
        """The same transaction at another moment and on its business date, with what it knows and the numbers it gave by now."""
        local = ("business date", self.market.local(at).date())
        if local not in work.known:
            work.known[local] = business_date_at(work.connection, self.market, at)
        return replace(self._work(work.connection, work.known[local], at), known=work.known, numbers=work.numbers)

    def _work(self, connection: Transaction, day: date, at: datetime) -> Work:
        """What is about to be written, under what a replay gives."""
        return Work(
            connection,
            day,
            at,
            self.market,
            marks=set(self.marks),
            program=self.program,
            begun=perf_counter_ns(),
            clock=self.clock,
        )

    @contextmanager
    def reading(self, at: datetime, business_date: date | None = None) -> Iterator[Work]:
        """One consistent view."""
        with reading(self.engine) as connection:
            day = business_date or business_date_at(connection, self.market, at)
            yield Work(connection, day, at, self.market)

    @contextmanager
    def folders(self) -> Iterator[Folders]:
        """The SFTP folders over a fresh connection."""
        with self.connect() as connection:
            yield Folders(connection)

    def connect(self) -> Connection:
        """A connection to the SFTP server as the depository."""
        s = self.sftp
        return connect(s.host, s.port, s.user, s.key_file, s.host_key)

    def close(self) -> None:
        """Ends the parsing processes and the database connections."""
        self.sandbox.close()
        self.engine.dispose()


def read_site(settings: Path) -> Site:
    """The site of a settings file (`csd.toml`), as `site_as_set` reads it; raises AnotherSite when its database is another site's."""
    site = site_as_set(settings)
    try:
        belonging.check(site.engine, site.archive)
    except BaseException:
        site.close()
        raise
    return site


def site_as_set(settings: Path) -> Site:
    """The site of a settings file, whomever its database belongs to; paths in the file are relative to it.

    Raises LookupError naming a missing setting, FileNotFoundError for a missing market folder, FileRefused for a signing key that cannot
    be used.
    """
    values = tomllib.loads(settings.read_text())
    base = settings.parent
    market = base / values["market"]
    sftp = values["sftp"]
    intake = values.get("intake", {})
    policy = (
        Policy(
            intake["looks"], timedelta(seconds=intake["seconds_apart"]), timedelta(minutes=intake["deadline_minutes"])
        )
        if intake
        else Policy()
    )
    var = base / values["var"]
    var.mkdir(parents=True, exist_ok=True)
    url = str(values["database"])
    if url.startswith("sqlite:///") and not url.startswith("sqlite:////"):
        url = f"sqlite:///{(base / url.removeprefix('sqlite:///')).resolve()}"
    return Site(
        engine=open_database(url),
        archive=Archive(var / "archive"),
        market=load_market(market),
        sftp=SftpSettings(
            sftp["host"],
            int(sftp["port"]),
            sftp["user"],
            base / sftp["key_file"],
            (base / sftp["host_key_file"]).read_text().strip(),
        ),
        sandbox=Sandbox(READERS),
        policy=policy,
        var=var,
        signer=_signer(base, values),
    )


def _signer(base: Path, values: dict[str, Any]) -> Signer:
    signing = values.get("signing")
    if signing is None:
        raise LookupError(
            "the site's settings have no [signing] with key_file and certificate_file (docs/operating/signatures.md)"
        )
    return read_signer(base / signing["key_file"], base / signing["certificate_file"])


def load_market(folder: Path) -> Market:
    """The market of a folder with `market.toml` and `timetable.toml`; raises LookupError when it does not say which forms are signed."""
    market = read_market((folder / "market.toml").read_text(), (folder / "timetable.toml").read_text())
    if not market.signature_policies:
        # Only a replay of days before signatures were checked may do without.
        raise LookupError(
            f"{folder}/market.toml has no [[signatures]]: say which forms need one (docs/operating/signatures.md)"
        )
    return market
