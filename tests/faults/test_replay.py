"""The sample days are rebuilt from the input log and the archive alone, byte for byte; what was changed by hand is found."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from depository.rejects import Broken
from depository.store import records, schema
from depository.store.archive import Archive
from depository.verify import verify
from flows.steps.arrivals import Arrival
from flows.steps.backup import missing_contents
from flows.steps.holding import lift, place
from flows.steps.intake import take
from flows.steps.interest_report import send_interest_report
from flows.steps.replay import replay, replay_archive
from flows.steps.sites import Site
from tests.support.databases import PostgresServer
from tests.support.day_player import SAMPLE, play, site_at


@dataclass(frozen=True, slots=True)
class Played:
    """A site after the sample days."""

    site: Site
    days: list[date]
    at: datetime


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    folder = tmp_path_factory.mktemp("played")
    with site_at(f"sqlite:///{folder / 'csd.db'}", folder) as site:
        days = play(site)
        # What no sample file shows: a hold by operators, a file sent again, a file by another way, one that was cut off.
        at = datetime.combine(days[-1], datetime.min.time(), site.market.zone) + timedelta(hours=23)
        place(site, "B03", "900101100014", "passport is missing", "operator", at)
        lift(site, "B03", "900101100014", at + timedelta(minutes=1))
        with site.reading(at) as work:
            interest = work.connection.execute(
                select(schema.interest).order_by(schema.interest.c.number).limit(1)
            ).one()
        send_interest_report(site, interest.number, interest.debtor, at)
        form = SAMPLE / "2026-11-23" / "1030" / "B01" / "inbox" / "IST_B01-IST-0001.xlsx"
        for number, fault in enumerate(["", "the marker says other bytes"]):
            claimed = f"inbox~{number}~again.xlsx"
            take(
                site,
                Arrival("B01", "inbox", "again.xlsx", form.read_bytes() + b" " * number, at, "e-mail", claimed, fault),
            )
        yield Played(site, days, at)


@pytest.mark.rule("CSD-2.5.1f-a")
def test_the_days_come_out_byte_for_byte(played: Played, tmp_path: Path) -> None:
    result = replay(played.site, date(2026, 12, 31), tmp_path / "replay", played.at)
    assert result.differences == ()
    assert result.outgoing > 200
    assert result.records > 1000
    with played.site.reading(played.at) as work:
        rows = work.connection.execute(select(schema.outgoing)).all()
        assert result.head == work.connection.execute(select(schema.journal_head.c.hash)).scalar_one()
    for row in rows:
        assert (tmp_path / "replay" / "outbox" / row.party / row.name).read_bytes() == played.site.archive.get(
            row.sha256
        )


def test_a_day_in_between_comes_out_as_it_was_then(played: Played, tmp_path: Path) -> None:
    result = replay(played.site, played.days[0], tmp_path / "replay", played.at)
    assert result.differences == ()
    assert result.events > 10
    assert result.records == 0
    assert result.head != replay_head(played)


def replay_head(played: Played) -> str:
    """The live journal's head."""
    with played.site.reading(played.at) as work:
        return str(work.connection.execute(select(schema.journal_head.c.hash)).scalar_one())


