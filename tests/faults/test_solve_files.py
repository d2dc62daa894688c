"""`csd solve` on a disk that fills up, or killed while it writes: the folder has the whole outcome, or the earlier one, or none."""

import os
import signal
from pathlib import Path

import pytest

from depository.points import watch
from flows.steps.solve import solve_folder
from tests.support.command import FORKSERVER
from tests.support.disks import fill, no_file_above, small_disk

HEADER = "id,deliver_account,receive_account,isin,quantity,payer,payee,currency,amount,priority,isd,netting,link\n"
CERTIFICATE, TIMING = "certificate.json", "timing.json"
Set = dict[str, bytes]


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """Sixty payments by priority and the gross class, for which the paying has money half the time: every file has something in it."""
    folder = tmp_path / "in"
    folder.mkdir()
    rows = [
        f"I{n},,,,0,PART{n % 7},PART{(n + 3) % 7},KZT,{100 + 7 * n},{1 + n % 2},,{'net' if n % 5 else 'gross'},\n"
        for n in range(60)
    ]
    (folder / "instructions.csv").write_text(HEADER + "".join(rows))
    (folder / "cash.csv").write_text("participant,currency,available\nPART1,KZT,300\nPART4,KZT,250\n")
    return folder


def in_folder(folder: Path) -> Set:
    """What is there, without the seconds."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != TIMING}


def both_sets(given: Path, tmp_path: Path) -> tuple[Set, Set]:
    """The outcome by number, and the one by value."""
    sets = []
    for objective in ("count", "value"):
        assert solve_folder(given, tmp_path / objective, objective) == 0
        sets.append(in_folder(tmp_path / objective))
    assert sets[0]["outcome.csv"] != sets[1]["outcome.csv"]
    return sets[0], sets[1]


def test_without_space_the_earlier_outcome_stays_and_nothing_else(
    given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Page by page more room is left, until there is enough."""
    earlier, new = both_sets(given, tmp_path)
    codes = []
    with small_disk(tmp_path / "disk", 1) as disk:
        assert solve_folder(given, disk / "out", "count") == 0
        for pages in range(40):
            fill(disk, pages * 4096)
            codes.append(solve_folder(given, disk / "out", "value"))
            codes.append(solve_folder(given, disk / "fresh" / "out", "value"))
            assert in_folder(disk / "out") == (earlier if codes[-2] else new)
            assert (disk / "fresh" / "out").exists() == (codes[-1] == 0)
            assert {path.name for path in disk.rglob(".*")} == set()
            (disk / "ballast").unlink()
            if codes[-2:] == [0, 0]:
                break
        assert in_folder(disk / "fresh" / "out") == new
    assert set(codes) == {0, 4}
    told = capsys.readouterr().err.splitlines()[0]
    assert told == (
        f"csd solve: the outcome could not be written to {disk / 'out'}: No space left on device; "
        "a folder without certificate.json holds no outcome"
    )


def test_where_no_file_may_grow_the_earlier_outcome_stays(
    given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier, _ = both_sets(given, tmp_path)
    with no_file_above(500):
        codes = [solve_folder(given, tmp_path / name, "value") for name in ("count", "fresh")]
    assert codes == [4, 4]
    assert in_folder(tmp_path / "count") == earlier
    assert {path.name for path in tmp_path.iterdir()} == {"in", "count", "value"}
    assert "File too large" in capsys.readouterr().err


def killed_at(point: str, number: int, given: str, out: str) -> None:
    """The process: it dies when it has come to the point for the so-manieth time."""
    left = [number]

    def told(name: str) -> None:
        left[0] -= name == point
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    watch(told)
    solve_folder(given, out, "value")


@pytest.mark.parametrize(
    ("point", "number"),
    [("whole.written", 1), ("whole.unsealed", 1), *(("whole.replaced", n) for n in range(1, 9))],
)
def test_killed_while_it_writes_it_leaves_no_certificate_beside_half_an_outcome(
    given: Path, tmp_path: Path, point: str, number: int
) -> None:
    earlier, new = both_sets(given, tmp_path)
    out = tmp_path / "count"
    process = FORKSERVER.Process(target=killed_at, args=(point, number, str(given), str(out)))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL

    found = in_folder_without_hidden(out)
    assert CERTIFICATE not in found or found in (earlier, new)
    assert solve_folder(given, out, "value") == 0
    assert in_folder(out) == new


def in_folder_without_hidden(folder: Path) -> Set:
    files = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return {path.name: path.read_bytes() for path in files if path.name != TIMING}


def test_killed_before_a_new_folder_has_its_name_nothing_bears_it(given: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = FORKSERVER.Process(target=killed_at, args=("whole.written", 1, str(given), str(out)))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert not out.exists()

    assert solve_folder(given, out, "value") == 0
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}
