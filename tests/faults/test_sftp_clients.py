"""Uploads by real clients, slowed down so that the intake sees them half written: only the whole file is taken."""

import base64
import contextlib
import functools
import hashlib
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import paramiko
import pytest

from depository.sftp.intake import Policy, Proof, Ready, Sighting, broken_promise, forget, judge
from tests.support.openssh import Site, embedded, openssh
from tests.support.programs import program

FORM = bytes(range(256)) * 2048
"""512 KiB: a second at the rates below, so that a look comes in between on a busy machine, too."""
LIMIT = 10 << 20
RATE = "4096"
"""For sftp: kilobits a second."""
PATIENCE = Policy(looks=3, apart=timedelta(seconds=0.75))


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Site]]:
    """Servers by kind, each started when it is first asked for."""
    with contextlib.ExitStack() as stack:
        yield functools.cache(
            lambda kind: stack.enter_context(
                embedded(tmp_path_factory.mktemp("sftp")) if kind == "embedded" else openssh()
            )
        )


@pytest.fixture(params=["embedded", "openssh"])
def site(request: pytest.FixtureRequest, sites: Callable[[str], Site]) -> Site:
    found = sites(request.param)
    found.empty()
    return found


@pytest.fixture
def form(tmp_path: Path) -> Path:
    path = tmp_path / "form.xlsx"
    path.write_bytes(FORM)
    path.chmod(0o600)
    return path


def known_hosts(site: Site, folder: Path) -> Path:
    path = folder / "known_hosts"
    path.write_text(f"[{site.host}]:{site.port} {site.host_key}\n")
    return path


def sftp(site: Site, form: Path, commands: str, *options: str) -> Sequence[str]:
    batch = form.parent / "batch"
    batch.write_text(commands)
    party = site.parties[0]
    return [
        program("sftp"), "-F", "none", "-i", str(site.keys / party), "-P", str(site.port), "-o", "IdentitiesOnly=yes",
        "-o", f"UserKnownHostsFile={known_hosts(site, form.parent)}", *options,
        "-b", str(batch), f"{party}@{site.host}",
    ]  # fmt: skip


def by_sftp(site: Site, form: Path) -> Sequence[str]:
    """Straight under the final name."""
    return sftp(site, form, f"put {form} /inbox/form.xlsx\n", "-l", RATE)


def by_sftp_with_rename(site: Site, form: Path, rate: str = RATE) -> Sequence[str]:
    commands = f"put {form} /inbox/form.xlsx.part\nrename /inbox/form.xlsx.part /inbox/form.xlsx\n"
    return sftp(site, form, commands, "-l", rate)


def by_sftp_over_the_old_file(site: Site, form: Path) -> Sequence[str]:
    """By `-p` with the old times of the local file, which must not matter."""
    return sftp(site, form, f"put -p {form} /inbox/form.xlsx\nls -l /inbox\n", "-l", RATE)


def by_lftp(site: Site, form: Path) -> Sequence[str]:
    return lftp(site, form, "")


def by_lftp_with_working_name(site: Site, form: Path) -> Sequence[str]:
    return lftp(site, form, "set xfer:use-temp-file yes; set xfer:temp-file-name .in.*; ")


def lftp(site: Site, form: Path, more: str) -> Sequence[str]:
    party = site.parties[0]
    connect = (
        f"ssh -a -x -F none -i {shlex.quote(str(site.keys / party))} -o IdentitiesOnly=yes "
        f"-o UserKnownHostsFile={shlex.quote(str(known_hosts(site, form.parent)))}"
    )
    script = (
        f'set sftp:connect-program "{connect}"; set net:max-retries 2; set net:limit-rate 0:512000; set net:limit-max 65536; '
        f"set cmd:fail-exit yes; {more}"
        f"open -u {party}, -p {site.port} sftp://{site.host}; put -O /inbox {form}; bye"
    )
    return [program("lftp"), "--norc", "-c", script]


