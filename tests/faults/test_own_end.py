"""Files that say themselves where they end are taken a second after they were seen, without a marker, on a real OpenSSH; a part is not."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import paramiko
import pytest

from depository.store.migrate import upgrade
from flows.steps.reference import load_reference
from flows.steps.sites import SftpSettings
from tests.faults.kill_points import DAY, PARTIES, SAMPLE, Place, World, open_site
from tests.faults.watch import Watch
from tests.support.fault_results import tried
from tests.support.openssh import Site, openssh

IST = (SAMPLE / f"{DAY}/1005/B02/inbox/IST_B02-IST-0001.xlsx").read_bytes()
OTHER = (SAMPLE / f"{DAY}/1020/B03/inbox/IST_B03-IST-0001.xlsx").read_bytes()
SIGNED = (SAMPLE / f"{DAY}/1030/B05/inbox/IND_B05-IND-0001.xlsx").read_bytes()
SIGNATURE = (SAMPLE / f"{DAY}/1030/B05/inbox/IND_B05-IND-0001.xlsx.p7s").read_bytes()
STATEMENT = (SAMPLE / f"{DAY}/0905/bank/inbox/camt053_{DAY:%Y%m%d}_0905.xml").read_bytes()
POSITIONS = (SAMPLE / f"{DAY}/1830/registry/inbox/positions_{DAY:%Y%m%d}.csv").read_bytes()


@pytest.fixture(scope="module")
def server() -> Iterator[Site]:
    with openssh(PARTIES) as made:
        yield made


@pytest.fixture
def watch(world: World, server: Site, tmp_path: Path) -> Iterator[Watch]:
    """A depository with the settings of a new site, over OpenSSH."""
    key = server.keys / server.csd
    place = Place(
        f"sqlite:///{tmp_path / 'csd.db'}",
        str(tmp_path / "var"),
        str(world.market),
        server.host,
        server.port,
        server.host_key,
        str(key),
    )
    start = datetime.combine(DAY, datetime.min.time(), world.zone) + timedelta(hours=10)
    with closing(open_site(place)) as made:
        site = replace(made, sftp=SftpSettings(server.host, server.port, server.csd, key, server.host_key))
        upgrade(site.engine)
        load_reference(site, SAMPLE / "reference", start - timedelta(days=3))
        yield Watch(site, server.root, start)


@contextmanager
def sender(server: Site) -> Iterator[paramiko.SFTPClient]:
    transport = paramiko.Transport((server.host, server.port))
    transport.connect(username=server.csd, pkey=paramiko.PKey.from_path(server.keys / server.csd))
    session = transport.open_sftp_client()
    assert session is not None
    with transport, session:
        yield session


def put(session: paramiko.SFTPClient, path: str, data: bytes) -> None:
    """Under a temporary name, renamed, no marker."""
    with session.open(f"{path}.part", "wb") as stream:
        stream.write(data)
    session.rename(f"{path}.part", path)


@pytest.mark.rule("CSD-1.5-d")
def test_what_says_where_it_ends_is_taken_at_the_second_look_and_anything_else_waits(
    watch: Watch, server: Site
) -> None:
    with sender(server) as session:
        put(session, "/B02/inbox/form.xlsx", IST)
        put(session, "/B05/inbox/signed.xlsx.p7s", SIGNATURE)
        put(session, "/B05/inbox/signed.xlsx", SIGNED)
        put(session, "/bank/inbox/statement.xml", STATEMENT)
        put(session, "/registry/inbox/positions.csv", POSITIONS)
        put(session, "/exchange/inbox/trades.txt", POSITIONS)
    for seconds in (0, 0.9):
        watch.look(watch.start + timedelta(seconds=seconds))
    assert taken(watch) == {"B02": [], "B05": [], "bank": [], "registry": [], "exchange": []}
    watch.look(watch.start + timedelta(seconds=1))
    assert taken(watch) == {
        "B02": ["form.xlsx accepted"],
        "B05": ["signed.xlsx accepted"],
        "bank": ["statement.xml accepted"],
        "registry": ["positions.csv accepted"],
        "exchange": [],
    }
    for seconds in (2, 3.9):
        watch.look(watch.start + timedelta(seconds=seconds))
        assert watch.receipts("exchange") == []
    watch.look(watch.start + timedelta(seconds=4))
    assert watch.receipts("exchange") == ["trades.txt quarantined"]
    tried(
        "a workbook, a signed form, a statement and a table renamed without a marker, on OpenSSH",
        "SQLite",
        "taken at the second look, a second after the first",
    )


def late(watch: Watch, party: str) -> list[str]:
    return [one.partition(" ")[2] for one in watch.receipts(party) if one.startswith("late.")]


def taken(watch: Watch) -> dict[str, list[str]]:
    return {party: watch.receipts(party) for party in ("B02", "B05", "bank", "registry", "exchange")}


@pytest.mark.parametrize(
    ("party", "name", "whole"),
    [
        ("B05", "late.xlsx.p7s", SIGNATURE),
        ("bank", "late.xml", STATEMENT),
        ("registry", "late.csv", POSITIONS),
    ],
    ids=["signature", "statement", "table"],
)
def test_a_part_that_stalls_under_its_final_name_waits_and_is_taken_when_it_is_whole(
    watch: Watch, server: Site, party: str, name: str, whole: bytes
) -> None:
    """Its writer keeps it open under its final name, one byte short of its end (the line end of a text does not count)."""
    cut = len(whole.rstrip()) - 1
    with sender(server) as session, session.open(f"/{party}/inbox/{name}", "wb") as stream:
        stream.write(whole[:cut])
        stream.flush()
        if name.endswith(".p7s"):
            put(session, f"/{party}/inbox/late.xlsx", SIGNED)
        for seconds in (0, 1, 2, 3.5):
            watch.look(watch.start + timedelta(seconds=seconds))
        assert late(watch, party) == []
        stream.write(whole[cut:])
        stream.flush()
        watch.look(watch.start + timedelta(seconds=3.9))
        assert late(watch, party) == []
        watch.look(watch.start + timedelta(seconds=4.9))
        assert late(watch, party) == ["accepted"]
    tried(
        f"a {name.rpartition('.')[2]} file stalls a byte before its end, on OpenSSH", "SQLite", "taken when it is whole"
    )


def test_half_a_workbook_whose_upload_stalls_waits_and_is_taken_when_it_is_whole(watch: Watch, server: Site) -> None:
    """Its writer keeps it open under its final name, as OpenSSH lets it through a rename."""
    half = len(OTHER) // 2
    with sender(server) as session, session.open("/B03/inbox/half.xlsx.part", "wb") as stream:
        stream.write(OTHER[:half])
        stream.flush()
        session.rename("/B03/inbox/half.xlsx.part", "/B03/inbox/half.xlsx")
        for seconds in (0, 1, 1.9):
            watch.look(watch.start + timedelta(seconds=seconds))
        assert watch.receipts("B03") == []
        stream.write(OTHER[half:])
        stream.flush()
        for seconds in (3, 3.5):
            watch.look(watch.start + timedelta(seconds=seconds))
            assert watch.receipts("B03") == []
        watch.look(watch.start + timedelta(seconds=4))
        assert watch.receipts("B03") == ["half.xlsx accepted"]
    tried("half a workbook stalls under its final name, on OpenSSH", "SQLite", "taken when it is whole")


@pytest.mark.parametrize(
    ("party", "name", "whole"),
    [("B03", "holed.xlsx", OTHER), ("registry", "holed.csv", POSITIONS)],
    ids=["workbook", "table"],
)
def test_a_file_whose_end_is_written_before_its_middle_is_taken_when_it_has_all(
    watch: Watch, server: Site, party: str, name: str, whole: bytes
) -> None:
    """A client that writes several parts side by side, each at its place; the server gives zeros where nothing was written."""
    first, last = len(whole) // 10, len(whole) * 8 // 10
    with sender(server) as session, session.open(f"/{party}/inbox/{name}", "wb") as stream:
        stream.write(whole[:first])
        stream.seek(last)
        stream.write(whole[last:])
        stream.flush()
        for seconds in (0, 1, 2, 5, 40):
            watch.look(watch.start + timedelta(seconds=seconds))
        assert not [one for one in watch.receipts(party) if one.startswith(name)]
        stream.seek(first)
        stream.write(whole[first:last])
        stream.flush()
        watch.look(watch.start + timedelta(seconds=45))
        assert f"{name} accepted" in watch.receipts(party)
        watch.look(watch.start + timedelta(seconds=50))
    assert watch.claimed(party) == 0
    tried(
        f"a {name.rpartition('.')[2]} file has its end before its middle, on OpenSSH", "SQLite", "taken when it has all"
    )


def test_a_file_whose_middle_never_comes_is_refused_after_a_minute(watch: Watch, server: Site) -> None:
    with sender(server) as session, session.open("/B03/inbox/hollow.xlsx", "wb") as stream:
        stream.seek(len(OTHER) - 1_100)
        stream.write(OTHER[-1_100:])
    for seconds in (0, 1, 59):
        watch.look(watch.start + timedelta(seconds=seconds))
    assert not [one for one in watch.receipts("B03") if one.startswith("hollow.xlsx")]
    watch.look(watch.start + timedelta(seconds=61))
    assert "hollow.xlsx quarantined" in watch.receipts("B03")
