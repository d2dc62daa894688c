"""Reading of forms and feeds in a child process with limits of memory and time: the second wall after `parsers.workbook_guard`.

calamine aborts the whole process on some workbooks instead of raising, and a crafted file can ask for any amount of memory. Here that
costs one child, which is replaced; the file is refused and the next one is read.
"""

import ctypes
import gc
import multiprocessing
import os
import pickle
import resource
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures.process import BrokenProcessPool
from datetime import datetime
from types import TracebackType
from typing import Any, TypeAlias, TypeVar, cast

from pebble import ProcessExpired, ProcessPool

from depository.answers import Receipt
from depository.rejects import FileRefused
from depository.signatories import Evidence, Trust
from forms.form import Form
from forms.lines import pack
from parsers.workbook_form import read_form

MEMORY = 2_000_000_000
"""Bytes of address space of a child; a form of 100,000 lines takes about a third of it."""
SECONDS = 60.0
"""Seconds for one file; a form of 100,000 lines takes about ten on a slow machine."""
FILES_PER_CHILD = 500
"""A child is replaced after so many files, so that what a library leaks does not add up."""

MALLOC = {-8: 2, -1: 128 * 1024}
"""Of glibc's malloc.h: M_ARENA_MAX and M_TRIM_THRESHOLD (bytes); a value that is set no longer grows by itself."""

PATIENCE = 10
"""So many times the limit the parent waits at most, queue included, should the pool itself hang."""

_STOPPED = "reader-stopped"
_STOPPED_MESSAGE = "The reader stopped while reading the file. Open it, save it again and send it once more."

_TOO_MUCH_MEMORY = ("memory-limit", "Reading the file took too much memory. Split it into several forms.")
_NO_MEMORY = ("out of memory", "Error -4 while ", "can't start new thread", "can't allocate lock")
"""How expat, zlib and Python's threads begin what they say then."""

Answer: TypeAlias = tuple[bool, Any]
Feed = TypeVar("Feed")


class ReaderUnavailable(OSError):
    """No child can be started (memory, processes): no fault of the file, which may be read when the machine works again."""


class Sandbox:
    """A pool of children that read forms and feeds; one or two are kept warm. Use it as a context manager, or call `close`."""

    def __init__(self, workers: int = 1, memory: int = MEMORY, seconds: float = SECONDS) -> None:
        self._workers = workers
        self._memory = memory
        self._seconds = seconds
        self._lock = threading.Lock()
        self._pool = self._start()

    def _start(self) -> ProcessPool:
        # spawn: a forked child would inherit threads, locks and database connections of the parent.
        return ProcessPool(
            max_workers=self._workers,
            max_tasks=FILES_PER_CHILD,
            initializer=_limit,
            initargs=(self._memory,),
            context=multiprocessing.get_context("spawn"),
        )

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read_form(self, data: bytes, name: str) -> Form:
        """Read a form in a child; raises FileRefused, also for a crash ("reader-stopped"), too much memory or time."""
        form = self._run(_read, data, name)
        assert isinstance(form, Form)
        return form

    def read_feed(self, reader: Callable[..., Feed], *arguments: object) -> Feed:
        """Read a feed in a child by a function of a parser's module; raises FileRefused as `read_form` does."""
        found: Any = self._run(reader, *arguments)
        return cast(Feed, found)

    def mark(self, original: bytes, form: Form | None, receipt: Receipt) -> bytes:
        """Mark a workbook in a child (see `parsers.marked_workbook.mark`); raises FileRefused on a crash or a limit."""
        marked = self._run(_mark, original, form, receipt)
        assert isinstance(marked, bytes)
        return marked

    def check_signature(self, signature: bytes, data: bytes, trust: Trust, at: datetime) -> Evidence:
        """Check a detached signature in a child (see `parsers.cms.check`); raises FileRefused on a crash or a limit."""
        evidence = self._run(_check_signature, signature, data, trust, at)
        assert isinstance(evidence, Evidence)
        return evidence

    def close(self) -> None:
        """Stop the children; what is being read is given up."""
        self._pool.stop()
        self._pool.join()

    def _run(self, task: Callable[..., object], *arguments: object) -> object:
        packed = pickle.dumps(arguments)
        pool = self._pool
        try:
            fine, answer = self._answer(pool, task, packed)
        except (BrokenProcessPool, RuntimeError):
            # A child that is killed while it waits leaves pebble's pool broken for good; the file is not to blame.
            self._replace(pool)
            try:
                fine, answer = self._answer(self._pool, task, packed)
            except BrokenProcessPool as fault:
                raise ReaderUnavailable(f"no process that reads files can be started: {fault}") from fault
        if not fine:
            raise FileRefused(*answer)
        return answer

    def _replace(self, broken: ProcessPool) -> None:
        with self._lock:
            if self._pool is broken:
                broken.stop()
                self._pool = self._start()

    def _answer(self, pool: ProcessPool, task: Callable[..., object], packed: bytes) -> Answer:
        future = pool.schedule(_guarded, args=(task, packed), timeout=self._seconds)
        try:
            answer: Answer = pickle.loads(future.result(self._seconds * PATIENCE))  # noqa: S301 - bytes of our own child
        except FutureTimeout:
            if not future.done():
                self._replace(pool)
            raise FileRefused(
                "time-limit",
                "Reading the file took too long. Split it, or use the blank of the form, and send it again.",
            ) from None
        except ProcessExpired:
            raise FileRefused(_STOPPED, _STOPPED_MESSAGE) from None
        return answer


