"""Amounts of the books as people read them."""

from decimal import Decimal

from depository.store import register
from depository.store.work import Work
from depository.units import from_units


def shown(work: Work, asset: str, units: int) -> Decimal:
    """Smallest units of an asset with every decimal that it has."""
    return from_units(units, register.scale(work, asset))


def in_words(work: Work, asset: str, units: int) -> str:
    """The same, and the asset: `12500.00 KZT`."""
    return f"{shown(work, asset, units)} {asset}"
