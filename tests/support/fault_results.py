"""What the fault tests tried and what came of it, kept for the page `docs/reference/faults.md` (written by `tools/faults.py`)."""

import json
import os
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[2] / "var" / "faults"
"""One file per process of the test run, so that several may write at once."""
SAME = "the same state, byte for byte"
"""The outcome of most trials."""


def tried(fault: str, where: str, outcome: str, seconds: float | None = None) -> None:
    """Notes one trial: the fault, on what it was tried (database, server), what came of it, seconds to recovery."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"fault": fault, "where": where, "outcome": outcome, "seconds": seconds}, ensure_ascii=False)
    with (RESULTS / f"{os.getpid()}.jsonl").open("a") as out:
        out.write(line + "\n")
