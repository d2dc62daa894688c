"""The commands of the page for participants, read from it and run as they stand there."""

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from depository.signatories import Trust
from flows.steps.signing import create_trial_key, read_signer
from parsers.cms import check
from tests.support.command import ROOT
from tests.support.pki import Authority
from tools import sample_keys

PAGE = (ROOT / "docs" / "participants" / "signatures.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
AT = datetime(2026, 11, 23, 5, tzinfo=UTC)
FORM = b"PK a workbook\r\n"


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs the commands of the page that have these words in them, in order."""
    lines = [line for line in COMMANDS if line.startswith(("openssl", "mv")) and any(word in line for word in words)]
    assert lines, words
    script = "set -e\n" + "\n".join(lines)
    return subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A participant's folder with two persons' keys, a form, and the authority's certificate."""
    authority = Authority(tmp_path / "authority")
    for whose, name in (("your", "First Person"), ("second", "Second Person")):
        person = authority.person(name)
        (tmp_path / f"{whose}-certificate.pem").write_bytes(person.certificate_file.read_bytes())
        (tmp_path / f"{whose}-key.pem").write_bytes(person.key_file.read_bytes())
    (tmp_path / "authority.pem").write_bytes(authority.pem)
    (tmp_path / "SIN.xlsx").write_bytes(FORM)
    return tmp_path


def test_a_participant_signs_and_checks_as_the_page_says_and_the_depository_takes_it(folder: Path) -> None:
    signed = run(folder, "-signer your-certificate.pem", "-in SIN.xlsx.p7s -content SIN.xlsx -CAfile")
    assert signed.returncode == 0, signed.stderr
    assert "CMS Verification successful" in signed.stderr
    from asn1crypto import pem

    trust = Trust((pem.unarmor((folder / "authority.pem").read_bytes())[2],), ())
    assert len(check((folder / "SIN.xlsx.p7s").read_bytes(), FORM, trust, AT).signers) == 1
    second = run(folder, "-resign", "mv both.p7s")
    assert second.returncode == 0, second.stderr
    evidence = check((folder / "SIN.xlsx.p7s").read_bytes(), FORM, trust, AT)
    assert len(evidence.signers) == 2


@pytest.mark.parametrize("kind", ["trial", "of an authority"])
def test_a_participant_checks_our_files_as_the_page_says(tmp_path: Path, kind: str) -> None:
    key, certificate = tmp_path / "signing.key", tmp_path / "csd.pem"
    if kind == "trial":
        create_trial_key(key, certificate, "Model Depository", AT)
    else:
        key.write_bytes(sample_keys.key_pem(sample_keys.DEPOSITORY))
        key.chmod(0o600)
        certificate.write_bytes(sample_keys.certificate_pem(sample_keys.DEPOSITORY))
    (tmp_path / "receipt.json").write_bytes(b"{}\n")
    (tmp_path / "receipt.json.p7s").write_bytes(read_signer(key, certificate).sign(b"{}\n", AT))
    checked = run(tmp_path, "receipt.json.p7s")
    assert checked.returncode == 0, checked.stderr
    assert "CMS Verification successful" in checked.stderr
    (tmp_path / "receipt.json").write_bytes(b"{ }\n")
    assert run(tmp_path, "receipt.json.p7s").returncode != 0
    # Signed by somebody else of the same authority, with the certificate beside it: not by us.
    (tmp_path / "receipt.json").write_bytes(b"{}\n")
    (tmp_path / "receipt.json.p7s").write_bytes(sample_keys.signer("Authorised Person B01").sign(b"{}\n", AT))
    assert run(tmp_path, "receipt.json.p7s").returncode != 0
