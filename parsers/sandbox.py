"""Reading of forms and feeds in a child process with limits of memory and time: the second wall after `parsers.workbook_guard`.

calamine aborts the whole process on some workbooks instead of raising, and a crafted file can ask for any amount of memory. Here that
costs one child, which is replaced; the file is refused and the next one is read.
"""

import ctypes
import gc
import math
import multiprocessing
import os
import pickle
import queue
import resource
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from datetime import datetime
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, TypeAlias, TypeVar, cast

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
FILES_PER_CHILD = 2000
"""A child is replaced after so many files, so that what a library leaks does not add up."""

MALLOC = {-8: 2, -3: 32 * 1024 * 1024, -1: 8 * 1024 * 1024}
"""Of glibc's malloc.h: M_ARENA_MAX, M_MMAP_THRESHOLD and M_TRIM_THRESHOLD (bytes); a value that is set no longer changes by itself.

Blocks of a megabyte that each come fresh from the system and go back to it cost a quarter of the time of a large form.
"""

_STOPPED = (
    "reader-stopped",
    "The reader stopped while reading the file. Open it, save it again and send it once more.",
)

_TOO_LONG = (
    "time-limit",
    "Reading the file took too long. Split it, or use the blank of the form, and send it again.",
)

_TOO_MUCH_MEMORY = ("memory-limit", "Reading the file took too much memory. Split it into several forms.")
LIMITS = (_STOPPED[0], _TOO_LONG[0], _TOO_MUCH_MEMORY[0])
"""Codes of refusals that hang on the machine as well as on the file: another one might have done with it."""
_NO_MEMORY = (
    "out of memory",
    "Error -4 while ",
    "can't start new thread",
    "can't allocate lock",
    "PyObject pointer is null",
)
"""How expat, zlib, Python's threads and libraries in Rust begin what they say then."""

Answer: TypeAlias = tuple[bool, Any]
Asked: TypeAlias = tuple[Callable[..., object], tuple[object, ...]]
"""A task and its arguments."""
Feed = TypeVar("Feed")


class ReaderUnavailable(OSError):
    """No child can be started (memory, processes): no fault of the file, which may be read when the machine works again."""


class Sandbox:
    """Children that read forms and feeds, each at most one file at a time. Use it as a context manager, or call `close`."""

    def __init__(self, workers: int = 1, memory: int = MEMORY, seconds: float = SECONDS) -> None:
        self._workers = workers
        self._memory = memory
        self._seconds = seconds
        self._closed = threading.Event()
        self._children: set[_Child] = set()
        self._free: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        """A place for each child; None where none was started yet, or where the last one has ended."""
        for _ in range(workers):
            self._free.put(None)

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

    def mark(self, original: bytes, receipt: Receipt) -> bytes:
        """Read and mark a workbook in a child (see `parsers.marked_workbook.mark`); raises FileRefused on a crash or a limit."""
        marked = self._run(_mark, original, receipt)
        assert isinstance(marked, bytes)
        return marked

    def check_signature(self, signature: bytes, data: bytes, trust: Trust, at: datetime) -> Evidence:
        """Check a detached signature in a child (see `parsers.cms.check`); raises FileRefused on a crash or a limit."""
        evidence = self._run(_check_signature, signature, data, trust, at)
        assert isinstance(evidence, Evidence)
        return evidence

    def close(self) -> None:
        """Stop the children; what is being read is given up, and its reader is told that the file is not to blame."""
        self._closed.set()
        for child in tuple(self._children):
            child.kill()
        # Each is ended by the one thread that holds it: another might close a pipe that is being read.
        held = [self._free.get() for _ in range(self._workers)]
        for one in held:
            if one is not None:
                self._end(one)
            self._free.put(None)

    def _run(self, task: Callable[..., object], *arguments: object) -> object:
        answer = self._answer((task, arguments))
        if answer is None:
            # Somebody killed the child (an operator, the system for lack of memory): perhaps for another's sake, so once more.
            answer = self._answer((task, arguments)) or (False, _STOPPED)
        fine, found = answer
        if not fine:
            raise FileRefused(*found)
        return found

    def _answer(self, asked: Asked) -> Answer | None:
        """What a child says of a task; None when it was killed from outside. Waits for a child that is free."""
        child = self._free.get()
        try:
            child = self._ready(child)
            answer = child.ask(asked)
            if self._closed.is_set():
                raise ReaderUnavailable("the reader of files is being stopped")
            return answer
        finally:
            if child is not None and child.spent():
                self._end(child)
                child = None
            self._free.put(child)

    def _ready(self, child: "_Child | None") -> "_Child":
        """The child, or a new one for one that ended while it waited; raises ReaderUnavailable when none can be started."""
        if child is not None and child.alive():
            return child
        if child is not None:
            self._end(child)
        if not self._closed.is_set():
            started = _Child(self._memory, self._seconds)
            self._children.add(started)
            # Asked once more: whoever closed meanwhile did not see this child.
            if not self._closed.is_set():
                return started
            self._end(started)
        raise ReaderUnavailable("the reader of files is stopped")

    def _end(self, child: "_Child") -> None:
        self._children.discard(child)
        child.end()


