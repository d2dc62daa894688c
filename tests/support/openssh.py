"""Servers to test against: a real OpenSSH set up by docs/operating/sftp.md, one without root, and the embedded one.

Each is a `Site`, so the same tests run on all of them.
"""

import contextlib
import grp
import itertools
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from depository.sftp.client import Connection, Timeouts, connect
from depository.sftp.folders import Folders
from depository.sftp.keys import create_folders, create_keys
from depository.sftp.server import EmbeddedServer
from flows.server import free_port
from tests.support.programs import program

PAGE = Path(__file__).parents[2] / "docs" / "operating" / "sftp.md"
NUMBERS = itertools.count(1)
QUICK = Timeouts(connect=60.0, silent=60.0, whole=240.0)


@dataclass(frozen=True, slots=True)
class Site:
    """A running SFTP server with the folders of two parties."""

    kind: str
    host: str
    port: int
    host_key: str
    keys: Path
    """Folder with the private key of each login."""
    root: Path
    """The folders' root on this machine's disk."""
    csd: str
    """The depository's login."""
    parties: tuple[str, ...]
    """The parties' logins, which are the names of their folders too."""
    prefix: str = ""
    """Where the depository's login finds the root."""

    def connect(self, user: str, timeouts: Timeouts = QUICK) -> Connection:
        """A connection of this user."""
        return connect(self.host, self.port, user, self.keys / user, self.host_key, timeouts)

    @contextlib.contextmanager
    def folders(self, user: str = "", timeouts: Timeouts = QUICK) -> Iterator[Folders]:
        """The folders as this user sees them, by default the depository."""
        with self.connect(user or self.csd, timeouts) as connection:
            yield Folders(connection, self.prefix if user in ("", self.csd) else "")

    def look(self, folder: str) -> list[str]:
        """Names on the disk in a folder such as `csd/claimed/BRKA`, sorted."""
        return sorted(path.name for path in (self.root / folder).iterdir())

    def empty(self) -> None:
        """Remove all files, so that the next test starts with empty folders."""
        for folder in (
            *(self.root / party / name for party in self.parties for name in ("inbox", "outbox", "check")),
            *(self.root / "csd" / "claimed" / party for party in self.parties),
        ):
            for path in folder.iterdir():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()


@contextlib.contextmanager
def embedded(folder: Path) -> Iterator[Site]:
    """The embedded server below `folder`."""
    parties = ("BRKA", "BRKB")
    root = folder / "root"
    create_folders(root, parties)
    public = create_keys(folder / "keys", ("csd", *parties, "host", "stranger"))
    public.pop("stranger")
    with EmbeddedServer.start(root, public, folder / "keys" / "host") as server:
        yield Site("embedded", server.host, server.port, server.host_key, folder / "keys", root, "csd", parties)


@contextlib.contextmanager
def openssh(more: Sequence[str] = ()) -> Iterator[Site]:
    """OpenSSH with chroot and internal-sftp, by the configuration of the operating page; needs root.

    `more` are parties that have folders and no login.

    Accounts with names of this process are made and removed again. The folders lie outside of /tmp, as sshd wants every
    folder above a chroot to be root's alone.
    """
    program("sshd")
    if os.geteuid() != 0:
        said = "OpenSSH with a chroot per party: only root can start it"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    mark = f"{os.getpid() % 100_000:05d}{next(NUMBERS)}"
    group, csd, parties = f"csdt{mark}", f"csdo{mark}", (f"csda{mark}", f"csdb{mark}")
    base = Path("/var/lib") / f"csd-test-{mark}"
    base.mkdir(mode=0o755)
    try:
        _run("groupadd", group)
        uid = _free_uid()
        for user in (csd, *parties):
            _account(user, group, uid)
        root = base / "root"
        create_folders(root, (*parties, *more))
        for path in (root, *root.rglob("*")):
            leaf = path.name in ("inbox", "outbox", "check", "tmp") or path.parent.name == "claimed"
            os.chown(path, 0, grp.getgrnam(group).gr_gid if leaf else 0)
            path.chmod(0o770 if leaf else 0o755)
        public = create_keys(base / "keys", (csd, *parties, "host", "stranger"))
        authorised = base / "authorised"
        authorised.mkdir(mode=0o755)
        for user in (csd, *parties):
            (authorised / user).write_text(public[user] + "\n")
        page = page_configuration()
        for word, meant in (
            ("User csd\n", f"User {csd}\n"),
            ("User !csd,", f"User !{csd},"),
            ("/srv/csd", str(root)),
            ("csd-parties", group),
            ("/etc/ssh/csd-keys", str(authorised)),
        ):
            assert word in page, f"the configuration on {PAGE.name} has no {word!r} any more"
            page = page.replace(word, meant)
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        with _sshd(base, "UsePAM no\nMaxStartups 200\nSubsystem sftp internal-sftp\n" + page, None) as port:
            yield Site("openssh", "127.0.0.1", port, public["host"], base / "keys", root, csd, parties)
    finally:
        for user in (csd, *parties):
            _run("userdel", "--force", user, missing="does not exist")
        # Gone already where deleting a user takes the group that nobody else has.
        _run("groupdel", group, missing="does not exist")
        shutil.rmtree(base)


