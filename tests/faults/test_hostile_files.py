"""Files made to hurt, put into a real folder and taken by the whole intake, the reader in its limited child.

Each is answered in clear words, leaves nothing in the books, takes no more than a bounded amount of memory, and the next good file
of the same sender is taken.
"""

import io
import itertools
import os
import resource
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from openpyxl import load_workbook

from depository.answers import Receipt, Verdict
from depository.sftp.intake import LONGEST_NAME, safe_name
from depository.store import schema
from depository.verify import verify
from parsers import receipt_json
from parsers.camt import render_statements
from parsers.trades_csv import render_trades
from tests.faults.kill_points import DAY, Forker, World
from tests.faults.watch import Watch, depository
from tests.support.books import advice, at, entry, form, ist_line, trade
from tests.support.fault_results import tried
from tests.support.hostile_files import Hostile, every, oddities
from tools.sample_day import ROOT as SAMPLE_DAY

BOOKS = (
    schema.journal,
    schema.posting,
    schema.instruction,
    schema.interest,
    schema.withdrawal,
    schema.account,
    schema.opening,
    schema.bank_account,
    schema.bank_entry,
    schema.registry_position,
    schema.party,
    schema.form,
)
"""What a refused file must not touch."""
MEGABYTES = 400
"""By so much the depository's own process may grow at most while it takes a file; the reader has a limit of its own."""
SAMPLES = [
    Hostile(path.stem, "B01", path.name, path.read_bytes)
    for path in sorted((SAMPLE_DAY.parent / "IST").glob("refused-*.xlsx"))
]
NAMES = (
    "two\nlines.xlsx",
    "screen\x1b[2J.xlsx",
    "turned\u202exslx.exe.xlsx",
    "wide\u200b\u2060.xlsx",
    "x\\..\\..\\up.xlsx",
    "-rf.xlsx",
    "=cmd|' 'C calc'!A0.xlsx",
    "con.xlsx",
    "имя файла.xlsx",
    "n" * 240 + ".xlsx",
    "half.xlsx.csd.xlsx",
    "a:b*c?d.xlsx",
)
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    folder = tmp_path_factory.mktemp("hostile")
    forker = Forker(folder)
    try:
        world = World(folder, forker)
        place = folder / "d"
        place.mkdir()
        with depository(world, f"sqlite:///{place / 'csd.db'}", place, sandbox=True) as watch:
            yield watch
    finally:
        forker.close()


def moments() -> Iterator[datetime]:
    start = at("10:00")
    return (start + timedelta(seconds=2 * n) for n in itertools.count())


CLOCK = moments()


def put(desk: Watch, party: str, name: str, data: bytes) -> list[Receipt]:
    """Drops a file with its marker, looks once, and returns what receipts came."""
    inbox, outbox = desk.root / party / "inbox", desk.root / party / "outbox"
    before = {path.name for path in outbox.iterdir()}
    (inbox / name).write_bytes(data)
    marker = inbox / f"{name}.done"
    if len(os.fsencode(marker.name)) <= 255:
        marker.touch()
    desk.look(next(CLOCK))
    new = sorted({path.name for path in outbox.iterdir()} - before)
    for answer in new:
        # Our own endings may make a long name a little longer.
        assert safe_name(answer)[1] in ("", f"longer than {LONGEST_NAME} bytes"), answer
        if answer.endswith(".xlsx"):
            assert_no_formula((outbox / answer).read_bytes())
    return [receipt_json.parse((outbox / answer).read_bytes()) for answer in new if answer.endswith(".receipt.json")]


def assert_no_formula(data: bytes) -> None:
    book = load_workbook(io.BytesIO(data))
    cells = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row]
    assert [cell.coordinate for cell in cells if cell.data_type == "f"] == []


def good(party: str) -> tuple[str, bytes]:
    """The next right file of a party."""
    number = next(numbers)
    if party == "bank":
        return f"g{number}.xml", render_statements([advice(entry(f"G-{number}", "1.00", "B01"))], True, at("09:05"))
    if party == "exchange":
        return f"g{number}.csv", render_trades([trade(f"G-{number}", "B01-HO", "B02-HO", 1)])
    if party == "registry":
        data = (SAMPLE_DAY / f"{DAY}" / "1830" / "registry" / "inbox" / "positions_20261123.csv").read_bytes()
        return f"g{number}.csv", data + b"\n" * number
    return f"g{number}.xlsx", form(
        "IST", party, f"G-{number}", lines=[ist_line(f"G-{number}", f"{party}-HO", f"{party}-DO", 1)]
    )


def refused_and_harmless(desk: Watch, one: Hostile) -> Receipt:
    """Puts a hostile file and then a good one."""
    data = one.make()
    before = desk.rows(*BOOKS)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (receipt,) = put(desk, one.party, one.file_name, data)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024
    assert receipt.verdict in (Verdict.QUARANTINED, Verdict.REFUSED), receipt
    rejects = [*receipt.rejects, *(reject for line in receipt.lines for reject in line.rejects)]
    assert rejects
    for reject in rejects:
        assert reject.code
        assert 15 < len(reject.message) < 1500, reject
        assert reject.message.isprintable(), reject
    assert desk.rows(*BOOKS) == before
    assert grown < MEGABYTES
    (after,) = put(desk, one.party, *good(one.party))
    assert after.verdict in (Verdict.ACCEPTED, Verdict.PARTLY), after
    assert desk.claimed(one.party) == 0
    return receipt


@pytest.mark.timeout(240)
@pytest.mark.rule("CSD-1.5-d")
@pytest.mark.parametrize("one", [*every(), *SAMPLES], ids=lambda one: one.name.replace(" ", "-"))
def test_a_hostile_file_is_answered_and_harmless(desk: Watch, one: Hostile) -> None:
    receipt = refused_and_harmless(desk, one)
    told = next(r.found or r.code for r in [*receipt.rejects, *(r for line in receipt.lines for r in line.rejects)])
    tried(f"hostile file: {one.name}", one.party, f"{receipt.verdict.value} ({str(told)[:40]!r}), nothing recorded")


@pytest.mark.parametrize("one", list(oddities()), ids=lambda one: one.name.replace(" ", "-"))
def test_an_odd_workbook_is_read_and_its_answer_stays_short(desk: Watch, one: Hostile) -> None:
    (receipt,) = put(desk, one.party, one.file_name, one.make())
    assert receipt.verdict is Verdict.ACCEPTED
    assert len(receipt.message) < 3000


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_right_file_under_a_hostile_name_is_taken_under_a_safe_one(
    desk: Watch, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    (receipt,) = put(desk, "B02", name, good("B02")[1])
    assert receipt.verdict is Verdict.ACCEPTED
    assert receipt.file_name == safe_name(name)[0]
    assert not [sign for sign in caplog.text if not sign.isprintable() and sign not in "\n\t"]
    outside = [p for p in desk.root.parent.rglob("up.xlsx*") if "inbox" not in p.parts]
    assert outside == []


def test_the_books_are_whole_after_all_of_it(desk: Watch) -> None:
    with desk.site.reading(next(CLOCK)) as work:
        assert verify(work).faults == ()


def test_samples_are_there() -> None:
    assert len(SAMPLES) > 30
    assert len({one.name for one in every()}) == len(every()) > 60
    assert all(Path(one.file_name).name == one.file_name for one in every())
