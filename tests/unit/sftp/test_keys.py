"""Keys and folders for a first set-up."""

from pathlib import Path

import paramiko
import pytest

from depository.sftp.keys import create_folders, create_keys


def test_a_private_key_is_readable_by_its_owner_alone_and_fits_its_public_line(tmp_path: Path) -> None:
    lines = create_keys(tmp_path / "keys", ["csd", "BRKA"])
    for user in ("csd", "BRKA"):
        assert (tmp_path / "keys" / user).stat().st_mode & 0o777 == 0o600
        key = paramiko.PKey.from_path(tmp_path / "keys" / user)
        assert lines[user].split()[:2] == ["ssh-ed25519", key.get_base64()]
        assert (tmp_path / "keys" / f"{user}.pub").read_text().strip() == lines[user]
    assert lines["csd"] != lines["BRKA"]


def test_keys_that_are_there_are_kept(tmp_path: Path) -> None:
    first = create_keys(tmp_path, ["csd"])
    assert create_keys(tmp_path, ["csd", "BRKA"])["csd"] == first["csd"]


def test_folders_are_made_once_and_files_in_them_stay(tmp_path: Path) -> None:
    create_folders(tmp_path, ["BRKA"])
    (tmp_path / "BRKA" / "inbox" / "form.xlsx").write_bytes(b"a form")
    create_folders(tmp_path, ["BRKA", "BRKB"])
    assert (tmp_path / "BRKA" / "inbox" / "form.xlsx").read_bytes() == b"a form"
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_dir()) == sorted(
        ["BRKA", "BRKB", "csd", "csd/claimed", "csd/claimed/BRKA", "csd/claimed/BRKB", "csd/outbox", "csd/tmp"]
        + [f"{party}/{folder}" for party in ("BRKA", "BRKB") for folder in ("inbox", "outbox", "check")]
    )


@pytest.mark.parametrize("code", ["csd", "", "..", "a/b", "a b", "-a", "ф", "x" * 33])
def test_a_code_that_cannot_be_a_login_is_refused(tmp_path: Path, code: str) -> None:
    with pytest.raises(ValueError, match="not a party's login"):
        create_folders(tmp_path, [code])
