"""How tests are shared out to workers."""

from pathlib import Path

from tests.support.sharing import APART, LONGEST, file_of

ROOT = Path(__file__).parents[3]


def test_every_file_that_is_named_there_is_there() -> None:
    assert [file for file in (*LONGEST, *APART) if not (ROOT / file).is_file()] == []


def test_the_longest_are_run_first(request) -> None:
    ranks = [LONGEST.index(file) for item in request.session.items if (file := file_of(item.nodeid)) in LONGEST]
    assert ranks == sorted(ranks)
    others = [file_of(item.nodeid) not in LONGEST for item in request.session.items]
    assert others == sorted(others)
