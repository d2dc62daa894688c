"""The real run: `csd up` plans the day, makes a Prefect run for each batch, and answers a file that a party drops over SFTP."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from depository.sftp.client import connect
from depository.sftp.folders import Folders
from flows.clock import RealClock
from flows.server import free_port
from flows.steps.sites import load_market
from tests.support.books import MARKET
from tests.support.command import ROOT, csd
from tests.support.key_material import key_lines, leaks

SAMPLE = ROOT / "sample_files" / "day" / "2026-11-23"
PATIENCE = 300
"""Seconds; a busy machine takes half of it to start a Prefect server and a run."""

pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True, slots=True)
class Running:
    """A depository that runs."""

    folder: Path
    port: int
    log: Path

    def outbox(self, party: str) -> list[str]:
        """Names in a party's outbox; what is being written has a dot-name."""
        names = (path.name for path in (self.folder / "sftp" / party / "outbox").iterdir())
        return sorted(name for name in names if not name.startswith("."))


def wait_for(what: str, found: Callable[[], bool], log: Path) -> None:
    """Waits until `found()` is true; fails with the log's end."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found():
            return
        time.sleep(1)
    pytest.fail(f"{what} did not come within {PATIENCE} s:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A site of its own on which today is a settlement day, run by `csd up`; whatever the hour, no technology time holds files up."""
    folder = tmp_path_factory.mktemp("up") / "site"
    port = free_port()
    market = tmp_path_factory.mktemp("market") / "kazakhstan"
    shutil.copytree(MARKET, market)
    timetable = (market / "timetable.toml").read_text()
    (market / "timetable.toml").write_text(re.sub(r"(?m)^technology_.*\n", "", timetable))
    assert load_market(market).timetables[0].technology_start is None
    assert csd("init", folder, "--market", market, "--port", port).returncode == 0
    calendar = tmp_path_factory.mktemp("calendar")
    now = RealClock(ZoneInfo("Asia/Almaty")).now()
    days = [f"{(now + timedelta(days=n)).date()},settlement,trial,operator" for n in range(3)]
    (calendar / "calendar.csv").write_text("\n".join(["date,kind,reason,source", *days]) + "\n")
    assert csd("load", calendar, "--site", folder / "csd.toml").returncode == 0
    log = folder / "up.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.cli", "up", "--site", str(folder / "csd.toml"), "--own-sftp"],
            cwd=ROOT,
            stdout=out,
            stderr=out,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
    try:
        wait_for("the resident intake", lambda: "resident intake" in log.read_text(), log)
        yield Running(folder, port, log)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_a_file_dropped_over_sftp_is_answered_by_the_resident_intake(running: Running) -> None:
    """Three looks two seconds apart, then the answer: a receipt for machines and a workbook for people."""
    host_key = (running.folder / "keys" / "host.pub").read_text().strip()
    data = (SAMPLE / "1030" / "B01" / "inbox" / "IST_B01-IST-0001.xlsx").read_bytes()
    with connect("127.0.0.1", running.port, "B01", running.folder / "keys" / "B01", host_key) as connection:
        Folders(connection).put("/inbox/IST_B01-IST-0001.xlsx", data)

    def answers(ending: str) -> list[str]:
        # By the time of day, notices of a batch that has come due lie beside them.
        return [name for name in running.outbox("B01") if name.startswith("IST_B01-IST-0001") and name.endswith(ending)]

    wait_for("receipt and workbook", lambda: bool(answers(".receipt.json") and answers(".answer.xlsx")), running.log)
    receipt = answers(".receipt.json")[0]

    answer = json.loads((running.folder / "sftp" / "B01" / "outbox" / receipt).read_text())
    assert answer["sender"] == "B01"
    assert [line["verdict"] for line in answer["lines"]].count("refused") >= 4


@pytest.mark.rule("CSD-A1", "CSD-7.6.5-a")
def test_the_planner_writes_the_day_from_the_calendar(running: Running) -> None:
    """The plan is in the database before any batch is due, and the operator's command shows it."""
    wait_for("the plan", lambda: "batches planned for" in running.log.read_text(), running.log)

    assert "Traceback" not in running.log.read_text()
    shown = csd("status", "--site", running.folder / "csd.toml").stdout
    assert "main-cycle" in shown
    assert "end-of-day" in shown


def test_no_private_key_is_in_the_logs_of_the_real_run(running: Running) -> None:
    """What `csd up` printed, and all that Prefect kept of its runs and their parameters."""
    kept = [path for path in (running.folder / "prefect").rglob("*") if path.is_file()]

    assert running.log.stat().st_size > 0
    assert kept
    assert leaks([running.log, *kept], key_lines(running.folder / "keys")) == []
