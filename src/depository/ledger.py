"""Balanced entries, the only way in which a balance changes (design §3, CSD-5.2-dvp).

An asset is an ISIN or a currency. A holder is a securities account, a participant (for cash) or a contra account, whose name begins
with `~`: the issuer's side of a security and the depository's nominee account at the settlement bank. Contra accounts mirror what
the others hold, so every asset sums to nought over all holders. A balance has parts: `AVAILABLE`, and one blocked part per cause
(`SIN/S000001`, `WRN/W000001`); aggregate = available + blocked.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from depository.rejects import Broken

AVAILABLE = ""
BANK = "~BANK"
ISSUER = "~ISSUER"
UNIDENTIFIED = "UNIDENTIFIED"
"""Money at the bank that no participant could be found for."""

CREDIT = "credit"
RETURN = "return"
ASSIGNMENT = "assignment"
FROM_OUTSIDE = (CREDIT, RETURN, ASSIGNMENT)
"""Kinds of entry that bring a participant money: its funding, a payment of ours that the bank sends back, money found to be its own."""

GENESIS = hashlib.sha256(b"journal").hexdigest()


class Posting(NamedTuple):
    """One line of an entry: `amount` (signed, smallest units) onto the `part` of a holder's balance of an asset."""

    holder: str
    asset: str
    part: str
    amount: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A balanced set of postings with one cause; raises Broken when an asset does not sum to nought."""

    kind: str
    """What happened: credit, settlement, transfer, block, release, enforcement, payment, return, lodgment."""
    cause: str
    """Number of what caused it: instruction, withdrawal, interest, bank reference."""
    postings: tuple[Posting, ...]

    def __post_init__(self) -> None:
        if lopsided := imbalance(self.postings):
            raise Broken(f"entry {self.kind} of {self.cause} does not balance: {lopsided}")


def imbalance(postings: Iterable[tuple[str, str, str, int]]) -> dict[str, int]:
    """Assets of which the postings do not sum to nought, and by how much."""
    sums: dict[str, int] = {}
    for _, asset, _, amount in postings:
        sums[asset] = sums.get(asset, 0) + amount
    return {asset: amount for asset, amount in sums.items() if amount}


def move(
    asset: str, amount: int, giver: str, taker: str, part: str = AVAILABLE, into: str = AVAILABLE
) -> tuple[Posting, Posting]:
    """`amount` of `asset` from the giver's `part` to the taker's part `into`."""
    return Posting(giver, asset, part, -amount), Posting(taker, asset, into, amount)


def block(asset: str, amount: int, holder: str, cause: str) -> tuple[Posting, Posting]:
    """`amount` from the holder's available balance to the part blocked by `cause`."""
    return move(asset, amount, holder, holder, AVAILABLE, cause)


def release(asset: str, amount: int, holder: str, cause: str) -> tuple[Posting, Posting]:
    """The opposite of `block`."""
    return move(asset, amount, holder, holder, cause, AVAILABLE)


def chain(previous: str, number: int, business_date: date, at_utc: str, entry: Entry) -> str:
    """SHA-256 over the previous hash and the entry's canonical text; `at_utc` is the moment as stored."""
    return chained(previous, number, business_date.isoformat(), at_utc, entry.kind, entry.cause, entry.postings)


def chained(
    previous: str,
    number: int,
    business_date: str,
    at_utc: str,
    kind: str,
    cause: str,
    postings: Iterable[tuple[str, str, str, int]],
) -> str:
    """What `chain` gives for an entry, from its parts as they are stored."""
    lines = [previous, f"{number}|{business_date}|{at_utc}|{kind}|{cause}"]
    lines += [f"{holder}|{asset}|{part}|{amount}" for holder, asset, part, amount in postings]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def is_contra(holder: str) -> bool:
    """True for the issuer's and the settlement bank's side, whose balances mirror the others and are negative."""
    return holder.startswith("~")
