"""Plays a folder of a business day straight through the steps, without network: for tests of what the books become."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from pathlib import Path

from depository.sftp.intake import Policy
from depository.store.archive import Archive
from depository.store.database import open_database
from depository.store.migrate import upgrade
from flows.steps.arrivals import Arrival
from flows.steps.batches import run_batch
from flows.steps.intake import take
from flows.steps.planning import due, plan
from flows.steps.reference import load_reference
from flows.steps.replay import NOWHERE
from flows.steps.sites import Site, load_market
from parsers.sandbox import Sandbox
from tests.support.beside import files_in

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "sample_files" / "day"
MARKET = ROOT / "market" / "kazakhstan"


@contextmanager
def site_at(url: str, folder: Path) -> Iterator[Site]:
    """A site over a database, without an SFTP server; its tables are made when they are missing."""
    engine = open_database(url)
    upgrade(engine)
    site = Site(engine, Archive(folder / "archive"), load_market(MARKET), NOWHERE, Sandbox(), Policy(), folder)
    try:
        yield site
    finally:
        site.close()


def play(site: Site, sample: Path = SAMPLE, days: int = 100) -> list[date]:
    """Loads the reference data and plays the first days of the sample, files and batches in their order; returns the days."""
    zone = site.market.zone
    folders = sorted(p for p in sample.iterdir() if p.name.startswith("2"))[:days]
    played = [date.fromisoformat(folder.name) for folder in folders]
    load_reference(site, sample / "reference", datetime.combine(played[0], time(8), zone))
    for day, folder in zip(played, folders, strict=True):
        plan(site, day, datetime.combine(day, time(8, 55), zone), lambda day=day: f"secret of {day}")  # type: ignore[misc]
        for drop in sorted(folder.iterdir()):
            at = datetime.combine(day, time(int(drop.name[:2]), int(drop.name[2:])), zone)
            _run_due(site, at)
            for file, signature in files_in(drop):
                party, box, name = file.parts[-3:]
                take(site, Arrival(party, box, name, file.read_bytes(), at, signature=signature))
        _run_due(site, datetime.combine(day, time(23), zone))
    return played


def _run_due(site: Site, at: datetime) -> None:
    for batch in due(site, at):
        run_batch(site, batch.business_date, batch.slot, batch.due_at)
