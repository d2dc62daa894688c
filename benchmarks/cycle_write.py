"""How fast a settled cycle gets into the database, beside a bare bulk load of the very same rows in the same run.

A made-up day (`benchmarks.settlement.instances`) is put into a fresh database, read and solved as every cycle is, and written:
entries, postings, balances, statuses, certificate and the queue of the outbox, one transaction. Then the rows that this wrote or
changed are loaded bare into empty tables of the same definition: COPY from a prepared text on PostgreSQL, one prepared INSERT on
SQLite. Ratios are what counts; seconds depend on the machine.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, Engine, Table, insert, select

from benchmarks.settlement.instances import CURRENCIES, PROFILES, Day, day
from depository.cycles import Solved, keep, solve
from depository.instructions import Instruction, InstructionKind, Side, Status
from depository.ledger import BANK, ISSUER, Entry, move
from depository.market import Market
from depository.obligations import due_today
from depository.register import Currency
from depository.store import files, instructions, journal, schema
from depository.store.database import create_tables, open_database, writing
from depository.store.work import Work
from flows.cli import MARKET
from flows.steps.sites import load_market
from tests.support.databases import PostgresServer

TODAY = date(2026, 3, 4)
WRITTEN = (
    schema.journal,
    schema.posting,
    schema.balance,
    schema.instruction,
    schema.instruction_status,
    schema.cycle,
    schema.outgoing,
)
"""The tables that a cycle writes, in an order in which they can be loaded."""
FILES_EACH = 2
"""Outgoing files for each participant: its report for machines and the one for people."""


@dataclass(frozen=True, slots=True)
class Seconds:
    """Time of one piece of work: by the clock, and of this process's processor."""

    clock: float
    processor: float


def timed(work: Callable[[], Any]) -> tuple[Any, Seconds]:
    """The result of one piece of work and how long it took."""
    clock, processor = time.perf_counter(), time.process_time()
    result = work()
    return result, Seconds(time.perf_counter() - clock, time.process_time() - processor)


def market() -> Market:
    """The sample market with every currency of the made-up days."""
    found = load_market(MARKET)
    known = {currency.code for currency in found.currencies}
    more = tuple(Currency(code, 2, "", "") for code in CURRENCIES if code not in known)
    return replace(found, currencies=found.currencies + more)


def at(zone: Any, hour: int) -> datetime:
    """A moment of the business date."""
    return datetime(TODAY.year, TODAY.month, TODAY.day, hour, tzinfo=zone)


def fill(work: Work, made: Day) -> None:
    """What is available and what is due, as the day's files would have brought it."""
    entries = [Entry("lodgment", f"L{n}", move(isin, q, ISSUER, a)) for n, (a, isin, q) in enumerate(made.securities)]
    entries += [Entry("credit", f"C{n}", move(currency, c, BANK, p)) for n, (p, currency, c) in enumerate(made.cash)]
    journal.post(work, entries)
    one = [
        Instruction(
            id=due.id,
            kind=InstructionKind.EXCHANGE,
            side=Side.BOTH,
            sender="exchange",
            reference=due.id,
            deliver_participant=due.deliver_account.partition("-")[0],
            deliver_account=due.deliver_account,
            receive_participant=due.receive_account.partition("-")[0],
            receive_account=due.receive_account,
            isin=due.isin,
            quantity=due.quantity,
            isd=date.fromisoformat(due.isd),
            received_at=work.at,
            currency=due.currency,
            amount=due.amount,
            trade_date=TODAY,
            priority=due.priority,
            netting=due.netting,
            link=due.link,
            status=Status.MATCHED,
        )
        for due in made.due
    ]
    instructions.add(work, one, "benchmark")


def outbox(solved: Solved) -> list[tuple[str, str, str]]:
    """The queue's rows: two files for each participant of the cycle."""
    codes = {p for one in solved.posed.due for p in (one.deliver_participant, one.receive_participant)}
    return [(code, f"{TODAY}_cycle.{n}", f"{n:064d}") for code in sorted(codes) for n in range(FILES_EACH)]


def written(connection: Connection, before: int) -> dict[Table, list[tuple[Any, ...]]]:
    """The rows that the cycle wrote or changed, as they are stored."""
    rows: dict[Table, list[tuple[Any, ...]]] = {}
    holders = {r[0] for r in connection.execute(select(schema.posting.c.holder).where(schema.posting.c.entry > before))}
    for table in WRITTEN:
        everything = connection.exec_driver_sql(str(select(table).compile(dialect=connection.dialect)))
        rows[table] = [tuple(row) for row in everything]
    rows[schema.journal] = [row for row in rows[schema.journal] if row[0] > before]
    rows[schema.posting] = [row for row in rows[schema.posting] if row[0] > before]
    rows[schema.balance] = [row for row in rows[schema.balance] if row[0] in holders]
    rows[schema.instruction_status] = [row for row in rows[schema.instruction_status] if row[1] == 2]
    changed = {row[0] for row in rows[schema.instruction_status]}
    rows[schema.instruction] = [row for row in rows[schema.instruction] if row[0] in changed]
    return rows


