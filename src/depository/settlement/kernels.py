"""The inner loops: plain functions over lists of Python integers, or over int64 arrays once compiled.

Small problems run them as they are (no compiling, integers of any size); large ones run the compiled form. Both give the same
result. Each function is self-contained so that it compiles alone. Legs of unit u: start[u] <= k < start[u+1], position row[k],
change[k]; `head` and `entry` list the legs of each position.
"""

# ruff: noqa: PERF401  (plain loops are what compiles, and what reads the same in both forms)

import heapq
import math
from typing import Any


def add_legs(start: Any, row: Any, change: Any, settled: Any, balance: Any) -> None:
    """Add the legs of the settled units to `balance`."""
    for u in range(len(start) - 1):
        if settled[u]:
            for k in range(start[u], start[u + 1]):
                balance[row[k]] += change[k]


def sort_within(head: Any, key: Any, entry: Any, other: Any) -> None:
    """Sort the legs of each position by key, equal ones staying in their order; `other` is scratch of the size of `entry`."""
    for p in range(len(head) - 1):
        first, last = head[p], head[p + 1]
        # Runs of eight by insertion, then merged two by two.
        for low in range(first, last, 8):
            for i in range(low + 1, min(low + 8, last)):
                e = entry[i]
                j = i
                while j > low and key[entry[j - 1]] > key[e]:
                    entry[j] = entry[j - 1]
                    j -= 1
                entry[j] = e
        width = 8
        while width < last - first:
            for low in range(first, last, 2 * width):
                middle, high = min(low + width, last), min(low + 2 * width, last)
                i, j = low, middle
                for k in range(low, high):
                    if i < middle and (j >= high or key[entry[i]] <= key[entry[j]]):
                        other[k] = entry[i]
                        i += 1
                    else:
                        other[k] = entry[j]
                        j += 1
            for k in range(first, last):
                entry[k] = other[k]
            width *= 2


def fifo(order: Any, start: Any, row: Any, change: Any, balance: Any, settled: Any, rounds: int) -> int:
    """Settle units one by one in the given order where every balance stays >= 0, repeated until a round settles nothing.

    Changes `balance` and `settled`, where 0 is unsettled and k > 0 says: the k-th to settle. At most `rounds` rounds.
    """
    number = 0
    for u in range(len(settled)):
        if settled[u] > number:
            number = settled[u]
    tail = False
    for turn in range(rounds):
        moved = False
        if turn == 100:
            tail = True
            break
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
    if not tail:
        return number
    # A long chain against the order settles one link a round: from here on look only at who waits for what has just come in.
    rows = len(balance)
    head = [0 for _ in range(rows + 1)]
    for u in order:
        if settled[u] == 0:
            for k in range(start[u], start[u + 1]):
                if change[k] < 0:
                    head[row[k] + 1] += 1
    for p in range(rows):
        head[p + 1] += head[p]
    waiting = [0 for _ in range(head[rows] + 1)]
    place = [head[p] for p in range(rows)]
    queue = [0]
    queue.pop()
    for u in order:
        if settled[u] == 0:
            queue.append(u)
            for k in range(start[u], start[u + 1]):
                if change[k] < 0:
                    waiting[place[row[k]]] = u
                    place[row[k]] += 1
    at = 0
    while at < len(queue):
        u = queue[at]
        at += 1
        if settled[u] > 0:
            continue
        fits = True
        for k in range(start[u], start[u + 1]):
            if balance[row[k]] + change[k] < 0 and change[k] < 0:
                fits = False
                break
        if not fits:
            continue
        number += 1
        settled[u] = number
        for k in range(start[u], start[u + 1]):
            p = row[k]
            balance[p] += change[k]
            if change[k] > 0:
                for e in range(head[p], head[p + 1]):
                    if settled[waiting[e]] == 0:
                        queue.append(waiting[e])
    return number