def by_curl_with_rename(site: Site, form: Path) -> Sequence[str]:
    party = site.parties[0]
    pin = base64.b64encode(hashlib.sha256(base64.b64decode(site.host_key.split()[1])).digest()).decode()
    return [
        program("curl"), "--silent", "--show-error", "--disable", "--limit-rate", "512k", "--user", f"{party}:",
        "--key", str(site.keys / party), "--pubkey", str(site.keys / f"{party}.pub"), "--hostpubsha256", pin,
        "--upload-file", str(form), "--quote", "-RENAME /inbox/form.xlsx.part /inbox/form.xlsx",
        f"sftp://{site.host}:{site.port}/inbox/form.xlsx.part",
    ]  # fmt: skip


def by_rclone(site: Site, form: Path) -> Sequence[str]:
    party = site.parties[0]
    remote = (
        f":sftp,host={site.host},port={site.port},user={party},key_file={site.keys / party},"
        f"known_hosts_file={known_hosts(site, form.parent)},shell_type=none,md5sum_command=none,sha1sum_command=none:"
    )
    # rclone sends bytes after the end of its write requests, which OpenSSH overlooks and the embedded server's
    # library does not.
    once = ("--sftp-disable-concurrent-writes",) if site.kind == "embedded" else ()
    return [
        program("rclone"), *once, "--config", "/dev/null", "--bwlimit", "512k", "--retries", "1",
        "--low-level-retries", "2", "copyto", str(form), f"{remote}/inbox/form.xlsx",
    ]  # fmt: skip


CLIENTS = (
    by_sftp, by_sftp_with_rename, by_sftp_over_the_old_file, by_lftp, by_lftp_with_working_name, by_curl_with_rename,
    by_rclone, )  # fmt: skip