@pytest.mark.rule("CSD-2.5.1f-a")
def test_the_archive_alone_suffices(played: Played, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(played.site.archive.root, alone)
    result = replay_archive(Archive(alone), played.site.sandbox, played.days[-1], tmp_path / "replay")
    assert result.differences == ()
    assert result.outgoing > 200
    # The replayed archive has sealed the same days under the same hashes.
    assert Archive(tmp_path / "replay" / "archive").pointers() == Archive(alone).pointers()
    # What came out can take the place of what was lost.
    with site_at(f"sqlite:///{tmp_path / 'replay' / 'csd.db'}", tmp_path / "replay") as rebuilt:
        with rebuilt.reading(played.at) as work:
            assert verify(work).faults == ()
        assert missing_contents(rebuilt, played.at) == []


def test_a_sealed_day_that_is_missing_is_noticed(played: Played, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(played.site.archive.root, alone)
    (alone / "days" / f"{played.days[1]}").unlink()
    with pytest.raises(Broken, match="a day is missing"):
        replay_archive(Archive(alone), played.site.sandbox, played.days[-1], tmp_path / "replay")


def copy_of(played: Played, folder: Path) -> Path:
    """Database and archive as they are, to be tampered with."""
    copy = folder / "copy"
    copy.mkdir()
    with (
        closing(sqlite3.connect(played.site.var / "csd.db")) as there,
        closing(sqlite3.connect(copy / "csd.db")) as here,
    ):
        there.backup(here)
    shutil.copytree(played.site.archive.root, copy / "archive")
    return copy


def test_books_changed_by_hand_are_told(played: Played, tmp_path: Path) -> None:
    copy = copy_of(played, tmp_path)
    with site_at(f"sqlite:///{copy / 'csd.db'}", copy) as site:
        with site.engine.begin() as connection:
            t = schema.posting
            connection.execute(t.update().where(t.c.entry == 3).values(amount=t.c.amount * 2))
            o = schema.outgoing
            name = connection.execute(select(o.c.name).order_by(o.c.id).limit(1)).scalar_one()
            connection.execute(o.update().where(o.c.name == name).values(sha256="0" * 64))
        result = replay(site, played.days[0], tmp_path / "replay", played.at)
    assert any("balance of" in line for line in result.differences)
    assert any(f"/{name} was {'0' * 64}" in line for line in result.differences)


def test_any_record_changed_by_hand_is_named(played: Played, tmp_path: Path) -> None:
    """One row of every table that has any, in its last column, as somebody would who has got past the triggers."""
    copy = copy_of(played, tmp_path)
    changed = {}
    with closing(sqlite3.connect(copy / "csd.db")) as connection, connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        for table in schema.metadata.sorted_tables:
            columns = [c for c in table.columns if not c.primary_key and c not in records.ALSO_OF_THE_MACHINE]
            if table in (*records.BOOKS, *records.OF_THE_MACHINE) or not columns:
                continue
            column = columns[-1].name
            row = connection.execute(f"SELECT rowid, {column} FROM {table.name} ORDER BY rowid LIMIT 1").fetchone()
            if row is not None:
                # Of a day or a moment, too, which are none any more then.
                other = row[1] + 1 if isinstance(row[1], int) else "changed"
                connection.execute(f"UPDATE {table.name} SET {column} = ? WHERE rowid = ?", (other, row[0]))
                changed[table.name] = column
    assert {"instruction", "withdrawal", "account", "bank_account", "interest", "settlement_fail"} <= changed.keys()
    with site_at(f"sqlite:///{copy / 'csd.db'}", copy) as site:
        result = replay(site, date(2026, 12, 31), tmp_path / "replay", played.at)
    for table_name, column in changed.items():
        assert [d for d in result.differences if d.startswith(f"{table_name} ") and f": {column} is " in d], table_name


def test_an_event_changed_by_hand_is_named(played: Played, tmp_path: Path) -> None:
    copy = copy_of(played, tmp_path)
    with site_at(f"sqlite:///{copy / 'csd.db'}", copy) as site:
        with site.engine.begin() as connection:
            t = schema.event
            number = connection.execute(
                select(t.c.number).where(t.c.entries > 7).order_by(t.c.number).limit(1)
            ).scalar_one()
            connection.execute(t.update().where(t.c.number == number).values(head="f" * 64))
        result = replay(site, played.days[-1], tmp_path / "replay", played.at)
    assert result.differences[0].startswith(f"event {number} (file of ")


def test_a_folder_in_use_is_left_alone(played: Played, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(FileExistsError, match="name a new folder"):
        replay(played.site, played.days[-1], tmp_path, played.at)


def test_postgresql_and_sqlite_give_the_same_books_and_files(
    played: Played, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """The day played on PostgreSQL seals into the same hashes as on SQLite."""
    name = postgres_server.create(empty=True)
    with site_at(postgres_server.url(name), tmp_path) as site:
        days = play(site)
        assert site.archive.pointers() == played.site.archive.pointers()
        result = replay(site, days[-1], tmp_path / "replay", played.at)
        assert result.differences == ()
        assert result.records > 1000
    postgres_server.drop(name)
