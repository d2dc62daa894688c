"""Makes the answers that are queued by name, of their archived receipts: outside any transaction, as often as it takes (design §4).

The receipt is recorded with what it tells of; an answer is made of it alone. A kill anywhere leaves an answer to be made again, with the
same bytes, and two workers that make one make the same.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from depository.pieces import pieces
from depository.points import reached
from depository.store import files
from depository.store.files import Unmade
from depository.store.work import Work
from flows.steps.answering import Answer, make
from flows.steps.sites import Site

log = logging.getLogger(__name__)
TOGETHER = 16
"""Answers that are archived and noted together."""
APART = timedelta(seconds=20)
"""Between two tries of an answer that cannot be made."""


def make_answers(site: Site, at: datetime, failed: dict[int, datetime] | None = None) -> int:
    """Makes all that wait, oldest first; returns how many. One that cannot be made by a fault of ours waits, and holds up no other.

    `failed` are the numbers of such ones with the moment of the last try, for whoever calls this again and again: they rest for a while.
    Raises OSError when the disk, the database or the machine does not work; what was made before stays.
    """
    failed = {} if failed is None else failed
    count = last = 0
    while True:
        with site.reading(at, site.market.local(at).date()) as work:
            waiting = files.unmade(work, after=last)
        if not waiting:
            return count
        tried = [one for one in waiting if one.id not in failed or at - failed[one.id] >= APART]
        # What may take long comes behind what takes milliseconds.
        for some in pieces(sorted(tried, key=lambda one: one.made_as == Answer.MARKED), TOGETHER):
            reached("make.before")
            done = _made(site, some)
            failed |= {one.id: at for one in set(some) - {one for one, _ in done}}
            reached("make.archived")
            with site.noting(at) as work:
                free = files.free(work, [one.id for one, _ in done])
                files.made(work, [(one, sha256) for one, sha256 in done if one.id in free])
                reached("make.before commit")
            reached("make.committed")
            count += len(done)
        last = waiting[-1].id


def make_left(site: Site, work: Work) -> None:
    """The same within a writer's transaction that needs every answer's hash: what has not been made by now."""
    last = 0
    while waiting := files.unmade(work, after=last):
        files.made(work, _made(site, waiting))
        last = waiting[-1].id


def _made(site: Site, some: Sequence[Unmade]) -> list[tuple[Unmade, str]]:
    """Each with the SHA-256 of what was made of it and archived."""
    contents: list[tuple[Unmade, bytes]] = []
    for one in some:
        try:
            contents.append((one, make(site.sandbox, site.archive, Answer(one.made_as), one.made_of)))
        except OSError:
            raise
        except Exception:
            log.exception("the answer %d of receipt %s cannot be made; it waits", one.id, one.made_of)
    done = []
    for (one, _), stored in zip(contents, site.archive.put_all([data for _, data in contents]), strict=True):
        if isinstance(stored, OSError):
            raise stored
        done.append((one, stored))
    return done
