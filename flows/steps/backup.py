"""A consistent copy of a running site, and the check that a restored one is whole (docs/operating/backup.md)."""

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from depository.rejects import Broken
from depository.store import durable, events, files
from depository.store.archive import DAYS, PROGRAMS, SIGNATURES, UNDER_WAY
from flows.steps.sites import Site


def copy_site(site: Site, target: Path) -> int:
    """Copies database and archive of a site on SQLite while it works; returns how many archived contents were copied.

    First the database, then the archive: contents are stored before anything refers to them, so the copy misses none. A site on
    PostgreSQL is copied with `pg_dump` and `copy_archive`. Raises FileExistsError for a target in use, ValueError for PostgreSQL.
    """
    if site.engine.dialect.name != "sqlite":
        raise ValueError("a PostgreSQL database is copied with pg_dump: see docs/operating/backup.md")
    if target.exists() and any(target.iterdir()):
        raise FileExistsError(f"{target} is not empty: name a new folder for the backup")
    target.mkdir(parents=True, exist_ok=True)
    with (
        closing(sqlite3.connect(str(site.engine.url.database))) as live,
        closing(sqlite3.connect(target / "csd.db")) as copy,
    ):
        live.backup(copy)
    return copy_archive(site, target / "archive")


def copy_archive(site: Site, target: Path) -> int:
    """Copies what the target does not have yet; returns how many contents. An archived content never changes.

    Each gets its name when it is whole and on the disk: a copy that was cut off leaves nothing that the next one takes for a content.
    """
    count = 0
    under_way = target / UNDER_WAY / f"copy.{os.getpid()}"
    under_way.parent.mkdir(parents=True, exist_ok=True)
    for path in sorted(site.archive.root.rglob("*")):
        there = target / path.relative_to(site.archive.root)
        # Nothing refers yet to what is being written this moment. Pointers may change.
        if (
            UNDER_WAY in path.parts
            or not path.is_file()
            or (there.exists() and there.parent.name not in (DAYS, SIGNATURES))
        ):
            continue
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, under_way)
        durable.to_disk(under_way)
        durable.put_in_place(under_way, there)
        count += 1
    return count


def missing_contents(site: Site, at: datetime) -> list[str]:
    """What the books refer to and the archive does not have unchanged; empty when the site is whole.

    To be asked after every restore, beside `csd verify`.
    """
    with site.reading(at, site.market.local(at).date()) as work:
        wanted = files.hashes(work) | {sealed.sha256 for sealed in events.sealed_days(work)}
        for kept in (SIGNATURES, PROGRAMS):
            wanted |= set(site.archive.pointers(kept).values())
    faults = []
    for digest in sorted(wanted):
        try:
            site.archive.get(digest)
        except Broken as fault:
            faults.append(str(fault))
    return faults
