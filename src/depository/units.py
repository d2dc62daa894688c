"""Exact numbers: `Decimal` for people and rules, whole units of the asset's smallest part for the ledger and the database."""

from decimal import Decimal


class TooFine(ValueError):
    """The number has more decimals than the asset knows."""


def to_units(amount: Decimal, scale: int) -> int:
    """`amount` in the smallest units of an asset with `scale` decimals; raises TooFine instead of rounding.

    >>> to_units(Decimal("12.50"), 2)
    1250
    """
    shifted = amount.scaleb(scale)
    whole = int(shifted)
    if shifted != whole:
        raise TooFine(f"{amount} has more than {scale} decimals")
    return whole


def from_units(units: int, scale: int) -> Decimal:
    """The `Decimal` of `units`, always with exactly `scale` decimals.

    >>> from_units(1250, 2)
    Decimal('12.50')
    """
    return Decimal(units).scaleb(-scale)
