"""Answers are made of their receipts after these are recorded: by whoever comes to it, with the same bytes, in nobody's way."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import Connection, Engine, event, update

from depository.answers import Verdict
from depository.rejects import Broken, FileRefused
from depository.store import events, files, schema
from depository.store.archive import Archive
from depository.store.database import DatabaseUnavailable, alone, noting, open_database, writing
from depository.store.work import Work
from flows.steps.arrivals import Arrival
from flows.steps.backup import missing_contents
from flows.steps.batches import run_batch
from flows.steps.history import send_history
from flows.steps.intake import take_together
from flows.steps.making import make_answers
from flows.steps.reading import read_one
from flows.steps.replay import replay, replay_archive
from flows.steps.sites import Site, load_market
from parsers import receipt_json
from parsers.sandbox import Sandbox
from tests.support.books import DAY, MARKET, Desk, at, form, ist_line
from tests.support.disks import fill, small_disk

LONG = 60.0
"""Seconds after which something that waits for another has hung."""


def recorded(desk: Desk, *faulty: bool, folder: str = "inbox") -> list[str]:
    """Forms of B01 that are recorded together, right or faulty; no answer is made yet. Their files' names."""
    names = []
    some = []
    for number, wrong in enumerate(faulty, 1):
        line = ist_line(f"{folder}-{number}", "B01-HO", "B01-DO", 0 if wrong else number)
        names.append(f"{folder}_{number}.xlsx")
        data = form("IST", "B01", f"{folder}-{number}", lines=[line])
        arrival = Arrival("B01", folder, names[-1], data, at("10:00") + timedelta(seconds=number))
        some.append(read_one(desk.site, arrival, desk.site.archive.put(data)))
    verdicts = [receipt.verdict for receipt in take_together(desk.site, some)]
    assert verdicts == [Verdict.REFUSED if wrong else Verdict.ACCEPTED for wrong in faulty]
    return names


def rows(desk: Desk) -> list[Any]:
    return [row for row in desk.rows(schema.outgoing) if row.party == "B01"]


def unmade(desk: Desk) -> list[str]:
    """Names of the answers that wait to be made."""
    return [row.name for row in rows(desk) if not row.sha256]


def test_a_receipt_is_there_with_the_books_and_its_answer_comes_after(desk: Desk) -> None:
    recorded(desk, False, True)
    assert [name.partition(".")[0] for name in unmade(desk)] == ["inbox_1", "inbox_2"]
    assert all(".answer." in name for name in unmade(desk))
    assert (
        sorted(one.name.rpartition(".receipt")[1] for one in desk.waiting() if one.party == "B01") == [".receipt"] * 2
    )
    assert make_answers(desk.site, at("10:01")) == 2
    assert unmade(desk) == []
    assert make_answers(desk.site, at("10:01")) == 0


def test_a_file_that_is_no_form_is_answered_for_people_too(desk: Desk) -> None:
    """With a workbook that says why; exchange, bank and registry have the receipt, which their programs read."""
    sent = desk.drop("B01", "list.csv", b"a;b", "10:00")
    desk.drop("exchange", "trades.csv", b"a;b", "10:00")
    make_answers(desk.site, at("10:01"))
    answer = next(row for row in rows(desk) if ".answer." in row.name)
    assert answer.name == f"list.{sent.number}.answer.refused.xlsx"
    front = load_workbook(BytesIO(desk.site.archive.get(answer.sha256))).worksheets[0]
    assert sent.rejects[0].message in [cell for row in front.values for cell in row]
    assert not [row for row in desk.rows(schema.outgoing) if row.party == "exchange" and ".answer." in row.name]


def test_whoever_makes_an_answer_and_whenever_its_bytes_are_the_same(desk: Desk) -> None:
    recorded(desk, False, True)
    recorded(desk, False, True, folder="check")
    make_answers(desk.site, at("10:01"))
    first = {row.name: row.sha256 for row in rows(desk)}
    with desk.site.noting(at("10:02")) as work:
        work.connection.execute(update(schema.outgoing).where(schema.outgoing.c.made_of != "").values(sha256=""))
    make_answers(desk.site, at("16:00"))
    assert {row.name: row.sha256 for row in rows(desk)} == first
    assert len(first) == 8