def decide(
    start: Any,
    row: Any,
    change: Any,
    unit: Any,
    head: Any,
    entry: Any,
    alive: Any,
    left: Any,
    out_total: Any,
    in_total: Any,
    state: Any,
    never_unit: Any,
    never_row: Any,
) -> int:
    """Decide units exactly: state 1 settles in any best set, 2 never can; returns how many never can.

    A position that covers all its deliveries without any receipt never binds; a unit that gives only where nothing binds settles;
    a unit that asks more of a position than it could ever hold does not. `entry` has the legs of a position with the largest
    deliveries first. `out_total`, `in_total`: deliveries (negative) and receipts of the alive units; `left`, these and `alive` change.
    """
    rows = len(head) - 1
    units = len(start) - 1
    binding = [True for _ in range(rows)]
    waiting = [True for _ in range(rows)]
    place = [head[p] for p in range(rows)]
    gives_on = [0 for _ in range(units)]
    for u in range(units):
        if alive[u]:
            for k in range(start[u], start[u + 1]):
                if change[k] < 0:
                    gives_on[u] += 1
    queue = list(range(rows))
    at = 0
    never = 0
    free = [0]
    free.pop()
    for u in range(units):
        if alive[u] and gives_on[u] == 0:
            free.append(u)
    while at < len(queue) or len(free) > 0:
        while len(free) > 0:
            u = free.pop()
            if not alive[u]:
                continue
            alive[u] = False
            state[u] = 1
            for k in range(start[u], start[u + 1]):
                p = row[k]
                left[p] += change[k]
                if change[k] < 0:
                    out_total[p] -= change[k]
                else:
                    in_total[p] -= change[k]
                if not waiting[p]:
                    waiting[p] = True
                    queue.append(p)
        if at >= len(queue):
            break
        p = queue[at]
        at += 1
        waiting[p] = False
        if not binding[p]:
            continue
        if left[p] + out_total[p] >= 0:
            binding[p] = False
            for e in range(head[p], head[p + 1]):
                k = entry[e]
                u = unit[k]
                if change[k] < 0 and alive[u]:
                    gives_on[u] -= 1
                    if gives_on[u] == 0:
                        free.append(u)
            continue
        while place[p] < head[p + 1]:
            k = entry[place[p]]
            u = unit[k]
            if change[k] >= 0:
                break
            if not alive[u]:
                place[p] += 1
                continue
            if left[p] + in_total[p] + change[k] >= 0:
                break
            alive[u] = False
            state[u] = 2
            never_unit[never] = u
            never_row[never] = p
            never += 1
            for i in range(start[u], start[u + 1]):
                q = row[i]
                if change[i] < 0:
                    out_total[q] -= change[i]
                else:
                    in_total[q] -= change[i]
                if not waiting[q]:
                    waiting[q] = True
                    queue.append(q)
    return never


def remove(
    start: Any,
    row: Any,
    change: Any,
    unit: Any,
    head: Any,
    entry: Any,
    weight: Any,
    price: Any,
    balance: Any,
    settled: Any,
    queue: Any,
    hub: int,
) -> bool:
    """Take settled units out until no balance is negative: on each short position those that cost least per amount that they mend.

    What a unit costs is its weight and the shortages that it opens elsewhere, less those that it closes, valued at `price` per amount
    of the position: so of the payments of a hub those go whose securities it has too many of. Hubs come when nothing else is short.
    Starts from any `settled` (0/1) with its `balance`; ends feasible, at worst empty, and says so: false only where balances were
    negative before anything settled. `queue` holds one place per position.
    """
    rows = len(head) - 1
    waiting = [False for _ in range(rows)]
    hubs = [0]
    hubs.pop()
    size = 0
    for p in range(rows):
        if balance[p] < 0:
            waiting[p] = True
            if head[p + 1] - head[p] > hub:
                hubs.append(p)
            else:
                queue[size] = p
                size += 1
    while size > 0 or len(hubs) > 0:
        if size > 0:
            size -= 1
            p = queue[size]
        else:
            p = hubs.pop()
        waiting[p] = False
        if balance[p] >= 0:
            continue
        heap = [(0.0, 0)]
        heap.pop()
        fresh = True
        whole = False
        while balance[p] < 0:
            short = -balance[p]
            best = -1
            if fresh:
                first, last = head[p], head[p + 1]
            else:
                if len(heap) == 0:
                    if whole:
                        # Units settled for good gave more than there is without others: no set of these is feasible.
                        return False
                    fresh = True
                    continue
                _, first = heapq.heappop(heap)
                last = first + 1
            for e in range(first, last):
                k = entry[e]
                u = unit[k]
                if change[k] >= 0 or settled[u] == 0:
                    continue
                cost = weight[u]
                for i in range(start[u], start[u + 1]):
                    q = row[i]
                    if q == p:
                        continue
                    now = balance[q]
                    if change[i] > 0:
                        after = now - change[i]
                        if after < 0:
                            cost += price[q] * (-after if now >= 0 else change[i])
                    elif now < 0:
                        cost -= price[q] * min(-now, -change[i])
                cost /= min(short, -change[k])
                if fresh:
                    heap.append((cost, e))
                    if len(heap) >= hub:
                        break
                elif len(heap) == 0 or cost <= heap[0][0]:
                    best = u
                else:
                    heapq.heappush(heap, (cost, e))
            if fresh:
                whole = len(heap) < hub
                heapq.heapify(heap)
                fresh = False
            if best < 0:
                continue
            settled[best] = 0
            for k in range(start[best], start[best + 1]):
                q = row[k]
                balance[q] -= change[k]
                if balance[q] < 0 and q != p and not waiting[q]:
                    waiting[q] = True
                    if head[q + 1] - head[q] > hub:
                        hubs.append(q)
                    else:
                        queue[size] = q
                        size += 1
    return True


