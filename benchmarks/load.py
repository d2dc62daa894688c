"""The intake under load: a real OpenSSH server, 200 participants, and a process that drops forms while the resident intake answers them.

The forms are those of `benchmarks.load_forms`: transfers, withdrawals and client forms of 20 kB, some of them wrong.

`python -m benchmarks.load [--minutes 10] [--rate 25]`. Every figure stands beside the bare parts of the same work, measured in the same
run. A form is answered when its receipt and its answer workbook lie in its sender's outbox; the moments are those that the server's
file system noted, so that nothing has to watch. Needs root, as sshd confines each login to its folder.
"""

import argparse
import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from statistics import mean, quantiles
from tempfile import TemporaryDirectory

from python_calamine import CalamineWorkbook
from sqlalchemy import func, select

from benchmarks.load_forms import BANK, PARTIES, ROUND, bank_account, code, funding, mix
from depository.sftp import wire
from depository.sftp.client import connect
from depository.store import files, schema
from depository.verify import verify
from flows.commands.common import MARKET, SAMPLE, SAMPLE_DAY
from flows.steps.arrivals import Arrival
from flows.steps.deliver import deliver
from flows.steps.intake import take, take_files
from flows.steps.resident import Resident, pause_after
from flows.steps.setup import SETTINGS, SIGNING_CERTIFICATE, SIGNING_KEY, load
from flows.steps.signing import create_trial_key
from flows.steps.sites import Site, load_market, read_site
from forms import samples
from tests.support.databases import PostgresServer
from tests.support.openssh import Site as Server
from tests.support.openssh import openssh
from tools.sample_day import SHARE_B

ROOT = Path(__file__).resolve().parents[1]
BETWEEN = 0.5
"""Seconds between two looks when few files come, as the resident flow has it."""
TICK = 0.05


# --- the site -----------------------------------------------------------------------------------------------------------------


def reference(folder: Path) -> None:
    """Reference data of 200 participants."""
    folder.mkdir()
    codes = [code(number) for number in range(PARTIES)]

    def write(name: str, rows: Sequence[str]) -> None:
        head = (SAMPLE / "reference" / name).read_text().splitlines()[0]
        (folder / name).write_text("\n".join([head, *rows]) + "\n")

    parties = [f"{c},Model Participant {c},participant,,{b},yes" for c, b in bins().items()]
    kept = (SAMPLE / "reference" / "parties.csv").read_text().splitlines()[1:]
    write("parties.csv", parties + [row for row in kept if ",participant," not in row])
    write("powers.csv", [f"{c},Authorised Person {c},Head of operations,*,2026-01-01,2027-12-31" for c in codes])
    write("accounts.csv", [f"{c}-HO,2026-01-05,open," for c in codes])
    write("positions.csv", [f"{c}-HO,{SHARE_B},1000000,REG-{n:04d}" for n, c in enumerate(codes)])
    accounts = [f"{c},KZT,{bank_account(c)},{BANK},Model Participant {c},{b}" for c, b in bins().items()]
    write("bank_accounts.csv", accounts)
    for name in ("products.csv", "calendar.csv"):
        (folder / name).write_text((SAMPLE / "reference" / name).read_text())


def bins() -> dict[str, str]:
    """Each participant's business identification number; some beginnings have no valid check digit."""
    found: list[str] = []
    for number in itertools.count():
        with suppress(ValueError):
            found.append(samples.iin_bin(f"2601400{number:04d}"))
        if len(found) == PARTIES:
            return dict(zip(map(code, range(PARTIES)), found, strict=True))
    raise AssertionError("there is always another number")


def others() -> list[str]:
    """The parties that are no participants, without the depository itself."""
    rows = (SAMPLE / "reference" / "parties.csv").read_text().splitlines()[1:]
    return [row.split(",")[0] for row in rows if row.split(",")[2] not in ("participant", "operator")]


def make(folder: Path, server: Server, url: str, apart: float) -> Path:
    """A site on the server, with its reference data loaded; returns its settings file."""
    settings = folder / "csd.toml"
    name = load_market(MARKET).depository_name
    since = datetime(SAMPLE_DAY.year, 1, 1, tzinfo=UTC)
    create_trial_key(server.keys / SIGNING_KEY, server.keys / SIGNING_CERTIFICATE, name, since)
    settings.write_text(
        SETTINGS.format(
            database=url,
            market=MARKET.resolve(),
            host=server.host,
            port=server.port,
            host_key="host",
            looks=3,
            apart=apart,
            signing_key=SIGNING_KEY,
            signing_certificate=SIGNING_CERTIFICATE,
        )
        .replace('user = "csd"', f'user = "{server.csd}"')
        .replace('"keys/', f'"{server.keys}/')
        .replace("keys/csd", f"keys/{server.csd}")
    )
    site = read_site(settings)
    at = morning(site)
    load(settings, folder.parent / "reference", at)
    take(site, Arrival("bank", "inbox", "funding.xml", funding(site.market, at), at))
    site.close()
    return settings