@contextmanager
def beside(work: Callable[[], object]) -> Iterator[threading.Thread]:
    """The work in a thread of its own; its fault fails the test."""
    faults: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as fault:  # noqa: BLE001 - told below
            faults.append(fault)

    thread = threading.Thread(target=run)
    thread.start()
    yield thread
    thread.join()
    assert faults == []


class SlowMarker:
    """The reader, which marks a workbook only when it is told to, or when nobody has told it for long."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.told: list[bool] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def mark(self, *arguments: Any) -> bytes:
        self.begun.set()
        self.told.append(self.go_on.wait(LONG))
        return self._reader.mark(*arguments)  # type: ignore[no-any-return]


@pytest.mark.rule("KCSD-87")
def test_while_an_answer_takes_long_to_be_made_others_record_and_deliver(desk: Desk) -> None:
    recorded(desk, True)
    marker = SlowMarker(desk.site.sandbox)
    slow = replace(desk.site, sandbox=marker)  # type: ignore[arg-type]
    with beside(lambda: make_answers(slow, at("10:01"))):
        assert marker.begun.wait(LONG)
        names = recorded(desk, False, False, folder="inbox")
        with desk.site.noting(at("10:02")) as work:
            files.delivered(work, files.waiting(work))
        marker.go_on.set()
    # What was recorded meanwhile did not wait for the marking, which was still going on.
    assert marker.told == [True]
    assert len([row for row in rows(desk) if row.sent]) == 1 + len(names)
    make_answers(desk.site, at("10:03"))
    assert unmade(desk) == []


def test_a_workbook_that_cannot_be_marked_is_answered_with_what_is_wrong(desk: Desk, monkeypatch) -> None:
    recorded(desk, True)

    def stopped(*_: Any) -> bytes:
        raise FileRefused("time-limit", "it took too long")

    monkeypatch.setattr(type(desk.site.sandbox), "mark", stopped)
    make_answers(desk.site, at("10:01"))
    (answer,) = [data for name, data in desk.outbox("B01").items() if ".answer." in name]
    assert "Refused" in load_workbook(BytesIO(answer)).sheetnames


class Hurried:
    """The reader, which has no time to mark a workbook."""

    def __init__(self, reader: Any, stopped: Sandbox) -> None:
        self._reader = reader
        self.mark = stopped.mark

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)


@pytest.fixture
def hurried(desk: Desk) -> Iterator[Site]:
    """The same depository on a machine that is too slow to mark any workbook within the limit."""
    with Sandbox(seconds=0.001) as stopped:
        yield replace(desk.site, sandbox=Hurried(desk.site.sandbox, stopped))  # type: ignore[arg-type]


def refusals_alone(desk: Desk) -> bool:
    (answer,) = [data for name, data in desk.outbox("B01").items() if ".answer." in name]
    return "Refused" in load_workbook(BytesIO(answer)).sheetnames


def unmarked(desk: Desk) -> list[str]:
    """The kinds of events that say that a limit stopped the marking of a workbook."""
    return [row.kind for row in desk.rows(schema.event) if "not marked" in row.kind + row.data]


@pytest.mark.rule("KCSD-88")
def test_a_marking_that_a_limit_stops_is_stopped_in_every_replay(desk: Desk, hurried: Site, tmp_path: Path) -> None:
    desk.keep_reference()
    recorded(desk, True)
    make_answers(hurried, at("10:01"))
    assert refusals_alone(desk)
    assert unmarked(desk) == ["answer not marked"]
    assert replay(desk.site, DAY, tmp_path / "open", at("10:02")).differences == ()
    desk.run_until("19:30")
    found = replay_archive(Archive(desk.site.archive.root), desk.site.sandbox, DAY, tmp_path / "sealed")
    assert found.differences == ()


@pytest.mark.rule("KCSD-88")
def test_a_marking_that_a_limit_stops_at_the_end_of_the_day_is_stopped_in_every_replay(
    desk: Desk, hurried: Site, tmp_path: Path
) -> None:
    desk.keep_reference()
    desk.run_until("16:00")
    recorded(desk, True)
    run_batch(hurried, DAY, "end-of-day", at("19:30"))
    assert refusals_alone(desk)
    assert unmarked(desk) == ["batch"]
    assert replay(desk.site, DAY, tmp_path / "books", at("20:00")).differences == ()
    found = replay_archive(Archive(desk.site.archive.root), desk.site.sandbox, DAY, tmp_path / "sealed")
    assert found.differences == ()


def test_a_replay_that_is_stopped_where_the_day_was_not_says_so(desk: Desk, hurried: Site, tmp_path: Path) -> None:
    desk.keep_reference()
    recorded(desk, True)
    make_answers(desk.site, at("10:01"))
    assert unmarked(desk) == []
    (told, *_) = replay(hurried, DAY, tmp_path / "again", at("10:02")).differences
    assert "replay where there is more time" in told


def test_of_two_makers_one_of_whom_is_stopped_the_first_is_noted(desk: Desk, hurried: Site, tmp_path: Path) -> None:
    desk.keep_reference()
    recorded(desk, True)
    marker = SlowMarker(hurried.sandbox)
    with beside(lambda: make_answers(replace(hurried, sandbox=marker), at("10:01"))):  # type: ignore[arg-type]
        assert marker.begun.wait(LONG)
        make_answers(desk.site, at("10:01"))
        marker.go_on.set()
    assert not refusals_alone(desk)
    assert unmarked(desk) == []


def test_an_answer_that_cannot_be_made_holds_up_no_other(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    recorded(desk, False, False)
    first, second = unmade(desk)
    (receipt,) = {row.made_of for row in rows(desk) if row.name == first}
    path = desk.site.archive.root / receipt[:2] / receipt
    data = path.read_bytes()
    path.unlink()
    failed: dict[int, datetime] = {}
    make_answers(desk.site, at("10:01"), failed)
    assert unmade(desk) == [first]
    make_answers(desk.site, at("10:01:01"), failed)
    assert caplog.text.count("cannot be made") == 1
    path.write_bytes(data)
    make_answers(desk.site, at("10:02"), failed)
    assert unmade(desk) == []
    assert receipt_json.parse(data).file_name == "inbox_1.xlsx"
    assert second in desk.outbox("B01")


@pytest.mark.rule("KCSD-88")
def test_no_day_is_sealed_without_an_answer_whose_receipt_is_lost_until_a_replay_has_made_it_again(
    desk: Desk, tmp_path: Path
) -> None:
    desk.keep_reference()
    desk.run_until("16:00")
    recorded(desk, False, True)
    lost, _ = unmade(desk)
    (receipt,) = {row.made_of for row in rows(desk) if row.name == lost}
    path = desk.site.archive.root / receipt[:2] / receipt
    path.unlink()
    make_answers(desk.site, at("19:01"))
    for _ in range(2):
        with pytest.raises(Broken, match=f"{lost} to B01.*no content {receipt}.*csd replay"):
            desk.run_until("19:30")
    with desk.work() as work:
        assert events.sealed_days(work) == []
    assert missing_contents(desk.site, at("19:31")) == [
        f"archive has no content {receipt}: restore {receipt} from backup"
    ]
    replay(desk.site, DAY, tmp_path / "rebuilt", at("19:31"))
    path.write_bytes((tmp_path / "rebuilt" / "archive" / receipt[:2] / receipt).read_bytes())
    desk.run_until("19:30")
    assert unmade(desk) == []
    found = replay_archive(Archive(desk.site.archive.root), desk.site.sandbox, DAY, tmp_path / "again")
    assert found.differences == ()


def test_a_day_is_sealed_with_every_answer_of_it_and_the_archive_alone_gives_them_again(
    desk: Desk, tmp_path: Path
) -> None:
    desk.keep_reference()
    recorded(desk, False, True)
    recorded(desk, True, folder="check")
    assert len(unmade(desk)) == 3
    desk.run_until("19:30")
    assert unmade(desk) == []
    with desk.work() as work:
        (sealed,) = events.sealed_days(work)
    _, _, listed = events.from_json(desk.site.archive.get(sealed.sha256))
    assert all(sha256 for _, _, sha256 in listed)
    assert {name for party, name, _ in listed if party == "B01"} >= {row.name for row in rows(desk) if row.made_of}
    found = replay_archive(Archive(desk.site.archive.root), desk.site.sandbox, DAY, tmp_path / "again")
    assert found.differences == ()


def test_a_disk_that_is_full_while_answers_are_made_loses_none(desk: Desk, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 8) as disk:
        here = replace(desk, site=replace(desk.site, archive=Archive(disk / "archive")))
        recorded(here, False, True, False)
        fill(disk)
        for _ in range(2):
            with pytest.raises(OSError, match="No space left"):
                make_answers(here.site, at("10:01"))
        assert len(unmade(here)) == 3
        (disk / "ballast").unlink()
        assert make_answers(here.site, at("10:02")) == 3
        assert here.replay(tmp_path / "again").differences == ()


def test_a_history_and_a_replay_find_every_answer_made(desk: Desk, tmp_path: Path) -> None:
    recorded(desk, True)
    assert missing_contents(desk.site, at("10:00")) == []
    send_history(desk.site, "B01", "inbox-1", at("10:01"))
    assert unmade(desk) == []
    recorded(desk, False, True)
    assert desk.replay(tmp_path / "again", "10:02").differences == ()
    assert unmade(desk) == []


def test_a_name_that_is_queued_anew_while_its_answer_is_made_gets_the_new_answer(desk: Desk) -> None:
    recorded(desk, True, folder="check")
    marker = SlowMarker(desk.site.sandbox)
    with beside(lambda: make_answers(replace(desk.site, sandbox=marker), at("10:01"))):  # type: ignore[arg-type]
        assert marker.begun.wait(LONG)
        (one,) = [row for row in rows(desk) if row.made_of]
        with desk.site.writing(at("10:02")) as work:
            files.queue(work, "B01", one.name, "f" * 64, "another cause")
        marker.go_on.set()
    (found,) = [row for row in rows(desk) if row.name == one.name]
    assert (found.id, found.sha256, found.made_of) == (one.id, "f" * 64, "")


# --- who waits for whom on PostgreSQL -----------------------------------------------------------------------------------------


@pytest.fixture
def engines(loaded_postgres: Callable[[], str]) -> Iterator[tuple[Engine, Engine]]:
    """Two processes' ways to one PostgreSQL, whose transactions fail instead of waiting for each other."""
    url = loaded_postgres()
    opened = open_database(url), open_database(url)
    for engine in opened:
        event.listen(engine, "begin", lambda begun: begun.exec_driver_sql("SET LOCAL lock_timeout = '1ms'"))
    yield opened
    for engine in opened:
        engine.dispose()


