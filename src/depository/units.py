"""Exact numbers: `Decimal` for people and rules, whole units of the asset's smallest part for the ledger and the database."""

from decimal import Context, Decimal

LARGEST = 10**17
"""Smallest units in one amount: less than this. Ninety such amounts still add up within the database's 64 bits."""
_EXACT = Context(prec=100)
"""Arithmetic that never rounds on numbers that a file can hold (the standard 28 digits would)."""


class TooFine(ValueError):
    """The number has more decimals than the asset knows, or is larger than an amount can be."""


def to_units(amount: Decimal, scale: int) -> int:
    """`amount` in the smallest units of an asset with `scale` decimals; raises TooFine instead of rounding.

    >>> to_units(Decimal("12.50"), 2)
    1250
    """
    if amount.adjusted() + scale > 17:
        raise TooFine(f"{amount} is larger than an amount can be")
    shifted = amount.scaleb(scale, _EXACT)
    whole = int(shifted)
    if shifted != whole:
        known = f"is known to {scale} decimals; round it" if scale else "is counted in whole ones; give a whole number"
        raise TooFine(f"{amount} has too many decimals: this {known}")
    if abs(whole) >= LARGEST:
        raise TooFine(f"{amount} is larger than an amount can be")
    return whole


def from_units(units: int, scale: int) -> Decimal:
    """The `Decimal` of `units`, always with exactly `scale` decimals.

    >>> from_units(1250, 2)
    Decimal('12.50')
    """
    return Decimal(units).scaleb(-scale)
