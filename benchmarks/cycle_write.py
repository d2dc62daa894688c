"""How fast a settled cycle gets into the database, beside a bare bulk load of the very same rows in the same run.

A made-up day (`benchmarks.settlement.instances`) is put into a fresh database, read and solved as every cycle is, and written:
entries, postings, balances, statuses, certificate and the queue of the outbox, one transaction. Then the rows that this wrote or
changed are loaded bare into empty tables of the same definition: COPY from a prepared text on PostgreSQL, one prepared INSERT on
SQLite. Ratios are what counts; seconds depend on the machine, and where others work on it, too, the processor's time (this process
and the server's) tells more than the clock's.
"""

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, Engine, Table, insert, select

from benchmarks.settlement.instances import CURRENCIES, PROFILES, Day, day
from depository.cycle_report import operator_report, participant_reports
from depository.cycles import Solved, keep, solve
from depository.garbage import no_search_for_garbage
from depository.instructions import Instruction, InstructionKind, Side, Status
from depository.ledger import BANK, ISSUER, Entry, move
from depository.market import Market
from depository.obligations import due_today
from depository.register import Currency
from depository.store import bulk, files, instructions, journal, schema
from depository.store.archive import Archive
from depository.store.database import create_tables, open_database, writing
from depository.store.work import Work
from flows.commands.common import MARKET
from flows.steps.cycle_files import keep_proof
from flows.steps.sites import load_market
from parsers import report_json, report_workbook
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
    """Time of one piece of work: by the clock, and of the processor in this process and in the server's."""

    clock: float
    processor: float

    def __add__(self, other: "Seconds") -> "Seconds":
        return Seconds(self.clock + other.clock, self.processor + other.processor)

    def __sub__(self, other: "Seconds") -> "Seconds":
        return Seconds(self.clock - other.clock, self.processor - other.processor)


def now(server: int) -> Seconds:
    """The time so far; `server` is the number of the server's process (0 = none)."""
    processor = time.process_time()
    if server:
        fields = Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()
        processor += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return Seconds(time.perf_counter(), processor)


def server_of(connection: Connection) -> int:
    """The number of the server's process for a connection, 0 for SQLite."""
    if connection.dialect.name != "postgresql":
        return 0
    return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())


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
    isins = sorted({due.isin for due in made.due if due.isin})
    bulk.add(
        work.connection,
        schema.product,
        [(isin, f"Security {isin}", "KZT", "UNIT", 0, "", "", "", "", 1) for isin in isins],
    )
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


def outbox(solved: Solved) -> list[files.Queued]:
    """The queue's rows: two files for each participant of the cycle."""
    codes = {p for one in solved.posed.due for p in (one.deliver_participant, one.receive_participant)}
    return [files.Queued(code, f"{TODAY}_cycle.{n}", f"{n:064d}") for code in sorted(codes) for n in range(FILES_EACH)]


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


def bare_load(engine: Engine, rows: dict[Table, list[tuple[Any, ...]]]) -> Seconds:
    """One transaction: COPY of the rows from a prepared text on PostgreSQL, one prepared INSERT per table on SQLite."""
    with engine.connect() as connection:
        server = server_of(connection)
        driver: Any = connection.connection.driver_connection
        if server:
            texts = {
                table: "".join("\t".join(map(_field, row)) + "\n" for row in found) for table, found in rows.items()
            }
            begun = now(server)
            with driver.cursor() as cursor:
                for table, text in texts.items():
                    with cursor.copy(f"COPY {table.name} FROM STDIN") as copy:
                        copy.write(text)
            driver.commit()
        else:
            statements = {table: str(insert(table).compile(dialect=engine.dialect)) for table in rows}
            begun = now(server)
            driver.execute("BEGIN IMMEDIATE")
            for table, found in rows.items():
                driver.executemany(statements[table], found)
            driver.execute("COMMIT")
        return now(server) - begun


def _field(value: object) -> str:
    return r"\N" if value is None else str(value).replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n")


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
        with writing(engine) as connection:
            server = server_of(connection)
            work = Work(connection, TODAY, at(where.zone, 11), where)
            with no_search_for_garbage():
                times = [now(server)]
                due = due_today(work)
                times.append(now(server))
                solved = solve(work, due)
                times.append(now(server))
                cycle = keep(work, "main", solved, "batch/main-cycle")
                times.append(now(server))
            queue = outbox(solved)
            times.append(now(server))
            files.queue_all(work, queue, "batch/main-cycle")
            times.append(now(server))
        times.append(now(server))
        with writing(engine) as connection:
            # What the cycle makes besides, in files: it is not part of the writing that is compared.
            work = Work(connection, TODAY, at(where.zone, 11), where)
            made_reports = [now(0)]
            reports = [*participant_reports(work, cycle, everyone=True), operator_report(work, cycle, "operator")]
            for report in reports:
                report_json.render(report)
                report_workbook.render(report)
            made_reports.append(now(0))
            with TemporaryDirectory() as folder:
                keep_proof(work, Archive(Path(folder)), cycle.number, solved)
            made_reports.append(now(0))
        with engine.connect() as connection:
            rows = written(connection, before)
        bare = bare_load(empty, rows)
        steps = {
            "reading what is due": times[1] - times[0],
            "balances, engine, check": times[2] - times[1],
            "writing entries, balances, statuses": times[3] - times[2],
            "writing the queue of the outbox": times[5] - times[4],
            "commit": times[6] - times[5],
            "writing, all of it": times[3] - times[2] + times[6] - times[4],
            "bare load of the same rows": bare,
            f"{len(reports)} reports, as JSON and workbook": made_reports[1] - made_reports[0],
            "input and proof, packed and archived": made_reports[2] - made_reports[1],
        }
        count = sum(map(len, rows.values()))
        parts = ", ".join(f"{len(found):,} {table.name}" for table, found in rows.items())
        print(f"\n{kind}: {len(made.due):,} instructions due, {count:,} rows written\n  {parts}")
        print(f"  {'step':<38}{'seconds':>9}{'processor':>11}{'x bare load':>13}{'by processor':>14}")
        for name, took in steps.items():
            ratios = f"{took.clock / bare.clock:>13.2f}{took.processor / bare.processor:>14.2f}"
            print(f"  {name:<38}{took.clock:>9.2f}{took.processor:>11.2f}{ratios}")


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
