"""How fast files are taken: forms per second from drop to answer over SFTP, and rows of a BUNA from file to recorded.

Each figure stands beside a bare part of the same work, measured in the same run: bare fetches of the same files over the same
connection, and a bare read of the same workbook. Ratios are what counts; seconds depend on the machine.
"""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from python_calamine import CalamineWorkbook

from depository.sftp.client import connect
from depository.sftp.folders import Folders
from depository.sftp.server import EmbeddedServer
from flows.commands.common import MARKET, SAMPLE, SAMPLE_DAY
from flows.steps.arrivals import Arrival
from flows.steps.deliver import deliver
from flows.steps.intake import take, take_files
from flows.steps.setup import HOST_KEY, load, make_site
from flows.steps.sites import Site, load_market, read_site
from forms import samples
from parsers.blank_workbook import fill
from tools.sample_day import NAMES, SHARE_B, form

FORMS = 120
ROWS = 20_000


def timed(work: Callable[[], object]) -> float:
    """Seconds of one piece of work."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def transfer(number: int) -> bytes:
    """An IST of one line."""
    line = {
        "action": "new",
        "reference": f"B01-X-{number}",
        "movement": "deliver free",
        "own_account": "B01-HO",
        "counterparty": "B02",
        "counterparty_account": "B02-HO",
        "isin": SHARE_B,
        "quantity": 1,
        "quantity_type": "unit",
        "due_date": SAMPLE_DAY,
        "reason": "transfer",
    }
    return form("IST", "B01", f"B01-IST-X{number:05d}", SAMPLE_DAY, lines=[line])


def files_per_second(site: Site, keys: Path, at: datetime) -> None:
    """Drops forms as a participant, then takes and answers them; beside it the bare fetch of the same files."""
    made = [transfer(n) for n in range(FORMS)]
    s = site.sftp
    with connect(s.host, s.port, "B01", keys / "B01", s.host_key) as connection:
        own = Folders(connection)

        def drop() -> None:
            for n, data in enumerate(made):
                own.put(f"/inbox/ist_{n:05d}.xlsx", data)

        dropping = timed(drop)
    with site.folders() as folders:
        fetching = timed(lambda: [folders.fetch(f"/B01/inbox/ist_{n:05d}.xlsx", 10_000_000) for n in range(FORMS)])
        taking = timed(lambda: take_files(site, folders, at))
        delivering = timed(lambda: deliver(site, folders, at))
    whole = taking + delivering
    size = sum(map(len, made)) / FORMS / 1000
    print(f"\n{FORMS} IST forms of {size:.0f} kB over SFTP, one worker, SQLite")
    print(f"  {'step':<44}{'seconds':>9}{'files/s':>9}{'x bare fetch':>14}")
    for name, seconds in (
        ("bare fetch of the same files", fetching),
        ("bare put of the same files", dropping),
        ("fetch, check, record (receipt committed)", taking),
        ("deliver receipts and answers", delivering),
        ("from drop to answer", whole),
    ):
        print(f"  {name:<44}{seconds:>9.2f}{FORMS / seconds:>9.1f}{seconds / fetching:>14.1f}")


def rows_per_second(site: Site, at: datetime) -> None:
    """A BUNA from file to recorded, beside the bare read of the same workbook."""
    clients = [samples.buna_client(1000 + n) for n in range(ROWS)]
    header = {
        "reference": "B03-BUNA-BENCH",
        "form_date": SAMPLE_DAY,
        "participant": "B03",
        "participant_name": NAMES["B03"],
        "signatory": "Authorised Person B03",
        "signatory_position": "Head of operations",
        "signature": "Authorised Person B03",
    }
    data = fill("BUNA", header, samples.buna_cover(ROWS), clients)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "buna.xlsx"
        path.write_bytes(data)

        def bare() -> int:
            return sum(1 for _ in CalamineWorkbook.from_path(str(path)).get_sheet_by_name("Accounts").iter_rows())

        reading = min(timed(bare) for _ in range(3))
    parsing = timed(lambda: site.sandbox.read_form(data, "buna.xlsx"))
    recording = timed(lambda: take(site, Arrival("B03", "inbox", "buna.xlsx", data, at)))
    print(f"\nBUNA of {ROWS} rows ({len(data) / 1e6:.1f} MB), SQLite")
    print(f"  {'step':<44}{'seconds':>9}{'rows/s':>9}{'x bare read':>14}")
    for name, seconds in (
        ("bare read of the workbook", reading),
        ("read and checked, in the sandbox", parsing),
        ("file to recorded, with marked answer", recording),
    ):
        print(f"  {name:<44}{seconds:>9.2f}{ROWS / seconds:>9.0f}{seconds / reading:>14.1f}")


def main() -> None:
    """Both tables, on a site made for the purpose."""
    with TemporaryDirectory() as folder:
        at = datetime(SAMPLE_DAY.year, SAMPLE_DAY.month, SAMPLE_DAY.day, 10, tzinfo=load_market(MARKET).zone)
        made = make_site(Path(folder), MARKET, SAMPLE / "reference", port=0, at=at, looks=1, apart=0)
        with EmbeddedServer.start(made.sftp_root, made.authorised_keys, made.keys / HOST_KEY) as server:
            made.settings.write_text(made.settings.read_text().replace("port = 0", f"port = {server.port}"))
            site = read_site(made.settings)
            load(made.settings, SAMPLE / "reference", at)
            # The parsing child starts once, before anything is measured.
            site.sandbox.read_form(transfer(99_999), "warm.xlsx")
            files_per_second(site, made.keys, at)
            rows_per_second(site, at)
            site.close()


if __name__ == "__main__":
    main()