def morning(site: Site) -> datetime:
    """The moment at which the day of a run begins."""
    return datetime(SAMPLE_DAY.year, SAMPLE_DAY.month, SAMPLE_DAY.day, 10, tzinfo=site.market.zone)


# --- the processes ------------------------------------------------------------------------------------------------------------


def work(settings: Path) -> None:
    """The depository's process: the resident intake, by a clock that began at ten in the morning when it started."""
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    site = read_site(settings)
    begin, started = morning(site), time.monotonic()
    with Resident(site) as resident:
        while not ended:
            receipts = resident.look(begin + timedelta(seconds=time.monotonic() - started))
            time.sleep(pause_after(receipts, BETWEEN))
    site.close()


def drop(
    where: dict[str, str], rate: float, seconds: float, parties: int, marker: bool, first: int, told: Path
) -> None:
    """The senders' process: forms under a temporary name, renamed, at a given rate; notes each with its moment.

    All are made before the first is dropped, as their senders make them on machines of their own.
    """
    forms = mix(bins())
    made = [forms.form(n, parties) for n in range(first, first + int(rate * seconds) + 1)]
    line = connect(where["host"], int(where["port"]), where["user"], Path(where["key"]), where["host_key"])
    with line, told.open("w") as notes:
        started, number = time.monotonic(), 0
        while (passed := time.monotonic() - started) < seconds:
            due = range(number, int(passed * rate))
            some = [(f"/{made[n].sender}/inbox/{name(first + n)}", made[n].data) for n in due]
            if some:
                with line.session("drop") as session:
                    for result in session.run_all([dropping(path, data, marker) for path, data in some]):
                        if isinstance(result, Exception):
                            raise result
                now = time.time_ns()
                notes.writelines(f"{path} {now}\n" for path, _ in some)
                number += len(some)
            time.sleep(TICK)


def name(number: int) -> str:
    """A form's file name."""
    return f"form_{number:08d}.xlsx"


def dropping(path: str, data: bytes, marker: bool) -> wire.Talk[None]:
    """What a sender's client does: write, close, rename, and leave a marker if it knows how to."""
    target = path.encode()
    temporary = target + b".part"
    handle = yield from wire.open_file(temporary, wire.FOR_WRITING | wire.CREATE)
    yield from wire.write_file(handle, data)
    yield from wire.close_file(handle)
    yield from wire.rename(temporary, target)
    if marker:
        handle = yield from wire.open_file(target + b".done", wire.FOR_WRITING | wire.CREATE)
        yield from wire.close_file(handle)


# --- measuring ----------------------------------------------------------------------------------------------------------------


def timed(work_: Callable[[], object]) -> float:
    """Seconds of one piece of work."""
    start = time.perf_counter()
    work_()
    return time.perf_counter() - start


@dataclass(frozen=True, slots=True)
class Sample:
    """A process and its children at one moment: seconds since the start, CPU seconds, resident bytes."""

    at: float
    cpu: float
    memory: int


def tree(pid: int) -> Sample:
    """A process with its children."""
    cpu, memory = 0.0, 0
    for one in (pid, *children(pid)):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        cpu += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        memory += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    return Sample(time.monotonic(), cpu, memory)


SHARES = ("intake", "its limited child", "database server", "SSH server", "senders")


def shares(worker: int, sender: int) -> Counter[str]:
    """CPU seconds so far of each part of the run; all of them are processes below this one."""
    found: Counter[str] = Counter()
    below = set(children(worker))
    for pid in children(os.getpid()):
        try:
            _, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")
        except OSError:
            continue
        command, _, numbers = rest.rpartition(")")
        fields = numbers.split()
        if pid == worker:
            part = "intake"
        elif pid == sender:
            part = "senders"
        elif pid in below:
            part = "its limited child"
        else:
            part = "database server" if command == "postgres" else "SSH server"
        found[part] += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # type: ignore[assignment]
    return found


