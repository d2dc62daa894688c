"""From the relaxation down to whole units: turn by turn, fix those nearest to whole, and let the others answer.

A rounding all at once breaks positions that the prices held just so; here the relaxation is solved again after each part of it.
"""

import numpy as np
from numpy.typing import NDArray

from depository.settlement.cuts import Tight

TURNS = 8
# Each turn fixes this share of the units that are not whole, the nearest to whole first.
SHARE = 0.3
# A position or cut may be overdrawn at so many times its price: fixed units never leave the solver without a solution, and what
# is overdrawn in the end is mended in exact integers.
SOFT = 1.5


def dive(tight: Tight, price: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The units that the relaxation ends with, rounded, feasible only nearly; `price` > 0 per position.

    Goes on from where the solver of `tight` stands, which is of no use to others afterwards.
    """
    settled = tight.x > 0.5
    part = tight.part
    if part is None:
        return settled
    part.soften(price, SOFT)
    relaxation = part.relaxation
    for turn in range(TURNS + 1):
        if turn and not relaxation.solve():
            break
        settled[part.near] = relaxation.x > 0.5
        distance = np.minimum(relaxation.x, 1.0 - relaxation.x)
        between = np.flatnonzero(distance > 1e-6)
        if turn == TURNS or not len(between):
            break
        order = between[np.argsort(distance[between], kind="stable")]
        whole = order[: max(5, int(len(order) * SHARE))]
        relaxation.fix(whole, np.round(relaxation.x[whole]))
    return settled
