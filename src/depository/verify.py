"""The journal proves itself: rebuilds every balance, checks the chain, conservation, blocks and the stored balances (design §3, KCSD-88).

And the books as at the last day that settlement bank and registry have stated are compared with what they stated.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from depository.ledger import AVAILABLE, GENESIS, chained, imbalance, is_contra
from depository.reconciliation import differences_outside
from depository.store import interests, journal, payments
from depository.store.work import Work


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the check found: how much was read, the head, and the faults (none = the books prove themselves).

    `outside` is what settlement bank or registry have stated otherwise, which may be their fault as well as ours.
    """

    entries: int
    postings: int
    head: str
    faults: tuple[str, ...]
    outside: tuple[str, ...] = ()


def verify(work: Work, most_faults: int = 20) -> Verdict:
    """Reads the whole journal once; names the first wrong entry and every balance that does not follow from the journal."""
    previous, number, postings = GENESIS, 0, 0
    faults: list[str] = []
    rebuilt: dict[journal.Key, int] = {}
    for written in journal.entries(work):
        number += 1
        postings += len(written.postings)
        for holder, asset, part, amount in written.postings:
            key = (holder, asset, part)
            rebuilt[key] = rebuilt.get(key, 0) + amount
        if not faults and (fault := _entry_fault(written, number, previous)):
            faults.append(fault)
        previous = written.hash
    head_number, head_hash = journal.head(work)
    if (head_number, head_hash) != (number, previous):
        faults.append(
            f"the journal's head says entry {head_number}, the last entry is {number}: entries are missing or were added"
        )
    all_postings = journal.count_postings(work)
    if all_postings != postings:
        faults.append(
            f"{all_postings} postings are written, {postings} belong to an entry: some were added or belong to none"
        )
    impossible = _impossible(rebuilt) + _other_blocks(work, rebuilt)
    faults += _other_balances(work, rebuilt) + impossible
    outside = differences_outside(work)
    return Verdict(number, postings, head_hash, tuple(faults[:most_faults]), tuple(outside[:most_faults]))


def _entry_fault(written: journal.Written, number: int, previous: str) -> str:
    if written.number != number:
        return f"entry {number} is missing: entry {written.number} follows entry {number - 1}"
    if lopsided := imbalance(written.postings):
        return f"entry {number}: entry {written.kind} of {written.cause} does not balance: {lopsided}"
    if chained(previous, *written[:5], written.postings) != written.hash:
        return f"entry {number}: its content does not give its hash; it was changed after it was written"
    return ""


def _impossible(rebuilt: Mapping[journal.Key, int]) -> list[str]:
    """Balances below nought, and assets that do not sum to nought over all holders."""
    faults = []
    sums: dict[str, int] = {}
    for (holder, asset, _), amount in rebuilt.items():
        sums[asset] = sums.get(asset, 0) + amount
        if amount < 0 and not is_contra(holder):
            faults.append(f"balance of {holder} in {asset} is negative: {amount}")
    lopsided = [f"{a} does not sum to nought over all holders but to {amount}" for a, amount in sums.items() if amount]
    return sorted(faults) + sorted(lopsided)


def _other_blocks(work: Work, rebuilt: Mapping[journal.Key, int]) -> list[str]:
    """Blocked balances that are not what a security interest locks or a payment blocks, and the other way round."""
    blocked = {key: amount for key, amount in rebuilt.items() if key[2] != AVAILABLE and amount}
    causes = {**interests.blocks(work), **payments.blocks(work)}
    return [
        f"{holder} has {blocked.get(key, 0)} of {asset} blocked for {part}, whose record says {causes.get(key, 0)}"
        for key in sorted(blocked.keys() | causes.keys())
        if blocked.get(key, 0) != causes.get(key, 0)
        for holder, asset, part in [key]
    ]


def _other_balances(work: Work, rebuilt: dict[journal.Key, int]) -> list[str]:
    """Stored balances that are not the rebuilt ones; what agrees is taken out of `rebuilt`, so that memory goes down."""
    differ: dict[journal.Key, tuple[int, int]] = {}
    for *key, stored in journal.stored_balances(work):
        right = rebuilt.pop((key[0], key[1], key[2]), 0)
        if stored != right:
            differ[key[0], key[1], key[2]] = (stored, right)
    differ |= {key: (0, right) for key, right in rebuilt.items() if right}
    return [
        f"balance of {holder} in {asset} part '{part}' is {stored}, the journal gives {right}"
        for (holder, asset, part), (stored, right) in sorted(differ.items())
    ]
