"""Each run of a day leaves figures that add up to the day; how long it took is shown and goes into nothing that is replayed."""

from pathlib import Path

import pytest
from sqlalchemy import func, select

from depository import figures
from depository.figures import BETWEEN, Run
from depository.store import schema
from depository.store.database import open_database
from flows.office import figures_of
from tests.support.books import DAY, Desk, advice, at, entry, ist_line, trade


@pytest.fixture
def desk(lite: Desk) -> Desk:
    """A day with money, a trade that settles, and a form of two lines of which one is refused."""
    lite.plan()
    lite.drop_trades(trade("T-1", "B01-HO", "B04-HO", 50, "1000.00"))
    lite.drop_money(advice(entry("K-1", "50000.00", "B04"), entry("K-2", "7.25", "B01", line=2)), local="08:57")
    lite.run("opening")
    lines = [ist_line("L-1", "B01-HO", "B02-HO"), ist_line("L-2", "B01-HO", "B02-HO", isin="KZX000000001")]
    lite.drop_form("IST", "B01", "B01-IST-1", lines=lines, local="10:00")
    lite.run_until("11:31")
    return lite


def runs(desk: Desk) -> list[Run]:
    with desk.work() as work:
        return figures.runs(work)


def row(desk: Desk, name: str, nth: int = 0) -> dict[str, object]:
    with desk.work() as work:
        mine = [run for run in figures.runs(work) if run.name == name]
        (values,) = figures.rows(work, [mine[nth]])
    return {column.key: value for column, value in zip(figures.COLUMNS, values, strict=True)}


@pytest.mark.rule("KCSD-98")
def test_a_run_counts_files_lines_refusals_and_what_it_moved(desk: Desk) -> None:
    before = row(desk, BETWEEN)
    assert (before["files_in"], before["lines"], before["refused"]) == (1, 2, 0)
    assert before["money"] == "50007.25 KZT"
    form = row(desk, BETWEEN, 1)
    assert (form["files_in"], form["lines"], form["refused"], form["instructions"]) == (1, 2, 1, 1)
    # Receipt and the workbook that came back marked.
    assert form["files_out"] == 2
    assert form["entries"] == "none"
    cycle = row(desk, "main-cycle")
    assert (cycle["files_in"], cycle["securities"], cycle["hash_total"], cycle["money"]) == (0, 1, 50, "50000.00 KZT")
    assert cycle["instructions"] == 1


@pytest.mark.rule("KCSD-98")
def test_the_figures_of_a_day_add_up_to_the_day(desk: Desk) -> None:
    desk.run_until("23:00")
    done = runs(desk)
    with desk.work() as work:
        t = schema.journal
        hashes = {r.number: r.hash for r in work.connection.execute(select(t.c.number, t.c.hash))}
        sent = work.connection.execute(
            select(func.count()).select_from(schema.outgoing).where(schema.outgoing.c.business_date == DAY)
        ).scalar_one()
        moved = figures.rows(work, done)
        whole = work.connection.execute(
            select(func.sum(schema.posting.c.amount)).where(
                schema.posting.c.asset == "KZT",
                schema.posting.c.amount > 0,
                schema.posting.c.entry >= done[0].first,
            )
        ).scalar_one()
    assert [two.first for two in done[1:]] == [one.last + 1 for one in done[:-1]]
    assert done[-1].last == max(hashes)
    assert [run.checksum for run in done if run.last] == [hashes[run.last] for run in done if run.last]
    assert sum(run.counts["files out"] for run in done) == sent
    kzt = [part.removesuffix(" KZT") for values in moved for part in str(values[8]).split("; ") if part.endswith("KZT")]
    assert sum(int(amount.replace(".", "")) for amount in kzt) == whole


@pytest.mark.rule("KCSD-98")
def test_how_long_a_run_took_is_shown_to_operators_and_goes_out_to_nobody(desk: Desk, tmp_path: Path) -> None:
    desk.run_until("23:00")
    took = {run.name: run.microseconds for run in runs(desk)}
    assert all(took.values())
    page = figures_of(desk.site, DAY, "main-cycle", at("11:40"))
    assert "| Took | " in page
    assert "| Money moved | 50000.00 KZT |" in page
    table = {t.name: t for t in desk.report("csd", "end-of-day_day.json").tables}["Runs"]
    assert [column.key for column in table.columns] == [column.key for column in figures.COLUMNS]
    assert [line[0] for line in table.rows] == [run.name for run in runs(desk)][:-1]
    assert desk.replay(tmp_path / "replay", "23:30").differences == ()
    again = open_database(f"sqlite:///{tmp_path / 'replay' / 'csd.db'}")
    with again.connect() as connection:
        counted = [r.figures for r in connection.execute(select(schema.event).order_by(schema.event.c.number))]
    again.dispose()
    assert counted[-1] != ""
    assert counted == [r.figures for r in sorted(desk.rows(schema.event), key=lambda r: r.number)]


def test_the_same_file_again_and_a_dry_run_are_files_that_came(desk: Desk) -> None:
    data = next(data for name, data in desk.outbox("B01").items() if name.endswith("answer.xlsx"))
    desk.drop("B01", "again.xlsx", data, "12:00", claimed="inbox~1~again.xlsx")
    desk.drop("B01", "again.xlsx", data, "12:01", claimed="inbox~2~again.xlsx")
    desk.drop("B01", "try.xlsx", data, "12:02", folder="check")
    last = runs(desk)[-1]
    assert (last.name, last.counts["files in"]) == (BETWEEN, 3)
