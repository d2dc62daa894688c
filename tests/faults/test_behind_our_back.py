"""What happens behind the depository's back: folders removed, files replaced, a key changed in the middle, an older database put back."""

import shutil
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from depository.points import watch
from depository.store import schema
from depository.store.archive import Archive
from depository.store.database import open_database
from depository.verify import verify
from flows.steps.backup import copy_site, missing_contents
from flows.steps.deliver import deliver
from flows.steps.intake import take_files
from flows.steps.signing import create_trial_key, read_signer
from parsers.cms import fault_of_own
from tests.faults.kill_points import DAY, Drop, World, drop_files
from tests.faults.watch import Watch, depository
from tests.support.fault_results import tried

FIRST = Drop("B02", "inbox", f"{DAY}/1005/B02/inbox/IST_B02-IST-0001.xlsx", "form.xlsx")
SECOND = Drop("B03", "inbox", f"{DAY}/1020/B03/inbox/IST_B03-IST-0001.xlsx", "other.xlsx")
REPLACED = Drop("B02", "inbox", FIRST.source, "form.xlsx", salt="longer by some letters")


def outboxes(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.glob("*/outbox/*"))}


def at_the_pause(
    world: World, folder: Path, point: str, act: Callable[[Path], Callable[[], None]]
) -> tuple[list[str], int]:
    """Both forms lie there; while a look stands still at the point, `act` changes the folders, and what it returns goes on after the look.
    Names with a receipt after two more looks, and how many files are left."""
    root = folder / "sftp"
    start = datetime.combine(DAY, datetime.min.time(), world.zone) + timedelta(hours=10)
    with world.server(root) as server:
        place = world.place(f"sqlite:///{folder / 'csd.db'}", folder / "var", server)
        process = world.forker.depository(place, pause=((point, 1),))
        process.do("load", start - timedelta(days=3))
        drop_files(root, (FIRST, SECOND))
        faults: list[str] = []
        look = threading.Thread(target=lambda: faults.append(process.ask("look", start)))
        look.start()
        paused = folder / "var" / "paused"
        deadline = time.monotonic() + 240
        while not paused.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        go_on = act(root)
        paused.unlink()
        look.join()
        go_on()
        assert faults == [""]
        for seconds in (15, 30):
            process.do("look", start + timedelta(seconds=seconds))
        process.close()
    receipts = sorted(p.name.partition(".xlsx")[0] for p in root.rglob("*.receipt.json"))
    return receipts, len([p for p in root.rglob("*") if p.is_file() and p.parent.name != "outbox"])


@pytest.mark.parametrize("point", ["look.before", "look.kept", "claim.before", "claim.done", "fetch.done"])
def test_a_folder_removed_and_made_anew_during_a_look_holds_up_nobody(world: World, tmp_path: Path, point: str) -> None:
    def act(root: Path) -> Callable[[], None]:
        shutil.rmtree(root / "B02" / "inbox")
        (root / "B02" / "inbox").mkdir()
        drop_files(root, (FIRST,))
        return lambda: None

    assert at_the_pause(world, tmp_path, point, act) == (["form", "other"], 0)
    tried(f"a party's inbox is removed and made anew at “{point}”", "SQLite", "each file taken once, answered once")


@pytest.mark.parametrize("point", ["look.kept", "claim.before"])
def test_a_file_replaced_after_it_was_seen_is_taken_when_it_is_whole(world: World, tmp_path: Path, point: str) -> None:
    """Half of the other file lies there when the first is claimed; the rest comes through the open handle of its writer."""
    (tmp_path / "B02" / "inbox").mkdir(parents=True)
    drop_files(tmp_path, (REPLACED,))
    whole = (tmp_path / "B02" / "inbox" / "form.xlsx").read_bytes()

    def act(root: Path) -> Callable[[], None]:
        stream = (root / "B02" / "inbox" / "form.xlsx").open("wb")
        stream.write(whole[:4000])
        stream.flush()

        def finish() -> None:
            stream.write(whole[4000:])
            stream.close()

        return finish

    assert at_the_pause(world, tmp_path, point, act) == (["form", "other"], 0)
    engine = open_database(f"sqlite:///{tmp_path / 'csd.db'}")
    with engine.connect() as connection:
        files = connection.execute(schema.file.select()).all()
    engine.dispose()
    assert sorted((f.name, f.verdict, f.size) for f in files if f.name == "form.xlsx") == [
        ("form.xlsx", "accepted", len(whole))
    ]
    tried(f"a file is written over at “{point}”, half of it", "SQLite", "taken when it is whole")


