"""Named points on the way of a file and of a batch, at which tests stop the process dead.

In production nothing watches and a point costs one comparison; a point changes no behaviour.
"""

from collections.abc import Callable

_watch: list[Callable[[str], None]] = []


def reached(name: str) -> None:
    """Tells whoever watches that the point was reached."""
    for told in _watch:
        told(name)


def watch(told: Callable[[str], None]) -> None:
    """Has every point told from now on, in this process; for tests."""
    _watch.append(told)
