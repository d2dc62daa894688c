"""The intake all day: looks again and again over one connection, makes answers beside it, and delivers over another (design §4)."""

import logging
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from depository.answers import Receipt
from depository.sftp.errors import SftpError
from depository.sftp.folders import Folders
from flows.steps.deliver import deliver_made, sweep_outboxes
from flows.steps.intake import take_files
from flows.steps.making import make_answers
from flows.steps.reading import TOGETHER
from flows.steps.sites import Site

log = logging.getLogger(__name__)

LEFTOVERS_EVERY = timedelta(seconds=15)
"""So often our side of the server is looked at for files that another worker claimed and, having died, did not finish."""
LOOK_FOR_ANSWERS = 0.2
"""Seconds between two looks for answers that wait, to be made or to be delivered."""
A_MOMENT = 0.05
"""Seconds in which the process does what else it has to do."""
SWITCH = 0.0005
"""Seconds after which a thread that computes lets another one go on: recording asks the database often, and waits after each answer."""
LONGEST_PAUSE = 60.0
"""Seconds before making or delivery is tried again, at most; the pause doubles with each failure in a row."""


def pause_after(receipts: Sequence[Receipt], seconds: float) -> float:
    """Seconds to the next look; hardly any after one that took many files, as more have come meanwhile."""
    return min(A_MOMENT, seconds) if len(receipts) >= TOGETHER else seconds


class Resident:
    """A worker that takes files whenever it is told to look, and makes and delivers answers as they come; use it as a context manager."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._line = ExitStack()
        self._folders: Folders | None = None
        self._all_seen: datetime | None = None
        """The last look that was whole and went over our side of the server too."""
        self._at: datetime | None = None
        self._switching = sys.getswitchinterval()
        self._stop = threading.Event()
        self._recorded, self._made = threading.Event(), threading.Event()
        """Set when there is something to be made, and to be delivered, which need not wait for the next look for answers."""
        self._beside = [
            threading.Thread(target=self._patiently, args=(what, work), name=what, daemon=True)
            for what, work in (("deliver", self._deliver), ("make", self._make))
        ]

    def __enter__(self) -> Self:
        self._switching = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH)
        for thread in self._beside:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._beside:
            thread.join()
        sys.setswitchinterval(self._switching)
        self._line.close()

    def follow(self, site: Site) -> None:
        """Goes on with the same site under another timetable."""
        self._site = site

    def look(self, at: datetime) -> list[Receipt]:
        """One look at every folder; raises SftpError or OSError when it could not be finished, and connects anew at the next."""
        self._at = at
        leftovers = self._all_seen is None or not self._all_seen <= at < self._all_seen + LEFTOVERS_EVERY
        try:
            if self._folders is None:
                self._folders = self._line.enter_context(self._site.folders())
            receipts = take_files(self._site, self._folders, at, leftovers=leftovers)
        except BaseException:
            self._folders, self._all_seen = None, None
            self._line.close()
            raise
        if leftovers:
            self._all_seen = at
        if receipts:
            self._recorded.set()
        return receipts

    def _deliver(self, went_well: Callable[[], None]) -> None:
        refused: dict[str, datetime] = {}
        with self._site.folders() as folders:
            swept = False
            while self._goes_on(self._made):
                if self._at is not None:
                    if not swept:
                        sweep_outboxes(self._site, folders, self._at)
                        swept = True
                    deliver_made(self._site, folders, self._at, refused)
                    went_well()

    def _make(self, went_well: Callable[[], None]) -> None:
        failed: dict[int, datetime] = {}
        while self._goes_on(self._recorded):
            if self._at is not None:
                if make_answers(self._site, self._at, failed):
                    self._made.set()
                went_well()

    def _goes_on(self, more: threading.Event) -> bool:
        """Waits for more to do, at most until the next look for it; False when the worker has been stopped."""
        more.wait(LOOK_FOR_ANSWERS)
        more.clear()
        return not self._stop.is_set()

    def _patiently(self, what: str, work: Callable[[Callable[[], None]], None]) -> None:
        """Works until it is stopped; what fails is tried again for ever, later and later."""
        pauses = Pauses()
        while not self._stop.is_set():
            try:
                work(pauses.begin)
            except (SftpError, OSError) as fault:
                log.warning("%s: %s; trying again", what, fault)
            except Exception:
                # A fault of ours; the answers wait, and the intake must not wait with them.
                log.exception("%s failed; trying again", what)
            self._stop.wait(pauses.next())


class Pauses:
    """How long to wait after a failure: twice as long after each in a row."""

    def __init__(self) -> None:
        self._pause = LOOK_FOR_ANSWERS

    def begin(self) -> None:
        """Something went well."""
        self._pause = LOOK_FOR_ANSWERS

    def next(self) -> float:
        """Seconds to wait now."""
        pause = self._pause
        self._pause = min(2 * pause, LONGEST_PAUSE)
        return pause
