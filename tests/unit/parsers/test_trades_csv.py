"""The exchange's trades: right files, refused lines, refused files."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from depository.rejects import FileRefused, RejectionReason
from parsers.trades_csv import COLUMNS, read_trades, render_trades
from tests.support.feed_builders import DAY, NOON, ZONE, trade

RIGHT = render_trades([trade(), trade(line=3, trade_id="T0002")])


def changed(**cells: str) -> bytes:
    """The right file with other cells in its second trade (line 3)."""
    lines = RIGHT.decode().split("\r\n")
    values = dict(zip(COLUMNS, lines[2].split(","), strict=True)) | cells
    lines[2] = ",".join(values[column] for column in COLUMNS)
    return "\r\n".join(lines).encode()


@pytest.mark.rule("CSD-4.1.1-b")
def test_a_right_file_gives_its_trades_with_every_field() -> None:
    found = read_trades(RIGHT, ZONE)
    assert found.trades == (trade(), trade(line=3, trade_id="T0002"))
    assert found.refused == ()
    assert found.trades[0].traded_at == NOON


def test_times_are_those_of_the_zone_that_the_market_is_in() -> None:
    elsewhere = ZoneInfo("America/New_York")
    read = read_trades(RIGHT, elsewhere).trades
    assert read[0].traded_at == datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
    assert render_trades(read) == RIGHT
    assert read_trades(render_trades(read), elsewhere).trades == read


@pytest.mark.rule("CSD-5.1.10-a")
def test_a_trade_and_its_cancellation_may_stand_in_one_file() -> None:
    both = [trade(), trade(line=3, cancelled=True)]
    assert [one.cancelled for one in read_trades(render_trades(both), ZONE).trades] == [False, True]


def test_an_empty_day_is_a_header_and_a_trailer() -> None:
    assert read_trades(render_trades([]), ZONE).trades == ()


@pytest.mark.parametrize(
    ("cells", "code", "field"),
    [
        ({"trade_id": ""}, RejectionReason.REFERENCE, "trade_id"),
        ({"trade_id": "T0001"}, RejectionReason.REFERENCE, "trade_id"),
        ({"trade_date": "23.11.2026"}, RejectionReason.DATE, "trade_date"),
        ({"trade_date": "2026-02-30"}, RejectionReason.DATE, "trade_date"),
        ({"trade_time": "12:00"}, RejectionReason.DATE, "trade_time"),
        ({"kind": "SALE"}, RejectionReason.OTHER, "kind"),
        ({"isin": "KZX000009015"}, RejectionReason.SECURITY, "isin"),
        ({"isin": "КZX000009014"}, RejectionReason.SECURITY, "isin"),
        ({"price": "1e5"}, RejectionReason.MONEY, "price"),
        ({"price": "٨٠٠٠"}, RejectionReason.MONEY, "price"),
        ({"price": "-8000.50"}, RejectionReason.MONEY, "price"),
        ({"price": "9999.00"}, RejectionReason.MONEY, "amount"),
        ({"currency": "KZ"}, RejectionReason.MONEY, "currency"),
        ({"alternative_currency": "tenge"}, RejectionReason.MONEY, "alternative_currency"),
        ({"buyer": "B1"}, RejectionReason.COUNTERPARTY, "buyer"),
        ({"buyer": "В01"}, RejectionReason.COUNTERPARTY, "buyer"),
        ({"buyer_account": "B02-HO"}, RejectionReason.ACCOUNT, "buyer_account"),
        ({"seller_account": "B02-XX"}, RejectionReason.ACCOUNT, "seller_account"),
        ({"settlement_date": "2026-11-20"}, RejectionReason.DATE, "settlement_date"),
        ({"repo_rate": "12.5"}, RejectionReason.OTHER, "repo_rate"),
        ({"kind": "REPO_OPEN"}, RejectionReason.OTHER, "repo_rate"),
        ({"state": "old"}, RejectionReason.OTHER, "state"),
    ],
)
def test_a_faulty_line_is_refused_by_itself_and_the_rest_goes_on(
    cells: dict[str, str], code: RejectionReason, field: str
) -> None:
    found = read_trades(changed(**cells), ZONE)
    assert found.trades == (trade(),)
    (line,) = found.refused
    assert line.line == 3
    assert (code, field) in {(reject.code, reject.field) for reject in line.rejects}
    assert all(reject.message and reject.rule == "CSD-4.1.1-b" for reject in line.rejects)
    place = line.places[[reject.field for reject in line.rejects].index(field)]
    assert place == f"line 3, column {COLUMNS.index(field) + 1} ({field})"


@pytest.mark.parametrize("found", ["1,234.5", "1 234", "1234,5", "+5", ".5", "5.", "0x10", "NaN", "1e3", "१२"])
def test_a_number_is_never_guessed(found: str) -> None:
    line = read_trades(changed(quantity=f'"{found}"'), ZONE).refused[0]
    assert [(r.code, r.field, r.found) for r in line.rejects] == [(RejectionReason.QUANTITY, "quantity", found)]
    assert "point as the only separator" in line.rejects[0].message


def test_every_fault_of_a_line_is_reported_at_once() -> None:
    line = read_trades(changed(isin="X", quantity="0", buyer="?", state=""), ZONE).refused[0]
    assert [reject.field for reject in line.rejects] == ["quantity", "isin", "buyer", "state"]


def test_a_letter_that_only_looks_latin_is_named() -> None:
    line = read_trades(changed(buyer="В01"), ZONE).refused[0]
    assert "Cyrillic" in line.rejects[0].message


def test_the_amount_is_quantity_times_price_to_the_smallest_unit_of_the_currency() -> None:
    third = trade(quantity=Decimal(3), price=Decimal("0.335"), amount=Decimal("1.01"))
    assert read_trades(render_trades([third]), ZONE).refused == ()
    off_by_one = trade(quantity=Decimal(3), price=Decimal("0.335"), amount=Decimal("1.02"))
    assert read_trades(render_trades([off_by_one]), ZONE).refused[0].rejects[0].field == "amount"


def test_an_amount_finer_than_its_currency_is_refused() -> None:
    fine = trade(quantity=Decimal(1), price=Decimal("0.125"), amount=Decimal("0.125"))
    assert read_trades(render_trades([fine]), ZONE).refused[0].rejects[0].field == "amount"


def test_a_repo_carries_rate_and_end_and_need_not_multiply_out() -> None:
    repo = trade(kind="REPO_OPEN", repo_rate=Decimal("14.25"), repo_end=DAY.replace(day=30), amount=Decimal(79000))
    assert read_trades(render_trades([repo]), ZONE).trades == (repo,)


def test_a_file_cut_off_anywhere_is_refused_whole() -> None:
    # Without the line end and the last noughts behind the point the file still says the same.
    whole = len(RIGHT.rstrip(b"\r\n").removesuffix(b".00"))
    for length in range(whole):
        with pytest.raises(FileRefused):
            read_trades(RIGHT[:length], ZONE)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"TRAILER,2,", b"TRAILER,3,", "wrong-trailer"),
        (b"TRAILER,2,20,", b"TRAILER,2,21,", "wrong-trailer"),
        (b"160010.00", b"160010.01", "wrong-trailer"),
        (b"160010.00", b"many", "wrong-trailer"),
        (b"160010.00", b"", "wrong-trailer"),
        (b"TRAILER,2,20,160010.00", b"", "wrong-trailer"),
        (b"trade_id,", b"trade,", "wrong-header"),
        (b"trade_id,trade_date", b"trade_id,trade_id", "wrong-header"),
        (b"trade_id,", b"tr\xd0\xb0de_id,", "wrong-header"),
        (b",", b";", "wrong-separator"),
        (b",", b"\t", "wrong-separator"),
        (b"T0001", b"T\x000001", "damaged"),
        (b"T0001", b"T\xff0001", "wrong-encoding"),
        (b"T0001", b'"T0001', "damaged"),
        (b"T0001", b'"T"0001', "damaged"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_whole(old: bytes, new: bytes, code: str) -> None:
    assert old in RIGHT
    with pytest.raises(FileRefused) as refused:
        read_trades(RIGHT.replace(old, new), ZONE)
    assert refused.value.code == code


def test_lines_after_the_trailer_are_two_files_in_one() -> None:
    with pytest.raises(FileRefused, match="lines follow"):
        read_trades(RIGHT + RIGHT, ZONE)


def test_a_utf16_file_and_an_empty_one_are_refused() -> None:
    for data, code in ((RIGHT.decode().encode("utf-16"), "wrong-encoding"), (b"", "empty"), (b"\r\n\r\n", "empty")):
        with pytest.raises(FileRefused) as refused:
            read_trades(data, ZONE)
        assert refused.value.code == code


def test_a_byte_order_mark_blanks_at_the_ends_and_other_line_ends_change_nothing() -> None:
    right = read_trades(RIGHT, ZONE)
    assert read_trades(b"\xef\xbb\xbf" + RIGHT, ZONE) == right
    assert read_trades(RIGHT.replace(b"\r\n", b"\n"), ZONE) == right
    assert read_trades(RIGHT.replace(b",B01,", b", B01\xc2\xa0 ,"), ZONE) == right
    assert read_trades(RIGHT.rstrip(b"\r\n") + b"," * 14 + b"\r\n\r\n", ZONE) == right


def test_columns_may_stand_in_another_order() -> None:
    rows = [line.split(",") for line in RIGHT.decode().split("\r\n") if line]
    turned = [",".join(reversed(row)) for row in rows[:-1]] + [",".join(rows[-1])]
    assert read_trades("\n".join(turned).encode(), ZONE) == read_trades(RIGHT, ZONE)


def test_a_line_with_too_many_or_too_few_cells_is_refused_by_itself() -> None:
    longer = RIGHT.replace(b"T0002,", b"T0002,,")
    found = read_trades(longer, ZONE)
    assert [one.trade_id for one in found.trades] == ["T0001"]
    assert (found.refused[0].line, found.refused[0].reference) == (3, "T0002")


def test_very_many_columns_are_refused_with_a_short_message() -> None:
    with pytest.raises(FileRefused) as refused:
        read_trades(b",".join(b"c%d" % n for n in range(100_000)), ZONE)
    assert refused.value.code == "wrong-header"
    assert len(refused.value.message) < 1_000
    found = read_trades(RIGHT.replace(b"T0002,", b"T0002," + b"x," * 400_000), ZONE)
    assert len(found.refused[0].rejects[0].found) < 200


@pytest.mark.parametrize("flood", [b"," * 1_000_001, b',"\n",' * 300_000], ids=["one line", "quoted over many lines"])
def test_a_record_that_would_fill_the_memory_is_refused(flood: bytes) -> None:
    with pytest.raises(FileRefused) as refused:
        read_trades(RIGHT.replace(b"T0002,", b"T0002," + flood), ZONE)
    assert refused.value.code == "too-large"


def test_a_file_beyond_the_size_limit_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parsers.csv_table.MAX_BYTES", len(RIGHT) - 1)
    with pytest.raises(FileRefused) as refused:
        read_trades(RIGHT, ZONE)
    assert refused.value.code == "too-large"


def test_an_unreadable_quantity_leaves_the_other_totals_checked() -> None:
    lines = changed(quantity="x")
    assert len(read_trades(lines, ZONE).trades) == 1
    with pytest.raises(FileRefused):
        read_trades(lines.replace(b"TRAILER,2,20,", b"TRAILER,2,9,"), ZONE)