def children(pid: int) -> list[int]:
    """All processes below a process."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            mine = [int(word) for word in task.read_text().split()]
        except OSError:
            continue
        for one in mine:
            found += [one, *children(one)]
    return found


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A part of the run in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    started = subprocess.Popen([sys.executable, "-m", "benchmarks.load", *arguments], cwd=ROOT, env=environment)
    try:
        yield started
    finally:
        started.terminate()
        started.wait(60)


@dataclass(frozen=True, slots=True)
class Run:
    """What one run came to. `latencies` are seconds from drop to answer, in the order of drops."""

    seconds: float
    dropped: list[tuple[str, int]]
    latencies: list[float]
    samples: list[Sample]
    backlog: list[int]
    """Forms dropped and not answered, at every fifth of the time."""
    spent: Counter[str]
    """CPU seconds of each part of the run while forms were dropped."""


def run(settings: Path, server: Server, rate: float, seconds: float, parties: int, marker: bool, first: int) -> Run:
    """Drops for so long while the intake works, waits until all is answered, and reads the moments off the server's disk."""
    where = {
        "host": server.host,
        "port": str(server.port),
        "user": server.csd,
        "key": str(server.keys / server.csd),
        "host_key": server.host_key,
    }
    told = settings.parent / f"dropped-{first}"
    samples: list[Sample] = []
    with process("work", str(settings)) as worker:
        warm_up(server, worker, first + 90_000)
        arguments = (json.dumps(where), str(rate), str(seconds), str(parties), str(int(marker)), str(first), str(told))
        with process("drop", *arguments) as sender:
            while not told.exists():
                # The senders make their forms.
                time.sleep(0.2)
            begun = time.monotonic()
            before = spent = shares(worker.pid, sender.pid)
            while sender.poll() is None:
                samples.append(tree(worker.pid))
                spent = shares(worker.pid, sender.pid) | spent
                time.sleep(1)
        dropped = [(line.split()[0], int(line.split()[1])) for line in told.read_text().splitlines()]
        while len(answers(server.root, dropped)) < len(dropped) and time.monotonic() < begun + seconds + 300:
            samples.append(tree(worker.pid))
            time.sleep(1)
        took = time.monotonic() - begun
    answered = answers(server.root, dropped)
    latencies = [(answered[path] - at) / 1e9 for path, at in dropped if path in answered]
    start, end = dropped[0][1], dropped[-1][1]
    moments = [start + (end - start) * fifth // 5 for fifth in range(1, 6)]
    backlog = [
        sum(at <= moment for _, at in dropped) - sum(answered.get(path, end * 2) <= moment for path, _ in dropped)
        for moment in moments
    ]
    return Run(took, dropped, latencies, samples, backlog, spent - before)


def warm_up(server: Server, worker: subprocess.Popen[bytes], number: int) -> None:
    """Waits until the intake has started and answered a first form."""
    form = mix(bins()).form(number)
    path = f"/{form.sender}/inbox/{name(number)}"
    with server.connect(server.csd) as line, line.session("drop") as session:
        session.run(dropping(path, form.data, marker=True))
    while not answers(server.root, [(path, 0)]):
        if worker.poll() is not None:
            raise RuntimeError(f"the intake ended with code {worker.returncode}; its words stand above")
        time.sleep(0.5)


def answers(root: Path, dropped: Sequence[tuple[str, int]]) -> dict[str, int]:
    """For each form the moment (ns) at which the last of its two answers got its final name; their signatures lie there before."""
    found: dict[str, list[int]] = {}
    for party in {path.split("/")[1] for path, _ in dropped}:
        for entry in os.scandir(root / party / "outbox"):
            if entry.name.startswith("form_") and not entry.name.endswith(".p7s"):
                found.setdefault(f"/{party}/inbox/{entry.name[:13]}.xlsx", []).append(entry.stat().st_ctime_ns)
    return {path: max(found[path]) for path, _ in dropped if len(found.get(path, ())) == 2}


def check(site: Site, one: Run, root: Path) -> str:
    """Every dropped file has exactly one receipt, with the right verdict, and one effect; nothing lies about, and the books are right."""
    forms = mix(bins())
    names = Counter(path.rpartition("/")[2] for path, _ in one.dropped)
    with site.reading(morning(site)) as work_:
        f = schema.file.c
        verdicts = {
            row.name: row.verdict
            for row in work_.connection.execute(select(f.name, f.verdict).where(f.name.startswith("form_")))
        }
        taken = work_.connection.execute(select(func.count()).where(f.name.startswith("form_"))).scalar_one()
        effects = work_.connection.execute(select(func.count()).select_from(schema.instruction)).scalar_one()
        opened = select(func.count()).where(schema.account.c.client_data != "")
        accounts = work_.connection.execute(opened).scalar_one()
        faults = verify(work_).faults
        waiting = files.count_waiting(work_)
    expected = {file: forms.pattern(int(file[5:13])) for file in verdicts}
    left = [p for p in root.rglob("*") if p.is_file() and p.parent.name != "outbox"]
    receipts = Counter(p.name[:18] for p in root.glob("[PQ]*/outbox/*.receipt.json"))
    assert names.keys() <= verdicts.keys(), f"not taken: {sorted(names.keys() - verdicts.keys())[:5]}"
    assert taken == len(verdicts), "a file was taken twice"
    assert set(receipts.values()) == {1}, "a file has two receipts"
    assert receipts.keys() == verdicts.keys()
    wrong = {file: verdict for file, verdict in verdicts.items() if verdict != expected[file].verdict}
    assert not wrong, f"{len(wrong)} with another verdict: {list(wrong.items())[:5]}"
    assert effects == sum(pattern.instructions for pattern in expected.values()), effects
    assert accounts == sum(pattern.accounts for pattern in expected.values()), accounts
    assert (faults, waiting, left) == ((), 0, []), (faults, waiting, left[:5])
    counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(Counter(verdicts.values()).items()))
    return (
        f"{taken} files ({counts}), as many receipts, {effects} instructions, {accounts} accounts, `csd verify` clean"
    )


