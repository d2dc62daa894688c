"""A signature on its way beside its file, through kills and late uploads; and ours beside every file that the depository gives out."""

import base64
import json
import shutil
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from depository.store import schema
from depository.store.archive import SIGNATURES, Archive
from flows.steps.backup import missing_contents
from flows.steps.deliver import deliver
from flows.steps.inputs import seal
from flows.steps.own_signatures import kept_with
from flows.steps.replay import replay, replay_archive
from tests.faults.kill_points import DAY, SAMPLE, SMALL_DAY, Depository, Died, Drop, World, drop_files
from tests.faults.test_indemnity_first import wait_for
from tests.faults.watch import Watch, depository
from tests.support.beside import signature_of
from tests.support.fault_results import tried
from tests.support.pki import openssl
from tools import sample_keys

NAME = "IND_B05-IND-0001.xlsx"
IND = Drop("B05", "inbox", f"{DAY}/1030/B05/inbox/{NAME}")
SIN = Drop("B05", "inbox", f"{DAY}/1032/B05/inbox/SIN_B05-SIN-0001.xlsx")
SECOND = timedelta(seconds=1)


@pytest.fixture
def watch(world: World, tmp_path: Path) -> Iterator[Watch]:
    with depository(world, f"sqlite:///{tmp_path / 'csd.db'}", tmp_path) as made:
        yield made


def receipts(root: Path) -> list[dict[str, object]]:
    """The receipts of B05 in order of their numbers."""
    return [json.loads(path.read_text()) for path in sorted((root / "B05" / "outbox").glob("*.receipt.json"))]


def looks(process: Depository, seconds: Iterable[int], start: datetime) -> None:
    """A look at each of these seconds."""
    for second in seconds:
        process.do("look", start + second * SECOND)


def place(root: Path) -> Path:
    return root / "B05" / "inbox" / NAME


@pytest.mark.rule("KCSD-85")
def test_the_signature_comes_with_its_file_and_nothing_of_either_is_left(watch: Watch) -> None:
    drop_files(watch.root, (IND,))
    watch.look(watch.start)
    (receipt,) = receipts(watch.root)
    assert receipt["verdict"] == "accepted"
    assert receipt["signed_by"] == [
        f"Authorised Person B05, certificate {sample_keys.fingerprint('Authorised Person B05')}"
    ]
    assert watch.claimed("B05") == 0
    assert list(place(watch.root).parent.iterdir()) == []


@pytest.mark.rule("CSD-4.3-1-a")
def test_a_security_interest_dropped_with_its_indemnity_is_recorded_after_it(watch: Watch) -> None:
    drop_files(watch.root, (SIN, IND))
    watch.look(watch.start)
    assert [(one["form"], one["verdict"]) for one in receipts(watch.root)] == [("IND", "accepted"), ("SIN", "accepted")]
    assert all(one["signed_by"] for one in receipts(watch.root))


def test_a_marker_of_the_signature_is_not_taken_for_one_of_the_file(watch: Watch) -> None:
    place(watch.root).with_name(f"{NAME}.p7s.sha256").write_text(f"{'0' * 64}  {NAME}.p7s\n")
    drop_files(watch.root, (replace(IND, marker=".sha256"),))
    watch.look(watch.start)
    assert [one["verdict"] for one in receipts(watch.root)] == ["accepted"]
    assert list(place(watch.root).parent.iterdir()) == []


def test_a_form_without_its_signature_is_refused_at_once_and_taken_when_both_come(watch: Watch) -> None:
    drop_files(watch.root, (IND,))
    beside = place(watch.root).with_name(f"{NAME}.p7s")
    beside.unlink()
    watch.look(watch.start)
    # The signature alone, too late: it waits for its file, and is used when the file comes again.
    beside.write_bytes(signature_of(SAMPLE / IND.source) or b"")
    for seconds in (2, 4, 6):
        watch.look(watch.start + seconds * SECOND)
    assert [one["verdict"] for one in receipts(watch.root)] == ["refused"]
    assert beside.exists()
    drop_files(watch.root, (IND,))
    watch.look(watch.start + 8 * SECOND)
    assert [one["verdict"] for one in receipts(watch.root)] == ["refused", "accepted"]
    tried(
        "a signature uploaded after its form was taken",
        "SQLite",
        "refused with the reason, taken when the form comes again",
    )


