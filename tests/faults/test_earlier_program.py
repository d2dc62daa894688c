"""A day that another version of the program played: a replay says which one it was, and the archive gives it back."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from depository.store.archive import PROGRAMS
from flows.steps.backup import missing_contents
from flows.steps.program import this_program
from tests.support.command import forked_csd
from tests.support.day_player import ROOT, site_at
from tests.support.idle_day import moment, play_idle_day, replay_idle_day


def under(program: Path, what: str, folder: Path) -> str:
    """What the idle day prints when it is played or replayed with the packages of another folder."""
    path = os.pathsep.join(map(str, (program / "src", program, ROOT)))
    ran = subprocess.run(
        [sys.executable, "-m", "tests.support.idle_day", what, str(folder)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """The program as it could have been before: the notice of the opening had another subject."""
    program = tmp_path / "earlier"
    for package in ("src/depository", "flows", "forms", "parsers"):
        shutil.copytree(ROOT / package, program / package, ignore=shutil.ignore_patterns("__pycache__"))
    source = program / "flows" / "steps" / "batches.py"
    assert "is open" in source.read_text()
    source.write_text(source.read_text().replace("is open", "has begun"))
    return program


@pytest.mark.rule("CSD-2.5.1f-a")
def test_what_an_earlier_program_played_is_replayed_by_that_program_from_the_archive(
    earlier: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    under(earlier, "play", folder)
    with site_at(f"sqlite:///{folder / 'csd.db'}", folder) as site:
        by_this = replay_idle_day(site, tmp_path / "by this")
        assert missing_contents(site, moment(site, 23, 0)) == []
        ((program, digest),) = site.archive.pointers(PROGRAMS).items()
        packed = site.archive.path_of(digest)
    assert any(line.startswith("outgoing ") for line in by_this.differences)
    assert program != this_program()
    (told,) = by_this.other_programs
    assert told.startswith(f"Events 1 to {by_this.events} were recorded by program {program}")
    assert f"tar -xzf {packed}" in told
    with tarfile.open(packed) as there:
        there.extractall(tmp_path / "kept", filter="data")
    assert under(tmp_path / "kept", "replay", folder) == ""


def test_the_running_program_is_kept_once_and_a_replay_by_it_tells_of_no_other(tmp_path: Path) -> None:
    with site_at(f"sqlite:///{tmp_path / 'csd.db'}", tmp_path) as site:
        play_idle_day(site)
        assert list(site.archive.pointers(PROGRAMS)) == [this_program()]
        result = replay_idle_day(site, tmp_path / "replay")
    assert result.differences == ()
    assert result.other_programs == ()


def test_the_command_says_which_program_it_is() -> None:
    assert forked_csd("--version").stdout == f"csd 0.1.0, program {this_program()}\n"
