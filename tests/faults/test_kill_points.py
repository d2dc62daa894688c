"""Killed with SIGKILL at every named point and started again, the depository ends the day in the same state, byte for byte.

The same means: every row of every table (balances, journal hashes, receipts, input log), every file in every folder of the SFTP
server, every content of the archive; no operator, no repair.
"""

import ast
import os
import random
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from depository.openings import BATCH
from forms import samples
from parsers.blank_workbook import fill
from tests.faults.kill_points import (
    DAY,
    SMALL_DAY,
    TODAY,
    Died,
    Drop,
    Played,
    Step,
    World,
    differences,
    drop_files,
    play,
    sqlite_check,
)
from tests.support.databases import PostgresServer
from tests.support.fault_results import SAME, tried

ROOT = Path(__file__).resolve().parents[2]
GROUPS = 4
"""Runs of the short version; each kills several processes, one after the other, so that every point is tried once."""
MINUTE = 60.0
"""Seconds within which a restart has made up for a kill; measured: one."""
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
SLOWER = 10
"""Where the day without a kill is slow already: so many times its slowest command."""


def points_in_code() -> set[str]:
    """The names of all points that the code passes."""
    names = set()
    for folder in ("src", "flows", "parsers", "forms"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "reached":
                    name = node.args[0]
                    assert isinstance(name, ast.Constant), f"{path}:{node.lineno}: a point has a fixed name"
                    names.add(str(name.value))
    return names


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """The day without a kill, and the points in the order of their first passing."""

    day: Played
    points: list[str]


@pytest.fixture(scope="module")
def undisturbed(world: World, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    day = play(world, f"sqlite:///{folder / 'csd.db'}", folder)
    return Undisturbed(day, list(day.passed))


def test_the_day_passes_every_point_and_does_its_work(undisturbed: Undisturbed) -> None:
    # A whole folder of a settled day is written by commands alone: tests/faults/test_solve_files.py kills them there.
    assert set(undisturbed.points) == {point for point in points_in_code() if not point.startswith("whole.")}
    assert len(undisturbed.points) >= 25
    state = undisturbed.day.state
    verdicts = sorted(row[12] for row in state["table file"])
    assert verdicts.count("accepted") >= 6
    assert "quarantined" in verdicts
    assert len(state["table journal"]) > 25
    assert state["table withdrawal"]
    assert state["table account"]
    # Nothing is left in an inbox, on our side or half-written, but for the upload that its sender never finished.
    left = {name for name in state["folders"] if "/outbox/" not in name or "/." in name}
    assert left == {"B04/inbox/late.xlsx.part"}
    assert state["table failed_take"] == []
    assert len(state["folders"]) > 90


def deaths_of(group: int, undisturbed: Undisturbed) -> tuple[tuple[str, int], ...]:
    """Each group's points lie far apart in the day, so that every death happens; each at its first passing."""
    return tuple((point, 1) for point in undisturbed.points[group::GROUPS])


def same(expected: Played, found: Played) -> None:
    """The day ended in the same state; else the first differences are told."""
    told = differences(expected.state, found.state)
    assert not told, "\n".join([f"{len(told)} differences:", *told[:30]])


def soon(expected: Played, found: Played) -> None:
    """What was cut off was made up for within a minute of the restart."""
    assert max(found.recoveries, default=0) < max(MINUTE, SLOWER * expected.slowest)


def judge(
    expected: Played,
    found: Played,
    deaths: tuple[tuple[str, int], ...],
    where: str,
    known: str = SAME,
) -> None:
    """All deaths happened, recovery was quick, and the day ended as without them."""
    assert found.deaths == len(deaths)
    soon(expected, found)
    same(expected, found)
    for (point, _), seconds in zip(deaths, found.recoveries, strict=True):
        tried(f"SIGKILL at “{point}”", where, known, seconds)


@pytest.mark.rule("KCSD-84")
@pytest.mark.parametrize("group", range(GROUPS))
def test_killed_at_every_point_on_sqlite(group: int, world: World, undisturbed: Undisturbed, tmp_path: Path) -> None:
    deaths = deaths_of(group, undisturbed)
    found = play(world, f"sqlite:///{tmp_path / 'csd.db'}", tmp_path, deaths)
    judge(undisturbed.day, found, deaths, "SQLite")
    assert sqlite_check(tmp_path / "csd.db") == "ok"


@pytest.mark.rule("KCSD-84")
@pytest.mark.parametrize("group", range(GROUPS))
def test_killed_at_every_point_on_postgresql(
    group: int, world: World, undisturbed: Undisturbed, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    deaths = deaths_of(group, undisturbed)
    name = postgres_server.create(empty=True)
    found = play(world, postgres_server.url(name), tmp_path, deaths)
    postgres_server.drop(name)
    judge(undisturbed.day, found, deaths, "PostgreSQL")


def url_of(database: str, folder: Path, request: pytest.FixtureRequest) -> str:
    """A new database of this kind."""
    if database == "sqlite":
        return f"sqlite:///{folder / 'csd.db'}"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.url(server.create(empty=True))


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_killed_amid_the_rows_of_a_long_form(
    database: str, world: World, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Each process dies some thousands of rows further; of what they had opened nothing stays, and no number is lost."""
    rows = 2 * BATCH + 1
    # The first client has an account.
    clients = [samples.buna_client(number) for number in range(2, rows + 2)]
    name, signs = "Caspian Model Custody JSC", "Authorised Person B03"
    header = samples.header(participant="B03", participant_name=name, signatory=signs, signature=signs)
    long = tmp_path / "BUNA_long.xlsx"
    long.write_bytes(fill("BUNA", header, samples.buna_cover(rows), clients))
    steps = (
        SMALL_DAY[0],
        Step("look", f"{DAY}T10:00", (Drop("B03", "inbox", str(long)),)),
        Step("look", f"{DAY}T10:01"),
    )
    whole = play(world, f"sqlite:///{tmp_path / 'whole.db'}", tmp_path / "whole", steps=steps)
    assert whole.passed["openings.batch taken"] == 3
    assert len(whole.state["table account"]) > rows

    deaths = tuple(("openings.batch taken", passing) for passing in (1, 2, 3))
    found = play(world, url_of(database, tmp_path, request), tmp_path / "killed", deaths, steps=steps)
    assert found.deaths == len(deaths)
    soon(whole, found)
    same(whole, found)
    for seconds in found.recoveries:
        tried(f"SIGKILL amid the {rows:,} rows of a BUNA", NAMES[database], SAME, seconds)


def orphans(world: World) -> set[int]:
    """Reading processes of this test's depositories whose parent is gone."""
    mine = f"CSD_FORKED_IN={world.folder}".encode()
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command, environment = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if b"multiprocessing" in command and mine in environment.split(b"\0") and parent == 1:
            found.add(int(entry.name))
    return found


def test_with_the_sandbox_a_killed_process_leaves_no_reader_behind(
    world: World, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    deaths = (("take.parsed", 3), ("record.answers queued", 2))
    found = play(world, f"sqlite:///{tmp_path / 'csd.db'}", tmp_path, deaths, sandbox=True)
    judge(undisturbed.day, found, deaths, "SQLite, reader in the sandbox")
    deadline = time.monotonic() + 90
    while orphans(world) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert orphans(world) == set()


def test_a_crash_before_the_claim_does_not_move_the_arrival(world: World, tmp_path: Path) -> None:
    """The process comes back half an hour later; the receipt still says when the file came (the cut-off is judged by it)."""
    for point in ("look.kept", "claim.before", "claim.companion", "claim.done", "record.before commit"):
        folder = tmp_path / point
        folder.mkdir()
        with world.server(folder / "sftp") as server:
            place = world.place(f"sqlite:///{folder / 'csd.db'}", folder / "var", server)
            first = world.forker.depository(place, ((point, 1),))
            load, look, *_ = SMALL_DAY
            first.do("load", load.moment(world.zone))
            drop_files(folder / "sftp", look.drops)
            came = look.moment(world.zone)
            with pytest.raises(Died):
                first.do("look", came)
            second = world.forker.depository(place)
            second.do("look", came + timedelta(minutes=30))
            second.close()
        receipts = list((folder / "sftp" / "exchange" / "outbox").glob("*.receipt.json"))
        assert len(receipts) == 1
        assert f'"arrived_at": "{came.isoformat()}"' in receipts[0].read_text().replace('":"', '": "')
        tried(f"SIGKILL at “{point}”, restart 30 minutes later", "SQLite", "the arrival is unchanged")


def test_a_signed_form_whose_marker_went_before_a_crash_keeps_its_turn(world: World, tmp_path: Path) -> None:
    """Its signature had been seen whole because of the marker, and does not wait anew to stand still when the marker is gone."""
    steps = (
        SMALL_DAY[0],
        Step("look", f"{DAY}T10:00", (Drop("B05", "inbox", TODAY + "1030/B05/inbox/IND_B05-IND-0001.xlsx"),)),
    )
    for number, deaths in enumerate(((), (("claim.companion", 1),), (("claim.companion", 2),))):
        folder = tmp_path / str(number)
        folder.mkdir()
        play(world, f"sqlite:///{folder / 'csd.db'}", folder, deaths, steps=steps)
        assert len(list((folder / "sftp" / "B05" / "outbox").glob("IND_*.receipt.json"))) == 1, deaths


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.parametrize("seed", range(int(os.environ.get("CSD_SEEDS", "3"))))
def test_killed_at_random_again_and_again(
    seed: int, database: str, world: World, undisturbed: Undisturbed, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """One to four deaths, each at any passing of any point; a death that comes too late in the day to happen does not count."""
    draw = random.Random(f"{seed} {database}")
    deaths = tuple(
        (point, draw.randint(1, undisturbed.day.passed[point]))
        for point in draw.choices(undisturbed.points, k=draw.randint(1, 4))
    )
    found = play(world, url_of(database, tmp_path, request), tmp_path, deaths)
    soon(undisturbed.day, found)
    same(undisturbed.day, found)
    for seconds in found.recoveries:
        tried("SIGKILL at random passings of random points", NAMES[database], SAME, seconds)


@pytest.mark.rule("KCSD-84")
def test_the_same_file_again_counts_once_wherever_its_taking_is_cut_off(world: World, tmp_path: Path) -> None:
    """Recorded as a repetition and not yet removed from our side, it is found there again, and is no second repetition."""
    source = TODAY + "1005/B02/inbox/IST_B02-IST-0001.xlsx"
    steps = (
        SMALL_DAY[0],
        Step("look", f"{DAY}T10:00", (Drop("B02", "inbox", source),)),
        Step("look", f"{DAY}T10:01", (Drop("B02", "inbox", source, name="again.xlsx"),)),
        Step("look", f"{DAY}T10:02"),
    )

    def played(name: str, deaths: tuple[tuple[str, int], ...] = ()) -> Played:
        folder = tmp_path / name
        folder.mkdir()
        return play(world, f"sqlite:///{folder / 'csd.db'}", folder, deaths, steps=steps)

    whole = played("whole")
    for point in ("repeat.before commit", "record.committed", "claimed.before removal"):
        found = played(point, ((point, whole.passed[point]),))
        assert found.deaths == 1
        assert differences(whole.state, found.state) == []
        tried(f"SIGKILL at “{point}” of a file that came before", "SQLite", SAME)