@pytest.mark.parametrize(
    ("point", "passing"),
    [
        ("claim.before", 1),
        ("claim.companion", 1),
        ("claim.done", 1),
        ("fetch.done", 1),
        ("take.proved", 1),
        ("record.committed", 1),
        ("claimed.before removal", 1),
        ("claimed.removed", 1),
        # The second time the file is gone, and its signature is still there.
        ("claimed.removed", 2),
        ("claimed.removed", 3),
    ],
)
def test_killed_on_the_way_a_form_keeps_its_signature_that_came_after_it(
    world: World, tmp_path: Path, point: str, passing: int
) -> None:
    """Without markers both stand still; the arrival is that of the later one, and both lie under one name on our side."""
    drop = replace(IND, marker="")
    with world.server(tmp_path / "sftp") as server:
        site = world.place(f"sqlite:///{tmp_path / 'csd.db'}", tmp_path / "var", server)
        load = SMALL_DAY[0]
        start = load.moment(world.zone)
        first = world.forker.depository(site, ((point, passing),))
        first.do("load", start)
        drop_files(tmp_path / "sftp", (drop,))
        beside = place(tmp_path / "sftp").with_name(f"{NAME}.p7s")
        signature = beside.read_bytes()
        beside.unlink()
        first.do("look", start + SECOND)
        beside.write_bytes(signature)
        with pytest.raises(Died):
            looks(first, range(3, 60, 2), start)
        second = world.forker.depository(site)
        looks(second, range(1801, 1815, 2), start)
        second.close()
    (receipt,) = receipts(tmp_path / "sftp")
    assert receipt["signed_by"]
    assert receipt["arrived_at"] == (start + 3 * SECOND).isoformat()
    assert [path for path in (tmp_path / "sftp").rglob("*") if path.is_file() and "outbox" not in path.parts] == []
    tried(f"SIGKILL at “{point}”, the signature having come after its form", "SQLite", "both are taken together")


def test_who_stands_still_while_another_takes_a_signed_form_never_takes_it_without_its_signature(
    world: World, tmp_path: Path
) -> None:
    """The other records it, and removes it from our side with its signature, between two requests of the first."""
    loaded, start = SMALL_DAY[0].moment(world.zone), SMALL_DAY[6].moment(world.zone)
    with world.server(tmp_path / "sftp") as server:
        site = world.place(f"sqlite:///{tmp_path / 'csd.db'}", tmp_path / "var", server)
        slow = world.forker.depository(site, pause=(("fetch.companions", 1),))
        quick = world.forker.depository(site)
        slow.do("load", loaded)
        drop_files(tmp_path / "sftp", (IND,))
        stands = threading.Thread(target=slow.do, args=("look", start + SECOND))
        stands.start()
        wait_for(tmp_path / "var" / "paused")
        quick.do("look", start + 2 * SECOND)
        assert [one["verdict"] for one in receipts(tmp_path / "sftp")] == ["accepted"]
        (tmp_path / "var" / "paused").unlink()
        stands.join()
        looks(quick, range(3, 40, 12), start)
        slow.close()
        quick.close()
    assert [(one["verdict"], bool(one.get("signed_by"))) for one in receipts(tmp_path / "sftp")] == [("accepted", True)]
    tried("an intake worker stands still while another takes a signed form", "SQLite", "taken once, with its signature")


def test_openssl_verifies_every_file_that_goes_out(watch: Watch, tmp_path: Path) -> None:
    """Receipts, answers, notices: each has a signature beside it by our own certificate and nobody else's."""
    drop_files(watch.root, (IND, SIN, Drop("B02", "inbox", f"{DAY}/1005/B02/inbox/IST_B02-IST-0001.xlsx")))
    watch.look(watch.start)
    own = tmp_path / "own.pem"
    own.write_bytes(sample_keys.certificate_pem(sample_keys.DEPOSITORY))
    anchors = tmp_path / "authority.pem"
    anchors.write_bytes(sample_keys.certificate_pem(sample_keys.AUTHORITY))
    out = [path for path in watch.root.rglob("outbox/*") if path.suffix != ".p7s"]
    assert len(out) >= 5
    for path in out:
        openssl(
            *("cms", "-verify", "-binary", "-inform", "DER", "-in", f"{path}.p7s", "-content", path),
            *("-nointern", "-certfile", own, "-CAfile", anchors, "-out", tmp_path / "verified"),
        )
        assert (tmp_path / "verified").read_bytes() == path.read_bytes()


