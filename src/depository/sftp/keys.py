"""Key pairs and folders for a server: for the demo, for tests, and for the first set-up of a real one."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

DEPOSITORY = "csd"
"""The depository's own login and folder."""
PARTY_FOLDERS = ("inbox", "outbox", "check")
LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", re.ASCII)
"""What a party's code must look like to be a login and a folder."""


def create_keys(folder: Path, users: Iterable[str]) -> dict[str, str]:
    """Make an ed25519 key pair per user, files `<user>` (mode 0600) and `<user>.pub`; those there are kept.

    Returns the public key line of each user.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = {}
    for user in users:
        private, public = folder / user, folder / f"{user}.pub"
        if not private.exists():
            key = Ed25519PrivateKey.generate()
            line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
            public.write_bytes(line + b" " + user.encode() + b"\n")
            content = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
            )
            # Created with its final rights: a key must not be readable by others even for a moment.
            with os.fdopen(os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                stream.write(content)
        lines[user] = public.read_text().strip()
    return lines


def create_folders(root: Path, parties: Iterable[str]) -> None:
    """Make `/<party>/inbox|outbox|check`, `/csd/claimed/<party>`, `/csd/tmp` and the operators' `/csd/outbox` below `root`.

    Those there are kept. Raises ValueError for a code that cannot be a login.
    """
    for folder in ("tmp", "outbox"):
        (root / DEPOSITORY / folder).mkdir(parents=True, exist_ok=True)
    for party in parties:
        if not LOGIN.fullmatch(party) or party == DEPOSITORY:
            raise ValueError(f"not a party's login: {party!r}")
        for folder in PARTY_FOLDERS:
            (root / party / folder).mkdir(parents=True, exist_ok=True)
        (root / DEPOSITORY / "claimed" / party).mkdir(parents=True, exist_ok=True)
