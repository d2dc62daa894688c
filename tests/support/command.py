"""The command `csd`, run as a user runs it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def csd(*arguments: object, seconds: float = 240) -> subprocess.CompletedProcess[str]:
    """Runs `csd` with these arguments in the checkout, and waits for its end."""
    command = [sys.executable, "-m", "flows.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)
