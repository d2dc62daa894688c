"""What comes by the hundred thousand: a BUNA from file to recorded, the proof of a long journal, the statements of all participants.

Each figure stands beside a bare part of the same work, measured in the same run: a bare read of the workbook by two libraries, a bare
scan of the journal's rows, and SHA-256 over as many bytes. Ratios are what counts; seconds depend on the machine.
"""

import argparse
import hashlib
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from openpyxl import load_workbook
from python_calamine import CalamineWorkbook
from sqlalchemy import Column, Engine, MetaData, Table, and_, except_, func, select, update

from depository.answers import Receipt
from depository.ledger import BANK, ISSUER, Entry, Posting, chained, move
from depository.register import Account, AccountState, AccountType, Party, PartyKind, Product
from depository.sftp.server import EmbeddedServer
from depository.statements import statement, statements
from depository.store import bulk, journal, register, schema
from depository.store.database import create_tables, open_database, reading, writing
from depository.store.work import Work
from depository.verify import verify
from flows.commands.common import MARKET, SAMPLE, SAMPLE_DAY
from flows.server import free_port
from flows.steps.arrivals import Arrival
from flows.steps.intake import take_together
from flows.steps.making import make_answers
from flows.steps.reading import read_one
from flows.steps.resident import SWITCH
from flows.steps.setup import HOST_KEY, load, make_site
from flows.steps.sites import Site, load_market, read_site
from forms import samples
from parsers import report_json, report_workbook
from parsers.blank_workbook import fill
from tests.support.databases import PostgresServer
from tools.sample_day import NAMES, SIGNATORY

DAY = date(2026, 3, 4)
PARTICIPANTS, SECURITIES = 200, 20
"""Of the made-up journal: participants with four accounts each, and securities."""
PER_CYCLE = 10_000
"""Entries that are written in one transaction."""


@dataclass(frozen=True, slots=True)
class Took:
    """Time of one piece of work: by the clock, and of the processors of this process and its children."""

    clock: float
    processor: float

    def __add__(self, after: "Took") -> "Took":
        """This and then that."""
        return Took(self.clock + after.clock, self.processor + after.processor)


def timed(work: Callable[[], Any]) -> tuple[Any, Took]:
    """The result of one piece of work and what it took."""
    clock, processor = time.perf_counter(), _processor()
    result = work()
    return result, Took(time.perf_counter() - clock, _processor() - processor)


