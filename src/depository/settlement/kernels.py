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


def improve(
    start: Any,
    row: Any,
    change: Any,
    unit: Any,
    head: Any,
    entry: Any,
    weight: Any,
    price: Any,
    fixed: Any,
    order: Any,
    balance: Any,
    settled: Any,
    touched: Any,
    stamp: Any,
    stack: Any,
    flips_most: int,
    scan_most: int,
    budget: int,
) -> tuple[int, int]:
    """Try each unit of `order` the other way round, mend what gets short, fill what gets free, and keep only what gains.

    Mending a short position takes the flip (a settled deliverer out, an unsettled one that delivers to it in) that costs least by
    weight and by the shortages it opens or closes elsewhere, valued at `price` per unit of the position; so chains and circles
    close and single instructions change places. `fixed` units are never flipped. Returns (moves kept, work done); ends early once
    the work (legs looked at) passes `budget`. Everything is decided by exact balances; floats only guide.
    `touched`, `stack` are scratch of one place per unit and per leg; `stamp` of one place per unit, zero at first.
    """
    kept = 0
    work = 0
    move = 0
    for first in order:
        if fixed[first]:
            continue
        if work > budget:
            break
        move += 1
        flips = 0
        gain = 0.0
        size = 0
        # Flip the first unit, then whatever mends.
        flip = first
        good = True
        while True:
            if flip >= 0:
                stamp[flip] = move
                touched[flips] = flip
                flips += 1
                if settled[flip]:
                    settled[flip] = 0
                    gain -= weight[flip]
                    for k in range(start[flip], start[flip + 1]):
                        balance[row[k]] -= change[k]
                        if balance[row[k]] < 0 and change[k] > 0:
                            stack[size] = row[k]
                            size += 1
                else:
                    settled[flip] = 1
                    gain += weight[flip]
                    for k in range(start[flip], start[flip + 1]):
                        balance[row[k]] += change[k]
                        if balance[row[k]] < 0 and change[k] < 0:
                            stack[size] = row[k]
                            size += 1
                work += start[flip + 1] - start[flip]
            flip = -1
            while size > 0 and balance[stack[size - 1]] >= 0:
                size -= 1
            if size == 0:
                break
            if flips >= flips_most:
                good = False
                break
            p = stack[size - 1]
            short = -balance[p]
            best_cost = 0.0
            seen = 0
            for e in range(head[p], head[p + 1]):
                k = entry[e]
                u = unit[k]
                if (change[k] < 0) != (settled[u] == 1) or stamp[u] == move or fixed[u]:
                    continue
                seen += 1
                if seen > scan_most:
                    break
                covers = abs(change[k])
                cost = weight[u]
                if settled[u] == 0:
                    cost = -cost
                if covers < short:
                    cost += price[p] * (short - covers)
                for i in range(start[u], start[u + 1]):
                    q = row[i]
                    if q == p:
                        continue
                    delta = change[i]
                    if settled[u]:
                        delta = -delta
                    now = balance[q]
                    if delta < 0:
                        after = now + delta
                        if after < 0:
                            cost += price[q] * (-after if now >= 0 else -delta)
                    elif now < 0:
                        cost -= price[q] * (delta if now + delta < 0 else -now)
                work += start[u + 1] - start[u]
                if flip < 0 or cost < best_cost:
                    flip = u
                    best_cost = cost
            if flip < 0:
                good = False
                break
        # Fill: whatever fits by itself now on a position that was touched.
        if good:
            for f in range(flips):
                u = touched[f]
                if f >= flips_most:
                    break
                for k in range(start[u], start[u + 1]):
                    p = row[k]
                    if balance[p] <= 0:
                        continue
                    seen = 0
                    for e in range(head[p], head[p + 1]):
                        i = entry[e]
                        v = unit[i]
                        if settled[v] or change[i] >= 0 or fixed[v] or stamp[v] == move:
                            continue
                        seen += 1
                        if seen > scan_most:
                            break
                        if balance[p] + change[i] < 0:
                            continue
                        fits = True
                        for j in range(start[v], start[v + 1]):
                            if change[j] < 0 and balance[row[j]] + change[j] < 0:
                                fits = False
                                break
                        work += start[v + 1] - start[v]
                        if fits and flips < len(touched):
                            settled[v] = 1
                            stamp[v] = move
                            gain += weight[v]
                            touched[flips] = v
                            flips += 1
                            for j in range(start[v], start[v + 1]):
                                balance[row[j]] += change[j]
        if good and gain > 1e-12:
            kept += 1
        else:
            for f in range(flips - 1, -1, -1):
                u = touched[f]
                if settled[u]:
                    settled[u] = 0
                    for k in range(start[u], start[u + 1]):
                        balance[row[k]] -= change[k]
                else:
                    settled[u] = 1
                    for k in range(start[u], start[u + 1]):
                        balance[row[k]] += change[k]
    return kept, work