def test_an_older_database_put_back_gives_the_same_answers_and_each_file_its_effect_once(
    world: World, tmp_path: Path
) -> None:
    """The copy was made before the answers went out; afterwards came a file that it does not know."""
    with depository(world, f"sqlite:///{tmp_path / 'csd.db'}", tmp_path) as live:
        drop_files(live.root, (FIRST,))
        with live.site.folders() as folders:
            take_files(live.site, folders, live.start)
            copy_site(live.site, tmp_path / "copy")
            deliver(live.site, folders, live.start)
        before = outboxes(live.root)
        drop_files(live.root, (SECOND,))
        live.look(live.start + timedelta(seconds=10))
        after = outboxes(live.root)
        assert after.items() > before.items()
        engine = open_database(f"sqlite:///{tmp_path / 'copy' / 'csd.db'}")
        with closing(replace(live.site, engine=engine, archive=Archive(tmp_path / "copy" / "archive"))) as site:
            restored = Watch(site, live.root, live.start)
            restored.look(live.start + timedelta(minutes=5))
            assert outboxes(live.root) == after, "what comes once more has the same names and bytes"
            # Both senders send again what they are not sure of, under other names.
            again = replace(FIRST, name="again.xlsx"), replace(SECOND, name="again.xlsx")
            drop_files(live.root, again)
            restored.look(live.start + timedelta(minutes=6))
            assert restored.receipts("B02") == ["again.xlsx accepted", "form.xlsx accepted"]
            assert restored.receipts("B03") == ["again.xlsx accepted", "other.xlsx accepted"]
            assert restored.rows(schema.instruction, schema.file) == {"instruction": 2, "file": 2}
            moment = live.start + timedelta(minutes=7)
            with site.reading(moment, date(2026, 11, 23)) as work:
                assert verify(work).faults == ()
            assert missing_contents(site, moment) == []
    tried("an older database put back while the folders are newer", "SQLite", "the same answers again, no effect twice")


class Cut(Exception):
    """The process ends here."""


def test_a_key_of_ours_changed_between_putting_answers_and_noting_them_signs_all_of_them(
    world: World, tmp_path: Path
) -> None:
    armed = True

    def end(point: str) -> None:
        if armed and point == "deliver.before commit":
            raise Cut

    with depository(world, f"sqlite:///{tmp_path / 'csd.db'}", tmp_path) as live:
        drop_files(live.root, (FIRST,))
        watch(end)
        with live.site.folders() as folders:
            take_files(live.site, folders, live.start)
            with pytest.raises(Cut):
                deliver(live.site, folders, live.start)
            armed = False
            put = outboxes(live.root)
            key, certificate = tmp_path / "new.key", tmp_path / "new.pem"
            create_trial_key(key, certificate, "Depository", live.start - timedelta(days=1))
            changed = replace(live.site, signer=read_signer(key, certificate))
            deliver(changed, folders, live.start + timedelta(minutes=1))
            assert deliver(changed, folders, live.start + timedelta(minutes=2)) == 0
        found = outboxes(live.root)
        assert found.keys() == put.keys()
        assert changed.signer is not None
        assert changed.signer.certificate != (live.site.signer.certificate if live.site.signer else "")
        for name, data in found.items():
            if name.endswith(".p7s"):
                file = found[name.removesuffix(".p7s")]
                assert (fault_of_own(data, file), data != put[name]) == ("", True)
            else:
                assert data == put[name]
        with live.site.engine.connect() as connection:
            kept = connection.execute(schema.own_signature.select()).all()
        assert {one.certificate for one in kept} == {changed.signer.certificate}
    tried("our signing key is changed while answers are put", "SQLite", "the same files, all signed by the new key")
