"""The main job, whole: the one command plays the business day over SFTP and Prefect, and leaves every answer in its folder."""

import json
from pathlib import Path

import openpyxl
import pytest

from tests.support.command import csd
from tests.support.key_material import key_lines, leaks

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of the demonstration and what it printed."""
    folder = tmp_path_factory.mktemp("demo") / "site"
    ran = csd("demo", "--folder", folder, seconds=880)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    return folder, ran.stdout


def outbox(folder: Path, party: str) -> dict[str, Path]:
    """The files in a party's outbox."""
    return {path.name: path for path in (folder / "sftp" / party / "outbox").iterdir()}


def test_the_demonstration_ends_with_a_summary_and_books_that_prove_themselves(played: tuple[Path, str]) -> None:
    """What came in, what was refused and why, what settled, who failed, where to look."""
    printed = played[1]

    for words in ("What came in", "What was refused, and why", "Who failed", "Where to look"):
        assert words in printed
    assert "the journal proves the books" in printed
    assert "B06-HO is short of" in printed


def test_every_participant_finds_receipts_reports_and_a_statement(played: tuple[Path, str]) -> None:
    """JSON for machines and workbooks that open for people."""
    for party in ("B01", "B02", "B03", "B04", "B05", "B06"):
        files = outbox(played[0], party)
        statement = json.loads(files["20261123_end-of-day_statement.json"].read_text())
        workbook = openpyxl.load_workbook(files["20261123_end-of-day_statement.xlsx"])

        assert statement["addressee"] == party
        assert len(workbook.sheetnames) > 1
        assert "20261123_main-cycle_cycle.xlsx" in files
        assert not [name for name in files if name.startswith(".")]


def test_a_file_sent_twice_has_one_answer(played: tuple[Path, str]) -> None:
    """The bulk opening was dropped a second time at 11:45."""
    receipts = [name for name in outbox(played[0], "B03") if name.startswith("BUNA") and name.endswith("receipt.json")]

    assert len(receipts) == 1


def test_no_inbox_and_no_claim_is_left_over(played: tuple[Path, str]) -> None:
    """Every file was taken to its end."""
    left = [path for path in (played[0] / "sftp").rglob("*") if path.is_file() and "outbox" not in path.parts]

    assert left == []


def test_the_bank_gets_payment_orders_and_the_withdrawals_end_paid(played: tuple[Path, str]) -> None:
    """Three withdrawals of the day are ordered; the fourth came after the cut-off of its currency."""
    orders = [name for name in outbox(played[0], "bank") if name.startswith("PAY-20261123") and name.endswith(".xml")]

    assert len(orders) == 2


def test_verify_proves_the_books_of_the_demonstration(played: tuple[Path, str]) -> None:
    """The auditors' command on what the demonstration left."""
    ran = csd("verify", "--site", played[0] / "csd.toml")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "The journal proves the books." in ran.stdout


def test_no_private_key_is_in_any_log_database_or_answer(played: tuple[Path, str]) -> None:
    """All that the day left behind, Prefect's own store and log too; the keys' own folder aside."""
    folder, printed = played
    secrets = key_lines(folder / "keys")
    left = [path for path in folder.rglob("*") if path.is_file() and folder / "keys" not in path.parents]

    assert len(left) > 300
    assert leaks(left, secrets) == []
    assert not [secret for secret in secrets if secret.decode() in printed]
    # The search finds what it is to find.
    assert leaks([folder / "keys" / "csd"], secrets) == [str(folder / "keys" / "csd")]
