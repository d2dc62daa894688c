"""A depository in the test's own process, with the parties' folders on a real SFTP server, looked at moment by moment."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Table, func, select, text

from depository.store.migrate import upgrade
from flows.steps.deliver import deliver
from flows.steps.intake import take_files
from flows.steps.reference import load_reference
from flows.steps.sites import Site
from parsers import receipt_json
from tests.faults.kill_points import DAY, SAMPLE, World, open_site


@dataclass(frozen=True, slots=True)
class Watch:
    """A depository with its folders, looked at moment by moment."""

    site: Site
    root: Path
    start: datetime

    def look(self, at: datetime) -> None:
        """One look and delivery."""
        with self.site.folders() as folders:
            try:
                take_files(self.site, folders, at)
            finally:
                deliver(self.site, folders, at)

    def receipts(self, party: str) -> list[str]:
        """Files of a party that have a receipt, by the verdict."""
        found = (receipt_json.parse(p.read_bytes()) for p in (self.root / party / "outbox").glob("*.receipt.json"))
        return sorted(f"{one.file_name} {one.verdict.value}" for one in found)

    def claimed(self, party: str) -> int:
        """What lies on our side."""
        return len(list((self.root / "csd" / "claimed" / party).iterdir()))

    def rows(self, *tables: Table) -> dict[str, int]:
        """How many rows tables have."""
        with self.site.engine.connect() as connection:
            return {
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables
            }

    def tell_database(self, *statements: str) -> None:
        """Changes the database by hand."""
        with self.site.engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))


@contextmanager
def depository(world: World, url: str, folder: Path, sandbox: bool = False) -> Iterator[Watch]:
    """A depository on a fresh database at 10:00 of the day, in this process."""
    with world.server(folder / "sftp") as server:
        start = datetime.combine(DAY, datetime.min.time(), world.zone) + timedelta(hours=10)
        with closing(open_site(world.place(url, folder / "var", server, sandbox))) as site:
            upgrade(site.engine)
            load_reference(site, SAMPLE / "reference", start - timedelta(days=3))
            yield Watch(site, folder / "sftp", start)
