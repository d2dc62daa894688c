"""What the tests of faults share."""

from collections.abc import Iterator

import pytest

from tests.faults.kill_points import Forker, World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("w")
    forker = Forker(folder)
    try:
        yield World(folder, forker)
    finally:
        forker.close()
