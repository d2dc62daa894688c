"""Many things a few at a time; `itertools.batched` of Python 3.12 does the same."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def pieces(things: Iterable[T], most: int) -> Iterator[list[T]]:
    """The things in their order in lists of at most `most`; nothing for none. Databases, too, take only so many values in one question."""
    source = iter(things)
    while some := list(islice(source, most)):
        yield some
