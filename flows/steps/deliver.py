"""Puts waiting answers on SFTP, at least once, each by temporary name, read-back and rename; repeating it is harmless."""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime

from depository.points import reached
from depository.sftp.folders import Folders
from depository.store import files
from depository.store.files import Outgoing
from flows.steps.sites import Site

log = logging.getLogger(__name__)

AT_ONCE = 32
"""Files put side by side over one connection; their bytes are in memory meanwhile."""


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
            for some in _by(AT_ONCE, [one for one in waiting if one.party not in refused]):
                reached("deliver.before put")
                contents = [(f"/{one.party}/outbox/{one.name}", site.archive.get(one.sha256)) for one in some]
                for one, fault in zip(some, folders.put_all(contents), strict=True):
                    if fault is None:
                        done.append(one)
                    else:
                        log.warning("%s: %s", one.party, fault)
                        refused.add(one.party)
                reached("deliver.put")
        finally:
            if done:
                with site.writing(at) as work:
                    files.delivered(work, done)
                    reached("deliver.before commit")
                reached("deliver.committed")
        count += len(done)
        last = waiting[-1].id


def _by(many: int, waiting: Sequence[Outgoing]) -> Iterator[Sequence[Outgoing]]:
    """In pieces of at most so many."""
    for start in range(0, len(waiting), many):
        yield waiting[start : start + many]
