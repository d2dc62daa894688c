"""Days with planted shortages: attribution names those who were made short, for all that waits for them, and nobody else (CSD-A2-3.2).

A day is put together from parts, each in an ISIN and a currency of its own, so that what one part brings about stays in it; the same
participants take part in all of them, failing in one and a mere victim in another.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from depository.settlement import Due, Outcome, Problem, check, problem, settle

NAMES = tuple(f"PART{n:02d}" for n in range(9))
Place = tuple[str, str, str]
"""securities or cash, ISIN or currency, account or participant."""


class Part:
    """Balances, instructions, whom it made short by how much, and who is to blame for what can then not settle."""

    def __init__(self, number: int, draw: random.Random) -> None:
        self.draw = draw
        self.isin, self.currency = f"KZ{number:010d}", f"C{number:02d}"
        self.who = draw.sample(NAMES, len(NAMES))
        self.has = Counter[Place]()
        self.due: list[Due] = []
        self.planted = Counter[Place]()
        self.blamed: dict[str, set[str]] = {}
        """By instruction, where it stays behind."""
        self.surely: set[str] = set()
        """These stay behind whatever the engine chooses."""

    def stock(self, name: str) -> Place:
        return "securities", self.isin, f"{name}-1"

    def money(self, name: str) -> Place:
        return "cash", self.currency, name

    def give(
        self,
        seller: str,
        buyer: str,
        quantity: int,
        amount: int = 0,
        payer: str = "",
        payee: str = "",
        netting: str = "net",
        link: str = "",
        waits_for: Iterable[str] = (),
        surely: bool = True,
    ) -> None:
        """An instruction; `waits_for` are those who are to blame when it stays behind."""
        one = f"{self.isin[-3:]}{len(self.due):03d}"
        securities = (f"{seller}-1", f"{buyer}-1", self.isin, quantity) if quantity else ("", "", "", 0)
        payment = (payer or buyer, payee or seller, self.currency, amount) if amount else ("", "", "", 0)
        self.due.append(Due(one, *securities, *payment, 5, "2026-03-02", netting, link))
        if waits_for:
            self.blamed[one] = set(waits_for)
            self.surely |= {one} if surely else set()

    def short(self, place: Place, needs: int) -> int:
        """Gives a place less than it needs, and returns how much less."""
        missing = self.draw.randint(1, needs)
        self.has[place] += needs - missing
        self.planted[place] += missing
        return missing


def chain_of_deliveries(part: Part) -> None:
    """The head has too little; one further down may have enough of its own, and behind it all is well."""
    moved, length = part.draw.randint(1, 50), part.draw.randint(1, 7)
    stocked = part.draw.randint(1, 8)
    against, netting = part.draw.choice((0, 1, 90)), part.draw.choice(("net", "gross"))
    part.short(part.stock(part.who[0]), moved)
    for n in range(length):
        seller, buyer = part.who[n], part.who[n + 1]
        part.has[part.stock(seller)] += moved if n == stocked else 0
        part.has[part.money(buyer)] += against
        part.give(seller, buyer, moved, against, netting=netting, waits_for=part.who[:1] if n < stocked else ())


def chain_of_payments(part: Part) -> None:
    """The first payer has too little money for what each passes on to the next."""
    amount, netting = part.draw.randint(1, 50), part.draw.choice(("net", "gross"))
    part.short(part.money(part.who[0]), amount)
    for n in range(part.draw.randint(1, 7)):
        part.give("", "", 0, amount, part.who[n], part.who[n + 1], netting, waits_for=part.who[:1])


def back_to_back(part: Part) -> None:
    """Securities go down a chain of traders who have nothing, money comes up: the first or the last, or both, have too little."""
    moved, amount, length = part.draw.randint(1, 50), part.draw.randint(1, 50), part.draw.randint(1, 7)
    first, last = part.who[0], part.who[length]
    fails = part.draw.choice(([first], [last], [first, last]))
    for name, place, needs in ((first, part.stock(first), moved), (last, part.money(last), amount)):
        if name in fails:
            part.short(place, needs)
        else:
            part.has[place] += needs
    for n in range(length):
        part.give(part.who[n], part.who[n + 1], moved, amount, waits_for=fails)


def circle_with_one_too_many(part: Part) -> None:
    """In the circle each gives on what it receives; one of them also has to deliver outside of it, and cannot."""
    moved, length = part.draw.randint(5, 50), part.draw.randint(2, 6)
    for n in range(length):
        part.give(part.who[n], part.who[(n + 1) % length], moved)
    outside = part.draw.randint(1, moved)
    part.short(part.stock(part.who[0]), outside)
    part.give(part.who[0], part.who[length], outside, waits_for=part.who[:1])


def circle_that_does_not_close(part: Part) -> None:
    """One of the circle receives less than it gives on, and has not what is between the two: none of them can deliver."""
    back, length = part.draw.randint(1, 50), part.draw.randint(2, 7)
    more = part.draw.randint(1, 20)
    part.short(part.stock(part.who[0]), more)
    for n in range(length):
        last = n == length - 1
        part.give(part.who[n], part.who[0 if last else n + 1], back if last else back + more, waits_for=part.who[:1])


def fan(part: Part) -> None:
    """One has enough for some of its buyers: the engine chooses for whom, and each of them passes it on."""
    lots = [part.draw.randint(1, 20) for _ in range(part.draw.randint(2, 4))]
    part.short(part.stock(part.who[0]), sum(lots))
    for n, lot in enumerate(lots):
        buyer, after = part.who[1 + n], part.who[1 + len(lots) + (n % 2)]
        part.give(part.who[0], buyer, lot, waits_for=part.who[:1], surely=False)
        part.give(buyer, after, lot, waits_for=part.who[:1], surely=False)


def meeting(part: Part) -> None:
    """One has to deliver what two others bring, of whom one or both have too little."""
    first, second, between, after = part.who[:4]
    lots = {first: part.draw.randint(1, 30), second: part.draw.randint(1, 30)}
    fails = part.draw.choice(([first], [second], [first, second]))
    for name, lot in lots.items():
        if name in fails:
            part.short(part.stock(name), lot)
        else:
            part.has[part.stock(name)] += lot
        part.give(name, between, lot, waits_for=[name] if name in fails else ())
    part.give(between, after, sum(lots.values()), waits_for=fails)


def linked(part: Part) -> None:
    """A delivery that could settle is linked with a payment that cannot; who lives on the delivery waits for the payer."""
    seller, buyer, after, payer, payee = part.who[:5]
    moved, amount = part.draw.randint(1, 50), part.draw.randint(1, 50)
    part.has[part.stock(seller)] += moved
    part.short(part.money(payer), amount)
    link, waits = f"L{part.isin}", [payer]
    part.give(seller, buyer, moved, link=link, waits_for=waits)
    part.give("", "", 0, amount, payer, payee, link=link, waits_for=waits)
    part.give(buyer, after, moved, waits_for=waits)


def two_that_wait_for_each_other(part: Part) -> None:
    """Each of two deliveries brings the money of the other. The seller has enough for either, but one who does not deliver made it too
    little for both: neither is short of securities by itself, and yet it is that one who keeps both back."""
    fails, seller, one, other = part.who[:4]
    moved, amount = part.draw.randint(2, 50), part.draw.randint(1, 50)
    missing = part.draw.randint(1, moved)
    part.has[part.stock(seller)] += 2 * moved - missing
    part.planted[part.stock(fails)] += missing
    part.give(fails, seller, missing, waits_for=[fails])
    part.give(seller, one, moved, amount, payer=one, payee=other, waits_for=[fails])
    part.give(seller, other, moved, amount, payer=other, payee=one, waits_for=[fails])


def nobody_fails(part: Part) -> None:
    """A circle of trades in which nobody has anything, and a chain whose head has enough."""
    moved, length = part.draw.randint(1, 50), part.draw.randint(2, 6)
    for n in range(length):
        part.give(part.who[n], part.who[(n + 1) % length], moved, part.draw.choice((0, 7)))
    part.has += Counter({part.stock(part.who[6]): moved, part.money(part.who[7]): 90})
    part.has += Counter({part.money(name): 7 * length for name in part.who[:length]})
    part.give(part.who[6], part.who[7], moved, 90)
    part.give(part.who[7], part.who[8], moved)


PARTS: tuple[Callable[[Part], None], ...] = (
    chain_of_deliveries, chain_of_payments, back_to_back, circle_with_one_too_many, circle_that_does_not_close, fan, meeting,
    linked, two_that_wait_for_each_other, nobody_fails,
)  # fmt: skip


class Planted(NamedTuple):
    """A day, and what attribution has to find in it."""

    has: dict[Place, int]
    due: list[Due]
    short: dict[Place, int]
    blamed: dict[str, set[str]]
    surely: set[str]


def put_together(kinds: Iterable[tuple[Callable[[Part], None], int]]) -> Planted:
    parts = []
    for number, (kind, seed) in enumerate(kinds):
        parts.append(Part(number, random.Random(seed)))
        kind(parts[-1])
    return Planted(
        {place: n for part in parts for place, n in part.has.items()},
        [one for part in parts for one in part.due],
        {place: n for part in parts for place, n in part.planted.items()},
        {one: names for part in parts for one, names in part.blamed.items()},
        {one for part in parts for one in part.surely},
    )


def posed(has: dict[Place, int], due: list[Due], shuffle: random.Random | None = None) -> Problem:
    rows = list(has.items())
    if shuffle is not None:
        shuffle.shuffle(rows)
        due = shuffle.sample(due, len(due))
    tables = {kind: [(h, a, n) for (k, a, h), n in rows if k == kind] for kind in ("securities", "cash")}
    return problem(tables["securities"], tables["cash"], due)


def found_short(outcome: Outcome) -> dict[Place, int]:
    kind = {True: "securities", False: "cash"}
    return {(kind[f.holder.endswith("-1")], f.asset, f.holder): f.short_by for f in outcome.failing}


def blamed_in(outcome: Outcome) -> dict[str, set[str]]:
    """By unsettled instruction."""
    found: dict[str, set[str]] = {}
    for line in outcome.unsettled:
        assert found.setdefault(line.id, set(line.causes)) == set(line.causes)
    return found


def participants(places: Iterable[Place]) -> set[str]:
    return {holder.removesuffix("-1") for _, _, holder in places}


def attributed(planted: Planted, shuffle: random.Random) -> dict[str, set[str]]:
    """Whom each instruction blames that does not settle; and of any day, in any order of its rows: just those made short fail."""
    day = posed(planted.has, planted.due)
    outcome = settle(day)
    assert check(day, outcome) == []
    assert found_short(outcome) == planted.short
    blamed = blamed_in(outcome)
    assert set(blamed) == {one.id for one, done in zip(planted.due, outcome.settled.tolist(), strict=True) if not done}
    again = settle(posed(planted.has, planted.due, shuffle))
    assert (again.unsettled, again.failing) == (outcome.unsettled, outcome.failing)
    return blamed


ANY_PARTS = st.lists(st.tuples(st.sampled_from(PARTS), st.integers(0, 10**9)), min_size=1, max_size=8)
EACH_PART = [(kind, seed) for seed, kind in enumerate(PARTS)]


@pytest.mark.rule("CSD-A2-3.2")
@settings(max_examples=100, deadline=None)
@given(ANY_PARTS, st.randoms(use_true_random=False))
@example(EACH_PART, random.Random(1))
def test_exactly_those_made_short_are_found_and_each_instruction_blames_exactly_those_it_waits_for(
    kinds: list[tuple[Callable[[Part], None], int]], shuffle: random.Random
) -> None:
    planted = put_together(kinds)
    blamed = attributed(planted, shuffle)
    assert blamed == {one: planted.blamed.get(one) for one in blamed}
    assert planted.surely <= set(blamed)
    assert set().union(*blamed.values()) == participants(planted.short)


def tangle(seed: int) -> Planted:
    """Instructions between anyone and anyone, balances that are just enough for all of them, and less of it in up to three places."""
    draw = random.Random(seed)
    linked = draw.choice((0.0, 0.3))
    due, left = [], Counter[Place]()
    for number in range(draw.randint(2, 20)):
        seller, buyer = draw.sample(NAMES[:6], 2)
        isin, currency = draw.choice(("KZ0000000017", "KZ0000000025")), draw.choice(("KZT", "USD"))
        quantity, amount, kind = draw.randint(1, 9), draw.randint(1, 20), draw.random()
        securities = (f"{seller}-1", f"{buyer}-1", isin, quantity) if kind >= 0.15 else ("", "", "", 0)
        payment = (buyer, seller, currency, amount) if not 0.15 <= kind < 0.4 else ("", "", "", 0)
        link = draw.choice("ABC") if draw.random() < linked else ""
        one = Due(f"I{number:02d}", *securities, *payment, 5, "2026-03-02", "net", link)
        due.append(one)
        for place, change in (
            (("securities", one.isin, one.deliver_account), -one.quantity),
            (("securities", one.isin, one.receive_account), one.quantity),
            (("cash", one.currency, one.payer), -one.amount),
            (("cash", one.currency, one.payee), one.amount),
        ):
            left[place] += change
    has = {place: -net if net < 0 else draw.choice((0, 0, 3)) for place, net in left.items() if place[1]}
    needs = sorted(place for place, net in left.items() if net < 0)
    short = {place: draw.randint(1, has[place]) for place in draw.sample(needs, min(len(needs), draw.randint(0, 3)))}
    for place, missing in short.items():
        has[place] -= missing
    return Planted(has, due, short, {}, set())


@pytest.mark.rule("CSD-A2-3.2")
@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**9), st.randoms(use_true_random=False))
@example(1011, random.Random(1))
def test_in_any_tangle_of_netted_instructions_each_that_waits_names_one_who_was_made_short(
    seed: int, shuffle: random.Random
) -> None:
    """None is left without a root: if those that wait had none among them, all of them together could settle."""
    planted = tangle(seed)
    blamed = attributed(planted, shuffle)
    assert all(names and names <= participants(planted.short) for names in blamed.values())