def bare_copy(engine: Engine, rows: dict[Table, list[tuple[Any, ...]]]) -> Seconds:
    """COPY of the rows from a prepared text, one transaction."""
    texts = {table: "".join("\t".join(map(_field, row)) + "\n" for row in found) for table, found in rows.items()}
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection

        def load() -> None:
            with driver.cursor() as cursor:
                for table, text in texts.items():
                    with cursor.copy(f"COPY {table.name} FROM STDIN") as copy:
                        copy.write(text)
            driver.commit()

        return timed(load)[1]


def _field(value: object) -> str:
    return r"\N" if value is None else str(value).replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n")


def bare_insert(engine: Engine, rows: dict[Table, list[tuple[Any, ...]]]) -> Seconds:
    """The same with SQLite's prepared INSERT."""
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        statements = {table: str(insert(table).compile(dialect=engine.dialect)) for table in rows}

        def load() -> None:
            driver.execute("BEGIN IMMEDIATE")
            for table, found in rows.items():
                driver.executemany(statements[table], found)
            driver.execute("COMMIT")

        return timed(load)[1]


@contextmanager
def databases(kind: str) -> Iterator[tuple[Engine, Engine]]:
    """Two empty databases with all tables, durable as in service."""
    if kind == "PostgreSQL":
        with PostgresServer(durable=True) as server:
            engines = tuple(open_database(server.url(server.create())) for _ in range(2))
            yield engines[0], engines[1]
            for engine in engines:
                engine.dispose()
        return
    with TemporaryDirectory() as folder:
        engines = tuple(open_database(f"sqlite:///{Path(folder) / name}.sqlite") for name in ("cycle", "bare"))
        for engine in engines:
            create_tables(engine)
        yield engines[0], engines[1]


def measure(kind: str, made: Day) -> None:
    """One database: prints what each step took and its ratio to the bare load."""
    where = market()
    with databases(kind) as (engine, empty):
        with writing(engine) as connection:
            fill(Work(connection, TODAY, at(where.zone, 9), where), made)
        with engine.connect() as connection:
            before = connection.execute(select(schema.journal_head.c.number)).scalar_one()
            if kind == "PostgreSQL":
                # As autovacuum has done by the time of the cycle.
                connection.commit()
                connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE")
        steps: dict[str, Seconds] = {}
        begun = time.perf_counter(), time.process_time()
        with writing(engine) as connection:
            work = Work(connection, TODAY, at(where.zone, 11), where)
            due, steps["reading what is due"] = timed(lambda: due_today(work))
            solved, steps["balances, engine, check"] = timed(lambda: solve(work, due))
            queue = outbox(solved)
            _, kept = timed(lambda: keep(work, "main", solved, "batch/main-cycle"))
            _, queued = timed(lambda: files.queue_all(work, queue, "batch/main-cycle"))
            committing = time.perf_counter(), time.process_time()
        commit = Seconds(time.perf_counter() - committing[0], time.process_time() - committing[1])
        whole = Seconds(time.perf_counter() - begun[0], time.process_time() - begun[1])
        with engine.connect() as connection:
            rows = written(connection, before)
        bare = (bare_copy if kind == "PostgreSQL" else bare_insert)(empty, rows)
        writing_ = Seconds(
            kept.clock + queued.clock + commit.clock, kept.processor + queued.processor + commit.processor
        )
        steps |= {
            "writing entries, balances, statuses": kept,
            "writing the queue of the outbox": queued,
            "commit": commit,
            "writing, all of it": writing_,
            "the cycle from first read to commit": whole,
            "bare load of the same rows": bare,
        }
        count = sum(map(len, rows.values()))
        parts = ", ".join(f"{len(found):,} {table.name}" for table, found in rows.items())
        print(f"\n{kind}: {len(made.due):,} instructions due, {count:,} rows written\n  {parts}")
        print(f"  {'step':<40}{'seconds':>9}{'processor':>11}{'rows/s':>11}{'x bare load':>13}")
        for name, seconds in steps.items():
            rate = f"{count / seconds.clock:,.0f}" if "rit" in name or "bare" in name else ""
            print(
                f"  {name:<40}{seconds.clock:>9.2f}{seconds.processor:>11.2f}{rate:>11}{seconds.clock / bare.clock:>13.2f}"
            )


def main(given: list[str] | None = None) -> None:
    """The table for each number of instructions and kind of database."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("instructions", type=int, nargs="*", default=[10_000, 100_000])
    arguments.add_argument("--profile", choices=sorted(PROFILES), default="mid")
    chosen = arguments.parse_args(given)
    for count in chosen.instructions:
        made = day(count, chosen.profile)
        for kind in ("PostgreSQL", "SQLite"):
            measure(kind, made)


if __name__ == "__main__":
    main()
