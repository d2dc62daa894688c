"""Python's search for what nobody refers to any more, and when it has nothing to find."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_search_for_garbage() -> Iterator[None]:
    """Pauses the search: a cycle, or a form of many lines, makes objects by the million and drops hardly any before its end."""
    searching = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searching:
            gc.enable()
