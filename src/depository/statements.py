"""What each participant gets at the end of the day: holdings, movements, cash, open instructions, interests, loans."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from depository import lending
from depository.amounts import shown
from depository.instruction_rows import INSTRUCTIONS, instruction_rows
from depository.ledger import AVAILABLE
from depository.reports import Column, Kind, Report, Value, table
from depository.store import instructions as store
from depository.store import interests as interest_store
from depository.store import journal, register
from depository.store.loans import Lent
from depository.store.work import Work
from depository.units import from_units

HOLDINGS = (
    Column("account", "Account"),
    Column("isin", "ISIN"),
    Column("name", "Security"),
    Column("aggregate", "Aggregate", Kind.QUANTITY),
    Column("available", "Available", Kind.QUANTITY),
    Column("blocked", "Blocked", Kind.QUANTITY),
    Column("causes", "Blocked by"),
)
CASH = (
    Column("currency", "Currency"),
    Column("opening", "Opening", Kind.MONEY),
    Column("credits", "Credits", Kind.MONEY),
    Column("debits", "Debits", Kind.MONEY),
    Column("closing", "Closing", Kind.MONEY),
    Column("available", "Available", Kind.MONEY),
    Column("blocked", "Blocked", Kind.MONEY),
)
MOVEMENTS = (
    Column("entry", "Journal entry", Kind.COUNT),
    Column("at", "Moment", Kind.MOMENT),
    Column("kind", "Kind"),
    Column("cause", "Cause"),
    Column("holder", "Account"),
    Column("asset", "Asset"),
    Column("part", "Part"),
    Column("change", "Change", Kind.QUANTITY),
)
INTERESTS = (
    Column("interest", "Interest"),
    Column("role", "Role"),
    Column("counterparty", "Other party"),
    Column("account", "Debtor's account"),
    Column("isin", "ISIN"),
    Column("locked", "Locked", Kind.QUANTITY),
    Column("additional_information", "Additional information"),
)


def statements(work: Work, participants: Iterable[str]) -> Iterator[Report]:
    """The statement of each participant as at the end of the business date, with the journal's head (design §3), one by one."""
    lent = lending.outstanding(work)
    with journal.day_at_hand(work):
        for participant in participants:
            yield _statement(work, participant, [one for one in lent if participant in (one.lender, one.borrower)])


def statement(work: Work, participant: str) -> Report:
    """The statement of one participant."""
    (report,) = statements(work, [participant])
    return report


def _statement(work: Work, participant: str, lent: Sequence[Lent]) -> Report:
    number, hash_ = journal.head(work)
    balances = journal.balances_at_close(work, journal.holders_of(participant))
    movements = journal.movements(work, participant)
    tables = (
        table(
            "Holdings",
            "Holdings by account",
            HOLDINGS,
            _holdings(work, participant, balances),
            "No securities are held.",
        ),
        table("Cash", "Cash by currency", CASH, _cash(work, participant, balances, movements), "No cash is held."),
        table("Movements", "Movements of the day", MOVEMENTS, _movements(work, movements), "Nothing moved today."),
        table(
            "Instructions",
            "Open instructions",
            INSTRUCTIONS,
            instruction_rows(work, participant, store.open_of(work, participant)),
            "No instruction is open.",
        ),
        table(
            "Interests",
            "Security interests in force",
            INTERESTS,
            _interests(work, participant),
            "No security interest.",
        ),
        lending.outstanding_table(work, lent),
    )
    facts = (
        ("Journal entries", number),
        ("Journal head", hash_),
    )
    return Report(
        "statement",
        "Statement of holdings and cash",
        participant,
        work.business_date,
        work.market.local(work.at),
        facts,
        tables,
    )


def _holdings(work: Work, participant: str, balances: dict[journal.Key, int]) -> tuple[tuple[Value, ...], ...]:
    """Aggregate = available + blocked, the blocked part itemised by cause (design §3)."""
    parts: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for (holder, asset, part), amount in balances.items():
        if holder != participant:
            parts[holder, asset][part] = amount
    rows: list[tuple[Value, ...]] = []
    for (holder, isin), of in sorted(parts.items()):
        product = register.product(work, isin)
        scale = register.scale(work, isin)
        total = sum(of.values())
        available = of.get(AVAILABLE, 0)
        causes = "; ".join(f"{part}: {from_units(n, scale)}" for part, n in sorted(of.items()) if part != AVAILABLE)
        rows.append(
            (
                holder,
                isin,
                product.name if product else "",
                from_units(total, scale),
                from_units(available, scale),
                from_units(total - available, scale),
                causes,
            )
        )
    return tuple(rows)


def _cash(
    work: Work, participant: str, balances: Mapping[journal.Key, int], movements: Sequence[journal.Movement]
) -> tuple[tuple[Value, ...], ...]:
    turnover = _turnover(participant, movements)
    rows: list[tuple[Value, ...]] = []
    for currency in work.market.currencies:
        mine = {
            part: n for (holder, asset, part), n in balances.items() if holder == participant and asset == currency.code
        }
        received, paid = turnover.get(currency.code, (0, 0))
        closing = sum(mine.values())
        if not (closing or received or paid):
            continue
        available = mine.get(AVAILABLE, 0)
        numbers = (closing - received + paid, received, paid, closing, available, closing - available)
        rows.append((currency.code, *(from_units(n, currency.digits) for n in numbers)))
    return tuple(rows)


def _turnover(participant: str, movements: Sequence[journal.Movement]) -> dict[str, tuple[int, int]]:
    """Money in and out today per currency; within an entry, moves between parts of the same balance cancel out."""
    per_entry: dict[tuple[str, int], int] = defaultdict(int)
    for moved in movements:
        if moved.holder == participant:
            per_entry[moved.asset, moved.entry] += moved.amount
    found: dict[str, tuple[int, int]] = {}
    for (currency, _), amount in per_entry.items():
        received, paid = found.get(currency, (0, 0))
        found[currency] = (received + max(amount, 0), paid - min(amount, 0))
    return found


def _movements(work: Work, movements: Sequence[journal.Movement]) -> tuple[tuple[Value, ...], ...]:
    return tuple(
        (
            r.entry,
            work.market.local(r.at),
            r.kind,
            r.cause,
            r.holder,
            r.asset,
            r.part or "available",
            shown(work, r.asset, r.amount),
        )
        for r in movements
    )


def _interests(work: Work, participant: str) -> tuple[tuple[Value, ...], ...]:
    """CSD-4.3-1-b: the additional information is shown; the debtor stays the holder (CSD-4.3-1-d)."""
    rows: list[tuple[Value, ...]] = []
    for one in interest_store.of_party(work, participant):
        debtor = one.debtor == participant
        rows.append(
            (
                one.number,
                "debtor" if debtor else "secured party",
                one.secured_party if debtor else one.debtor,
                one.debtor_account,
                one.isin,
                shown(work, one.isin, one.locked),
                one.additional_information,
            )
        )
    return tuple(rows)
