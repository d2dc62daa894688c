"""The journal proves itself: rebuilds every balance, checks the chain, conservation and the stored balances (design §3, KCSD-88)."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, select

from depository.ledger import GENESIS, Entry, Posting, chain, is_contra
from depository.rejects import Broken
from depository.store import journal, schema
from depository.store.types import moment_text
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
    for row, entry_postings in _entries(work):
        number += 1
        postings += len(entry_postings)
        for p in entry_postings:
            rebuilt[p.holder, p.asset, p.part] += p.amount
        fault = _entry_fault(row, number, previous, entry_postings)
        if fault and not broken:
            faults.append(fault)
            broken = True
        previous = row.hash
    head_number, head_hash = journal.head(work)
    if (head_number, head_hash) != (number, previous):
        faults.append(
            f"the journal's head says entry {head_number}, the last entry is {number}: entries are missing or were added"
        )
    written = int(work.connection.execute(select(func.count()).select_from(schema.posting)).scalar_one())
    if written != postings:
        faults.append(
            f"{written} postings are written, {postings} belong to an entry: some were added or belong to none"
        )
    faults += _balance_faults(work, rebuilt, most_faults)
    return Verdict(number, postings, head_hash, tuple(faults[:most_faults]))


def _entry_fault(row: Row[Any], number: int, previous: str, postings: list[Posting]) -> str:
    found = int(row.number)
    if found != number:
        return f"entry {number} is missing: entry {found} follows entry {number - 1}"
    try:
        entry = Entry(row.kind, row.cause, tuple(postings))
    except Broken as fault:
        return f"entry {number}: {fault}"
    expected = chain(previous, number, row.business_date, moment_text(row.at), entry)
    if expected != row.hash:
        return f"entry {number}: its content does not give its hash; it was changed after it was written"
    return ""


def _entries(work: Work) -> Iterator[tuple[Row[Any], list[Posting]]]:
    """Entries in order with their postings, streamed: memory stays flat."""
    j, p = schema.journal, schema.posting
    lines = iter(
        work.connection.execution_options(yield_per=5000).execute(
            select(p.c.entry, p.c.holder, p.c.asset, p.c.part, p.c.amount).order_by(p.c.entry, p.c.line)
        )
    )
    line = next(lines, None)
    for row in work.connection.execution_options(yield_per=5000).execute(select(j).order_by(j.c.number)):
        mine = []
        while line is not None and line.entry == row.number:
            mine.append(Posting(line.holder, line.asset, line.part, line.amount))
            line = next(lines, None)
        yield row, mine


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
