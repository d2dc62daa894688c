"""`csd solve`: one settlement cycle from a folder of plain files to another (no database)."""

import hashlib
import json
import resource
import sys
import time
from pathlib import Path

from depository.garbage import no_search_for_garbage
from depository.settlement import EFFORTS, OBJECTIVES, by_engine, check, first_in_first_out
from depository.store.whole import put_together
from parsers import solve_files

DONE = 0
BAD_INPUT = 2
BROKEN = 3
NOT_WRITTEN = 4

TIMING = "timing.json"
# Ourselves, and the engine's own process on large days.
PROCESSES = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
# The emergency stop: by then the best feasible set is taken whatever the effort asked for. Effort itself is never counted in seconds.
EMERGENCY_SECONDS = 3600.0


def solve_folder(
    in_dir: Path | str,
    out_dir: Path | str,
    objective: str = "mixed",
    effort: str = "standard",
    units: int | None = None,
) -> int:
    """Settle what the files of `in_dir` say and write the outcome, its reasons and its proof to `out_dir`.

    `units` stops it after so many units of work, as a certificate says that a clock did, and no clock does then. Returns 0 when
    done; 2 with file, line and column on standard error when the input cannot be taken; 3 when the separate check finds a rule
    broken; 4 when the outcome cannot be written, as on a full disk. Unless the result is 0, no outcome is in `out_dir` that was not
    there before; nobody ever finds half of one with a certificate.
    """
    began = time.perf_counter()
    source, target = Path(in_dir), Path(out_dir)
    for name, given, known in (("objective", objective, OBJECTIVES), ("effort", effort, EFFORTS)):
        if given not in known:
            print(f"csd solve: {name} is {given!r}, not one of {', '.join(known)}", file=sys.stderr)
            return BAD_INPUT
    if target.exists() and not target.is_dir():
        print(f"csd solve: {target} is not a folder", file=sys.stderr)
        return BAD_INPUT
    digest = hashlib.sha256()
    texts: dict[str, str] = {}
    try:
        if not source.is_dir():
            raise solve_files.BadInput(str(source), 0, "", "is not a folder")
        for name in solve_files.FILES:
            path = source / name
            if path.exists():
                content = _bytes(path)
                digest.update(f"{name} {len(content)}\n".encode())
                digest.update(content)
                texts[name] = _text(name, content)
        # Millions of rows that all stay: looking for garbage among them would take as long as reading them.
        with no_search_for_garbage():
            problem_read = solve_files.read(texts)
    except solve_files.BadInput as error:
        print(f"csd solve: {error}", file=sys.stderr)
        return BAD_INPUT
    texts.clear()
    read = time.perf_counter()

    problem = problem_read.problem
    late = (lambda: time.perf_counter() - began > EMERGENCY_SECONDS) if units is None else None
    outcome = by_engine(problem, objective, effort, late, units)
    broken: list[str] = []
    if outcome is None:
        outcome = first_in_first_out(problem, objective)
        broken = check(problem, outcome)
    if broken:
        print(f"csd solve: {len(broken)} rules broken, nothing written; the first: {broken[0]}", file=sys.stderr)
        return BROKEN
    settled = time.perf_counter()
    files = {name: text.encode() for name, text in solve_files.write(problem_read, outcome, digest.hexdigest()).items()}
    timing = {
        "read_seconds": round(read - began, 3),
        "settle_seconds": round(settled - read, 3),
        "write_seconds": round(time.perf_counter() - settled, 3),
        "memory_megabytes": max(resource.getrusage(whose).ru_maxrss for whose in PROCESSES) // 1024,
    }
    files[TIMING] = (json.dumps(timing, indent=2) + "\n").encode()
    # What an earlier outcome in the same folder had beyond this one would not belong to it.
    without = [name for name in solve_files.NOT_ALWAYS if name not in files]
    try:
        put_together(target, files, solve_files.CERTIFICATE, without)
    except OSError as fault:
        print(
            f"csd solve: the outcome could not be written to {target}: {fault.strerror}; "
            f"a folder without {solve_files.CERTIFICATE} holds no outcome",
            file=sys.stderr,
        )
        return NOT_WRITTEN
    return DONE


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise solve_files.BadInput(path.name, 0, "", f"cannot be read: {fault.strerror}") from fault


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise solve_files.BadInput(name, line, "", "is not UTF-8 text") from error
