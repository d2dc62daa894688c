"""The inner loops of `kernels`, compiled for large problems and plain for small ones or where 64 bits do not suffice."""

from functools import cache
from typing import Any

import numpy as np

from depository.settlement import kernels

# Below this many legs the plain functions finish before a compiler would have loaded.
SMALL = 12_000


@cache
def _compiled(name: str) -> Any:
    import numba

    try:
        return numba.njit(cache=True, nogil=True)(getattr(kernels, name))
    except RuntimeError:
        # Nowhere to keep compiled code: compile anew in each process.
        return numba.njit(nogil=True)(getattr(kernels, name))


def run(name: str, legs: int, *arguments: Any) -> Any:
    """Call the kernel of that name; `legs` says how large the problem is. Arrays are changed in place either way."""
    exact = any(isinstance(a, np.ndarray) and a.dtype == object for a in arguments)
    if legs >= SMALL and not exact:
        return _compiled(name)(*arguments)
    plain = [a.tolist() if isinstance(a, np.ndarray) else a for a in arguments]
    result = getattr(kernels, name)(*plain)
    for array, values in zip(arguments, plain, strict=True):
        if isinstance(array, np.ndarray) and array.size:
            array[...] = values
    return result