def _limit(memory: int) -> None:
    """Limit a child before its first file: address space, no core files."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A crash of calamine is answered; its stack in the log would only look like one of ours.
    os.environ["RUST_BACKTRACE"] = "0"
    _give_memory_back()
    # Records have no cycles; without the collector a large form is read a tenth faster. What is loaded by now stays for good:
    # frozen, it costs the collection after each file nothing.
    gc.disable()
    gc.freeze()
    # The threads that read ahead ask for the interpreter now and then: they wait less for it.
    sys.setswitchinterval(0.001)


def _give_memory_back() -> None:
    """Has glibc return what a file took; otherwise each thread keeps an arena of its own, and freed blocks stay with the process."""
    adjust = getattr(ctypes.CDLL(None), "mallopt", None)
    if adjust is not None:
        for setting, value in MALLOC.items():
            adjust(setting, value)


def _guarded(task: Callable[..., object], packed: bytes) -> bytes:
    """Run a task in the child and pack its answer; a refusal is an answer too."""
    try:
        return pack((True, task(*pickle.loads(packed))))  # noqa: S301 - bytes of our own parent
    except FileRefused as refused:
        return pack((False, _TOO_MUCH_MEMORY if lacked_memory(refused) else (refused.code, refused.message)))
    except MemoryError:
        return pack((False, _TOO_MUCH_MEMORY))
    except RecursionError:
        return pack((False, ("damaged", "The file is nested too deeply. Save it again and send it once more.")))
    except Exception as fault:  # noqa: BLE001 - a fault of the reader costs this file, and not the intake of all others
        if lacked_memory(fault):
            return pack((False, _TOO_MUCH_MEMORY))
        traceback.print_exc()
        return pack((False, (_STOPPED, _STOPPED_MESSAGE)))
    finally:
        gc.collect()


def lacked_memory(fault: BaseException) -> bool:
    """Tell whether a fault, or one it came of, is one of memory: a library may say so in words of its own, and its caller "damaged".

    The file is not damaged then, and only a refusal for memory is repeated by a replay instead of reading the file again.
    """
    cause: BaseException | None = fault
    while cause is not None:
        words = str(cause)
        if isinstance(cause, MemoryError) or any(words.startswith(one) for one in _NO_MEMORY):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _read(data: bytes, name: str) -> Form:
    return read_form(data, name)


def _mark(original: bytes, form: Form | None, receipt: Receipt) -> bytes:
    # Loaded by the first file that is wrong: openpyxl takes a third of the memory of a child.
    from parsers.marked_workbook import mark

    return mark(original, form, receipt)


def _check_signature(signature: bytes, data: bytes, trust: Trust, at: datetime) -> Evidence:
    # Loaded by the first file that is signed: most children never need it.
    from parsers.cms import check

    return check(signature, data, trust, at)
