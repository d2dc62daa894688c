"""The inner loops: plain functions over lists of Python integers, or over int64 arrays once compiled.

Small problems run them as they are (no compiling, integers of any size); large ones run the compiled form. Both give the same
result. Each function is self-contained so that it compiles alone. Legs of unit u: start[u] <= k < start[u+1], position row[k],
change[k]; `head` and `entry` list the legs of each position.
"""

from typing import Any


def fifo(order: Any, start: Any, row: Any, change: Any, balance: Any, settled: Any, rounds: int) -> int:
    """Settle units one by one in the given order where every balance stays >= 0, repeated until a round settles nothing.

    Changes `balance` and `settled`, where 0 is unsettled and k > 0 says: the k-th to settle. At most `rounds` rounds.
    """
    number = 0
    for u in range(len(settled)):
        if settled[u] > number:
            number = settled[u]
    for _ in range(rounds):
        moved = False
        for u in order:
            if settled[u] > 0:
                continue
            fits = True
            for k in range(start[u], start[u + 1]):
                if balance[row[k]] + change[k] < 0 and change[k] < 0:
                    fits = False
                    break
            if fits:
                for k in range(start[u], start[u + 1]):
                    balance[row[k]] += change[k]
                number += 1
                settled[u] = number
                moved = True
        if not moved:
            break
    return number


def remove_until_feasible(
    start: Any,
    row: Any,
    change: Any,
    unit: Any,
    head: Any,
    entry: Any,
    weight: Any,
    balance: Any,
    settled: Any,
    queue: Any,
) -> None:
    """Take settled units out until no balance is negative: on each short position the one that costs least per unit it mends.

    Starts from any `settled` (0/1) with its `balance`; ends feasible, at worst empty. `queue` holds one place per position.
    """
    rows = len(head) - 1
    waiting = [False for _ in range(rows)]
    size = 0
    for p in range(rows):
        if balance[p] < 0:
            queue[size] = p
            size += 1
            waiting[p] = True
    while size > 0:
        size -= 1
        p = queue[size]
        waiting[p] = False
        while balance[p] < 0:
            short = -balance[p]
            best = -1
            best_cost = 0.0
            for e in range(head[p], head[p + 1]):
                k = entry[e]
                u = unit[k]
                if change[k] >= 0 or settled[u] == 0:
                    continue
                mends = min(short, -change[k])
                cost = weight[u] / mends
                if best < 0 or cost < best_cost:
                    best = u
                    best_cost = cost
            settled[best] = 0
            for k in range(start[best], start[best + 1]):
                q = row[k]
                balance[q] -= change[k]
                if balance[q] < 0 and q != p and not waiting[q]:
                    queue[size] = q
                    size += 1
                    waiting[q] = True
