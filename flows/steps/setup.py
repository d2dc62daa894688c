"""Makes a site from nothing: folders, keys, settings file, database, reference data."""

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from depository.sftp.keys import DEPOSITORY, create_folders, create_keys
from depository.store import belonging
from depository.store.migrate import upgrade
from flows.steps.reference import load_reference
from flows.steps.signing import create_trial_key
from flows.steps.sites import load_market, read_site
from parsers.reference_csv import read_parties

HOST_KEY = "host"
SIGNING_KEY, SIGNING_CERTIFICATE = "signing.key", "signing.pem"
SETTINGS = """# A depository's site. Paths are relative to this file.
database = "{database}"
market = "{market}"
var = "."

[sftp]
host = "{host}"
port = {port}
user = "csd"
key_file = "keys/csd"
host_key_file = "keys/{host_key}.pub"

# With this key every file is signed that is given out (docs/operating/signatures.md).
[signing]
key_file = "keys/{signing_key}"
certificate_file = "keys/{signing_certificate}"

# When a file without a marker counts as whole; a workbook that says where it ends does after a second (docs/operating/sftp.md).
[intake]
looks = {looks}
seconds_apart = {apart}
deadline_minutes = 10
"""


@dataclass(frozen=True, slots=True)
class NewSite:
    """A site as made: its settings file, the SFTP root, the keys' folder and the public key of each user."""

    settings: Path
    sftp_root: Path
    keys: Path
    authorised_keys: dict[str, str]


def make_site(
    folder: Path,
    market: Path,
    reference: Path,
    port: int,
    at: datetime,
    database: str = "sqlite:///csd.db",
    looks: int = 3,
    apart: int = 2,
) -> NewSite:
    """A site in an empty folder with an SFTP tree, a key pair per party and one for the server, a signing key; loads nothing yet.

    `at` is the moment of the making, for the certificate of the trial's signing key.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parties = [p.code for p in read_parties((reference / "parties.csv").read_bytes()).records if p.code != DEPOSITORY]
    root = folder / "sftp"
    create_folders(root, parties)
    authorised = create_keys(folder / "keys", [DEPOSITORY, *parties])
    create_keys(folder / "keys", [HOST_KEY])
    name = load_market(market).depository_name
    create_trial_key(folder / "keys" / SIGNING_KEY, folder / "keys" / SIGNING_CERTIFICATE, name, at)
    settings = folder / "csd.toml"
    settings.write_text(
        SETTINGS.format(
            database=database,
            market=market.resolve(),
            host="127.0.0.1",
            port=port,
            host_key=HOST_KEY,
            looks=looks,
            apart=apart,
            signing_key=SIGNING_KEY,
            signing_certificate=SIGNING_CERTIFICATE,
        )
    )
    return NewSite(settings, root, folder / "keys", authorised)


def load(settings: Path, reference: Path, at: datetime) -> dict[str, int]:
    """Prepares the site's database and loads the reference data."""
    site = read_site(settings)
    try:
        upgrade(site.engine)
        belonging.check(site.engine, site.archive)
        return load_reference(site, reference, at)
    finally:
        site.close()


def forget(folder: Path) -> None:
    """Removes a site made for a demonstration."""
    shutil.rmtree(folder, ignore_errors=True)
