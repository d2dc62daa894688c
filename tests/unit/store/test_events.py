"""The input log: gapless, in the transaction it belongs to, sealed by day, and written by every step that changes the books."""

import ast
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete

from depository.market import Market
from depository.rejects import Broken
from depository.store import events, schema
from depository.store.archive import Archive
from depository.store.database import open_database, reading, writing
from depository.store.events import Event, EventKind
from depository.store.work import Work
from flows.steps.inputs import note, noted_last, seal
from flows.steps.replay import PLAYERS
from flows.steps.sites import load_market

ROOT = Path(__file__).resolve().parents[3]
DAY = date(2026, 11, 23)
AT = datetime(2026, 11, 23, 5, tzinfo=UTC)
MARKET = load_market(ROOT / "market" / "kazakhstan")
NO_BOOKS = {"_note_delivered", "over", "_count", "writing"}
"""Functions that write what lies on the server, on what we failed and what was delivered, and the one that opens the transaction."""


def work_on(connection: object, day: date = DAY, market: Market = MARKET) -> Work:
    return Work(connection, day, AT, market)  # type: ignore[arg-type]


def test_events_are_numbered_without_gaps_and_a_rolled_back_one_takes_no_number(
    database_url: str, tmp_path: Path
) -> None:
    engine, archive = open_database(database_url), Archive(tmp_path / "archive")
    with writing(engine) as connection:
        note(work_on(connection), archive, EventKind.BATCH, {"slot": "one"})
    with writing(engine) as connection, connection.begin_nested() as undone:
        note(work_on(connection), archive, EventKind.BATCH, {"slot": "lost"})
        undone.rollback()
    with writing(engine) as connection:
        note(work_on(connection), archive, EventKind.BATCH, {"slot": "two"})
    with reading(engine) as connection:
        found = events.between(work_on(connection), 0, 2)
    assert [(e.number, e.data["slot"]) for e in found] == [(1, "one"), (2, "two")]
    assert archive.get(found[0].data["market"][0]).decode() == MARKET.sources[0]
    engine.dispose()


def test_a_missing_event_is_noticed(sqlite_url: str, tmp_path: Path) -> None:
    engine, archive = open_database(sqlite_url), Archive(tmp_path / "archive")
    with writing(engine) as connection:
        for slot in ("one", "two", "three"):
            note(work_on(connection), archive, EventKind.BATCH, {"slot": slot})
        connection.execute(delete(schema.event).where(schema.event.c.number == 2))
        with pytest.raises(Broken, match="gaps"):
            events.between(work_on(connection), 0, 3)
    engine.dispose()


def test_each_seal_holds_what_came_since_the_one_before(sqlite_url: str, tmp_path: Path) -> None:
    engine, archive = open_database(sqlite_url), Archive(tmp_path / "archive")
    days = (date(2026, 11, 23), date(2026, 11, 24))
    sealed = []
    for day in days:
        with writing(engine) as connection:
            work = work_on(connection, day)
            for slot in ("one", "two"):
                note(work, archive, EventKind.BATCH, {"slot": f"{slot} of {day}"})
            sealed.append(seal(work, archive))
    assert archive.pointers() == {f"{day}": piece.sha256 for day, piece in zip(days, sealed, strict=True)}
    pieces = [events.from_json(archive.get(piece.sha256)) for piece in sealed]
    assert [[e.number for e in found] for found, _, _ in pieces] == [[1, 2], [3, 4]]
    assert [previous for _, previous, _ in pieces] == ["", sealed[0].sha256]
    engine.dispose()


def test_the_same_again_is_known_unless_the_configuration_changed(sqlite_url: str, tmp_path: Path) -> None:
    engine, archive = open_database(sqlite_url), Archive(tmp_path / "archive")
    other = replace(MARKET, sources=("name = 'other'", MARKET.sources[1]))
    with writing(engine) as connection:
        assert not noted_last(work_on(connection), archive, EventKind.REFERENCE, {"files": {}})
        note(work_on(connection), archive, EventKind.REFERENCE, {"files": {}})
        assert noted_last(work_on(connection), archive, EventKind.REFERENCE, {"files": {}})
        assert not noted_last(work_on(connection, market=other), archive, EventKind.REFERENCE, {"files": {}})
    engine.dispose()


@given(
    kind=st.sampled_from(EventKind),
    data=st.dictionaries(st.text(), st.none() | st.text() | st.integers() | st.lists(st.text())),
    number=st.integers(1, 2**62),
    at=st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the zone is given beside
    sent=st.lists(st.tuples(st.text(), st.text(), st.text())),
)
def test_a_sealed_piece_reads_back_as_written(
    kind: EventKind, data: dict[str, object], number: int, at: datetime, sent: list[tuple[str, str, str]]
) -> None:
    event = Event(number, DAY, at, kind, data, number, "a" * 64)
    written = events.to_json([event], "b" * 64, sent, DAY)
    assert events.from_json(written) == ([event], "b" * 64, sent)
    assert json.loads(written)["business_date"] == "2026-11-23"


def test_every_kind_of_event_can_be_replayed() -> None:
    assert set(PLAYERS) == set(EventKind)


def test_every_step_that_opens_a_writing_transaction_notes_its_cause() -> None:
    """Without it the books could not be rebuilt from the log; functions that do not touch the books are listed above."""
    silent = []
    for path in sorted((ROOT / "flows").rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) or function.name in NO_BOOKS:
                continue
            calls = {_name(call.func) for call in ast.walk(function) if isinstance(call, ast.Call)}
            if "writing" in calls and not calls & {"note", "_note", "record_file", "tell_sender", "_tell"}:
                silent.append(f"{path.relative_to(ROOT)}: {function.name}")
    assert silent == []


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
