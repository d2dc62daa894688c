"""Work in a process of its own, so that what ends that process outright (a solver that aborts when memory ends) costs one answer alone."""

import ctypes
import gc
import os
import pickle
import select
import signal
import sys
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from depository.settlement.watch import Late

Result = TypeVar("Result")

FOLLOWS = 300.0
"""Seconds after the emergency stop within which the answer is there, or the process is ended."""
LONGEST = 7200.0
"""Seconds after which a process without an emergency stop (in a replay) is taken to hang, and is ended."""
LOOK = 0.2
"""Seconds between two looks at the clock while waiting."""
_DIES_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


class Died(RuntimeError):
    """The process ended without an answer: says how."""


def apart(work: Callable[[], Result], stop: Late | None = None) -> Result:
    """What the work returns, carried out in a forked process: it has all that there is here, and nothing that it does comes back but that.

    The process neither logs nor touches what else is open here. Raises Died when it ended otherwise, by an exception, too. Where no
    process can be forked the work is done here.
    """
    read, write = os.pipe()
    parent = os.getpid()
    try:
        child = os.fork()
    except OSError:
        os.close(read)
        os.close(write)
        return work()
    if child == 0:
        os.close(read)
        _carry_out(work, write, parent)
    os.close(write)
    ended = False
    try:
        answer = _answer(read, stop)
        ended = True
    finally:
        os.close(read)
        if not ended:
            os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with {answer[-300:].decode(errors='replace')}"
        raise Died(f"the settlement engine's process ended {how}")
    result: Result = pickle.loads(answer)  # noqa: S301 - of our own process
    return result


def _answer(read: int, stop: Late | None) -> bytes:
    """All that comes until the other end is closed; raises Died when that takes too long, after the stop or where there is none."""
    came: list[bytes] = []
    ends = monotonic() + LONGEST if stop is None else None
    waiting = select.poll()
    waiting.register(read, select.POLLIN)
    while True:
        if not waiting.poll(LOOK * 1000):
            if ends is None and stop is not None and stop():
                ends = monotonic() + FOLLOWS
            if ends is not None and monotonic() > ends:
                late = "after its emergency stop" if stop is not None else f"within {LONGEST:.0f} seconds"
                raise Died(f"the settlement engine gave no answer {late} and was ended")
            continue
        data = os.read(read, 1 << 20)
        if not data:
            return b"".join(came)
        came.append(data)


def _carry_out(work: Callable[[], object], write: int, parent: int) -> None:
    """The process: never returns."""
    code = 1
    try:
        # What the parent does on a signal is not for us, and without it nobody waits for the answer.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)
            if os.getppid() != parent:
                # It died before this was asked for.
                return
        # Looking through all that the parent has would copy it.
        gc.freeze()
        with os.fdopen(write, "wb") as out:
            try:
                pickle.dump(work(), out, pickle.HIGHEST_PROTOCOL)
                code = 0
            except BaseException as fault:  # noqa: BLE001 - nothing may go on from here as if it were the parent
                out.write(f"{type(fault).__name__}: {fault}".encode())
    finally:
        os._exit(code)