def alone(work: Callable[[], Any]) -> Took:
    """What one piece of work took that is done in this process alone: a child that ends meanwhile takes its seconds with it."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - clock, time.process_time() - processor)


def _processor() -> float:
    """Seconds that the processors have worked for this process and for its children that run: the reader's, a database server's."""
    children = psutil.Process().children(recursive=True)
    return time.process_time() + sum(sum(one.cpu_times()[:2]) for one in children)


def table(head: str, unit: str, many: int, rows: Sequence[tuple[str, Took]]) -> None:
    """Prints pieces of work beside the first of them."""
    bare = rows[0][1]
    print(f"\n{head}")
    print(f"  {'step':<56}{'s':>8}{'CPU s':>8}{unit + '/s':>11}{'x bare':>8}{'x CPU':>8}")
    for name, took in rows:
        seconds = f"{took.clock:>8.2f}{took.processor:>8.2f}{many / took.clock:>11,.0f}"
        print(f"  {name:<56}{seconds}{took.clock / bare.clock:>8.2f}{took.processor / bare.processor:>8.2f}")


# --- a BUNA -------------------------------------------------------------------------------------------------------------------


def buna(rows: int, wrong: int = 0) -> bytes:
    """A BUNA of so many clients; `wrong` in a hundred of them have no e-mail address that could be one."""
    person = SIGNATORY.format("B03")
    header = {
        "reference": "B03-BUNA-BENCH",
        "form_date": SAMPLE_DAY,
        "participant": "B03",
        "participant_name": NAMES["B03"],
        "signatory": person,
        "signatory_position": "Head of operations",
        "signature": person,
    }
    fault = {"email": "client at example.com"}
    clients = [samples.buna_client(1000 + n, **(fault if n % 100 < wrong else {})) for n in range(rows)]
    return fill("BUNA", header, samples.buna_cover(rows), clients)


def forms(rows: int, wrong: int = 0, kind: str = "SQLite", *, openpyxl: bool) -> None:
    """A BUNA from file to recorded and answered, `wrong` rows in a hundred refused, beside bare reads of the same workbook."""
    # As in the resident intake.
    sys.setswitchinterval(SWITCH)
    # Made in a process of its own, so that what it takes does not count.
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        data, one = other.submit(buna, rows, wrong).result(), other.submit(buna, 1).result()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        path = folder / "buna.xlsx"
        path.write_bytes(data)
        url = "sqlite:///csd.db"
        if kind == "PostgreSQL":
            server = stack.enter_context(PostgresServer(durable=True))
            url = server.url(server.create(empty=True))
        at = datetime(SAMPLE_DAY.year, SAMPLE_DAY.month, SAMPLE_DAY.day, 10, tzinfo=load_market(MARKET).zone)
        made = make_site(folder / "site", MARKET, SAMPLE / "reference", port=0, at=at, database=url, looks=1, apart=0)
        site = read_site(made.settings)
        load(made.settings, SAMPLE / "reference", at)
        # The parsing child starts before anything is measured.
        site.sandbox.read_form(one, "warm.xlsx")
        children = psutil.Process().children(recursive=True)
        (child,) = [one for one in children if "spawn_main" in " ".join(one.cmdline())]
        before = [_memory(process, "VmRSS") for process in ("self", child.pid)]
        for process in ("self", child.pid):
            # The peak from here on: the bare reads of an earlier form keep every cell of it.
            Path(f"/proc/{process}/clear_refs").write_text("5")
        form, checked = timed(lambda: site.sandbox.read_form(data, "buna.xlsx"))
        assert len(form.lines) == rows
        receipt, recorded = timed(lambda: _recorded(site, Arrival("B03", "inbox", "buna.xlsx", data, at)))
        _, answered = timed(lambda: make_answers(site, at))
        verdict = {0: "accepted", 100: "refused"}.get(wrong, "partly accepted")
        assert (receipt.verdict.value, len(receipt.lines)) == (verdict, rows)
        after = [_memory(process, "VmHWM") for process in ("self", child.pid)]
        site.close()

        def by_calamine() -> int:
            return sum(1 for _ in CalamineWorkbook.from_path(str(path)).get_sheet_by_name("Accounts").iter_rows())

        def by_openpyxl() -> int:
            return sum(1 for _ in load_workbook(path, read_only=True)["Accounts"].iter_rows(values_only=True))

        reads = [("bare read of the workbook, calamine", min((alone(by_calamine) for _ in range(3)), key=_clock))]
        if openpyxl:
            reads.append(("bare read of the workbook, openpyxl read-only", alone(by_openpyxl)))
    table(
        f"BUNA of {rows:,} rows ({len(data) / 1e6:.1f} MB), {wrong} % of them wrong, {kind}",
        "rows",
        rows,
        [
            *reads,
            ("read and checked in the limited child", checked),
            ("from file to recorded", recorded),
            ("from file to recorded and answered", recorded + answered),
        ],
    )
    print(f"  memory before, the process and its limited child: {before[0]:.0f} and {before[1]:.0f} MB")
    print(f"  peak memory, the process and its limited child: {after[0]:.0f} and {after[1]:.0f} MB")


def _recorded(site: Site, arrival: Arrival) -> Receipt:
    """What takes one file in, but for its answers."""
    digest = site.archive.put(arrival.data)
    return take_together(site, [read_one(site, arrival, digest)])[0]


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes of the process that takes files in and of its limited child, at one moment."""

    resident: tuple[float, float]
    """RSS: what both share counts in each."""
    proportional: tuple[float, float]
    """PSS: what several processes share is divided by their number."""