@contextlib.contextmanager
def openssh_without_root() -> Iterator[Site]:
    """OpenSSH run by an ordinary user: no chroot, one login for the depository, folders by prefix."""
    program("sshd")
    made = f"csdn{os.getpid() % 100_000:05d}{next(NUMBERS)}" if os.geteuid() == 0 else ""
    base = Path(tempfile.mkdtemp(prefix="csd-sshd-"))
    try:
        if made:
            _account(made, "nogroup", _free_uid())
        user = pwd.getpwnam(made) if made else pwd.getpwuid(os.geteuid())
        parties = ("BRKA", "BRKB")
        create_folders(base / "root", parties)
        public = create_keys(base / "keys", (user.pw_name, "host", "stranger"))
        (base / "authorised").write_text(public[user.pw_name] + "\n")
        if made:
            for path in (base, *base.rglob("*")):
                os.chown(path, user.pw_uid, user.pw_gid)
        config = (
            f"UsePAM no\nStrictModes no\nMaxStartups 200\nAuthorizedKeysFile {base}/authorised\n"
            "ForceCommand internal-sftp\nSubsystem sftp internal-sftp\n"
        )
        with _sshd(base, config, user.pw_uid) as port:
            yield Site(
                "openssh without root",
                "127.0.0.1",
                port,
                public["host"],
                base / "keys",
                base / "root",
                user.pw_name,
                parties,
                str(base / "root"),
            )
    finally:
        if made:
            _run("userdel", "--force", made, missing="does not exist")
        shutil.rmtree(base)


def page_configuration() -> str:
    """The sshd configuration printed on the operating page."""
    found = re.search(r"```sshd_config\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"{PAGE.name} has no sshd configuration"
    return found.group(1)


@contextlib.contextmanager
def _sshd(base: Path, config: str, uid: int | None) -> Iterator[int]:
    """A running sshd with this configuration; yields its port."""
    log = base / "sshd.log"
    file = base / "sshd_config"
    for _ in range(5):
        port = free_port()
        file.write_text(
            f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {base}/keys/host\nPidFile none\nLogLevel VERBOSE\n{config}"
        )
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [program("sshd"), "-D", "-e", "-f", str(file)], stdin=subprocess.DEVNULL, stderr=stream, user=uid
            )
        try:
            if _answers(process, port):
                yield port
                return
        finally:
            process.terminate()
            process.wait(timeout=60)
    raise AssertionError(f"sshd does not start:\n{log.read_text()}")


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Whether the server greets within a minute; False when it ended, as when another took the port."""
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=30) as probe:
                return probe.recv(4) == b"SSH-"
        except OSError:
            time.sleep(0.05)
    return False


def _free_uid() -> int:
    return next(uid for uid in range(47_000 + os.getpid() % 1000, 60_000) if not _taken(uid))


def _taken(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
        return True
    except KeyError:
        return False


def _account(name: str, group: str, uid: int) -> None:
    """Make an account without password that is not locked."""
    _run(
        "useradd", "--non-unique", "--uid", str(uid), "--gid", group, "--no-create-home", "--home-dir", "/",
        "--shell", "/usr/sbin/nologin", "--password", "*", name,
    )  # fmt: skip


def _run(*command: str, missing: str = "") -> None:
    """Run a command; the account files are locked for a moment when several test workers make accounts at once.

    `missing` is what the command says when there is nothing to do, which is well.
    """
    said = ""
    for attempt in range(20):
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode == 0:
            return
        said = run.stderr.strip()
        if missing and missing in said:
            return
        if "lock" not in said:
            break
        time.sleep(0.1 * (attempt + 1))
    raise AssertionError(f"{command[0]}: {said}")
