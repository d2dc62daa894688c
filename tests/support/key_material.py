"""Looks for private keys where they do not belong."""

from collections.abc import Iterable
from pathlib import Path


def key_lines(keys: Path) -> set[bytes]:
    """Every line of key material of the private keys in a folder, without what their certificates say in public anyway."""
    private = [path for path in keys.iterdir() if path.suffix not in (".pub", ".pem")]
    assert private, f"{keys} has no private key"
    public = b"".join(b"".join(path.read_bytes().splitlines()) for path in keys.glob("*.pem"))
    lines = {line.strip() for path in private for line in path.read_bytes().splitlines()}
    return {line for line in lines if len(line) >= 20 and not line.startswith(b"-----") and line not in public}


def leaks(places: Iterable[Path], secrets: Iterable[bytes]) -> list[str]:
    """Files that hold one of the secrets, or a private key of any kind."""
    wanted = [*secrets, b"PRIVATE " + b"KEY-----"]
    found = []
    for path in places:
        data = path.read_bytes()
        found += [str(path) for secret in wanted if secret in data]
    return sorted(set(found))
