"""A file on which the depository fails holds up nobody else's: it is tried again, then put aside, and its sender is told."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from depository.answers import Verdict
from depository.store import failed_takes, schema
from depository.store.database import DatabaseUnavailable
from depository.verify import verify
from flows.steps.confining import TRIES
from flows.steps.replay import replay
from flows.steps.resting import APART
from tests.faults.kill_points import DAY, Drop, World, drop_files
from tests.faults.watch import depository
from tests.support.databases import PostgresServer
from tests.support.fault_results import tried

BAD = Drop("B02", "inbox", f"{DAY}/1005/B02/inbox/IST_B02-IST-0001.xlsx")
GOOD = Drop("B03", "inbox", f"{DAY}/1020/B03/inbox/IST_B03-IST-0001.xlsx")
LATER = Drop("B05", "inbox", f"{DAY}/0940/B05/inbox/WRN_B05-WRN-0001.xlsx")
NEXT = timedelta(seconds=2)
LATEST = date(2099, 1, 1)


def breaks_for(url: str, sender: str, code: str = "P0001") -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Statements that make every instruction of a sender fail in the database, and those that mend it.

    With PostgreSQL the error code is chosen; SQLite has one.
    """
    if url.startswith("sqlite"):
        when = f"BEFORE INSERT ON instruction WHEN NEW.sender = '{sender}'"
        return (f"CREATE TRIGGER no_good {when} BEGIN SELECT RAISE(ABORT, 'no good'); END",), ("DROP TRIGGER no_good",)
    raising = f"RAISE EXCEPTION 'no good' USING ERRCODE = '{code}'"
    body = f"BEGIN IF NEW.sender = '{sender}' THEN {raising}; END IF; RETURN NEW; END"
    return (
        f"CREATE FUNCTION no_good() RETURNS trigger LANGUAGE plpgsql AS $${body}$$",
        "CREATE TRIGGER no_good BEFORE INSERT ON instruction FOR EACH ROW EXECUTE FUNCTION no_good()",
    ), ("DROP TRIGGER no_good ON instruction",)


