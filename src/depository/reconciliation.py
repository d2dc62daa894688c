"""Do the books agree with the world? Cash with the bank, securities with the registry, transitory accounts empty (CSD-3.1.3-a)."""

from collections.abc import Sequence
from dataclasses import dataclass

from depository.amounts import shown
from depository.answers import LineOutcome, Verdict
from depository.feeds import RegistryPosition
from depository.ledger import AVAILABLE, BANK, ISSUER
from depository.rejects import Reject, RejectionReason
from depository.store import journal, payments, register
from depository.store import positions as store
from depository.store.bank import closing_balance, last_closing
from depository.store.work import Work
from depository.units import TooFine, from_units, to_units


@dataclass(frozen=True, slots=True)
class Difference:
    """One comparison: `ours` and `theirs` in smallest units; `theirs` None = nothing came."""

    what: str
    asset: str
    ours: int
    theirs: int | None

    @property
    def agrees(self) -> bool:
        """Equal to the last unit."""
        return self.ours == self.theirs


def reconcile_cash(work: Work) -> list[Difference]:
    """Our nominee account per currency against the bank's closing balance of the day."""
    differences = []
    held = journal.balances_at_close(work, [BANK])
    for currency in work.market.currencies:
        ours = -held.get((BANK, currency.code, AVAILABLE), 0)
        differences.append(
            Difference("settlement bank", currency.code, ours, closing_balance(work, work.business_date, currency.code))
        )
    return differences


def reconcile_securities(work: Work) -> list[Difference]:
    """What the accounts hold per ISIN against the registry's position in the depository's name."""
    theirs = store.of_day(work, work.business_date)
    held = journal.balances_at_close(work, [ISSUER])
    ours = {isin: -held.get((ISSUER, isin, AVAILABLE), 0) for isin in register.all_products(work)}
    return [
        Difference("registry", isin, ours.get(isin, 0), theirs.get(isin))
        for isin in sorted(ours.keys() | theirs.keys())
        if ours.get(isin) or theirs.get(isin)
    ]


def differences_outside(work: Work) -> list[str]:
    """Where the books, as at the last business date that bank or registry has stated, are not what they stated; in words."""
    found = []
    for day, compare in ((last_closing(work), reconcile_cash), (store.last_day(work), reconcile_securities)):
        if day is None:
            continue
        for one in compare(Work(work.connection, day, work.at, work.market)):
            if one.theirs is not None and not one.agrees:
                scale = register.scale(work, one.asset)
                ours, theirs = from_units(one.ours, scale), from_units(one.theirs, scale)
                found.append(
                    f"{one.what}, {one.asset} at the close of {day}: the books have {ours}, it stated {theirs}"
                )
    return found


def record_positions(work: Work, positions: Sequence[RegistryPosition]) -> list[LineOutcome]:
    """Keeps the registry's positions of a day; a later file of the same day replaces them.

    Refused are an unknown security and a quantity finer than the security knows.
    """
    rows: list[dict[str, object]] = []
    outcomes = []
    for p in positions:
        kept = _position_units(work, p)
        if isinstance(kept, Reject):
            outcomes.append(LineOutcome(p.line, Verdict.REFUSED, p.isin, "", "", (kept,)))
            continue
        outcomes.append(LineOutcome(p.line, Verdict.ACCEPTED, p.isin, "", "kept"))
        rows.append({"as_of": p.as_of, "isin": p.isin, "quantity": kept})
    store.replace(work, {p.as_of for p in positions}, rows)
    return outcomes


def _position_units(work: Work, position: RegistryPosition) -> int | Reject:
    product = register.product(work, position.isin)
    if product is None:
        return Reject(RejectionReason.SECURITY, "CSD-7.1.1-a", "isin", position.isin, "not a product of the register")
    try:
        return to_units(position.quantity, product.scale)
    except TooFine as fault:
        return Reject(RejectionReason.QUANTITY, "CSD-3.5.1-a", "quantity", str(position.quantity), str(fault))


def overnight_breaches(work: Work) -> list[tuple[str, str, str]]:
    """Balances left on transitory settlement accounts: account, asset, quantity (CSD-3.1.3-a, CSD-3.5.8-a)."""
    left = journal.balances_at_close(work, journal.transitory())
    return [(holder, asset, str(shown(work, asset, amount))) for (holder, asset, _), amount in left.items()]


def conservation(work: Work) -> dict[str, int]:
    """Assets whose balances do not sum to nought over all holders; empty when the books are whole."""
    return journal.lopsided(work)


def negative_balances(work: Work) -> list[journal.Key]:
    """Balances below nought of anyone but the contra accounts; must be empty."""
    return journal.negative(work)


def payments_under_way(work: Work) -> dict[str, int]:
    """Ordered payments per currency that the bank has not confirmed: they explain a difference in cash."""
    sums: dict[str, int] = {}
    for one in payments.under_way(work):
        if one.state == payments.ORDERED:
            sums[one.currency] = sums.get(one.currency, 0) + one.amount
    return sums