def intake_memory(rows: int, kind: str = "SQLite") -> None:
    """What a process like that of `csd up` and its limited child take at once, from the drop of a BUNA to its answer over SFTP."""
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        data, one = other.submit(buna, rows).result(), other.submit(buna, 1).result()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        url = "sqlite:///csd.db"
        if kind == "PostgreSQL":
            server = stack.enter_context(PostgresServer(durable=True))
            url = server.url(server.create(empty=True))
        at = datetime(SAMPLE_DAY.year, SAMPLE_DAY.month, SAMPLE_DAY.day, 10, tzinfo=load_market(MARKET).zone)
        port = free_port()
        made = make_site(folder / "site", MARKET, SAMPLE / "reference", port=port, at=at, database=url)
        load(made.settings, SAMPLE / "reference", at)
        stack.enter_context(EmbeddedServer.start(made.sftp_root, made.authorised_keys, made.keys / HOST_KEY, port))
        command = [sys.executable, "-m", "benchmarks.bulk_intake", str(made.settings), at.isoformat()]
        process = stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE))
        assert process.stdin is not None
        stack.callback(process.stdin.close)
        # A form of one row first: the child has started and everything is loaded that a file needs.
        idle = _sampled(made.sftp_root, "warm.xlsx", one, process)[-1]
        samples_ = _sampled(made.sftp_root, "buna.xlsx", data, process)
        time.sleep(5)
        after = _both(process)
    peak = max(samples_, key=lambda one: sum(one.resident))
    shared = max(samples_, key=lambda one: sum(one.proportional))
    print(f"\nmemory of the process that takes files in + its limited child, BUNA of {rows:,} rows, {kind} (MB)")
    for name, sample in (("before", idle), ("most RSS at once", peak), ("most PSS at once", shared), ("after", after)):
        told = "; ".join(
            f"{kind} {a:.0f} + {b:.0f} = {a + b:.0f}"
            for kind, (a, b) in (("RSS", sample.resident), ("PSS", sample.proportional))
        )
        print(f"  {name:<18}{told}")


def _sampled(root: Path, name: str, data: bytes, process: subprocess.Popen[bytes]) -> list[Memory]:
    """Drops a file with its marker and looks at the memory until its receipt is there."""
    (root / "B03" / "inbox" / name).write_bytes(data)
    (root / "B03" / "inbox" / f"{name}.done").touch()
    found = []
    while not list((root / "B03" / "outbox").glob(f"{name}.*.receipt.json")):
        if process.poll() is not None:
            raise RuntimeError(f"the intake ended with {process.returncode}")
        found.append(_both(process))
        time.sleep(0.02)
    return [*found, _both(process)]


def _both(process: subprocess.Popen[bytes]) -> Memory:
    """Of a process and its limited child; before that has started, of the process alone."""
    found = []
    for one in (process.pid, *(one.pid for one in psutil.Process(process.pid).children())):
        # One that has ended meanwhile has no memory and no file; any other is none of the intake's two.
        with suppress(OSError):
            if one == process.pid or b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes():
                lines = dict(line.split(":") for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()[1:])
                found.append(tuple(int(lines[kind].split()[0]) / 1024 for kind in ("Rss", "Pss")))
    found.append((0.0, 0.0))
    return Memory((found[0][0], found[1][0]), (found[0][1], found[1][1]))


def _clock(took: Took) -> float:
    return took.clock


def _memory(process: int | str, what: str) -> float:
    """Megabytes of a process by a line of its status."""
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith(what))


# --- a journal ----------------------------------------------------------------------------------------------------------------


@contextmanager
def database(kind: str) -> Iterator[Engine]:
    """An empty database of a kind."""
    with two_databases(kind) as (engine, _):
        yield engine


@contextmanager
def two_databases(kind: str) -> Iterator[tuple[Engine, Engine]]:
    """Two empty databases of a kind that know nothing of each other."""
    with ExitStack() as stack:
        if kind == "PostgreSQL":
            server = stack.enter_context(PostgresServer(durable=True))
            urls = [server.url(server.create(empty=True)) for _ in range(2)]
        else:
            folder = stack.enter_context(TemporaryDirectory())
            urls = [f"sqlite:///{folder}/{name}.sqlite" for name in ("first", "second")]
        engines = open_database(urls[0]), open_database(urls[1])
        for engine in engines:
            stack.callback(engine.dispose)
            create_tables(engine)
        yield engines


def _accounts() -> list[str]:
    return [f"P{p:03d}-{kind}" for p in range(PARTICIPANTS) for kind in ("HO", "DO", "FO", "ST")]


def _securities() -> list[str]:
    return [f"KZX{n:09d}" for n in range(SECURITIES)]