def test_a_new_key_of_ours_signs_what_goes_out_from_then_on_and_the_old_signatures_are_kept(
    watch: Watch, tmp_path: Path
) -> None:
    drop_files(watch.root, (IND, SIN))
    watch.look(watch.start)
    before = {path.name: path.read_bytes() for path in (watch.root / "B05" / "outbox").glob("*.p7s")}
    changed = replace(watch.site, signer=sample_keys.signer("A second key of the depository"))
    with watch.site.writing(watch.start) as work:
        work.connection.execute(update(schema.outgoing).values(sent=0))
    with watch.site.folders() as folders:
        assert deliver(changed, folders, watch.start) >= 3
    after = {path.name: path.read_bytes() for path in (watch.root / "B05" / "outbox").glob("*.p7s")}
    assert before.keys() == after.keys()
    assert all(before[name] != after[name] for name in before)
    with watch.site.reading(watch.start) as work:
        kept = work.connection.execute(schema.own_signature.select()).all()
        out = work.connection.execute(schema.outgoing.select()).all()
    assert len(kept) == 2 * len(out)


def test_nothing_goes_out_unsigned(watch: Watch) -> None:
    drop_files(watch.root, (IND, SIN))
    with watch.site.folders() as folders:
        with pytest.raises(LookupError, match="nothing is given out unsigned"):
            deliver(replace(watch.site, signer=None), folders, watch.start)
        watch.look(watch.start)
        with watch.site.writing(watch.start) as work:
            work.connection.execute(update(schema.outgoing).values(sent=0))
        # Out of its validity a key gives out nothing; everything waits for the new one.
        assert deliver(watch.site, folders, watch.start + timedelta(days=10_000)) == 0
        assert deliver(watch.site, folders, watch.start) >= 3


def test_a_replay_tells_a_signature_of_ours_that_does_not_fit(watch: Watch, tmp_path: Path) -> None:
    drop_files(watch.root, (IND,))
    watch.look(watch.start)
    assert replay(watch.site, DAY, tmp_path / "first", watch.start).differences == ()
    with watch.site.writing(watch.start) as work:
        one, other = work.connection.execute(schema.own_signature.select()).all()[:2]
        t = schema.own_signature
        work.connection.execute(update(t).where(t.c.outgoing == one.outgoing).values(p7s=other.p7s))
    (told,) = replay(watch.site, DAY, tmp_path / "second", watch.start).differences
    assert "our signature given out with B05/" in told


@pytest.mark.rule("KCSD-83")
def test_the_archive_alone_proves_our_signatures(watch: Watch, tmp_path: Path) -> None:
    """Those given out before the day was sealed and after it; a list that was changed by hand is told."""
    drop_files(watch.root, (IND,))
    watch.look(watch.start)
    with watch.site.writing(watch.start) as work:
        seal(work, watch.site.archive)
    drop_files(watch.root, (SIN,))
    watch.look(watch.start + SECOND)
    out = {(path.parts[-3], path.name.removesuffix(".p7s")): path for path in watch.root.rglob("outbox/*.p7s")}
    kept = kept_with(watch.site.archive, [DAY])
    assert kept == {of: path.read_bytes() for of, path in out.items()}
    alone = Archive(tmp_path / "alone")
    shutil.copytree(watch.site.archive.root, alone.root, dirs_exist_ok=True)
    assert missing_contents(watch.site, watch.start) == []
    result = replay_archive(alone, watch.site.sandbox, DAY, tmp_path / "first")
    assert result.differences == ()
    rebuilt = sorted(path.name for path in (tmp_path / "first" / "outbox" / "B05").glob("*.p7s"))
    assert len(rebuilt) == 2
    swapped = [[party, name, base64.b64encode(kept["B05", rebuilt[0][:-4]]).decode()] for party, name in kept]
    changed = json.dumps({"business_date": f"{DAY}", "signatures": swapped}).encode()
    alone.point(f"{DAY}", alone.put(changed), SIGNATURES)
    (told,) = replay_archive(alone, watch.site.sandbox, DAY, tmp_path / "second").differences
    assert f"our signature given out with B05/{rebuilt[1][:-4]}" in told
