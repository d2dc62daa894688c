"""Many things a few at a time, and the same work on each of many things."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

H = TypeVar("H", bound=Hashable)
R = TypeVar("R")
T = TypeVar("T")


def pieces(things: Iterable[T], most: int) -> Iterator[list[T]]:
    """The things in their order in lists of at most `most`; nothing for none. Databases, too, take only so many values in one question."""
    source = iter(things)
    while some := list(islice(source, most)):
        yield some


def ahead(things: Iterable[T]) -> Iterator[T]:
    """The things in their order; while one is worked on, a thread makes the next.

    Worth it where one of the two lets go of the interpreter: it expands bytes, or waits for a database.
    """
    source = iter(things)
    with ThreadPoolExecutor(1, "ahead") as thread:
        coming = thread.submit(list, islice(source, 1))
        while found := coming.result():
            coming = thread.submit(list, islice(source, 1))
            yield found[0]


def each(work: Callable[[H], R], things: Sequence[H]) -> list[R]:
    """What the work makes of each thing; where many are equal, of one of these. Equal things must give the same."""
    distinct = set(things)
    if 2 * len(distinct) > len(things):
        return list(map(work, things))
    known = {thing: work(thing) for thing in distinct}
    return list(map(known.__getitem__, things))
