"""The emergency stop: a clock that runs out between two units of work, or the unit at which it did so before."""

from collections.abc import Callable

Late = Callable[[], bool]


class Watch:
    """Counts the engine's units of work and says when there is no time for another.

    What a unit finds counts only if nobody has said stop by its end. So the set depends on the number of units alone, not on the
    moment within a unit at which the clock ran out, and a stop after as many units ends with the same set, byte for byte.
    """

    __slots__ = ("_late", "_most", "stopped", "units")

    def __init__(self, late: Late | None = None, most: int | None = None) -> None:
        """`late` is the clock; `most` the units after which it stopped. None: it never stops by that."""
        self._late = late
        self._most = most
        self.units = 0
        self.stopped = False

    @property
    def armed(self) -> bool:
        """Can it ever stop?"""
        return self._late is not None or self._most is not None

    def __call__(self) -> bool:
        """Is it time to stop? Asked as often as one likes, within a unit and from any thread; once yes, always yes."""
        if not self.stopped:
            over = self._most is not None and self.units >= self._most
            self.stopped = over or (self._late is not None and self._late())
        return self.stopped

    def done(self) -> bool:
        """A unit has ended, and what it found counts; false, and nothing of it may be used, where it is time to stop.

        For the thread alone that leads the cycle.
        """
        if self():
            return False
        self.units += 1
        return True
