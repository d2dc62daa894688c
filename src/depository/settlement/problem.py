"""One settlement problem: what is available, and which instructions are due (design §5, `csd solve`)."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SECURITIES = "securities"
CASH = "cash"

NET = "net"
GROSS = "gross"

# Sums of absolute amounts below this bound cannot overflow a signed 64-bit integer, whatever the order they are added in.
SAFE_TOTAL = 1 << 61


class Due(NamedTuple):
    """One due instruction; amounts are scaled integers (units of the asset), never float.

    `isd` is an ISO date; `netting` is `net` or `gross`; instructions with the same non-empty `link` settle together or not at all.
    Free of payment: payer and payee empty, amount 0. Payment alone: quantity 0, accounts and ISIN empty.
    """

    id: str
    deliver_account: str
    receive_account: str
    isin: str
    quantity: int
    payer: str
    payee: str
    currency: str
    amount: int
    priority: int
    isd: str
    netting: str
    link: str


class Position(NamedTuple):
    """One balance that may never go negative: securities of an account in an ISIN, or cash of a participant in a currency."""

    kind: str
    asset: str
    holder: str

    @property
    def participant(self) -> str:
        """The participant a securities account belongs to is what stands before its first `-`."""
        return self.holder.split("-", 1)[0] if self.kind == SECURITIES else self.holder


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """The instructions and balances of one cycle as columns.

    Instructions keep their input order (index j); positions (index p) are sorted, so they do not depend on the order of rows.
    `quantity`, `amount` and `opening` are int64, or Python integers (dtype object) where a sum could pass 2**61.
    A row number of -1 means: no such side. `value[j] * value_unit` is the amount in the reference currency.
    `rank[j]` is the place in the order of priority, intended settlement date and arrival (the id, shorter first).
    """

    ids: tuple[str, ...]
    positions: tuple[Position, ...]
    opening: NDArray[Any]
    quantity: NDArray[Any]
    amount: NDArray[Any]
    deliver: NDArray[np.int32]
    receive: NDArray[np.int32]
    payer: NDArray[np.int32]
    payee: NDArray[np.int32]
    priority: NDArray[np.int64]
    gross: NDArray[np.bool_]
    link: NDArray[np.int32]
    rank: NDArray[np.int64]
    value: NDArray[Any]
    value_unit: Fraction
    sha256: str


def problem(
    securities: Iterable[tuple[str, str, int]],
    cash: Iterable[tuple[str, str, int]],
    due: Iterable[Due],
    rates: Mapping[str, Fraction | Decimal] = {},
    minor_units: Mapping[str, int] = {},
) -> Problem:
    """Build the problem of one cycle from rows (account, ISIN, available), (participant, currency, available) and due instructions.

    Available amounts, quantities and amounts are scaled integers >= 0. `rates` gives the price of one whole unit of a currency
    in the reference currency (default 1) and `minor_units` its number of decimals (default 0); both serve the objective alone.
    Raises ValueError naming what is wrong: a negative or non-integer amount, an id or a balance given twice, a side missing.
    """
    columns = list(zip(*due, strict=True)) or [()] * len(Due._fields)
    (
        ids,
        deliver_account,
        receive_account,
        isin,
        quantity,
        payer,
        payee,
        currency,
        amount,
        priority,
        isd,
        netting,
        link,
    ) = columns
    _require_amounts("quantity", ids, quantity)
    _require_amounts("amount", ids, amount)
    if len(set(ids)) != len(ids):
        seen: set[str] = set()
        raise ValueError(f"instruction {next(i for i in ids if i in seen or seen.add(i))} is given twice")  # type: ignore[func-returns-value]
    for i, kind in zip(ids, netting, strict=True):
        if kind not in (NET, GROSS):
            raise ValueError(f"instruction {i}: netting is {kind!r}, not 'net' or 'gross'")

    rows: dict[tuple[str, str, str], int] = {}
    deliver = _rows(rows, SECURITIES, isin, deliver_account, quantity, ids, "deliver_account")
    receive = _rows(rows, SECURITIES, isin, receive_account, quantity, ids, "receive_account")
    payer_row = _rows(rows, CASH, currency, payer, amount, ids, "payer")
    payee_row = _rows(rows, CASH, currency, payee, amount, ids, "payee")
    opening = [0] * len(rows)
    given: set[tuple[str, str, str]] = set()
    for kind, table in ((SECURITIES, securities), (CASH, cash)):
        for holder, asset, available in table:
            key = (kind, asset, holder)
            if type(available) is not int or available < 0:
                raise ValueError(f"{kind} of {holder} in {asset}: available is {available!r}, not an integer >= 0")
            if key in given:
                raise ValueError(f"{kind} of {holder} in {asset} are given twice")
            given.add(key)
            # A balance nothing is due on cannot change and binds nothing.
            row = rows.get(key)
            if row is not None:
                opening[row] = available

    keys = list(rows)
    order = sorted(range(len(keys)), key=keys.__getitem__)
    place = np.empty(len(keys) + 1, dtype=np.int32)
    place[order] = np.arange(len(keys), dtype=np.int32)
    place[-1] = -1
    positions = tuple(Position(*keys[k]) for k in order)
    total = sum(opening) + sum(quantity) + sum(amount)
    dtype: Any = np.int64 if total < SAFE_TOTAL else object
    value, value_unit = _values(currency, amount, rates, minor_units)
    groups: dict[str, int] = {}
    columns_of = _Columns(
        ids=ids,
        opening=np.array([opening[k] for k in order], dtype=dtype),
        quantity=np.array(quantity, dtype=dtype),
        amount=np.array(amount, dtype=dtype),
        deliver=place[deliver],
        receive=place[receive],
        payer=place[payer_row],
        payee=place[payee_row],
        priority=np.array(priority, dtype=np.int64),
        gross=np.array([kind == GROSS for kind in netting], dtype=np.bool_),
        link=np.array([groups.setdefault(name, len(groups)) if name else -1 for name in link], dtype=np.int32),
        rank=_rank(ids, priority, isd),
    )
    return Problem(
        positions=positions,
        value=value,
        value_unit=value_unit,
        sha256=_digest(columns_of, positions, link, value_unit),
        **columns_of._asdict(),
    )


class _Columns(NamedTuple):
    ids: tuple[str, ...]
    opening: NDArray[Any]
    quantity: NDArray[Any]
    amount: NDArray[Any]
    deliver: NDArray[np.int32]
    receive: NDArray[np.int32]
    payer: NDArray[np.int32]
    payee: NDArray[np.int32]
    priority: NDArray[np.int64]
    gross: NDArray[np.bool_]
    link: NDArray[np.int32]
    rank: NDArray[np.int64]


def _require_amounts(name: str, ids: tuple[str, ...], amounts: tuple[int, ...]) -> None:
    for i, given in zip(ids, amounts, strict=True):
        if type(given) is not int or given < 0:
            raise ValueError(f"instruction {i}: {name} is {given!r}, not an integer >= 0")


def _rows(
    rows: dict[tuple[str, str, str], int],
    kind: str,
    assets: tuple[str, ...],
    holders: tuple[str, ...],
    amounts: tuple[int, ...],
    ids: tuple[str, ...],
    side: str,
) -> NDArray[np.int64]:
    """The provisional row of each instruction's side, -1 where nothing moves; unknown positions start at the end of `rows`."""
    found = np.full(len(ids), -1, dtype=np.int64)
    for j, (asset, holder, moved) in enumerate(zip(assets, holders, amounts, strict=True)):
        if moved:
            if not holder or not asset:
                raise ValueError(f"instruction {ids[j]}: {moved} to move, but {side} or its asset is empty")
            found[j] = rows.setdefault((kind, asset, holder), len(rows))
    return found