def improve(
    start: Any,
    row: Any,
    change: Any,
    unit: Any,
    head: Any,
    entry: Any,
    weight: Any,
    price: Any,
    order: Any,
    balance: Any,
    settled: Any,
    touched: Any,
    stamp: Any,
    stack: Any,
    flips_most: int,
    scan_most: int,
    look_most: int,
    fill_most: int,
    hope: float,
    budget: int,
) -> tuple[int, int]:
    """Try each unit of `order` the other way round, mend what gets short, fill what gets free, and keep only what gains.

    Mending a short position takes the flip (a settled deliverer out, an unsettled one that delivers to it in) that costs least by
    weight and by the shortages it opens or closes elsewhere, valued at `price` per unit of the position; so chains and circles
    close and single instructions change places. A move is given up once, at the prices, it stands to lose more than `hope` times the
    weight of its first unit. An entry -1 - p of `order` stands for the short position p, which is mended whatever that costs. Returns
    (moves kept, work done); ends early once the work (legs looked at) passes `budget`. Everything is decided by exact balances;
    floats only guide.
    `touched`, `stack` are scratch of one place per unit and per leg; `stamp` of one place per unit, zero at first.
    """
    kept = 0
    work = 0
    move = 0
    for first in order:
        if first < 0 and balance[-1 - first] >= 0:
            continue
        if work > budget:
            break
        move += 1
        flips = 0
        gain = 0.0
        # What the move has gained, less what its shortages will cost at the prices, plus what the room it made is worth.
        outlook = 0.0
        least = -hope * weight[first] if first >= 0 else -math.inf
        size = 0
        if first < 0:
            stack[0] = -1 - first
            size = 1
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
                    outlook -= weight[flip]
                    sign = -1
                else:
                    settled[flip] = 1
                    gain += weight[flip]
                    outlook += weight[flip]
                    sign = 1
                for k in range(start[flip], start[flip + 1]):
                    q = row[k]
                    delta = sign * change[k]
                    now = balance[q]
                    balance[q] = now + delta
                    if delta > 0:
                        outlook += price[q] * delta
                    elif now + delta < 0:
                        stack[size] = q
                        size += 1
                        outlook += price[q] * (delta if now < 0 else now + delta)
                work += start[flip + 1] - start[flip]
                if outlook < least:
                    good = False
                    break
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
            for e in range(head[p], min(head[p + 1], head[p] + look_most)):
                k = entry[e]
                u = unit[k]
                work += 1
                if (change[k] < 0) != (settled[u] == 1) or stamp[u] == move:
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
                    for e in range(head[p], min(head[p + 1], head[p] + fill_most)):
                        i = entry[e]
                        v = unit[i]
                        work += 1
                        if settled[v] or change[i] >= 0 or stamp[v] == move:
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
        if good and (gain > 1e-12 or first < 0):
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


