"""Puts waiting answers on SFTP, at least once, each by temporary name, read-back and rename; repeating it is harmless."""

from datetime import datetime

from depository.sftp.folders import Folders
from depository.store import files
from flows.steps.site import Site


def deliver(site: Site, folders: Folders, at: datetime) -> int:
    """Delivers everything that waits; returns how many files. A broken connection leaves the rest waiting."""
    count = 0
    while True:
        with site.reading(at) as work:
            waiting = files.waiting(work, most=200)
        if not waiting:
            return count
        done = []
        try:
            for one in waiting:
                folders.put(f"/{one.party}/outbox/{one.name}", site.archive.get(one.sha256))
                done.append(one)
        finally:
            if done:
                with site.writing(at) as work:
                    files.delivered(work, done)
        count += len(done)