class _Child:
    """One process with a pipe of its own, which nobody else holds: whichever of the two dies, the other learns it at once.

    Raises ReaderUnavailable where no process can be started.
    """

    def __init__(self, memory: int, seconds: float) -> None:
        # spawn: a forked child would inherit threads, locks and database connections of the parent.
        context = multiprocessing.get_context("spawn")
        try:
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs, memory, seconds), name="reader", daemon=True)
            try:
                self._process.start()
            finally:
                theirs.close()
            self._pipe.recv_bytes()
        except (OSError, EOFError) as fault:
            raise ReaderUnavailable(f"no process that reads files can be started: {fault}") from fault
        self._seconds = seconds
        self._files = 0
        self._over = False

    def alive(self) -> bool:
        return self._process.is_alive()

    def spent(self) -> bool:
        return self._files >= FILES_PER_CHILD or self._over

    def ask(self, asked: Asked) -> Answer | None:
        """The answer to one task; its refusal when the child takes too long or crashes; None when it was killed from outside."""
        self._files += 1
        too_long = threading.Event()

        def stop() -> None:
            too_long.set()
            self._process.kill()

        limit = threading.Timer(self._seconds, stop)
        limit.daemon = True
        limit.start()
        try:
            self._pipe.send_bytes(pickle.dumps(asked))
            answer: Answer = pickle.loads(self._pipe.recv_bytes())  # noqa: S301 - bytes of our own child
        except (OSError, EOFError):
            self._over = True
            self._process.join()
            if too_long.is_set() or self._process.exitcode == -signal.SIGALRM:
                return False, _TOO_LONG
            return None if self._process.exitcode == -signal.SIGKILL else (False, _STOPPED)
        finally:
            limit.cancel()
        return answer

    def kill(self) -> None:
        """Kills the process; whoever waits for its answer learns it."""
        self._process.kill()

    def end(self) -> None:
        """Ends the process, at once, and what leads to it."""
        self._over = True
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _serve(pipe: Connection, memory: int, seconds: float) -> None:
    """The child's life: task after task, until nobody is there who could ask."""
    # Ctrl-C is for the parent, which ends the child when it is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit(memory)
    try:
        # The parent may be gone by now, too.
        pipe.send_bytes(b"ready")
        while True:
            packed = [pipe.recv_bytes()]
            # Should the parent die, nobody else ends a child that a file keeps busy for ever; the signal also ends C code.
            signal.alarm(math.ceil(seconds) + 1)
            answer = _guarded(packed)
            signal.alarm(0)
            pipe.send_bytes(answer)
    except (OSError, EOFError):
        return


def _limit(memory: int) -> None:
    """Limit a child before its first file: address space, no core files."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A crash of calamine is answered; its stack in the log would only look like one of ours.
    os.environ["RUST_BACKTRACE"] = "0"
    _adjust_memory()
    # Records have no cycles; without the collector a large form is read a tenth faster. What is loaded by now stays for good:
    # frozen, it costs the collection after each file nothing.
    gc.disable()
    gc.freeze()
    # The threads that read ahead ask for the interpreter now and then: they wait less for it.
    sys.setswitchinterval(0.001)


def _adjust_memory() -> None:
    """Has glibc keep the blocks of a file at hand while it is read, in few arenas: otherwise each thread has one of its own."""
    adjust = getattr(ctypes.CDLL(None), "mallopt", None)
    if adjust is not None:
        for setting, value in MALLOC.items():
            adjust(setting, value)


def _give_memory_back() -> None:
    """Has glibc return what a file took: freed blocks stay with the process otherwise."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _guarded(packed: list[bytes]) -> bytes:
    """Run a task in the child and pack its answer; a refusal is an answer too.

    The packed task is taken out of its list, so that a large file is in memory once.
    """
    try:
        task, arguments = pickle.loads(packed.pop())  # noqa: S301 - bytes of our own parent
        return pack((True, task(*arguments)))
    except FileRefused as refused:
        return pack((False, _TOO_MUCH_MEMORY if lacked_memory(refused) else (refused.code, refused.message)))
    except MemoryError:
        return pack((False, _TOO_MUCH_MEMORY))
    except RecursionError:
        return pack((False, ("damaged", "The file is nested too deeply. Save it again and send it once more.")))
    except BaseException as fault:
        # A fault of the reader costs this file, and not the intake of all others; the panic of a library in Rust is no Exception.
        if not isinstance(fault, Exception) and type(fault).__name__ != "PanicException":
            raise
        if lacked_memory(fault):
            return pack((False, _TOO_MUCH_MEMORY))
        traceback.print_exc()
        return pack((False, _STOPPED))
    finally:
        gc.collect()
        _give_memory_back()


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


def _mark(original: bytes, receipt: Receipt) -> bytes:
    # Loaded by the first file that is wrong: openpyxl takes a third of the memory of a child.
    from parsers.marked_workbook import mark_as_read

    return mark_as_read(original, receipt)


def _check_signature(signature: bytes, data: bytes, trust: Trust, at: datetime) -> Evidence:
    # Loaded by the first file that is signed: most children never need it.
    from parsers.cms import check

    return check(signature, data, trust, at)
