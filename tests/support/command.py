"""The command `csd`, run as a user runs it."""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from flows.cli import main

ROOT = Path(__file__).parents[2]
FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload([__name__])


def csd(*arguments: object, seconds: float = 240) -> subprocess.CompletedProcess[str]:
    """Runs `csd` with these arguments in the checkout, and waits for its end."""
    command = [sys.executable, "-m", "flows.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)


def forked_csd(*arguments: object, seconds: float = 240) -> subprocess.CompletedProcess[str]:
    """The same in a process of its own that is forked from one with the command's modules: more than a second of imports is saved."""
    told = [str(argument) for argument in arguments]
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = FORKSERVER.Process(target=_run, args=(told, str(out), str(err)))
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(told, seconds)
        return subprocess.CompletedProcess(told, process.exitcode, out.read_text(), err.read_text())


def _run(arguments: list[str], out: str, err: str) -> None:
    """The process: its output goes to files, and it works in the checkout."""
    for number, file in ((1, out), (2, err)):
        target = os.open(file, os.O_CREAT | os.O_WRONLY)
        os.dup2(target, number)
        os.close(target)
    os.chdir(ROOT)
    sys.argv = ["csd", *arguments]
    main()
