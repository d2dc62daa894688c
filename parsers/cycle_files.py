"""A cycle as the plain files of `csd solve`, input, outcome and proof, in one zip: the same cycle gives the same bytes.

Whoever has them can settle the cycle anew without the depository, and recompute its bound without the engine.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping

from depository.settlement import Due, Outcome, Problem
from parsers import solve_files
from parsers.solve_files import SolveInput, decimal, table

STAMP = (1980, 1, 1, 0, 0, 0)
"""The same moment on every entry, so that the same cycle gives the same bytes."""
Available = Iterable[tuple[str, str, int]]


def pack(
    securities: Available,
    cash: Available,
    due: Iterable[Due],
    rates: Mapping[str, str],
    problem: Problem,
    outcome: Outcome,
    decimals: Mapping[str, int],
) -> bytes:
    """The zip; rows as the problem was made from them, rates as exact decimals, `decimals` of each ISIN and currency."""
    given = {
        solve_files.SECURITIES: _available(("account", "isin", "available"), securities, decimals),
        solve_files.CASH: _available(("participant", "currency", "available"), cash, decimals),
        solve_files.INSTRUCTIONS: table(Due._fields, (_instruction(one, decimals) for one in due)),
        solve_files.RATES: table(("currency", "rate"), rates.items()),
    }
    digest = hashlib.sha256()
    for name in solve_files.FILES:
        content = given[name].encode()
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    files = given | solve_files.write(SolveInput(problem, dict(decimals)), outcome, digest.hexdigest())
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name, text in sorted(files.items()):
            target.writestr(zipfile.ZipInfo(name, STAMP), text.encode(), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def unpack(data: bytes) -> dict[str, bytes]:
    """The files by name."""
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        return {name: source.read(name) for name in source.namelist()}


def _available(header: tuple[str, str, str], rows: Available, decimals: Mapping[str, int]) -> str:
    return table(header, ((holder, asset, decimal(amount, decimals[asset])) for holder, asset, amount in rows))


def _instruction(one: Due, decimals: Mapping[str, int]) -> tuple[str, ...]:
    quantity = decimal(one.quantity, decimals[one.isin]) if one.quantity else "0"
    amount = decimal(one.amount, decimals[one.currency]) if one.amount else "0"
    row = one._replace(quantity=quantity, amount=amount)  # type: ignore[arg-type]
    return tuple(map(str, row))
