"""The registry's positions: right files, refused lines, refused files."""

from datetime import date
from decimal import Decimal

import pytest

from depository.feeds import RegistryPosition
from depository.rejects import FileRefused, RejectionReason
from parsers.registry_csv import read_positions, render_positions

DAY = date(2026, 11, 23)
ROWS = [
    RegistryPosition(2, "KZX000009014", Decimal("1250000.5"), DAY),
    RegistryPosition(3, "US0378331005", Decimal(0), DAY),
]
RIGHT = render_positions(ROWS)


@pytest.mark.rule("CSD-3.5.1-a")
def test_a_right_file_gives_its_positions_and_nought_is_a_position() -> None:
    assert read_positions(RIGHT).positions == tuple(ROWS)


@pytest.mark.parametrize(
    ("old", "new", "code", "field"),
    [
        (b"KZX000009014", b"KZX000009013", RejectionReason.SECURITY, "isin"),
        (b"KZX000009014", b"US0378331005", RejectionReason.REFERENCE, "isin"),
        (b"2026-11-23\r\nUS", b"2026-13-23\r\nUS", RejectionReason.DATE, "as_of"),
        (b",1250000.5,", b',"1250000,5",', RejectionReason.QUANTITY, "quantity"),
    ],
)
def test_a_faulty_line_is_refused_by_itself(old: bytes, new: bytes, code: RejectionReason, field: str) -> None:
    assert old in RIGHT
    found = read_positions(RIGHT.replace(old, new, 1))
    assert len(found.positions) == 1
    assert [(reject.code, reject.field) for reject in found.refused[0].rejects] == [(code, field)]


def test_a_negative_holding_is_refused() -> None:
    negative = RIGHT.replace(b"1250000.5,2026", b"-5,2026").replace(b"2,1250000.5", b"2,-5")
    assert read_positions(negative).refused[0].rejects[0].field == "quantity"


def test_a_missing_line_is_noticed_by_the_trailer() -> None:
    with pytest.raises(FileRefused) as refused:
        read_positions(b"\r\n".join(line for line in RIGHT.split(b"\r\n") if not line.startswith(b"US")))
    assert refused.value.code == "wrong-trailer"


def test_a_file_without_trailer_is_refused() -> None:
    with pytest.raises(FileRefused, match="cut off"):
        read_positions(RIGHT[: RIGHT.index(b"TRAILER")])