@pytest.mark.rule("CSD-1.5-d")
def test_a_file_on_which_we_fail_is_put_aside_and_the_others_go_on(
    world: World, empty_database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Tried, rested, tried, put aside with its bytes; sent again when it is mended, it is taken, and a replay gives the same."""
    with depository(world, empty_database_url, tmp_path) as d:
        breaking, mending = breaks_for(empty_database_url, "B02")
        d.tell_database(*breaking)
        drop_files(d.root, (BAD, GOOD))
        at = d.start
        for attempt in range(1, TRIES + 1):
            d.look(at)
            with d.site.reading(at) as work:
                (failed,) = failed_takes.every(work)
                assert (failed.party, failed.tries, failed.outage) == ("B02", attempt, False)
                assert verify(work).faults == ()
            d.look(at + NEXT)
            assert d.receipts("B03") == ["IST_B03-IST-0001.xlsx accepted"]
            assert d.receipts("B02") == []
            assert d.claimed("B02") == 1
            at += APART
        assert "no good" in caplog.text
        with d.site.reading(at) as work:
            assert work.connection.execute(select(schema.file.c.party)).scalars().all() == ["B03"]
        drop_files(d.root, (LATER,))
        d.look(at)
        assert d.receipts("B02") == [f"IST_B02-IST-0001.xlsx {Verdict.QUARANTINED}"]
        assert len(d.receipts("B05")) == 1
        assert d.claimed("B02") == 0
        with d.site.reading(at) as work:
            assert failed_takes.every(work) == []
        (answer,) = (d.root / "B02" / "outbox").glob("*.receipt.json")
        told = json.loads(answer.read_bytes())
        assert "send the same file again" in told["rejects"][0]["message"]
        # What went wrong inside is for the operators, not for the sender.
        assert "no good" not in answer.read_text()
        (alarm,) = (d.root / "csd" / "outbox").glob("*_notice_*.json")
        assert "no good" in alarm.read_text()
        assert told["sha256"] in alarm.read_text()
        assert d.site.archive.get(told["sha256"])
        d.tell_database(*mending)
        drop_files(d.root, (BAD,))
        d.look(at + NEXT)
        assert d.receipts("B02")[0].startswith("IST_B02-IST-0001.xlsx accepted")
        # From now on the same bytes get that answer, and no second effect.
        for path in (d.root / "B02" / "outbox").iterdir():
            path.unlink()
        drop_files(d.root, (BAD,))
        d.look(at + 2 * NEXT)
        assert d.receipts("B02")[0].startswith("IST_B02-IST-0001.xlsx accepted")
        assert len(d.receipts("B02")) == 1
        with d.site.reading(at) as work:
            assert verify(work).faults == ()
        replayed = replay(d.site, LATEST, tmp_path / "replay", at)
        assert replayed.differences == ()
    tried(
        "we fail on a file (unforeseen error)",
        "SQLite" if empty_database_url.startswith("sqlite") else "PostgreSQL",
        "the others go on; put aside after 3 tries, sender and operators told",
    )


def test_a_file_that_looks_like_a_broken_database_holds_up_the_others_once_and_is_not_put_aside(
    world: World, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """The database says "disk full" for this file alone: it waits, is tried again, and is taken when that is over."""
    name = postgres_server.create(empty=True)
    url = postgres_server.url(name)
    with depository(world, url, tmp_path) as d:
        breaking, mending = breaks_for(url, "B02", code="53100")
        d.tell_database(*breaking)
        drop_files(d.root, (BAD, GOOD))
        with pytest.raises(DatabaseUnavailable):
            d.look(d.start)
        assert d.receipts("B03") == []
        at = d.start
        for _ in range(TRIES + 2):
            at += APART
            d.look(at)
            assert d.receipts("B03") == ["IST_B03-IST-0001.xlsx accepted"]
            # Alone it cannot be told from a database that does not work, and the look says so.
            drop_files(d.root, (Drop("B05", "inbox", LATER.source, salt=f"{at}"),))
        assert d.receipts("B02") == []
        d.tell_database(*mending)
        d.look(at + APART)
        assert d.receipts("B02")[0].startswith("IST_B02-IST-0001.xlsx accepted")
        with d.site.reading(at) as work:
            assert failed_takes.every(work) == []
    postgres_server.drop(name)
    tried("the database fails for one file only", "PostgreSQL", "the others go on; taken when it is over")


def test_an_answer_that_is_gone_from_the_archive_is_told_and_given_when_it_is_restored(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The same file comes again, and its first answer cannot be read: nothing else is made up, and nobody else waits."""
    with depository(world, f"sqlite:///{tmp_path / 'csd.db'}", tmp_path) as d:
        drop_files(d.root, (BAD,))
        d.look(d.start)
        (answer,) = (d.root / "B02" / "outbox").glob("*.receipt.json")
        first = answer.read_bytes()
        with d.site.reading(d.start) as work:
            digest = work.connection.execute(select(schema.file.c.receipt)).scalar_one()
        stored = d.site.archive.root / digest[:2] / digest
        stored.unlink()
        answer.unlink()
        drop_files(d.root, (BAD, GOOD))
        at = d.start
        for _ in range(TRIES + 1):
            at += APART
            d.look(at)
        assert d.receipts("B03") == ["IST_B03-IST-0001.xlsx accepted"]
        assert "restore" in caplog.text
        assert d.receipts("B02") == []
        stored.write_bytes(first)
        d.look(at + APART)
        assert answer.read_bytes() == first
        assert d.claimed("B02") == 0


def test_an_upload_that_is_never_finished_is_told_to_its_sender_once(world: World, tmp_path: Path) -> None:
    with depository(world, f"sqlite:///{tmp_path / 'csd.db'}", tmp_path) as d:
        many = [Drop("B05", "inbox", LATER.source, name=f"{n:02d}.xlsx.part", marker="") for n in range(30)]
        odd = Drop("B02", "inbox", BAD.source, name="bad\u202egnp\n=1+1.part", marker="")
        drop_files(d.root, (odd, GOOD, *many))
        at = d.start
        d.look(at)

        def notices(party: str) -> list[Path]:
            return sorted((d.root / party / "outbox").glob("*_notice_*.json"))

        d.look(at + d.site.policy.deadline - NEXT)
        assert notices("B02") == notices("B05") == []
        for n in range(4):
            d.look(at + d.site.policy.deadline + n * NEXT)
        assert [len(notices(party)) for party in ("B02", "B05", "B03")] == [1, 1, 0]
        told = json.loads(notices("B02")[0].read_bytes())
        assert "\u202e" not in str(told)
        assert "not get finished" in str(told)
        assert "30 of your uploads" in notices("B05")[0].read_text()
        assert "10 more lie there" in notices("B05")[0].read_text()
        # A new upload of the same name is another one.
        (d.root / "B02" / "inbox" / odd.name).unlink()
        later = at + timedelta(hours=1)
        d.look(later)
        drop_files(d.root, (odd,))
        d.look(later + NEXT)
        d.look(later + NEXT + d.site.policy.deadline)
        assert len(notices("B02")) == 2
        assert replay(d.site, LATEST, tmp_path / "replay", later).differences == ()
    tried("an upload is never finished", "embedded SFTP server", "its sender is told once; the others go on")
