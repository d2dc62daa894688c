"""Whatever the bytes, a reader gives records and refused lines, or refuses the file: it never breaks."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from depository.feeds import BankStatement, TradeFile
from depository.rejects import FileRefused
from parsers.camt import read_statement
from parsers.pain001 import read_orders
from parsers.reference_csv import (
    read_accounts,
    read_bank_accounts,
    read_calendar,
    read_opening_positions,
    read_parties,
    read_powers,
    read_products,
)
from parsers.registry_csv import read_positions, render_positions
from parsers.trades_csv import read_trades, render_trades
from tests.support.feed_builders import NOON, ZONE, entry, positions, render_statement, statement, trade


def trades_read(data: bytes) -> TradeFile:
    return read_trades(data, ZONE)


def statements_read(data: bytes) -> tuple[BankStatement, ...]:
    return read_statement(data, ZONE)


READERS: list[Callable[[bytes], Any]] = [
    trades_read,
    read_positions,
    statements_read,
    read_orders,
    read_parties,
    read_powers,
    read_bank_accounts,
    read_accounts,
    read_products,
    read_calendar,
    read_opening_positions,
]
TRADES = render_trades([trade(), trade(line=3, trade_id="T0002", cancelled=True)])
STATEMENT = render_statement(statement(entry(), entry(line=2, reference="BANK-2", credit=False)), False, NOON)
JUNK = st.one_of(
    st.binary(max_size=4),
    st.text(max_size=4).map(lambda text: text.encode("utf-8", "replace")),
    st.sampled_from(
        [
            b"\x00",
            b'"',
            b",",
            b"\r",
            b"\n",
            b"1e999",
            b"-",
            b"9" * 30,
            b"NaN",
            b"Infinity",
            b"<",
            b"&",
            b"</Ntry>",
            b"\xc2\xa0",
        ]
    ),
)


def refuses_or_reads(read: Callable[[bytes], Any], data: bytes) -> None:
    """Read; a refusal has a code and a message that fits a receipt."""
    message = ""
    try:
        read(data)
    except FileRefused as refused:
        message = f"{refused.code}: {refused.message}"
    assert message == "" or 5 < len(message) < 1_000


@pytest.mark.parametrize("read", READERS)
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=200))
@example(data=b"")
@example(data=b"\xef\xbb\xbf")
@example(data=b"\n" * 50)
def test_any_bytes_are_read_or_refused(read: Callable[[bytes], Any], data: bytes) -> None:
    refuses_or_reads(read, data)


@pytest.mark.parametrize(("read", "right"), [(trades_read, TRADES), (statements_read, STATEMENT)])
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_right_file_that_is_damaged_anywhere_is_read_or_refused(
    read: Callable[[bytes], Any], right: bytes, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(right)))
    end = data.draw(st.integers(start, min(len(right), start + 40)))
    refuses_or_reads(read, right[:start] + data.draw(JUNK) + right[end:])


@settings(max_examples=60, deadline=None)
@given(found=positions(), data=st.data())
def test_a_registry_file_without_one_of_its_lines_is_refused(found: list[Any], data: st.DataObject) -> None:
    lines = render_positions(found).splitlines(keepends=True)
    gone = data.draw(st.integers(0, len(lines) - 1))
    with pytest.raises(FileRefused):
        read_positions(b"".join(lines[:gone] + lines[gone + 1 :]))
