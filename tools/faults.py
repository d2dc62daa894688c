"""The page of what the depository survives, from a run of the fault tests.

    python tools/faults.py            run the tests of tests/faults, the long ones too, fuzz every parser, write docs/reference/faults.md
    python tools/faults.py --short    the same without the long ones and without fuzzing
    python tools/faults.py --write    write the page from the results of the last run

A test notes each trial with `tests.support.fault_results.tried`; of the other tests the name says what was tried.
"""

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.fault_results import SAME, tried  # noqa: E402 - the folder of this file is where it is started from
from tools.fuzz import PARSERS, fuzz  # noqa: E402

FUZZING_SECONDS = 60
MINUTE = 60
DATABASES = ("SQLite", "PostgreSQL")
TESTS = ROOT / "tests" / "faults"
RESULTS = ROOT / "var" / "faults"
RUN = RESULTS / "run.xml"
PAGE = ROOT / "docs" / "reference" / "faults.md"
HEAD = """# What it survives

Made by `tools/faults.py` from a run of the tests in `tests/faults`; do not edit. {when}

"The same state" means: every row of every table (balances, journal hashes, receipts, input log), every file in every folder of the
SFTP server and every content of the archive are those of a run without the fault, byte for byte; nothing is missing, nothing is there
twice, and nobody repaired anything. A killed process is killed with SIGKILL; another one is started and told the same again. "Recovery" is
the time from that restart to the end of the work that the killed process had begun, the slowest one where several were tried.

Every run of the tests tries a short version of all of this. The long one, which also kills at random over many seeds and fuzzes every
parser for a minute, is `python tools/faults.py`; `CSD_SEEDS` sets the number of seeds (20).
"""

POINTS = """The code names the places where a kill could do harm. Each is tried on both databases: the process that comes to it is
killed, the next one ends the day in the same state, byte for byte. A cell says how often it was tried, and the slowest recovery.
"""

HOSTILE = """Made by `tests/support/hostile_files.py`, or lying as `sample_files/IST/refused-*`. Each is dropped by the party named.
In brackets stands the code of the refusal or the value that is refused.
"""

FUZZING = """Guided by coverage (`python -m tools.fuzz PARSER --seconds 300`): samples are changed inside the zip of a workbook, in
the tags of XML, the cells of CSV, the values of JSON and the elements of a signature's DER, so that they get past the first checks.
Anything but a refusal in words is a finding, and so is more than 20 seconds or 2.5 GB for one file. Findings are kept in
`tests/findings`, and every run of the tests reads them again.
"""

RECOVERY = """Seconds by the clock from the restart after a kill to the end of the work that the killed process had begun. The restarted
process is forked from one that has loaded the program; loading it takes some seconds more, and `csd up` with its Prefect server some ten.
"""

