"""The whole intake and delivery over a server that fails: each file is taken once and answered once, or its loss is told."""

import contextlib
import logging
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from depository.sftp.client import Connection, connect
from depository.sftp.errors import SftpError
from depository.sftp.keys import create_folders
from depository.store import files, schema
from depository.store.migrate import upgrade
from depository.verify import verify
from flows.steps.deliver import deliver, deliver_made, sweep_outboxes
from flows.steps.intake import take_files
from flows.steps.making import make_answers
from flows.steps.reference import load_reference
from flows.steps.replay import replay
from flows.steps.sites import Site
from tests.faults.faulty_sftp import IMPATIENT, Faults, FaultyServer
from tests.faults.kill_points import DAY, PARTIES, SAMPLE, TEST_HOST, Drop, World, drop_files, open_site
from tests.faults.watch import Watch
from tests.support.fault_results import tried

FORM = Drop("B02", "inbox", f"{DAY}/1005/B02/inbox/IST_B02-IST-0001.xlsx", marker=".sha256")
OTHER = Drop("B03", "inbox", f"{DAY}/1020/B03/inbox/IST_B03-IST-0001.xlsx")
CHECKED = Drop("B06", "check", f"{DAY}/1040/B06/check/WRN_B06-WRN-0009.xlsx")
FAULTS = {
    "slow": Faults(slow=0.02),
    **{f"cut after {n} requests": Faults(reset_after=n, times=1) for n in range(2, 60, 6)},
    "falls silent": Faults(stall_after=12, times=1),
    "upload cut at byte 100": Faults(cut_write_at=100, times=2),
    "one byte changed": Faults(flip=True, times=1),
    "disk full at byte 1000": Faults(full_at=1000, times=3),
    "keeps 500 bytes and confirms all": Faults(keep_only=500, times=1),
    "forgets the upload it confirmed": Faults(forget_file=True, times=1),
    "confirms a rename and does nothing": Faults(ignore_rename=True, times=1),
    "has no posix-rename": Faults(no_posix_rename=True),
    "never renames over a file": Faults(no_overwrite=True),
    "lists an old state": Faults(old_listing={"ghost.xlsx": (5, 5)}, times=3),
    "lists every name twice": Faults(twice=True),
    "clock a year ahead": Faults(clock=31_536_000),
    "clock at the beginning of time": Faults(clock=-1_790_000_000),
    "gives 700 bytes a read": Faults(short_reads=700),
}


@dataclass(frozen=True, slots=True)
class Impatient(Site):
    """A site that waits seconds, not half a minute, for a silent server."""

    def connect(self) -> Connection:
        s = self.sftp
        return connect(s.host, s.port, s.user, s.key_file, s.host_key, IMPATIENT)


@contextlib.contextmanager
def faulty(world: World, folder: Path) -> Iterator[tuple[Watch, FaultyServer]]:
    """A depository whose server is well until told otherwise."""
    root = folder / "sftp"
    create_folders(root, PARTIES)
    with FaultyServer.start(root, world.keys, world.folder / "keys" / TEST_HOST) as server:
        plain = open_site(world.place(f"sqlite:///{folder / 'csd.db'}", folder / "var", server))
        site = Impatient(*(getattr(plain, name) for name in Site.__slots__))
        start = datetime.combine(DAY, datetime.min.time(), world.zone) + timedelta(hours=10)
        with closing(site):
            upgrade(site.engine)
            load_reference(site, SAMPLE / "reference", start - timedelta(days=3))
            yield Watch(site, root, start), server


def until_quiet(d: Watch, most: int = 25) -> None:
    """Looks and delivers until nothing is left to do, as the resident intake does.

    A marker may stay behind whose renaming the server confirmed and did not do; after the deadline its sender is told of it.
    """
    inboxes: list[Path] = []
    waits = 0
    for turn in range(most):
        at = d.start + timedelta(seconds=2 * turn)
        try:
            with d.site.folders() as folders:
                take_files(d.site, folders, at)
                deliver(d.site, folders, at)
        except SftpError:
            continue
        inboxes = [p for folder in ("inbox", "check") for p in d.root.glob(f"*/{folder}/*") if p.suffix != ".sha256"]
        with d.site.reading(at) as work:
            waits = files.count_waiting(work)
            taken = work.connection.execute(select(schema.file)).first() is not None
        if not inboxes and not list(d.root.glob("csd/claimed/*/*")) and not waits and taken and turn > 3:
            return
    raise AssertionError(f"not quiet: {inboxes}, {waits} answers wait")


