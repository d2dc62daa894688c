"""Puts waiting answers on SFTP, at least once, each by temporary name, read-back and rename; repeating it is harmless."""

import logging
from datetime import datetime

from depository.points import reached
from depository.sftp.errors import Lost, SftpError
from depository.sftp.folders import Folders
from depository.store import files
from flows.steps.sites import Site

log = logging.getLogger(__name__)


def deliver(site: Site, folders: Folders, at: datetime) -> int:
    """Delivers everything that waits; returns how many files. A broken connection leaves the rest waiting.

    What one party's folder refuses waits for the next time and holds up nobody else's.
    """
    count = last = 0
    refused: set[str] = set()
    while True:
        with site.reading(at) as work:
            waiting = files.waiting(work, most=200, after=last)
        if not waiting:
            return count
        done = []
        try:
            for one in waiting:
                if one.party in refused:
                    continue
                reached("deliver.before put")
                try:
                    folders.put(f"/{one.party}/outbox/{one.name}", site.archive.get(one.sha256))
                except Lost:
                    raise
                except SftpError as fault:
                    log.warning("%s: %s", one.party, fault)
                    refused.add(one.party)
                    continue
                reached("deliver.put")
                done.append(one)
        finally:
            if done:
                with site.writing(at) as work:
                    files.delivered(work, done)
                    reached("deliver.before commit")
                reached("deliver.committed")
        count += len(done)
        last = waiting[-1].id
