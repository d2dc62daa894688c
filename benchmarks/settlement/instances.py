"""Made-up settlement days shaped like real ones; nothing in them comes from any market.

Sizes are heavy-tailed and activity follows Zipf's law; a third of the instructions stand in delivery chains, a tenth in
closed circles that only settle together; one clearing house and a few market makers are hubs; some are free of payment,
some linked in pairs. Balances are set around the net need of each position: rich, exactly covered, or short.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from benchmarks.settlement.calibration import scarcity_for, share_left
from depository.settlement.problem import Due, Problem, problem

CURRENCIES = ("KZT", "USD", "EUR")
RATES = {"KZT": Fraction(1), "USD": Fraction(500), "EUR": Fraction(540)}
MINOR_UNITS = {"KZT": 2, "USD": 2, "EUR": 2}

# Share of positions that are short, and the least share of the net need a short position has in securities and in cash.
PROFILES = {"base": (0.055, 0.3, 0.9), "mid": (0.14, 0.25, 0.8), "tight": (0.22, 0.15, 0.7)}

# The same for the broad family: one account per participant, fewer and fuller positions, and RICH of those that are not
# short can bear all their deliveries without any receipt, so that first in, first out gets as far as on the days of the literature.
BROAD = {"base": (0.08, 0.1, 0.85), "mid": (0.22, 0.1, 0.8), "tight": (0.43, 0.05, 0.65)}
RICH = 0.4

# The part of the value that the linear relaxation of a day of the broad family leaves unsettled. Days of so many instructions and more
# have the share of short positions that leads there; smaller ones have it as it stands above.
LEFT = {"base": 0.03, "mid": 0.08, "tight": 0.14}
CALIBRATED_FROM = 100_000

# The clearing house between buyer and seller, and what picks trades evenly spread: multiples of it fill 0 to 1.
HOUSE = "CCP"
SPREAD = 0.6180339887498949


@dataclass(frozen=True, slots=True)
class Day:
    """One generated day: rows as `csd solve` reads them, amounts in cents and pieces."""

    securities: list[tuple[str, str, int]]
    cash: list[tuple[str, str, int]]
    due: list[Due]

    def problem(self) -> Problem:
        """The day as the engine takes it."""
        return problem(self.securities, self.cash, self.due, RATES, MINOR_UNITS)


def day(
    count: int,
    profile: str = "mid",
    seed: int = 0,
    priorities: int = 1,
    gross: float = 0.0,
    linked: float = 0.02,
    broad: bool = False,
    left: float | None = None,
) -> Day:
    """Generate `count` instructions; the same arguments give the same day.

    `priorities` is the number of different priorities, `gross` the share of the gross class, `linked` that of linked pairs; `broad`
    makes the day of the other family. Of the value the linear relaxation leaves the part `left`, where that is given.
    """
    draw = np.random.default_rng([seed, count, sorted(PROFILES).index(profile)])
    participants = int(np.clip(1.2 * count**0.45, 25, 500))
    isins = int(np.clip(3 * count**0.45, 60, 1000))
    accounts = participants * 6
    if broad:
        participants = accounts = int(np.clip(1.6 * count**0.5, 50, 500))
        isins = int(np.clip(3.2 * count**0.5, 100, 1000))

    isin_weight = _zipf(isins, 1.08 if broad else 1.0)
    account_weight = _zipf(accounts, 0.8 if broad else 0.7)[draw.permutation(accounts)]
    owner = np.arange(accounts) % participants
    # Account 0 is the clearing house's; the first of each of a few participants is a market maker's.
    hubs = np.arange(1, max(2, participants // 25) + 1)
    price = np.exp(draw.normal(7.0, 0.8, isins)).astype(np.int64) + 50
    currency_of = draw.choice(3, size=isins, p=[0.7, 0.2, 0.1])

    deliver = np.empty(count, dtype=np.int64)
    receive = np.empty(count, dtype=np.int64)
    isin = np.empty(count, dtype=np.int64)
    quantity = np.empty(count, dtype=np.int64)
    at = 0
    chained, circled = int(count * 0.35), int(count * 0.10)
    while at < chained + circled:
        circle = at >= chained
        length = min(int(draw.integers(3, 9)), count - at)
        path = draw.choice(accounts, size=length + 1, replace=False, p=account_weight)
        if circle:
            path[length] = path[0]
        deliver[at : at + length], receive[at : at + length] = path[:-1], path[1:]
        isin[at : at + length] = draw.choice(isins, p=isin_weight)
        # In half of the chains each leg trades a little less than the one before.
        size = int(_sizes(draw, 1)[0])
        shrink = 1.0 if circle or draw.random() < 0.5 else 0.9
        quantity[at : at + length] = np.maximum(1, (size * shrink ** np.arange(length)).astype(np.int64))
        at += length
    rest = count - at
    deliver[at:] = draw.choice(accounts, size=rest, p=account_weight)
    receive[at:] = draw.choice(accounts, size=rest, p=account_weight)
    hub_side = draw.random(rest)
    hub = np.where(draw.random(rest) < 0.5, 0, draw.choice(hubs, size=rest))
    deliver[at:] = np.where(hub_side < 0.2, hub, deliver[at:])
    receive[at:] = np.where((hub_side >= 0.2) & (hub_side < 0.4), hub, receive[at:])
    same = deliver == receive
    receive[same] = (deliver[same] + 1) % accounts
    isin[at:] = draw.choice(isins, size=rest, p=isin_weight)
    quantity[at:] = _sizes(draw, rest)

    foreign = draw.random(count) < 0.1
    currency = np.where(foreign, draw.integers(0, 3, count), currency_of[isin])
    worth = quantity * price[isin] * draw.normal(1.0, 0.01, count) * 100
    amount = np.maximum(1, (worth / np.array([float(RATES[c]) for c in CURRENCIES])[currency]).astype(np.int64))
    amount[draw.random(count) < 0.08] = 0
    order = draw.permutation(count)
    deliver, receive, isin, quantity, amount, currency = (
        a[order] for a in (deliver, receive, isin, quantity, amount, currency)
    )

    link = np.full(count, -1)
    pairs = draw.permutation(count)[: 2 * int(count * linked / 2)].reshape(-1, 2)
    link[pairs[:, 0]] = link[pairs[:, 1]] = np.arange(len(pairs))
    priority = np.full(count, 5) if priorities == 1 else 1 + draw.choice(priorities, size=count)
    is_gross = draw.random(count) < gross

    names = [f"P{owner[a]:03d}-{a:04d}" for a in range(accounts)]
    owners = [f"P{p:03d}" for p in range(participants)]
    isin_names = [f"KZ{i:09d}7" for i in range(isins)]
    due = [
        Due(
            f"I{j:07d}", names[d], names[r], isin_names[i], q,
            owners[owner[r]] if a else "", owners[owner[d]] if a else "", CURRENCIES[c] if a else "", a,
            p, f"2026-03-{2 + (j * 3) // count:02d}", "gross" if g else "net", f"L{k}" if k >= 0 else "",
        )
        for j, (d, r, i, q, c, a, p, g, k) in enumerate(
            zip(
                deliver.tolist(), receive.tolist(), isin.tolist(), quantity.tolist(), currency.tolist(), amount.tolist(),
                priority.tolist(), is_gross.tolist(), link.tolist(), strict=True,
            )
        )
    ]  # fmt: skip
    pays = amount > 0
    short, least_securities, least_cash = BROAD[profile] if broad else PROFILES[profile]
    rich = RICH if broad else 0.0
    securities = _Positions(draw, deliver, receive, isin, quantity, least_securities, rich)
    giver, taker = owner[receive[pays]], owner[deliver[pays]]
    cash = _Positions(draw, giver, taker, currency[pays], amount[pays], least_cash, rich)

    def with_scarcity(scarcity: float) -> Day:
        return Day(
            [(names[h], isin_names[a], b) for h, a, b in securities.balances(short * scarcity)],
            [(owners[h], CURRENCIES[a], b) for h, a, b in cash.balances(short * scarcity)],
            due,
        )

    if left is None and broad and count >= CALIBRATED_FROM:
        left = LEFT[profile]
    if left is None:
        return with_scarcity(1.0)
    return with_scarcity(scarcity_for(left, lambda scarcity: share_left(with_scarcity(scarcity).problem())))


def cleared(day: Day, share: float) -> Day:
    """The day with this share of its unlinked trades through a clearing house that has nothing of its own: two instructions for one."""
    due: list[Due] = []
    for j, one in enumerate(day.due):
        if not one.amount or one.link or j * SPREAD % 1.0 >= share:
            due.append(one)
            continue
        due.append(one._replace(receive_account=f"{HOUSE}-1", payer=HOUSE))
        due.append(one._replace(id=f"{one.id}B", deliver_account=f"{HOUSE}-1", payee=HOUSE))
    return Day(day.securities, day.cash, due)


def _zipf(size: int, power: float) -> NDArray[np.float64]:
    weight = 1.0 / np.arange(1, size + 1) ** power
    result: NDArray[np.float64] = weight / weight.sum()
    return result


def _sizes(draw: np.random.Generator, count: int) -> NDArray[np.int64]:
    return np.minimum(np.exp(draw.normal(5.0, 1.3, count)), 1e5).astype(np.int64) + 1


class _Positions:
    """The positions of securities or of cash, with what each needs and gives and what is drawn for its balance."""

    __slots__ = ("_drawn", "_gross", "_keys", "_need", "_rich", "_width")

    def __init__(
        self,
        draw: np.random.Generator,
        giver: NDArray[np.int64],
        taker: NDArray[np.int64],
        asset: NDArray[np.int64],
        amount: NDArray[np.int64],
        least: float,
        rich: float,
    ) -> None:
        self._width = int(asset.max(initial=0)) + 1
        self._keys, place = np.unique(
            np.concatenate((giver, taker)) * self._width + np.concatenate((asset, asset)), return_inverse=True
        )
        count = len(self._keys)
        need, self._gross = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        np.add.at(self._gross, place[: len(giver)], amount)
        np.add.at(need, place[: len(giver)], amount)
        np.add.at(need, place[len(giver) :], -amount)
        self._need, self._rich = np.maximum(need, 0), rich
        kind, lesser, larger = draw.random(count), draw.uniform(least, 1.0, count), draw.uniform(1.0, 1.6, count)
        self._drawn = kind, lesser, larger, draw.random(count) if rich else np.ones(count)

    def balances(self, short: float) -> list[tuple[int, int, int]]:
        """Holder, asset and balance of every position that needs one: rich, exact or, so many of them, short of its net need."""
        kind, lesser, larger, stock = self._drawn
        factor = np.where(kind < short, lesser, np.where(kind < 0.5, 1.0, larger))
        balance = np.ceil(self._need * factor).astype(np.int64)
        balance[kind < short] = np.floor(self._need * factor).astype(np.int64)[kind < short]
        stocked = (kind >= short) & (stock < self._rich)
        balance[stocked] = np.maximum(balance, self._gross)[stocked]
        width = self._width
        return [(int(k) // width, int(k) % width, int(b)) for k, b in zip(self._keys, balance, strict=True) if b > 0]
