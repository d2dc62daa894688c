"""A security interest report on request, and the debtor's copy of a notice of enforcement."""

from datetime import datetime
from pathlib import Path

import pytest

from depository.sftp.intake import Policy
from depository.store import files
from depository.store.archive import Archive
from depository.store.database import open_database
from flows.steps.arrivals import Arrival
from flows.steps.intake import take
from flows.steps.interest_report import send_interest_report
from flows.steps.reference import load_reference
from flows.steps.sites import SftpSettings, Site, load_market
from parsers.sandbox import Sandbox
from tests.support.beside import signature_of
from tests.support.command import ROOT

DAY = ROOT / "sample_files" / "day"


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Site:
    """The sample's depository with an interest that its secured party has asked to enforce."""
    nowhere = SftpSettings("", 0, "", tmp_path, "")
    archive = Archive(tmp_path / "archive")
    made = Site(
        open_database(database_url),
        archive,
        load_market(ROOT / "market/kazakhstan"),
        nowhere,
        Sandbox(),
        Policy(),
        tmp_path,
    )
    load_reference(made, DAY / "reference", at(9, 0))
    dropped = (
        (9, 58, "B02", "IND_B02-IND-0001.xlsx"),
        (10, 0, "B02", "SIN_B02-SIN-0001.xlsx"),
        (14, 58, "B01", "IND_B01-IND-0001.xlsx"),
        (15, 0, "B01", "SIN_B01-SIN-0001.xlsx"),
    )
    for hour, minute, party, name in dropped:
        file = DAY / "2026-11-06" / f"{hour:02d}{minute:02d}" / party / "inbox" / name
        arrival = Arrival(party, "inbox", name, file.read_bytes(), at(hour, minute), signature=signature_of(file))
        assert take(made, arrival).verdict.value == "accepted"
    return made


def at(hour: int, minute: int) -> datetime:
    """A moment of the day on which the interest was recorded."""
    return datetime(2026, 11, 6, hour, minute, tzinfo=load_market(ROOT / "market/kazakhstan").zone)


def waiting(site: Site, party: str) -> list[str]:
    """Names of the files that wait for a party."""
    with site.reading(at(16, 0)) as work:
        return [one.name for one in files.waiting(work) if one.party == party]


@pytest.mark.rule("CSD-4.3-1-c")
def test_debtor_and_secured_party_get_a_report_at_any_time_and_nobody_else(site: Site) -> None:
    """On request, as JSON and PDF."""
    name = send_interest_report(site, "S000001", "B02", at(16, 0))

    assert {f"{name}.json", f"{name}.pdf"} <= set(waiting(site, "B02"))
    with pytest.raises(LookupError, match="neither debtor nor secured party"):
        send_interest_report(site, "S000001", "B05", at(16, 0))
    site.close()


@pytest.mark.rule("CSD-4.3-1-f")
def test_the_debtor_gets_a_copy_of_the_notice_of_enforcement(site: Site) -> None:
    """The secured party's own workbook, byte for byte, on the day of its receipt."""
    copies = [name for name in waiting(site, "B02") if "copy" in name]

    assert copies == ["20261106_copy_SIN_B01-SIN-0001.xlsx"]
    site.close()
