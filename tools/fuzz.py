"""Fuzzing of a parser, guided by coverage: looks for bytes at which it breaks, hangs or takes too much memory.

    python -m tools.fuzz PARSER [--seconds 60] [--runs 0] [--seed 1]     one of the parsers, or "all"

What is found is kept in `tests/findings/PARSER/` as it is; `tests/properties/test_any_file.py` reads all of it each time, so that a
mended fault stays mended. Inputs that reach new code are kept in `var/fuzz/PARSER` for the next run.
"""

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FINDINGS = ROOT / "tests" / "findings"
PARSERS = ("form", "marked", "camt", "pain", "trades", "registry", "reference", "receipt", "report", "cms", "solve")
LONGEST = 60_000
"""Bytes of an input at most; limits of size are tested by themselves."""
SECONDS_A_FILE = 20
MEGABYTES = 2_500


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """What one run did."""

    parser: str
    executions: int
    covered: int
    """Points of the parser's code that were reached."""
    seconds: int
    findings: tuple[Path, ...]
    said: str
    """The end of what libFuzzer printed."""


def fuzz(parser: str, seconds: int, runs: int, seed: int, corpus: Path | None = None) -> Fuzzed:
    """Runs libFuzzer in a process of its own on right samples and what earlier runs found interesting.

    `seconds` 0 = no limit, `runs` 0 = no limit; `corpus` None = a fresh one, so that the same seed tries the same inputs.
    """
    # Instrumented imports belong into the child alone.
    with tempfile.TemporaryDirectory() as folder:
        kept = corpus or Path(folder) / "corpus"
        kept.mkdir(parents=True, exist_ok=True)
        crashes = Path(folder) / "crashes"
        crashes.mkdir()
        seeds = Path(folder) / "seeds"
        seeds.mkdir()
        options = [
            str(kept),
            str(seeds),
            f"-artifact_prefix={crashes}/",
            f"-max_len={LONGEST}",
            f"-timeout={SECONDS_A_FILE}",
            f"-rss_limit_mb={MEGABYTES}",
            f"-seed={seed}",
            "-print_final_stats=1",
            "-len_control=0",
        ]
        options += [f"-max_total_time={seconds}"] if seconds else []
        options += [f"-runs={runs}"] if runs else []
        done = subprocess.run(  # noqa: PLW1510 - a finding is an answer
            [sys.executable, "-m", "tools.fuzz_child", parser, str(seeds), *options],
            cwd=ROOT,
            capture_output=True,
            text=True,
            errors="replace",
        )
        said = done.stdout + done.stderr
        findings = tuple(_keep(parser, path) for path in sorted(crashes.iterdir()))
        if done.returncode and not findings:
            raise RuntimeError(f"the fuzzer of {parser} stopped with code {done.returncode}:\n{said[-3000:]}")
        numbers = [int(n) for n in re.findall(r"^#(\d+)\s", said, re.MULTILINE)]
        executed = re.search(r"number_of_executed_units: (\d+)", said)
        took = re.search(r"Done \d+ runs in (\d+) second", said)
        covered = [int(n) for n in re.findall(r"cov: (\d+)", said)]
        return Fuzzed(
            parser,
            int(executed[1]) if executed else max(numbers, default=0),
            max(covered, default=0),
            int(took[1]) if took else 0,
            findings,
            said[-4000:],
        )


def _keep(parser: str, found: Path) -> Path:
    """Keeps a finding under the kind libFuzzer gave it (crash, timeout, oom) and the hash of its bytes."""
    data = found.read_bytes()
    kept = FINDINGS / parser / f"{found.name.partition('-')[0]}-{hashlib.sha256(data).hexdigest()[:12]}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(data)
    return kept


def main() -> int:
    """The command."""
    reading = argparse.ArgumentParser(description="Fuzz a parser, guided by coverage.")
    reading.add_argument("parser", choices=[*PARSERS, "all"])
    reading.add_argument("--seconds", type=int, default=60)
    reading.add_argument("--runs", type=int, default=0)
    reading.add_argument("--seed", type=int, default=1)
    told = reading.parse_args()
    found = 0
    for parser in PARSERS if told.parser == "all" else [told.parser]:
        result = fuzz(parser, told.seconds, told.runs, told.seed, ROOT / "var" / "fuzz" / parser)
        found += len(result.findings)
        print(
            f"{parser}: {result.executions} files tried in {result.seconds} s, {result.covered} points of code reached"
        )
        for path in result.findings:
            print(f"  FOUND {path.relative_to(ROOT)}\n{result.said}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
