"""How tests are shared out to several workers: whole files, those that take longest first.

A file stays with one worker, as its tests share what is costly to make. With the longest first no worker is left with one of them when
the others have ended.
"""

from collections.abc import Sequence

import pytest
from xdist.scheduler import LoadScopeScheduling

LONGEST = (
    "tests/faults/test_prefect_killed.py",
    "tests/faults/test_kill_points.py",
    "tests/unit/flows/test_prefect.py",
    "tests/days/test_demo.py",
    "tests/faults/test_hostile_files.py",
    "tests/unit/steps/test_attacks.py",
    "tests/faults/test_replay.py",
    "tests/faults/test_storage_faults.py",
    "tests/days/test_up.py",
    "tests/days/test_sample_day.py",
    "tests/faults/test_clock_put_back.py",
    "tests/faults/test_sftp_clients.py",
    "tests/faults/test_intake_over_faulty_sftp.py",
    "tests/faults/test_two_of_everything.py",
    "tests/faults/test_commit_unknown.py",
    "tests/properties/test_any_file.py",
    "tests/unit/sftp/test_both_servers.py",
)
"""In this order; all others follow in the order in which they are found."""
APART = ("tests/faults/test_prefect_killed.py",)
"""Files whose tests share nothing: each test may go to another worker."""


def file_of(nodeid: str) -> str:
    """The file of a test."""
    return nodeid.split("::", 1)[0]


def longest_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The tests in the order in which they are handed out."""
    rank = {file: number for number, file in enumerate(LONGEST)}
    return sorted(items, key=lambda item: rank.get(file_of(item.nodeid), len(LONGEST)))


class WholeFiles(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Hands out the tests of a file together, but for the files in `APART`."""

    def _split_scope(self, nodeid: str) -> str:
        file = file_of(nodeid)
        return nodeid if file in APART else file
