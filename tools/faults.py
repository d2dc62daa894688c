"""The page of what the depository survives, from a run of the fault tests.

    python tools/faults.py            run the tests of tests/faults, the long ones too, fuzz every parser, write docs/reference/faults.md
    python tools/faults.py --short    the same without the long ones and without fuzzing
    python tools/faults.py --write    write the page from the results of the last run

A test notes each trial with `tests.support.fault_results.tried`; of the other tests the name says what was tried.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.fault_results import tried  # noqa: E402 - the folder of this file is where it is started from
from tools.fuzz import PARSERS, fuzz  # noqa: E402

FUZZING_SECONDS = 60
MINUTE = 60
RESULTS = ROOT / "var" / "faults"
RUN = RESULTS / "run.xml"
PAGE = ROOT / "docs" / "reference" / "faults.md"
HEAD = """# What it survives

Made by `tools/faults.py` from a run of the tests in `tests/faults`; do not edit. {when}

"The same state" means: every row of every table (balances, journal hashes, receipts, input log), every file in every folder of the
SFTP server and every content of the archive are those of a run without the fault, byte for byte; nothing is missing, nothing is there
twice, and nobody repaired anything. A killed process is killed with SIGKILL; another one is started and told the same again.

Every run of the tests tries a short version of all of this. The long one, which also kills at random over many seeds and fuzzes every
parser for a minute, is `python tools/faults.py`; `CSD_SEEDS` sets the number of seeds (20).

**Hostile files** are made by `tests/support/hostile_files.py` and lie as `sample_files/IST/refused-*`. **Fuzzing** is guided by coverage
(`python -m tools.fuzz PARSER --seconds 300`): samples are changed inside the zip of a workbook, in the tags of XML, the cells of CSV,
the values of JSON and the elements of a signature's DER, so that they get past the first checks. Anything but a refusal in words is a
finding, and so is more than 20 seconds or 2.5 GB for one file. Findings are kept in `tests/findings`, and every run of the tests reads
them again.
"""


RECOVERY = """Seconds by the clock from the restart after a kill to the end of the work that the killed process had begun. The restarted
process is forked from one that has loaded the program; loading it takes some seconds more, and `csd up` with its Prefect server some ten.
"""


def run(short: bool) -> int:
    """Runs the tests; returns pytest's exit code."""
    shutil.rmtree(RESULTS, ignore_errors=True)
    RESULTS.mkdir(parents=True)
    marks = ["-m", "not long"] if short else []
    program = [sys.executable, "-m", "pytest", "-q", "-n", "2", f"--junitxml={RUN}", *marks, "tests/faults"]
    # The long version kills at random over many seeds.
    code = subprocess.run(program, cwd=ROOT, check=False, env={"CSD_SEEDS": "20", **os.environ}).returncode
    return code if short else fuzz_all(FUZZING_SECONDS) or code


def fuzz_all(seconds: int) -> int:
    """Fuzzes every parser, two at a time, and notes what came of it; returns how many found something."""
    found = 0
    with ThreadPoolExecutor(2) as two:
        results = two.map(lambda parser: fuzz(parser, seconds, 0, 1, ROOT / "var" / "fuzz" / parser), PARSERS)
    for parser, result in zip(PARSERS, results, strict=True):
        found += bool(result.findings)
        names = ", ".join(path.name for path in result.findings)
        outcome = f"FOUND {names}" if names else f"{result.executions:,} files read or refused, nothing found"
        tried(f"fuzzing for {seconds} s, guided by coverage", f"parser {parser}", outcome)
    return found


def page() -> str:
    """The page of the last run; raises FileNotFoundError when there was none."""
    cases = list(ET.parse(RUN).getroot().iter("testcase"))  # noqa: S314 - written by our own test run
    outcomes = Counter(outcome(case) for case in cases)
    told = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items(), key=lambda item: item[0]))
    lines = [HEAD.format(when=f"That run: {len(cases)} tests, {told}.")]
    lines += [
        "## Kills, breakdowns, two at once\n",
        "| fault | on | tried | outcome | slowest recovery |",
        "|---|---|---:|---|---:|",
    ]
    lines += list(trials())
    lines += ["\n## How soon a restart makes up for it\n", RECOVERY]
    lines += [
        "| on | restarts | half within | 95 of 100 within | slowest | over a minute |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += list(recoveries())
    by_file: dict[str, list[ET.Element]] = defaultdict(list)
    for case in cases:
        by_file[case.get("classname", "").rpartition(".")[2]].append(case)
    for name in sorted(by_file):
        lines += [f"\n## `{name}.py`\n", "| what was tried | cases | outcome |", "|---|---:|---|"]
        lines += list(tests_of(by_file[name]))
    return "\n".join(lines) + "\n"


def trials() -> Iterable[str]:
    """Rows of the noted trials: equal faults on equal ground are counted together."""
    counts: Counter[tuple[str, str, str]] = Counter()
    slowest: dict[tuple[str, str, str], float] = {}
    for path in sorted(RESULTS.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            one = json.loads(line)
            key = (one["fault"], one["where"], one["outcome"])
            counts[key] += 1
            if one["seconds"] is not None:
                slowest[key] = max(slowest.get(key, 0.0), one["seconds"])
    for fault, where, result in sorted(counts):
        key = (fault, where, result)
        recovery = f"{slowest[key]:.1f} s" if key in slowest else ""
        yield f"| {fault} | {where} | {counts[key]} | {result} | {recovery} |"


def recoveries() -> Iterable[str]:
    """Rows of how soon a restart had made up for what was cut off, by what it was tried on."""
    found: dict[str, list[float]] = defaultdict(list)
    for path in RESULTS.glob("*.jsonl"):
        for one in map(json.loads, path.read_text().splitlines()):
            if one["seconds"] is not None:
                found[one["where"]].append(one["seconds"])
    for where, seconds in sorted(found.items()):
        ordered = sorted(seconds)
        half, most = (ordered[-(-len(ordered) * part // 100) - 1] for part in (50, 95))
        over = sum(one > MINUTE for one in ordered)
        yield f"| {where} | {len(ordered)} | {half:.1f} s | {most:.1f} s | {ordered[-1]:.1f} s | {over} |"


def tests_of(cases: list[ET.Element]) -> Iterable[str]:
    """Rows of tests: the name as a sentence, how many cases, what came out."""
    grouped: dict[str, list[str]] = defaultdict(list)
    for case in cases:
        grouped[re.sub(r"\[.*", "", case.get("name", ""))].append(outcome(case))
    for name, results in sorted(grouped.items()):
        told = ", ".join(
            f"{count} {what}" if len(set(results)) > 1 else what for what, count in sorted(Counter(results).items())
        )
        yield f"| {name.removeprefix('test_').replace('_', ' ')} | {len(results)} | {told} |"


def outcome(case: ET.Element) -> str:
    """What came out of a test."""
    if case.find("failure") is not None or case.find("error") is not None:
        return "FAILED"
    return "not tried here" if case.find("skipped") is not None else "as it should"


def main() -> int:
    """Runs and writes, or only writes."""
    reading = argparse.ArgumentParser(description="Try the faults and write the page of what is survived.")
    how = reading.add_mutually_exclusive_group()
    how.add_argument("--short", action="store_true", help="without the long tests and without fuzzing")
    how.add_argument("--write", action="store_true", help="only write the page, from the results of the last run")
    told = reading.parse_args()
    code = 0 if told.write else run(told.short)
    PAGE.write_text(page())
    return code


if __name__ == "__main__":
    sys.exit(main())