def at_work(connection: Connection) -> Work:
    return Work(connection, DAY, at("10:00"), load_market(MARKET))


def test_beside_a_writer_deliveries_are_noted_and_nobody_else_writes(engines: tuple[Engine, Engine]) -> None:
    one, other = engines
    with writing(one):
        with noting(other), noting(other):
            pass
        with pytest.raises(DatabaseUnavailable, match="lock timeout"), writing(other):
            pass


def test_beside_a_writer_who_seals_the_day_nothing_is_noted(engines: tuple[Engine, Engine]) -> None:
    one, other = engines
    with writing(one) as connection:
        alone(connection)
        with pytest.raises(DatabaseUnavailable, match="lock timeout"), noting(other):
            pass
    with noting(other), pytest.raises(DatabaseUnavailable, match="lock timeout"), writing(one) as connection:
        alone(connection)


def test_what_a_writer_sends_once_more_at_that_moment_is_not_noted_as_delivered(engines: tuple[Engine, Engine]) -> None:
    one, other = engines
    with writing(one) as connection:
        for name in ("again.json", "once.json"):
            files.queue(at_work(connection), "B01", name, "a" * 64, name)
    with noting(other) as connection:
        put = files.waiting(at_work(connection))
    with writing(one) as connection:
        files.queue_again(at_work(connection), "again.json")
        with noting(other) as beside_it:
            assert [done.name for done in files.delivered(at_work(beside_it), put)] == ["once.json"]
    with noting(other) as connection:
        assert [waits.name for waits in files.waiting(at_work(connection))] == ["again.json"]
