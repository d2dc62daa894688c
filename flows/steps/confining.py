"""One file's fault is that file's alone: it is tried again, then put aside, and the others go on (design §4, §7).

Whatever fails, the file's transaction has been rolled back: nothing of it is recorded by half.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from depository.points import reached
from depository.rejects import Broken
from depository.sftp.errors import SftpError
from depository.store import failed_takes
from depository.store.database import DatabaseUnavailable
from depository.store.failed_takes import FailedTake
from flows.steps.resting import rests
from flows.steps.sites import Site

log = logging.getLogger(__name__)

TRIES = 3
"""So often a file is tried whose content makes us fail; then it is put aside, and its sender and the operators are told."""


class Confining:
    """What went wrong in one look at the folders, and which files failed in earlier ones."""

    def __init__(self, site: Site, at: datetime) -> None:
        self._site = site
        self.at = at
        self._outage: OSError | None = None
        """What looks like a fault of the surroundings, and no file was worked on since."""
        with site.reading(at) as work:
            self._failed = {(one.party, one.claimed): one for one in failed_takes.every(work)}

    def rests(self, party: str, claimed: str) -> bool:
        """The file failed a moment ago: it is not tried yet. One that met an outage once is tried at once."""
        failed = self._failed.get((party, claimed))
        if failed is None or (failed.outage and failed.tries == 1):
            return False
        return rests(failed.last_at, self.at)

    def given_up(self, party: str, claimed: str) -> str:
        """The fault for which a file is put aside now, "" when it is tried as usual."""
        failed = self._failed.get((party, claimed))
        return failed.fault if failed is not None and failed.tries >= TRIES and not failed.outage else ""

    def over(self, party: str, claimed: str) -> None:
        """The file has been worked on, or is gone: its failures are forgotten."""
        if self._failed.pop((party, claimed), None) is not None:
            with self._site.writing(self.at) as work:
                failed_takes.forget(work, party, claimed)

    @contextmanager
    def one_file(self, party: str, claimed: str) -> Iterator[None]:
        """Keeps a fault of the work on one file from stopping the others; what SFTP says goes on to the caller.

        A fault of the surroundings (database, disk) stops the look, which is repeated in the same order when they work again.
        But something in a file may look like one for ever: at its next try the others go on, unless they meet it too.
        """
        try:
            yield
        except SftpError:
            raise
        except OSError as fault:
            first = (party, claimed) not in self._failed
            with suppress(DatabaseUnavailable):
                self._count(party, claimed, fault)
            if first or self._outage is not None:
                raise
            self._outage = fault
        except Exception as fault:  # noqa: BLE001 - whatever it is, it is told, and stops no other file
            self._count(party, claimed, fault)
        else:
            self._outage = None

    def close(self) -> None:
        """The end of the look: raises the fault of the surroundings that no good file came after."""
        if self._outage is not None:
            raise self._outage

    def _count(self, party: str, claimed: str, fault: Exception) -> None:
        outage = isinstance(fault, OSError)
        told = f"{type(fault).__name__}: {fault}"[:1000]
        with self._site.writing(self.at) as work:
            tries = failed_takes.count(work, party, claimed, told, outage)
            reached("failed.before commit")
        reached("failed.counted")
        if outage:
            log.error("%s/%s waits, try %d: %s", party, claimed, tries, fault)
        else:
            what = "an invariant of the books does not hold" if isinstance(fault, Broken) else "a fault of ours"
            log.error("%s/%s failed, try %d of %d: %s", party, claimed, tries, TRIES, what, exc_info=fault)


def waiting(site: Site, at: datetime) -> list[FailedTake]:
    """Files that failed and were neither worked on nor put aside yet, for operators."""
    with site.reading(at) as work:
        return failed_takes.every(work)
