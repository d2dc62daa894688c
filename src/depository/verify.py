"""The journal proves itself: rebuilds every balance, checks the chain, conservation and the stored balances (design §3, KCSD-88)."""

from collections import defaultdict
from dataclasses import dataclass

from depository.ledger import GENESIS, Entry, chain, is_contra
from depository.rejects import Broken
from depository.store import journal
from depository.store.columns import moment_text
from depository.store.work import Work


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the check found: how much was read, the head, and the faults (none = the books prove themselves)."""

    entries: int
    postings: int
    head: str
    faults: tuple[str, ...]


def verify(work: Work, most_faults: int = 20) -> Verdict:
    """Reads the whole journal once; names the first wrong entry and every balance that does not follow from the journal."""
    previous, number, postings = GENESIS, 0, 0
    faults: list[str] = []
    rebuilt: dict[journal.Key, int] = defaultdict(int)
    broken = False
    for written in journal.entries(work):
        number += 1
        postings += len(written.postings)
        for p in written.postings:
            rebuilt[p.holder, p.asset, p.part] += p.amount
        fault = _entry_fault(written, number, previous)
        if fault and not broken:
            faults.append(fault)
            broken = True
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
    faults += _balance_faults(work, rebuilt, most_faults)
    return Verdict(number, postings, head_hash, tuple(faults[:most_faults]))


def _entry_fault(written: journal.Written, number: int, previous: str) -> str:
    if written.number != number:
        return f"entry {number} is missing: entry {written.number} follows entry {number - 1}"
    try:
        entry = Entry(written.kind, written.cause, written.postings)
    except Broken as fault:
        return f"entry {number}: {fault}"
    if chain(previous, number, written.business_date, moment_text(written.at), entry) != written.hash:
        return f"entry {number}: its content does not give its hash; it was changed after it was written"
    return ""


def _balance_faults(work: Work, rebuilt: dict[journal.Key, int], most: int) -> list[str]:
    rebuilt = {key: amount for key, amount in rebuilt.items() if amount}
    stored = journal.balances(work)
    faults = []
    for key in sorted(rebuilt.keys() | stored.keys()):
        if rebuilt.get(key, 0) != stored.get(key, 0):
            holder, asset, part = key
            faults.append(
                f"balance of {holder} in {asset} part '{part}' is {stored.get(key, 0)}, the journal gives {rebuilt.get(key, 0)}"
            )
    sums: dict[str, int] = defaultdict(int)
    for (holder, asset, _), amount in rebuilt.items():
        sums[asset] += amount
        if amount < 0 and not is_contra(holder):
            faults.append(f"balance of {holder} in {asset} is negative: {amount}")
    faults += [
        f"{asset} does not sum to nought over all holders but to {amount}" for asset, amount in sums.items() if amount
    ]
    return faults[:most]
