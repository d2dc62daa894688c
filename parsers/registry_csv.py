"""The registry's positions in the depository's name as CSV with a control trailer, and back (CSD-3.5.1-a).

Lines `isin,quantity,as_of`, one per ISIN; the last line is `TRAILER,count,total_quantity`. A file without a right
trailer may be cut off, and nothing of it is taken: a missing line would look like a missing holding.
"""

from collections.abc import Sequence
from decimal import Decimal

from depository import identifiers
from depository.feeds import RefusedLine, RegistryFile, RegistryPosition
from depository.rejects import RejectionReason
from parsers.csv_table import EXACT, Cells, check_total, exact_sum, plain, read_table, trailer_numbers, write_table

RULE = "CSD-3.5.1-a"
COLUMNS = ("isin", "quantity", "as_of")

_WHAT = "registry positions"
_TOTALS = ("count", "total_quantity")


def read_positions(data: bytes) -> RegistryFile:
    """The positions of a file and the lines that are refused; a quantity may be nought, not less.

    Raises FileRefused when the file cannot be read or its control trailer is missing or disagrees.
    """
    table = read_table(data, COLUMNS, what=_WHAT, rule=RULE, trailer=True)
    positions: list[RegistryPosition] = []
    refused: list[RefusedLine] = list(table.refused)
    total = Decimal(0)
    complete = not table.refused
    seen: dict[str, int] = {}
    for row in table.rows:
        cells = Cells(row, RULE)
        quantity = cells.number("quantity", RejectionReason.QUANTITY, positive=False)
        if quantity is not None and quantity < 0:
            cells.fault(RejectionReason.QUANTITY, "quantity", "quantity must not be negative.")
        total = EXACT.add(total, quantity or Decimal(0))
        complete &= quantity is not None
        isin = cells.identifier("isin", identifiers.isin, RejectionReason.SECURITY)
        as_of = cells.day("as_of")
        if isin and seen.setdefault(isin, row.line) != row.line:
            message = f"The ISIN stands on line {seen[isin]} already: send one line per ISIN."
            cells.fault(RejectionReason.REFERENCE, "isin", message)
        if cells.rejects or quantity is None or as_of is None:
            refused.append(cells.refused(row.cells["isin"]))
        else:
            positions.append(RegistryPosition(row.line, isin, quantity, as_of))
    count, stated = trailer_numbers(table.trailer, _TOTALS, _WHAT)
    check_total("count", count, Decimal(len(table.rows) + len(table.refused)), _WHAT)
    check_total("total_quantity", stated, total, _WHAT, complete=complete)
    return RegistryFile(tuple(positions), tuple(sorted(refused, key=lambda line: line.line)), table.columns)


def render_positions(positions: Sequence[RegistryPosition]) -> bytes:
    """The file of the positions with its trailer, as read_positions takes it; lines in the order given."""
    rows = [(p.isin, plain(p.quantity), p.as_of.isoformat()) for p in positions]
    total = exact_sum(p.quantity for p in positions)
    return write_table(COLUMNS, rows, (str(len(rows)), plain(total)))