def write_journal(engine: Engine, many: int) -> None:
    """So many settled instructions, delivery against payment, after what they need was lodged and paid in."""
    market = load_market(MARKET)
    random = Random(1)
    accounts, securities = _accounts(), _securities()

    def cycle(number: int, entries: list[Entry]) -> None:
        with writing(engine) as connection:
            at = datetime(2026, 3, 4, 5, tzinfo=UTC) + timedelta(seconds=number)
            journal.post(Work(connection, DAY, at, market), entries)

    plenty = 10**15
    opening = [Entry("lodgment", f"L{a}", move(s, plenty, ISSUER, a)) for a in accounts for s in securities]
    opening += [Entry("credit", f"M{p}", move("KZT", plenty, BANK, f"P{p:03d}")) for p in range(PARTICIPANTS)]
    cycle(0, opening)
    for first in range(0, many, PER_CYCLE):
        entries = []
        for n in range(first, min(many, first + PER_CYCLE)):
            giver, taker = random.sample(accounts, 2)
            price = random.randrange(1, 10**9)
            postings: tuple[Posting, ...] = move(random.choice(securities), 1 + n % 999, giver, taker)
            if giver[:4] != taker[:4]:
                postings += move("KZT", price, taker[:4], giver[:4])
            entries.append(Entry("settlement", f"I{n:08d}", postings))
        cycle(1 + first // PER_CYCLE, entries)


def rebuild(engine: Engine, empty: Engine) -> int:
    """Writes the balances that one database's journal gives into another's empty table; returns how many there are."""
    market = load_market(MARKET)
    rebuilt: dict[journal.Key, int] = {}
    with reading(engine) as connection:
        for written in journal.entries(Work(connection, DAY, datetime(2026, 3, 5, tzinfo=UTC), market)):
            for holder, asset, part, amount in written.postings:
                rebuilt[holder, asset, part] = rebuilt.get((holder, asset, part), 0) + amount
    with writing(empty) as connection:
        bulk.add(connection, schema.balance, [(*key, amount) for key, amount in sorted(rebuilt.items())])
    return len(rebuilt)


def unlike(engine: Engine, other: Engine) -> int:
    """How many rows are in one database's balances and not in the other's, either way; the databases themselves compare."""
    b = schema.balance
    columns = (Column(column.name, column.type) for column in b.columns)
    kept = Table("rebuilt_balance", MetaData(), *columns, prefixes=["TEMPORARY"])
    with reading(other) as connection:
        rows = [tuple(row) for row in connection.execute(select(b))]
    with writing(engine) as connection, bulk.staged(connection, kept, rows):
        only = [except_(select(one), select(two)).subquery() for one, two in ((b, kept), (kept, b))]
        return sum(connection.execute(select(func.count()).select_from(rows_)).scalar_one() for rows_ in only)


def _spoil(engine: Engine) -> None:
    """One balance too many by one, so that the comparison shows that it sees it."""
    b = schema.balance
    with writing(engine) as connection:
        first = connection.execute(select(b).where(b.c.amount > 0).limit(1)).one()
        same = and_(b.c.holder == first.holder, b.c.asset == first.asset, b.c.part == first.part)
        connection.execute(update(b).where(same).values(amount=b.c.amount + 1))


def journals(kind: str, many: int) -> None:
    """The proof of a journal, and its balances in an empty database, beside a bare scan of its rows and SHA-256 over as many bytes."""
    market = load_market(MARKET)
    with two_databases(kind) as (engine, empty):
        _, written = timed(lambda: write_journal(engine, many))

        def scan() -> int:
            with reading(engine) as connection:
                streamed = {"yield_per": 10_000}
                rows = 0
                for name in (schema.journal, schema.posting):
                    for part in connection.execute(select(name), execution_options=streamed).partitions():
                        rows += len(part)
                return rows

        def prove() -> Any:
            with reading(engine) as connection:
                return verify(Work(connection, DAY, datetime(2026, 3, 5, tzinfo=UTC), market))

        length = len(
            chained("f" * 64, many, "2026-03-04", "2026-03-04T05:00:00.000000Z", "settlement", "I00000001", ())
        )
        hashed = b"x" * (length + 4 * 40 + 120)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        verdict, proved = timed(prove)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        assert verdict.faults == ()
        balances, rebuilt = timed(lambda: rebuild(engine, empty))
        differing, compared = timed(lambda: unlike(engine, empty))
        assert (differing, balances) == (
            0,
            1 + len(_accounts()) * len(_securities()) + PARTICIPANTS + len(_securities()),
        )
        _spoil(empty)
        assert unlike(engine, empty) == 2
        _, scanned = timed(scan)
        _, sums = timed(lambda: [hashlib.sha256(hashed).hexdigest() for _ in range(verdict.entries)])
    table(
        f"journal of {verdict.entries:,} entries, {verdict.postings:,} postings, {kind}",
        "entries",
        verdict.entries,
        [
            ("bare scan of entries and postings, typed rows", scanned),
            ("bare SHA-256 over as many bytes", sums),
            ("every balance rebuilt, compared, the chain proved", proved),
            (f"{balances:,} balances rebuilt into an empty database", rebuilt),
            ("both databases' balances compared by SQL, no row differs", compared),
            ("written by the product, 10,000 entries a transaction", written),
        ],
    )
    print(f"  peak memory: {before:.0f} MB before the proof, {after:.0f} MB after")


# --- an end of day -------------------------------------------------------------------------------------------------------------


def statements_of_all(kind: str, many: int) -> None:
    """The statements of every participant after a day with such a journal, beside the same figures as bare rows."""
    market = load_market(MARKET)
    with database(kind) as engine:
        write_journal(engine, many)
        with writing(engine) as connection:
            work = Work(connection, DAY, datetime(2026, 3, 4, 17, tzinfo=UTC), market)
            codes = [f"P{p:03d}" for p in range(PARTICIPANTS)]
            register.add_parties(work, [Party(code, code, PartyKind.PARTICIPANT) for code in codes])
            register.add_products(work, [Product(s, s, "KZT", "UNIT", 0) for s in _securities()])
            kinds = {one.value: one for one in AccountType}
            register.open_accounts(work, [Account(a, a[:4], kinds[a[5:]], AccountState.OPEN, DAY) for a in _accounts()])

            def bare() -> int:
                rows = connection.execute(select(schema.posting), execution_options={"yield_per": 10_000})
                return sum(len(part) for part in rows.partitions())

            def figures() -> int:
                return sum(len(t.rows) for report in statements(work, codes) for t in report.tables)

            lines, scanned = timed(bare)
            shown, made = timed(figures)
            # The conversion of one of them to files, which is most of an end of day.
            report = statement(work, codes[0])
            _, written = timed(lambda: (report_json.render(report), report_workbook.render(report)))
            mine = sum(len(t.rows) for t in report.tables)
    table(
        f"statements of {PARTICIPANTS} participants, {lines:,} postings of the day, {shown:,} lines, {kind}",
        "lines",
        shown,
        [("bare scan of the postings", scanned), ("the figures of all statements", made)],
    )
    print(
        f"  one statement of {mine:,} lines as JSON and as a workbook: {written.clock:.2f} s, {written.processor:.2f} CPU s"
    )


def main(given: list[str] | None = None) -> None:
    """The sizes asked for."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, nargs="*", default=[20_000], help="rows of a BUNA")
    arguments.add_argument(
        "--wrong", type=int, nargs="*", default=[0, 1], help="rows in a hundred of them that are wrong"
    )
    arguments.add_argument(
        "--entries", type=int, nargs="*", default=[100_000], help="settled instructions in a journal"
    )
    arguments.add_argument(
        "--day", type=int, nargs="*", default=[50_000], help="settled instructions before an end of day"
    )
    arguments.add_argument("--databases", nargs="*", default=["SQLite", "PostgreSQL"])
    arguments.add_argument("--openpyxl", action="store_true", help="time a bare read by openpyxl as well")
    asked = arguments.parse_args(given)
    for rows in asked.rows:
        for kind in asked.databases:
            for wrong in asked.wrong:
                forms(rows, wrong, kind, openpyxl=asked.openpyxl)
            intake_memory(rows, kind)
    for many in asked.entries:
        for kind in asked.databases:
            journals(kind, many)
    for many in asked.day:
        for kind in asked.databases:
            statements_of_all(kind, many)


if __name__ == "__main__":
    main()