class Intake:
    """The intake on a real clock: looks again and again, takes what is ready."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.party = site.parties[0]
        self.sizes: set[int] = set()
        """All sizes seen before the file was taken."""
        self.looks = 0
        self._sightings: tuple[Sighting, ...] = ()

    def run(
        self, until: Callable[[], bool], wait: float = 240.0, begin: Callable[[], None] = lambda: None
    ) -> list[tuple[Ready, bytes]]:
        """Begin, then look every 30 ms until something was taken and `until` holds; AssertionError when nothing comes in time."""
        taken: list[tuple[Ready, bytes]] = []
        with self.site.folders() as folders:
            # The intake is there before the upload, so that it sees the file grow also on a busy machine.
            list(folders.look(f"/{self.party}/inbox"))
            begin()
            end = time.monotonic() + wait
            while not (taken and until()):
                assert time.monotonic() < end, f"not taken: {self._sightings}"
                entries = list(folders.look(f"/{self.party}/inbox"))
                self.looks += 1
                self.sizes |= {entry.size for entry in entries}
                judgement = judge(self.party, self._sightings, entries, datetime.now(UTC), PATIENCE)
                self._sightings = judgement.sightings
                for ready in judgement.ready:
                    target = f"/csd/claimed/{self.party}/{ready.safe_name}"
                    assert folders.claim(f"/{self.party}/inbox/{ready.name}", target)
                    taken.append((ready, folders.fetch(target, LIMIT)))
                    for name in ready.companions:
                        assert folders.claim(f"/{self.party}/inbox/{name}", f"/csd/claimed/{self.party}/{name}")
                    self._sightings = forget(self._sightings, (ready.name, *ready.companions))
                time.sleep(0.03)
        return taken


@pytest.mark.parametrize(
    ("site", "client"),
    [
        # Quick runs try two clients on the embedded server, and all on OpenSSH, which they meet in the field.
        pytest.param(
            kind,
            client,
            id=f"{kind}-{client.__name__}",
            marks=() if kind == "openssh" or client in (by_sftp_with_rename, by_rclone) else pytest.mark.long,
        )
        for kind in ("embedded", "openssh")
        for client in CLIENTS
    ],
    indirect=["site"],
)
def test_a_slow_upload_is_taken_whole(site: Site, form: Path, client: Callable[[Site, Path], Sequence[str]]) -> None:
    uploads: list[subprocess.Popen[bytes]] = []

    with (form.parent / "said").open("w") as said:

        def begin() -> None:
            command = client(site, form)
            uploads.append(subprocess.Popen(command, stdout=said, stderr=said, stdin=subprocess.DEVNULL))

        intake = Intake(site)
        try:
            taken = intake.run(lambda: uploads[0].poll() is not None, begin=begin)
            assert uploads[0].wait(timeout=240) == 0, (form.parent / "said").read_text()
        finally:
            for upload in uploads:
                upload.kill()
                upload.wait()
    assert [(ready.name, data == FORM) for ready, data in taken] == [("form.xlsx", True)]
    assert taken[0][0].proof is Proof.STOOD_STILL
    assert min(intake.sizes) < len(FORM), "the intake saw it half written"
    assert site.look(f"{site.parties[0]}/inbox") == []


def test_an_upload_in_the_way_of_winscp_is_taken_after_its_rename(site: Site) -> None:
    client = paramiko.Transport((site.host, site.port))
    client.connect(username=site.parties[0], pkey=paramiko.PKey.from_path(site.keys / site.parties[0]))
    session = client.open_sftp_client()
    assert session is not None
    intake = Intake(site)
    with client, session:
        with session.open("/inbox/form.xlsx.filepart", "w") as stream:
            stream.write(FORM[:300_000])
        with pytest.raises(AssertionError, match="not taken"):
            intake.run(lambda: True, wait=0.9)
        with session.open("/inbox/form.xlsx.filepart", "a") as stream:
            stream.write(FORM[300_000:])
        session.utime("/inbox/form.xlsx.filepart", (1, 1))
        session.rename("/inbox/form.xlsx.filepart", "/inbox/form.xlsx")
        taken = intake.run(lambda: True)
    assert [(ready.name, data == FORM) for ready, data in taken] == [("form.xlsx", True)]


def test_a_file_with_its_sha256_marker_is_taken_at_the_next_look_and_proved(site: Site, form: Path) -> None:
    marker = form.parent / "form.xlsx.sha256"
    marker.write_text(f"{hashlib.sha256(FORM).hexdigest()}  form.xlsx\n")
    commands = f"put {form} /inbox/form.xlsx\nput {marker} /inbox/form.xlsx.sha256\n"
    subprocess.run(sftp(site, form, commands), check=True, capture_output=True, timeout=240)
    intake = Intake(site)
    ((ready, data),) = intake.run(lambda: True)
    assert intake.looks == 1
    assert ready.proof is Proof.DIGEST_MARKER
    with site.folders() as folders:
        promise = folders.fetch(f"/csd/claimed/{site.parties[0]}/form.xlsx.sha256", 1000)
    assert broken_promise(promise, data) == ""


def test_an_upload_whose_client_is_killed_leaves_a_part_that_a_later_upload_replaces(site: Site, form: Path) -> None:
    # So slow that it is under way when it is killed, however busy the machine.
    slow = by_sftp_with_rename(site, form, "800")
    upload = subprocess.Popen(slow, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    inbox = site.root / site.parties[0] / "inbox"
    end = time.monotonic() + 240
    while not any(path.stat().st_size for path in inbox.iterdir()):
        assert time.monotonic() < end
        time.sleep(0.02)
    upload.kill()
    upload.wait()
    assert site.look(f"{site.parties[0]}/inbox") == ["form.xlsx.part"]
    subprocess.run(by_sftp_with_rename(site, form), check=True, capture_output=True, timeout=240)
    ((ready, data),) = Intake(site).run(lambda: True)
    assert (ready.name, data) == ("form.xlsx", FORM)
