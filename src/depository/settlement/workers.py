"""Work side by side on two cores: the solver and the compiled loops let go of the interpreter while they run.

What is done, and from where each piece starts, is the same with one worker as with two; only the clock differs.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

WORKERS = 2

Result = TypeVar("Result")


def side_by_side(pieces: Sequence[Callable[[], Result]]) -> list[Result]:
    """The results of these pieces of work, in their order; raises what the first of them to fail raises."""
    if len(pieces) < 2:
        return [piece() for piece in pieces]
    with ThreadPoolExecutor(WORKERS) as threads:
        return list(threads.map(lambda piece: piece(), pieces))