def separate(
    head: Any,
    entry: Any,
    unit: Any,
    change: Any,
    balance: Any,
    x: Any,
    coefficient: Any,
    part: Any,
    other: Any,
    out_row: Any,
    out_divisor: Any,
    out_start: Any,
    out_unit: Any,
    out_value: Any,
    out_other: Any,
    out_side: Any,
    first_row: int,
    end_row: int,
    longest: int,
    tries: int,
    least: float,
) -> int:
    """Rounding cuts (Marchand and Wolsey) that the fractional x violates, at most one per position from `first_row` on
    and before `end_row`; returns their number.

    A position reads sum of needs * x <= balance, receipts being negative needs. Units of the set `other` are counted by what is
    missing (1 - x) instead. Divided by one of the amounts and rounded, it stays true for whole units and cuts fractions off.
    The cut of position out_row[c] has divisor out_divisor[c], right side out_side[c], and coefficients out_value on out_unit with
    out_other (whether the unit is in the set `other`) for out_start[c] <= e < out_start[c+1]; `least` is its least depth.
    """
    cuts = 0
    at = 0
    for p in range(first_row, end_row):
        first = head[p]
        size = head[p + 1] - first
        if size > longest:
            continue
        fractional = 0
        room = float(balance[p])
        for e in range(size):
            k = entry[first + e]
            now = x[unit[k]]
            need = -float(change[k])
            if now > 0.5:
                other[e] = 1
                room -= need
                coefficient[e] = -need
                part[e] = 1.0 - now
            else:
                other[e] = 0
                coefficient[e] = need
                part[e] = now
            if part[e] > 1e-5:
                fractional += 1
        if fractional == 0:
            continue
        best = least
        best_divisor = 0.0
        best_turned = -1
        # Besides the nearer side for each unit, try the other side for one fractional unit at a time.
        for turned in range(-1, size if size <= 200 else 0):
            if turned >= 0:
                if part[turned] <= 1e-5:
                    continue
                room -= coefficient[turned]
                coefficient[turned] = -coefficient[turned]
                part[turned] = 1.0 - part[turned]
            tried = 0
            for c in range(2 * size):
                # Each fractional amount is tried as divisor, and its half.
                half = c & 1
                if part[c >> 1] <= 1e-5 or part[c >> 1] >= 1.0 - 1e-5:
                    continue
                divisor = abs(coefficient[c >> 1]) / (1 + half)
                tried += 1
                if tried > tries:
                    break
                whole = room // divisor
                rest = room / divisor - whole
                if rest < 0.02 or rest > 0.98:
                    continue
                depth = -whole
                norm = 0.0
                for e in range(size):
                    ratio = coefficient[e] / divisor
                    value = coefficient[e] // divisor
                    over = ratio - value - rest
                    if over > 0.0:
                        value += over / (1.0 - rest)
                    depth += value * part[e]
                    norm += value * value
                if norm > 0.0 and depth > 0.0 and depth / norm**0.5 > best:
                    best = depth / norm**0.5
                    best_divisor = divisor
                    best_turned = turned
            if turned >= 0:
                room -= coefficient[turned]
                coefficient[turned] = -coefficient[turned]
                part[turned] = 1.0 - part[turned]
        if best_divisor == 0.0:
            continue
        if best_turned >= 0:
            room -= coefficient[best_turned]
            coefficient[best_turned] = -coefficient[best_turned]
            other[best_turned] = 1 - other[best_turned]
        whole = room // best_divisor
        rest = room / best_divisor - whole
        side = whole
        for e in range(size):
            ratio = coefficient[e] / best_divisor
            value = coefficient[e] // best_divisor
            over = ratio - value - rest
            if over > 0.0:
                value += over / (1.0 - rest)
            if other[e] == 1:
                side -= value
                value = -value
            if value != 0.0 or other[e] == 1:
                out_unit[at] = unit[entry[first + e]]
                out_value[at] = value
                out_other[at] = other[e]
                at += 1
        out_row[cuts] = p
        out_divisor[cuts] = best_divisor
        out_side[cuts] = side
        cuts += 1
        out_start[cuts] = at
    return cuts
