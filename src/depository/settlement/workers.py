"""Work side by side on two cores: the solver and the compiled loops let go of the interpreter while they run.

What is done, and from where each piece starts, is the same with one worker as with two; only the clock differs.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from depository.settlement.watch import Late, Watch

WORKERS = 2

Result = TypeVar("Result")


def side_by_side(pieces: Sequence[Callable[[], Result]]) -> list[Result]:
    """The results of these pieces of work, in their order; raises what the first of them to fail raises."""
    if len(pieces) < 2:
        return [piece() for piece in pieces]
    with ThreadPoolExecutor(WORKERS) as threads:
        return list(threads.map(lambda piece: piece(), pieces))


class Race:
    """Two searches side by side, of which the one that is finished with less work, or the first of equals, ends the other.

    So which of them ends the other is the same on every machine: it does not depend on which is sooner by the clock.
    """

    __slots__ = ("_done", "_finished", "_stop")

    def __init__(self, stop: Watch) -> None:
        self._stop = stop
        self._done = [0, 0]
        self._finished = [float("inf"), float("inf")]

    def lane(self, me: int, step: int = 1) -> Late:
        """What search 0 or 1 asks each time it has done a step of its work: is it time to end?"""

        def over() -> bool:
            self._done[me] += step
            return self._stop() or self._finished[1 - me] < self._done[me] + me

        return over

    def finished(self, me: int) -> None:
        """Search 0 or 1 is finished."""
        self._finished[me] = self._done[me]

    def between(
        self, first: Callable[[], tuple[Result, bool]], second: Callable[[], tuple[Result, bool]]
    ) -> list[Result]:
        """What each of the two has in the end; beside it each says whether it is finished."""

        def side(me: int, search: Callable[[], tuple[Result, bool]]) -> Result:
            result, finished = search()
            if finished:
                self.finished(me)
            return result

        return side_by_side([partial(side, 0, first), partial(side, 1, second)])

    def winner(self) -> int | None:
        """The search that ended the other, if one did."""
        first, second = self._finished
        return None if first == second == float("inf") else int(second < first)
