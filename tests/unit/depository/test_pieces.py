"""Things made ahead by a thread are the things themselves, in their order."""

import threading
from collections.abc import Iterator

import pytest

from depository.pieces import ahead


def test_things_made_ahead_come_in_their_order_and_none_is_lost() -> None:
    assert list(ahead(range(1_000))) == list(range(1_000))
    assert list(ahead([])) == []
    assert list(ahead([None, 0, ""])) == [None, 0, ""]


def test_the_next_thing_is_made_while_one_is_worked_on() -> None:
    second = threading.Event()

    def things() -> Iterator[int]:
        yield 1
        second.set()
        yield 2

    made = ahead(things())
    assert next(made) == 1
    assert second.wait(10)
    assert list(made) == [2]


def test_a_fault_comes_after_what_was_made_before_it() -> None:
    def things() -> Iterator[int]:
        yield 1
        raise ValueError("cut off")

    made = ahead(things())
    assert next(made) == 1
    with pytest.raises(ValueError, match="cut off"):
        next(made)


def test_whoever_stops_early_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    made = ahead(range(1_000))
    assert next(made) == 0
    del made
    assert threading.active_count() == before