def _values(
    currency: tuple[str, ...],
    amount: tuple[int, ...],
    rates: Mapping[str, Fraction | Decimal],
    minor_units: Mapping[str, int],
) -> tuple[NDArray[Any], Fraction]:
    """Each amount in the reference currency as an integer number of one common unit, and that unit."""
    factor = {c: Fraction(rates.get(c, 1)) / 10 ** minor_units.get(c, 0) for c in sorted(set(currency)) if c}
    for c, f in factor.items():
        if f < 0:
            raise ValueError(f"rate of {c} is negative")
    scale = lcm(*(f.denominator for f in factor.values()))
    times = {c: int(f * scale) for c, f in factor.items()} | {"": 0}
    values = [a * times[c] for a, c in zip(amount, currency, strict=True)]
    dtype: Any = np.int64 if sum(values) < SAFE_TOTAL else object
    return np.array(values, dtype=dtype), Fraction(1, scale)


def _rank(ids: tuple[str, ...], priority: tuple[int, ...], isd: tuple[str, ...]) -> NDArray[np.int64]:
    """The place of each instruction by priority, date and arrival: ids grow with arrival, so a shorter id came earlier."""
    rank = np.empty(len(ids), dtype=np.int64)
    rank[sorted(range(len(ids)), key=lambda j: (priority[j], isd[j], len(ids[j]), ids[j]))] = np.arange(len(ids))
    return rank


def _digest(columns: _Columns, positions: tuple[Position, ...], link: tuple[str, ...], value_unit: Fraction) -> str:
    """SHA-256 of the problem in its canonical order: the same for any order of the input rows."""
    order = np.argsort(columns.rank)
    digest = hashlib.sha256()
    digest.update("\n".join(columns.ids[j] for j in order).encode())
    digest.update("\n".join(link[j] for j in order).encode())
    digest.update("\n".join(map("\t".join, positions)).encode())
    digest.update(str(value_unit).encode())
    for name in ("quantity", "amount", "deliver", "receive", "payer", "payee", "priority", "gross"):
        digest.update(_bytes(getattr(columns, name)[order]))
    digest.update(_bytes(columns.opening))
    return digest.hexdigest()


def _bytes(array: NDArray[Any]) -> bytes:
    return " ".join(map(str, array)).encode() if array.dtype == object else array.tobytes()