# --- the bare parts -----------------------------------------------------------------------------------------------------------


def bare_parts(server: Server, folder: Path, count: int = 200) -> dict[str, float]:
    """Seconds per form of each part of the work by itself, on the same machine and server."""
    forms = mix(bins())
    some = [forms.form(n).data for n in range(count)]
    party = code(0)
    with server.folders() as folders:
        paths = [f"/{party}/inbox/bare_{n}.xlsx" for n in range(count)]
        put = timed(lambda: folders.put_all([(p, data) for p, data in zip(paths, some, strict=True)]))
        fetched = timed(lambda: folders.fetch_all(paths, 10_000_000))
        folders.remove_all(paths)
    reading = timed(lambda: [_cells(data) for data in some])
    with closing(sqlite3.connect(folder / "bare.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE form (id INTEGER PRIMARY KEY, data BLOB)")
        inserting = timed(lambda: [database.execute("INSERT INTO form (data) VALUES (?)", (data,)) for data in some])
    return {
        "bare fetch over SFTP": fetched / count,
        "bare put over SFTP, brought to disk": put / count,
        "bare read of the workbook (calamine)": reading / count,
        "bare insert of the bytes, committed (SQLite)": inserting / count,
    }


def _cells(data: bytes) -> int:
    return sum(len(row) for row in CalamineWorkbook.from_filelike(BytesIO(data)).get_sheet_by_index(0).iter_rows())


# --- the parts of the benchmark -----------------------------------------------------------------------------------------------


def told(title: str, one: Run, bare: dict[str, float]) -> None:
    """Prints a run."""
    cuts = quantiles(one.latencies, n=100)
    rate = len(one.latencies) / one.seconds
    first, last = one.samples[len(one.samples) // 5], one.samples[-1]
    cpu = (one.samples[-1].cpu - one.samples[0].cpu) / len(one.latencies)
    sum_of_parts = sum(bare.values())
    print(f"\n{title}")
    print(f"  forms dropped and answered                {len(one.dropped)} and {len(one.latencies)}")
    print(f"  answered a second, first drop to last answer  {rate:.1f}")
    print(f"  drop to answer, seconds                   p50 {cuts[49]:.2f}  p95 {cuts[94]:.2f}  p99 {cuts[98]:.2f}")
    print(f"  forms waiting at each fifth of the time   {' '.join(map(str, one.backlog))}")
    print(
        f"  memory of the intake, after a fifth and at the end   {first.memory / 1e6:.0f} MB, {last.memory / 1e6:.0f} MB"
    )
    print(
        f"  CPU time of the intake a form             {cpu * 1000:.1f} ms = {cpu / sum_of_parts:.1f} x the bare parts together"
    )
    parts = ", ".join(f"{part} {one.spent[part] * 1000 / len(one.dropped):.1f}" for part in SHARES)
    print(f"  of the CPU time a form dropped, ms          {parts}")


def big_folder(settings: Path, server: Server, entries: int) -> None:
    """A folder of many unfinished uploads, looked over again and again, beside the bare listing of it."""
    site = read_site(settings)
    folder = server.root / code(0) / "inbox"
    for number in range(entries):
        (folder / f"upload_{number:06d}.xlsx.part").touch()
    at = morning(site) + timedelta(hours=1)
    with site.folders() as folders:
        bare = min(timed(lambda: sum(1 for _ in folders.look(f"/{code(0)}/inbox"))) for _ in range(2))
        times, memory = [], []
        for number in range(6):
            times.append(timed(lambda n=number: take_files(site, folders, at + timedelta(seconds=3 * n))))  # type: ignore[misc]
            memory.append(tree(os.getpid()).memory / 1e6)
    print(f"\nA folder of {entries:,} entries")
    print(f"  bare listing                              {bare:.2f} s")
    print(f"  looks, seconds                            {' '.join(f'{t:.2f}' for t in times)}")
    print(f"  the slowest in bare listings              {max(times) / bare:.1f} x")
    print(f"  memory after each look, MB                {' '.join(f'{m:.0f}' for m in memory)}")
    for path in folder.iterdir():
        path.unlink()
    site.close()


def all_folders(settings: Path) -> None:
    """One look at all participants' empty folders, beside listing them one after the other."""
    site = read_site(settings)
    at = morning(site) + timedelta(hours=2)
    with site.folders() as folders:
        paths = [f"/{code(n)}/{name}" for n in range(PARTIES) for name in ("inbox", "check")]
        singly = timed(lambda: [list(folders.look(path)) for path in paths])
        take_files(site, folders, at)
        looks = [timed(lambda: take_files(site, folders, at, leftovers=False)) for _ in range(5)]
        deliver(site, folders, at)
    print(f"\n{PARTIES} participants' folders polled at once (inbox and check of each)")
    print(f"  listed one after the other                {singly:.2f} s")
    print(f"  one look at all of them                   {mean(looks):.2f} s = {mean(looks) / singly:.2f} x")
    site.close()


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """An empty database that brings every commit to its disk."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'csd.db'}"
        return
    with PostgresServer(durable=True) as server:
        yield server.url(server.create(empty=True))


def main(minutes: float = 0.25, rate: float = 25, kinds: Sequence[str] = ("sqlite", "postgresql")) -> None:
    """All of it, one after the other, each on a fresh site."""
    if os.geteuid() != 0:
        print("\nThe intake under load was left out: only root can start OpenSSH with a folder for each login.")
        return
    with TemporaryDirectory() as place:
        folder = Path(place)
        reference(folder / "reference")
        bare: dict[str, float] = {}
        for number, kind in enumerate(kinds):
            with openssh([*(code(n) for n in range(PARTIES)), *others()]) as server, database(kind, folder) as url:
                (folder / kind).mkdir()
                settings = make(folder / kind, server, url, 2)
                site = read_site(settings)
                if number == 0:
                    bare = bare_parts(server, folder)
                    forms = mix(bins())
                    size = mean(len(forms.form(n).data) for n in range(ROUND))
                    print(f"The bare parts of a form of {size / 1000:.0f} kB")
                    for name, seconds in bare.items():
                        print(f"  {name:<46}{seconds * 1000:>8.2f} ms")
                latency = run(settings, server, 5, 20, 50, marker=True, first=0)
                told(f"{kind}: 5 forms a second from 50 participants, with markers", latency, bare)
                if number == 0:
                    renamed = run(settings, server, 5, 20, 50, marker=False, first=10_000)
                    told(f"{kind}: the same by rename alone", renamed, bare)
                load_ = run(settings, server, rate, 60 * minutes, PARTIES, marker=True, first=100_000)
                told(
                    f"{kind}: {rate:g} forms a second from {PARTIES} participants for {minutes:g} minutes", load_, bare
                )
                print(f"  {check(site, load_, server.root)}")
                if number == 0:
                    all_folders(settings)
                    big_folder(settings, server, 100_000)
                site.close()


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        work(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["drop"]:
        _, _, where_, rate_, seconds_, parties_, marker_, first_, told_ = sys.argv
        drop(json.loads(where_), float(rate_), float(seconds_), int(parties_), marker_ == "1", int(first_), Path(told_))
    else:
        parser = argparse.ArgumentParser()
        parser.add_argument("--minutes", type=float, default=0.25)
        parser.add_argument("--rate", type=float, default=25, help="forms a second")
        parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
        given = parser.parse_args()
        main(given.minutes, given.rate, given.databases)