@pytest.mark.parametrize("name", FAULTS)
def test_files_are_taken_once_and_answered_once_over_a_faulty_server(world: World, tmp_path: Path, name: str) -> None:
    with faulty(world, tmp_path) as (d, server):
        drop_files(d.root, (FORM, OTHER, CHECKED))
        server.faults = Faults(**{k: v for k, v in vars(FAULTS[name]).items() if k not in ("happened", "requests")})
        until_quiet(d)
        assert [len(d.receipts(party)) for party in ("B02", "B03")] == [1, 1]
        assert len(list((d.root / "B06" / "outbox").glob("*.check.json"))) == 1
        assert not [p for p in d.root.rglob(".*") if p.is_file()]
        with d.site.reading(d.start) as work:
            assert sorted(work.connection.execute(select(schema.file.c.party)).scalars()) == ["B02", "B03"]
            assert verify(work).faults == ()
    tried(f"SFTP server: {name}", "the whole intake", "each file taken once, each answer there once")


def test_a_file_that_the_server_loses_in_the_claim_is_told_to_its_sender(world: World, tmp_path: Path) -> None:
    """Nobody can bring it back; its sender learns of it at once and sends it again."""
    with faulty(world, tmp_path) as (d, server):
        drop_files(d.root, (Drop("B02", "inbox", FORM.source), OTHER))
        server.faults = Faults(forget_rename=True, times=1)
        until_quiet(d)
        server.faults = Faults()
        lost = "B02" if not d.receipts("B02") else "B03"
        (notice,) = (d.root / lost / "outbox").glob("*_notice_*.json")
        assert "lost it while it was taken over; send it again" in notice.read_text()
        drop_files(d.root, (Drop("B02", "inbox", FORM.source), OTHER))
        until_quiet(d)
        assert [len(d.receipts(party)) for party in ("B02", "B03")] == [1, 1]
        assert replay(d.site, date(2099, 1, 1), tmp_path / "replay", d.start).differences == ()
    tried("SFTP server loses a file it confirmed to have renamed", "the whole intake", "its sender is told at once")


def test_an_outbox_that_takes_nothing_is_told_once_and_tried_again_after_a_while(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The resident intake delivers several times a second: it would fill its log, and keep the server busy."""
    caplog.set_level(logging.INFO, "flows")
    with faulty(world, tmp_path) as (d, _), d.site.folders() as folders:
        drop_files(d.root, (FORM,))
        shutil.rmtree(d.root / "B02" / "outbox")
        take_files(d.site, folders, d.start)
        make_answers(d.site, d.start)
        refused: dict[str, datetime] = {}
        for tenth in range(0, 200, 5):
            deliver_made(d.site, folders, d.start + timedelta(seconds=tenth / 10), refused)
        told = ["the outbox of B02 takes nothing"]
        assert [r.message.partition(";")[0] for r in caplog.records] == told
        # Tried again, over another connection too, it is the same that is told already.
        deliver_made(d.site, folders, d.start + timedelta(seconds=20), refused)
        with d.site.folders() as anew:
            for _ in range(2):
                sweep_outboxes(d.site, anew, d.start)
            deliver_made(d.site, anew, d.start)
        told.append("/B02/outbox cannot be swept")
        assert [re.split("[;:]", r.message)[0] for r in caplog.records] == told
        (d.root / "B02" / "outbox").mkdir()
        assert deliver_made(d.site, folders, d.start + timedelta(seconds=40), refused) == 2
        assert len(d.receipts("B02")) == 1
        assert caplog.records[-1].message == "the outbox of B02 is well again"


def test_an_inbox_that_is_missing_is_told_once_and_again_when_it_is_well(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "flows")
    with faulty(world, tmp_path) as (d, _), d.site.folders() as folders:
        shutil.rmtree(d.root / "B02" / "inbox")
        for second in range(3):
            take_files(d.site, folders, d.start + timedelta(seconds=second))
        (d.root / "B02" / "inbox").mkdir()
        take_files(d.site, folders, d.start + timedelta(seconds=3))
        told = [r.message.partition(":")[0] for r in caplog.records]
        assert told == ["/B02/inbox cannot be looked at", "/B02/inbox is well again"]
