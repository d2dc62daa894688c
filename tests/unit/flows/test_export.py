"""A participant's or a day's records leave in one file, complete and alone; nothing that must be kept may be purged."""

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from depository.store import schema
from flows.steps.export import Exported, export_day, export_participant, last_purgeable, purgeable
from flows.steps.sites import Site
from tests.support.day_player import play, site_at


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("exported")
    with site_at(f"sqlite:///{folder / 'csd.db'}", folder) as made:
        play(made)
        yield made


def at(site: Site, day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), site.market.zone)


def rows(archive: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read(f"records/{name}.csv").decode("utf-8-sig"))))


@pytest.mark.rule("CSD-2.5.1f-a")
def test_a_participants_records_are_complete_and_only_its_own(site: Site, tmp_path: Path) -> None:
    first, last = date(2026, 11, 1), date(2026, 11, 30)
    made = export_participant(site, "B03", first, last, tmp_path / "B03.zip", at(site, last))
    with site.reading(at(site, last)) as work:
        came = work.connection.execute(select(schema.file).where(schema.file.c.party == "B03")).all()
        went = work.connection.execute(select(schema.outgoing).where(schema.outgoing.c.party == "B03")).all()
    assert (made.files_in, made.files_out) == (len(came), len(went))
    assert made.files_in > 3
    with zipfile.ZipFile(made.target) as archive:
        names = archive.namelist()
        for row in went:
            assert hashlib.sha256(archive.read(f"out/B03/{row.name}")).hexdigest() == row.sha256
        assert all(name.split("/")[1] == "B03" for name in names if name.startswith(("in/", "out/")))
        postings = rows(archive, "posting")
        assert postings
        assert {p["holder"].partition("-")[0] for p in postings} == {"B03"}
        assert all(
            "B03" in (i["sender"], i["deliver_participant"], i["receive_participant"])
            for i in rows(archive, "instruction")
        )
        index = list(csv.DictReader(io.StringIO(archive.read("INDEX.csv").decode("utf-8-sig"))))
        assert sorted(i["name"] for i in index) == sorted(n for n in names if n != "INDEX.csv")
        assert all(hashlib.sha256(archive.read(i["name"])).hexdigest() == i["sha256"] for i in index)


class NotCommitted(Exception):
    """Takes back what a test has written."""


@pytest.mark.rule("KCSD-89")
@pytest.mark.parametrize("participant", ["B03", ""], ids=["of a participant", "of a day"])
def test_an_extract_needs_no_place_in_the_line_of_those_who_write_and_changes_nothing(
    site: Site, tmp_path: Path, participant: str
) -> None:
    day = date(2026, 11, 23)

    def extract(name: str) -> Exported:
        if participant:
            return export_participant(site, participant, day, day, tmp_path / name, at(site, day))
        return export_day(site, day, tmp_path / name, at(site, day))

    alone = extract("alone.zip")
    with suppress(NotCommitted), site.writing(at(site, day), day) as work:
        # Whoever holds the one writer lock holds up every other that wants to write.
        work.connection.execute(schema.notice.update().values(subject="not committed yet"))
        beside = extract("beside.zip")
        raise NotCommitted
    assert beside.target.read_bytes() == alone.target.read_bytes()


def test_a_days_postings_sum_to_nought_per_asset(site: Site, tmp_path: Path) -> None:
    day = date(2026, 11, 23)
    made = export_day(site, day, tmp_path / "day.zip", at(site, day))
    with zipfile.ZipFile(made.target) as archive:
        postings = rows(archive, "posting")
        assert len(rows(archive, "batch")) > 30
    sums: dict[str, Decimal] = {}
    for posting in postings:
        sums[posting["asset"]] = sums.get(posting["asset"], Decimal(0)) + Decimal(posting["amount"])
    assert len(sums) > 1
    assert set(sums.values()) == {0}


def test_the_same_records_give_the_same_bytes(site: Site, tmp_path: Path) -> None:
    day = date(2026, 11, 23)
    for name in ("one.zip", "two.zip"):
        export_day(site, day, tmp_path / name, at(site, day))
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_an_unknown_participant_and_a_taken_name_are_told(site: Site, tmp_path: Path) -> None:
    day = date(2026, 11, 23)
    with pytest.raises(LookupError, match="no party X99"):
        export_participant(site, "X99", day, day, tmp_path / "x.zip", at(site, day))
    (tmp_path / "there.zip").write_text("mine")
    with pytest.raises(FileExistsError, match="name a new file"):
        export_day(site, day, tmp_path / "there.zip", at(site, day))


@pytest.mark.rule("CSD-2.5.1f-a")
def test_nothing_younger_than_six_years_after_its_financial_year_is_purged(site: Site) -> None:
    before, after = at(site, date(2032, 12, 31)), at(site, date(2033, 1, 1))
    with pytest.raises(ValueError, match="must be kept"):
        purgeable(site, date(2026, 11, 23), before)
    assert purgeable(site, date(2025, 12, 31), before) == []
    with site.reading(after, date(2033, 1, 1)) as work:
        everything = set(work.connection.execute(select(schema.file.c.sha256)).scalars())
    assert everything <= set(purgeable(site, date(2026, 12, 31), after))


@pytest.mark.rule("CSD-2.5.1f-a")
@given(today=st.dates(date(2026, 1, 1), date(2100, 1, 1)), age=st.integers(0, 40_000))
def test_what_may_be_purged_is_six_years_past_the_end_of_its_year(today: date, age: int) -> None:
    record = today - timedelta(days=min(age, (today - date(1, 1, 1)).days))
    end_of_its_year = date(record.year, 12, 31)
    kept_until = end_of_its_year.replace(year=end_of_its_year.year + 6)
    assert (record <= last_purgeable(today)) == (today > kept_until)