UNDER_WAY = {
    "archive": "a content is written into the archive",
    "batch": "a batch of the day runs",
    "check": "a dry run is carried out and taken back",
    "claim": "a file and what belongs to it are moved out of its sender's reach",
    "claimed": "a recorded file is removed from our side of the SFTP server",
    "cycle": "a settlement cycle is posed, solved, posted and kept",
    "deliver": "answers and their signatures are put into outboxes",
    "end of day": "books are reconciled, statements queued, the day is sealed",
    "failed": "a file on which the depository failed is counted, or put aside",
    "fetch": "claimed files are read over SFTP",
    "forecast": "the forecast of funding is made anew",
    "journal": "entries are posted and balances moved",
    "look": "the folders are looked over",
    "make": "answers for people are made of recorded receipts",
    "openings": "the rows of a long form are carried out, some thousands at a time",
    "plan": "the next day is planned, its random moment drawn",
    "put": "one file is written over SFTP and renamed",
    "record": "files are carried out and recorded",
    "reference": "reference data is loaded",
    "repeat": "a file that came before is answered again",
    "take": "a file is archived and read, its signature checked",
    "technology time": "senders are told that their files wait",
    "unfinished": "a sender is told of an upload that does not end",
    "whole": "a folder of a settled day is written",
}
"""What is under way at a point, by the beginning of its name."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Equal faults on equal ground with equal outcome, counted together."""

    fault: str
    where: str
    outcome: str
    count: int
    slowest: float | None  # float: seconds
    """Seconds to recovery; None where there is none."""

    def recovery(self) -> str:
        return "" if self.slowest is None else f"{self.slowest:.1f} s"


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
    points, others = sorted_out(trials())
    lines += [
        "## Killed at every named point\n",
        POINTS,
        "| point | what is under way | SQLite | PostgreSQL |",
        "|---|---|---|---|",
    ]
    lines += list(point_rows(points))
    lines += ["\n## How soon a restart makes up for it\n", RECOVERY]
    lines += [
        "| on | restarts | half within | 95 of 100 within | slowest | over a minute |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += list(recoveries())
    for name, words, beginning in SECTIONS:
        lines += [f"\n## {name}\n", *([words] if words else [])]
        lines += ["| fault | on | tried | outcome | recovery |", "|---|---|---:|---|---:|"]
        lines += list(rows(others.pop(beginning, []), beginning))
    by_file: dict[str, list[ET.Element]] = defaultdict(list)
    for case in cases:
        by_file[case.get("classname", "").rpartition(".")[2]].append(case)
    lines += ["\n## Every test of it"]
    for name in sorted(by_file):
        words = ast.get_docstring(ast.parse((TESTS / f"{name}.py").read_text())) or ""
        lines += [f"\n### `{name}.py`\n", *([f"{words.split(chr(10) * 2)[0]}\n"] if words else [])]
        lines += ["| what was tried | cases | outcome |", "|---|---:|---|"]
        lines += list(tests_of(by_file[name]))
    return "\n".join(lines) + "\n"


SECTIONS = (
    ("Killed in other ways", "", "SIGKILL "),
    ("What it stands on breaks, two of everything, backups", "", ""),
    ("The SFTP server does wrong", "", "SFTP server: "),
    ("Hostile files", HOSTILE, "hostile file: "),
    ("Fuzzing", FUZZING, "fuzzing "),
)
"""Heading, words, and how the faults begin; all others belong to the one without a beginning."""


def trials() -> list[Trial]:
    """The noted trials, by fault."""
    seconds: dict[tuple[str, str, str], list[float | None]] = defaultdict(list)
    for path in sorted(RESULTS.glob("*.jsonl")):
        for one in map(json.loads, path.read_text().splitlines()):
            seconds[one["fault"], one["where"], one["outcome"]].append(one["seconds"])
    return [
        Trial(*key, len(all_), max((one for one in all_ if one is not None), default=None))
        for key, all_ in sorted(seconds.items())
    ]


def sorted_out(found: Sequence[Trial]) -> tuple[dict[str, dict[str, Trial]], dict[str, list[Trial]]]:
    """The kills at named points, by point and database, and all others by the beginning of their section."""
    points: dict[str, dict[str, Trial]] = defaultdict(dict)
    others: dict[str, list[Trial]] = defaultdict(list)
    beginnings = [beginning for _, _, beginning in SECTIONS if beginning]
    for one in found:
        point = re.fullmatch(r"SIGKILL at “([^”]+)”", one.fault)
        if point and one.where in DATABASES and one.where not in points[point[1]]:
            points[point[1]][one.where] = one
        else:
            others[next((start for start in beginnings if one.fault.startswith(start)), "")].append(one)
    return points, others


def point_rows(points: Mapping[str, Mapping[str, Trial]]) -> Iterable[str]:
    """Rows of named points; an outcome that is not the known one is told."""
    for point, on in sorted(points.items()):
        cells = [f"{on[one].count}, {on[one].recovery()}" if one in on else "not tried" for one in DATABASES]
        odd = sorted({one.outcome for one in on.values()} - {SAME})
        told = [UNDER_WAY[point.partition(".")[0]], *odd]
        yield f"| {point} | {': '.join(told)} | {' | '.join(cells)} |"


def rows(found: Sequence[Trial], beginning: str) -> Iterable[str]:
    """Rows of trials, without what the heading says already."""
    left_out = beginning if beginning.endswith(": ") else ""
    for one in found:
        yield f"| {one.fault.removeprefix(left_out)} | {one.where} | {one.count} | {one.outcome} | {one.recovery()} |"


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
    return "not tried here" if case.find("skipped") is not None else "passed"


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
