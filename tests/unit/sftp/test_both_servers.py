"""What the rest of the depository relies on, the same on the embedded server and on OpenSSH with chroot."""

import base64
import hashlib
import os
import pwd
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paramiko
import pytest

from depository.sftp.client import connect
from depository.sftp.entry import encode_name
from depository.sftp.errors import (
    Changed,
    HostKeyWrong,
    LoginRefused,
    Lost,
    Missing,
    Refused,
    SftpError,
    TargetTaken,
    TooLarge,
)
from tests.support.openssh import Site, openssh_without_root
from tests.support.programs import program

MB = 1 << 20


@contextmanager
def raw(site: Site, user: str) -> Iterator[paramiko.SFTPClient]:
    """Another client, that sends whatever it is told."""
    client = paramiko.SSHClient()
    kind, line = site.host_key.split()[:2]
    key = paramiko.PKey.from_type_string(kind, base64.b64decode(line))
    client.get_host_keys().add(f"[{site.host}]:{site.port}", kind, key)
    client.connect(
        site.host, site.port, user, key_filename=str(site.keys / user), look_for_keys=False, allow_agent=False
    )
    with client, client.open_sftp() as sftp:
        yield sftp


def drop(site: Site, party: str, name: str, data: bytes = b"a form") -> str:
    """The party uploads a file into its inbox; returns its path as the depository sees it."""
    with site.folders(party) as folders:
        folders.put(f"/inbox/{name}", data)
    return f"/{party}/inbox/{name}"


# Who reaches what


def test_a_party_sees_its_own_three_folders_and_nothing_else(site: Site) -> None:
    for party in site.parties:
        with site.folders(party) as folders:
            assert sorted(entry.name for entry in folders.look("/")) == ["check", "inbox", "outbox"]


def test_the_depository_sees_every_party(site: Site) -> None:
    with site.folders() as folders:
        assert {entry.name for entry in folders.look("/")} == {"csd", *site.parties}


@pytest.mark.parametrize(
    "path",
    ["../{other}/inbox/secret", "/../{other}/inbox/secret", "inbox/../../{other}/inbox/secret", "/{other}/inbox/secret",
     "/inbox/../../../{root}/{other}/inbox/secret", "{root}/{other}/inbox/secret"],
)  # fmt: skip
def test_a_party_cannot_reach_another_by_any_path(site: Site, path: str) -> None:
    one, other = site.parties
    (site.root / other / "inbox" / "secret").write_bytes(b"for nobody else")
    with raw(site, one) as sftp:
        wanted = path.format(other=other, root=site.root)
        with pytest.raises(OSError):
            sftp.open(wanted).read()
        with pytest.raises(OSError):
            sftp.open(wanted, "w")
        with pytest.raises(OSError):
            sftp.posix_rename(wanted, "/inbox/mine")


@pytest.mark.parametrize("target", ["/etc", "../../{other}/inbox", "{root}/{other}/inbox"])
def test_a_link_that_lies_in_the_folder_leads_nowhere_for_the_party(site: Site, target: str) -> None:
    one, other = site.parties
    (site.root / other / "inbox" / "secret").write_bytes(b"for nobody else")
    (site.root / one / "inbox" / "link").symlink_to(target.format(other=other, root=site.root))
    with raw(site, one) as sftp:
        for inside in ("secret", "passwd"):
            with pytest.raises(OSError):
                sftp.open(f"/inbox/link/{inside}").read()
        with pytest.raises(OSError):
            sftp.listdir("/inbox/link")


def test_a_link_to_another_partys_file_is_not_followed_by_the_depository(site: Site) -> None:
    one, other = site.parties
    (site.root / other / "inbox" / "secret").write_bytes(b"for nobody else")
    (site.root / one / "inbox" / "form.xlsx").symlink_to(f"../../{other}/inbox/secret")
    with site.folders() as folders:
        assert [entry.is_file for entry in folders.look(f"/{one}/inbox")] == [False]
        with pytest.raises(Refused, match="not a plain file"):
            folders.fetch(f"/{one}/inbox/form.xlsx", MB)


def test_a_party_cannot_make_links(site: Site) -> None:
    party = site.parties[0]
    drop(site, party, "form.xlsx")
    with raw(site, party) as sftp, pytest.raises(OSError):
        sftp.symlink("/inbox/form.xlsx", "/inbox/link")
    assert site.look(f"{party}/inbox") == ["form.xlsx"]


def test_a_party_cannot_remove_or_move_its_folders(site: Site) -> None:
    with raw(site, site.parties[0]) as sftp:
        for action in (
            lambda: sftp.rmdir("/inbox"),
            lambda: sftp.rename("/inbox", "/elsewhere"),
            lambda: sftp.mkdir("/new"),
            lambda: sftp.open("/file", "w"),
        ):
            with pytest.raises(OSError):
                action()
    assert site.look(site.parties[0]) == ["check", "inbox", "outbox"]


def test_a_party_reads_and_deletes_in_its_outbox(site: Site) -> None:
    party = site.parties[0]
    with site.folders() as folders:
        folders.put(f"/{party}/outbox/receipt.json", b"{}")
    with site.folders(party) as folders:
        assert folders.fetch("/outbox/receipt.json", MB) == b"{}"
        assert folders.remove("/outbox/receipt.json")
    assert site.look(f"{party}/outbox") == []


def test_what_a_party_may_write_into_its_outbox(site: Site) -> None:
    party = site.parties[0]
    with site.folders() as folders:
        folders.put(f"/{party}/outbox/receipt.json", b"{}")
    with raw(site, party) as sftp:
        if site.kind != "embedded":
            # OpenSSH cannot tell deleting from writing; the operating page says so.
            with sftp.open("/outbox/own", "w") as stream:
                stream.write(b"own")
            assert "own" in site.look(f"{party}/outbox")
            return
        for action in (
            lambda: sftp.open("/outbox/own", "w"),
            lambda: sftp.open("/outbox/receipt.json", "r+"),
            lambda: sftp.rename("/outbox/receipt.json", "/inbox/receipt.json"),
            lambda: sftp.truncate("/outbox/receipt.json", 0),
            lambda: sftp.open("/outbox/receipt.json").utime((1, 1)),
        ):
            with pytest.raises(OSError):
                action()
    assert (site.root / party / "outbox" / "receipt.json").read_bytes() == b"{}"


# Who gets in


def test_a_strangers_key_is_refused(site: Site) -> None:
    with pytest.raises(LoginRefused):
        connect(site.host, site.port, site.parties[0], site.keys / "stranger", site.host_key)


def test_one_partys_key_does_not_open_anothers_folder(site: Site) -> None:
    one, other = site.parties
    for user in (other, site.csd):
        with pytest.raises(LoginRefused):
            connect(site.host, site.port, user, site.keys / one, site.host_key)


def test_an_unknown_user_is_refused(site: Site) -> None:
    for user in ("nobodyhere", "..", "/", ""):
        with pytest.raises((LoginRefused, Lost)):
            connect(site.host, site.port, user, site.keys / site.parties[0], site.host_key)


def test_a_server_with_another_host_key_is_not_spoken_to(site: Site) -> None:
    other = (site.keys / "stranger.pub").read_text()
    with pytest.raises(HostKeyWrong):
        connect(site.host, site.port, site.csd, site.keys / site.csd, other)


def test_a_server_without_a_host_key_of_the_pinned_kind_is_not_spoken_to(site: Site) -> None:
    key = paramiko.ECDSAKey.generate()
    with pytest.raises(HostKeyWrong):
        connect(site.host, site.port, site.csd, site.keys / site.csd, f"{key.get_name()} {key.get_base64()}")


def test_a_pin_that_is_no_key_is_refused_before_connecting() -> None:
    for line in ("", "ssh-ed25519", "ssh-ed25519 AAAA", "SHA256:abc def"):
        with pytest.raises(HostKeyWrong):
            connect("127.0.0.1", 1, "csd", Path("nowhere"), line)


def test_a_private_key_that_others_may_read_is_not_used(site: Site, tmp_path: Path) -> None:
    open_key = tmp_path / "key"
    open_key.write_bytes((site.keys / site.csd).read_bytes())
    open_key.chmod(0o644)
    with pytest.raises(LoginRefused, match="chmod 600"):
        connect(site.host, site.port, site.csd, open_key, site.host_key)


def test_there_is_no_shell_no_command_and_no_forwarding(site: Site) -> None:
    for user in (site.csd, site.parties[0]):
        client = paramiko.Transport((site.host, site.port))
        client.connect(username=user, pkey=paramiko.PKey.from_path(site.keys / user))
        try:
            for start in (
                lambda channel: channel.exec_command("id"),
                lambda channel: channel.invoke_shell(),
                lambda channel: (channel.get_pty(), channel.invoke_shell()),
            ):
                channel = client.open_session(timeout=10)
                channel.settimeout(10)
                try:
                    start(channel)
                    channel.shutdown_write()
                    said = channel.recv(1000)
                except (paramiko.SSHException, EOFError, OSError):
                    said = b""
                assert not {b"uid=", b"$", b"#"} & set(said.split())
                assert b"uid=" not in said
                channel.close()
            with pytest.raises(paramiko.ChannelException):
                client.open_channel("direct-tcpip", (site.host, site.port), ("127.0.0.1", 1), timeout=10)
            with pytest.raises(paramiko.SSHException):
                client.request_port_forward("127.0.0.1", 0)
        finally:
            client.close()


def test_small_requests_do_not_wait_for_more_to_send(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    create = socket.create_connection

    def remember(*args: Any, **more: Any) -> socket.socket:
        opened.append(create(*args, **more))
        return opened[-1]

    monkeypatch.setattr(socket, "create_connection", remember)
    with site.connect(site.csd):
        assert [one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for one in opened] == [1]


# Taking


def test_a_claimed_file_is_gone_from_the_inbox_and_whole_on_our_side(site: Site) -> None:
    party = site.parties[0]
    path = drop(site, party, "form.xlsx", b"x" * 100_000)
    with site.folders() as folders:
        assert folders.claim(path, f"/csd/claimed/{party}/1")
        assert folders.fetch(f"/csd/claimed/{party}/1", MB) == b"x" * 100_000
        assert not folders.claim(path, f"/csd/claimed/{party}/2")
    assert site.look(f"{party}/inbox") == []
    assert site.look(f"csd/claimed/{party}") == ["1"]


def test_a_claim_never_overwrites(site: Site) -> None:
    party = site.parties[0]
    (site.root / "csd" / "claimed" / party / "1").write_bytes(b"first")
    path = drop(site, party, "form.xlsx", b"second")
    with site.folders() as folders, pytest.raises(TargetTaken):
        folders.claim(path, f"/csd/claimed/{party}/1")
    assert (site.root / "csd" / "claimed" / party / "1").read_bytes() == b"first"
    assert site.look(f"{party}/inbox") == ["form.xlsx"]


def test_a_claim_into_a_folder_that_is_not_there_is_an_error_and_no_lost_race(site: Site) -> None:
    path = drop(site, site.parties[0], "form.xlsx")
    with site.folders() as folders, pytest.raises(Missing):
        folders.claim(path, "/csd/claimed/NOBODY/1")
    assert site.look(f"{site.parties[0]}/inbox") == ["form.xlsx"]


@pytest.mark.parametrize("same_target", [True, False])
def test_of_two_workers_exactly_one_gets_each_file(site: Site, same_target: bool) -> None:
    party, count = site.parties[0], 300
    for number in range(count):
        (site.root / party / "inbox" / f"{number:03}").write_bytes(b"%d" % number)
        os.chown(site.root / party / "inbox" / f"{number:03}", *_owner(site))
    together = threading.Barrier(2)

    def work(worker: int) -> list[int]:
        with site.folders() as folders:
            together.wait(timeout=120)
            return [
                number
                for number in range(count)
                if folders.claim(
                    f"/{party}/inbox/{number:03}",
                    f"/csd/claimed/{party}/{number:03}" + ("" if same_target else f"-{worker}"),
                )
            ]

    with ThreadPoolExecutor(2) as pool:
        won = list(pool.map(work, (1, 2)))
    assert sorted(won[0] + won[1]) == list(range(count))
    assert site.look(f"{party}/inbox") == []
    claimed = site.root / "csd" / "claimed" / party
    assert sorted(int(path.read_bytes()) for path in claimed.iterdir()) == list(range(count))


def test_of_two_processes_exactly_one_gets_each_file(site: Site) -> None:
    party, count = site.parties[0], 200
    for number in range(count):
        (site.root / party / "inbox" / f"{number:03}").write_bytes(b"%d" % number)
    script = """
import sys
from pathlib import Path
from typing import Any
from depository.sftp.client import connect
from depository.sftp.folders import Folders
host, port, user, key, pin, party, worker, count = sys.argv[1:]
with connect(host, int(port), user, Path(key), pin) as connection:
    folders = Folders(connection)
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(int(count)):
        if folders.claim(f"/{party}/inbox/{number:03}", f"/csd/claimed/{party}/{number:03}-{worker}"):
            print(number)
"""
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", script, site.host, str(site.port), site.csd, str(site.keys / site.csd),
             site.host_key, party, str(worker), str(count)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": "src"},
        )
        for worker in (1, 2)
    ]  # fmt: skip
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    won = [int(line) for worker in workers for line in worker.communicate(timeout=240)[0].split()]
    assert sorted(won) == list(range(count))
    assert len(site.look(f"csd/claimed/{party}")) == count


def test_a_claim_does_not_stop_a_writer_that_holds_the_file_open(site: Site) -> None:
    party = site.parties[0]
    with raw(site, party) as sftp, site.folders() as folders:
        stream = sftp.open("/inbox/form.xlsx", "w")
        stream.write(b"half")
        stream.flush()
        assert folders.claim(f"/{party}/inbox/form.xlsx", f"/csd/claimed/{party}/1")
        stream.write(b" and the rest")
        stream.close()
        assert folders.fetch(f"/csd/claimed/{party}/1", MB) == b"half and the rest"


def test_a_file_that_only_its_sender_may_read_is_fetched(site: Site, tmp_path: Path) -> None:
    party = site.parties[0]
    local = tmp_path / "form.xlsx"
    local.write_bytes(b"private")
    local.chmod(0o600)
    run = subprocess.run(
        [program("sftp"), *_ssh_options(site, party), "-P", str(site.port), "-b", "-", f"{party}@{site.host}"],
        input=f"put {local} /inbox/form.xlsx\n", text=True, capture_output=True, timeout=240, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    with site.folders() as folders:
        assert folders.fetch(f"/{party}/inbox/form.xlsx", MB) == b"private"


@pytest.mark.parametrize("size", [0, 1, 32_767, 32_768, 32_769, 3_000_000])
def test_every_size_comes_back_as_it_was_put(site: Site, size: int) -> None:
    data = os.urandom(size)
    with site.folders() as folders:
        folders.put("/csd/tmp/file", data)
        assert folders.fetch("/csd/tmp/file", size) == data
        assert [folders.remove("/csd/tmp/file"), folders.remove("/csd/tmp/file")] == [True, False]


def test_a_file_above_the_limit_is_not_fetched(site: Site) -> None:
    path = drop(site, site.parties[0], "form.xlsx", b"12345")
    with site.folders() as folders:
        assert folders.fetch(path, 5) == b"12345"
        with pytest.raises(TooLarge):
            folders.fetch(path, 4)


def test_what_is_missing_is_said_to_be_missing(site: Site) -> None:
    party = site.parties[0]
    with site.folders() as folders:
        for action in (
            lambda: folders.fetch(f"/{party}/inbox/none", MB),
            lambda: list(folders.look("/NOBODY/inbox")),
            lambda: folders.put("/NOBODY/outbox/answer", b""),
        ):
            with pytest.raises(Missing):
                action()
        assert not folders.exists(f"/{party}/inbox/none")
        assert list(folders.look(f"/{party}/inbox")) == []


def test_a_folder_is_no_file(site: Site) -> None:
    with site.folders() as folders, pytest.raises(Refused):
        folders.fetch(f"/{site.parties[0]}/inbox", MB)


def test_a_file_that_grows_while_it_is_fetched_is_told(site: Site) -> None:
    path = site.root / site.parties[0] / "inbox" / "form.xlsx"
    path.write_bytes(b"x" * 2_000_000)
    os.chown(path, *_owner(site))
    stop = threading.Event()

    def grow() -> None:
        with path.open("ab") as stream:
            while not stop.wait(0.0005):
                stream.write(b"y" * 1000)
                stream.flush()

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        with site.folders() as folders, pytest.raises(Changed):
            folders.fetch(f"/{site.parties[0]}/inbox/form.xlsx", 100 * MB)
    finally:
        stop.set()
        writer.join()


@pytest.mark.parametrize("path", ["inbox", "", "/a/../b", "/a//b", "/a/./b", "/a/\0", "//", "/.."])
def test_a_path_that_could_lead_elsewhere_is_a_mistake_of_the_caller(site: Site, path: str) -> None:
    with site.folders() as folders, pytest.raises(ValueError, match="plain path"):
        folders.exists(path)


def test_names_that_no_text_can_hold_are_listed_and_claimed(site: Site) -> None:
    party = site.parties[0]
    names = [
        b"\xff\xfe.xlsx",
        "\uf7ff\uf780.xlsx".encode(),
        b"two\nlines.xlsx",
        "справка \u202exslx.exe".encode(),
        b"-rf *",
        "ё".encode() * 100,
    ]
    for name in names:
        path = site.root / party / "inbox" / os.fsdecode(name)
        path.write_bytes(name)
        os.chown(path, *_owner(site))
    with site.folders() as folders:
        listed = [entry.name for entry in folders.look(f"/{party}/inbox")]
        assert sorted(encode_name(seen) for seen in listed) == sorted(names)
        assert all(seen.encode() for seen in listed), "a database can hold it"
        for number, seen in enumerate(listed):
            assert folders.claim(f"/{party}/inbox/{seen}", f"/csd/claimed/{party}/{number}")
            assert folders.fetch(f"/csd/claimed/{party}/{number}", MB) == encode_name(seen)


# Giving


def test_a_put_replaces_the_file_and_leaves_nothing_else(site: Site) -> None:
    party = site.parties[0]
    with site.folders() as folders:
        for data in (b"first", b"second, longer", b"3rd", b"3rd"):
            folders.put(f"/{party}/outbox/receipt.json", data)
            assert (site.root / party / "outbox" / "receipt.json").read_bytes() == data
    assert site.look(f"{party}/outbox") == ["receipt.json"]


def test_a_reader_sees_the_old_file_or_the_new_one_and_never_a_part(site: Site) -> None:
    party = site.parties[0]
    whole = {b"a" * 200_000, b"b" * 300_000}
    stop = threading.Event()

    def write() -> None:
        with site.folders() as folders:
            while not stop.is_set():
                for data in sorted(whole):
                    folders.put(f"/{party}/outbox/statement.csv", data)

    with site.folders() as folders:
        folders.put(f"/{party}/outbox/statement.csv", b"a" * 200_000)
    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    try:
        with raw(site, party) as sftp:
            end = time.monotonic() + 0.8
            while time.monotonic() < end:
                with sftp.open("/outbox/statement.csv") as stream:
                    seen.add(stream.read())
    finally:
        stop.set()
        writer.join()
    assert seen <= whole


def test_two_workers_with_the_same_answers_do_not_spoil_each_others(site: Site) -> None:
    party, count = site.parties[0], 60
    together = threading.Barrier(2)

    def work(_: int) -> None:
        with site.folders() as folders:
            for number in range(count):
                together.wait(timeout=120)
                folders.put(f"/{party}/outbox/{number}", b"%d" % number * 5000)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, (1, 2)))
    outbox = site.root / party / "outbox"
    assert {path.name: path.read_bytes() for path in outbox.iterdir()} == {
        str(number): b"%d" % number * 5000 for number in range(count)
    }


def test_the_leftover_of_a_worker_that_died_is_completed_and_taken_away(site: Site) -> None:
    party = site.parties[0]
    outbox = site.root / party / "outbox"
    with site.folders() as folders:
        # What a worker leaves that dies before the rename: the same temporary file, half written.
        folders.put(f"/{party}/outbox/receipt.json", b"whole answer")
        target = f"{site.prefix}/{party}/outbox/receipt.json".encode()
        mark = hashlib.sha256(target + b"\0whole answer").hexdigest()[:32]
        (outbox / f".{mark}.part").write_bytes(b"whole")
        os.chown(outbox / f".{mark}.part", *_owner(site))
        folders.put(f"/{party}/outbox/receipt.json", b"whole answer")
    assert {path.name: path.read_bytes() for path in outbox.iterdir()} == {"receipt.json": b"whole answer"}


def test_plain_rename_does_not_overwrite_and_posix_rename_does(site: Site) -> None:
    party = site.parties[0]
    with raw(site, party) as sftp:
        for name in ("old", "new"):
            with sftp.open(f"/inbox/{name}", "w") as stream:
                stream.write(name.encode())
        with pytest.raises(OSError):
            sftp.rename("/inbox/new", "/inbox/old")
        assert (site.root / party / "inbox" / "old").read_bytes() == b"old"
        sftp.posix_rename("/inbox/new", "/inbox/old")
    assert (site.root / party / "inbox" / "old").read_bytes() == b"new"


# Looking


def test_other_calls_are_allowed_while_a_folder_is_listed(site: Site) -> None:
    party = site.parties[0]
    for number in range(500):
        (site.root / party / "inbox" / f"{number}").write_bytes(b"x")
        os.chown(site.root / party / "inbox" / f"{number}", *_owner(site))
    with site.folders() as folders:
        taken = [
            folders.claim(f"/{party}/inbox/{entry.name}", f"/csd/claimed/{party}/{entry.name}")
            for entry in folders.look(f"/{party}/inbox")
        ]
    assert taken == [True] * 500


def test_a_listing_left_in_the_middle_does_no_harm(site: Site) -> None:
    party = site.parties[0]
    for number in range(1000):
        (site.root / party / "inbox" / f"{number}").write_bytes(b"x")
    with site.folders() as folders:
        for _ in range(5):
            assert next(iter(folders.look(f"/{party}/inbox"))).is_file
        assert len(list(folders.look(f"/{party}/inbox"))) == 1000
        assert folders.exists(f"/{party}/inbox/7")


def test_many_folders_are_listed_side_by_side_large_ones_whole_and_missing_ones_told(site: Site) -> None:
    party, other = site.parties
    with site.folders(party) as folders:
        folders.put_all([(f"/inbox/form_{number:03d}.xlsx", b"a form") for number in range(250)])
    drop(site, other, "single.xlsx")
    asked = [f"/{party}/inbox", f"/{party}/nowhere", f"/{other}/inbox", *[f"/{other}/check"] * 40]
    with site.folders() as folders:
        found = [
            (path, str(listed) if isinstance(listed, SftpError) else sorted(entry.name for entry in listed))
            for path, listed in folders.look_all(asked)
        ]
    assert [path for path, _ in found] == asked
    assert found[0][1] == [f"form_{number:03d}.xlsx" for number in range(250)]
    assert "nowhere" in found[1][1]
    assert [names for _, names in found[2:]] == [["single.xlsx"], *[[]] * 40]


def test_of_files_put_fetched_and_removed_side_by_side_each_has_its_own_end(site: Site) -> None:
    party = site.parties[0]
    contents = {f"/{party}/outbox/{number}.json": os.urandom(number * 7919) for number in range(40)}
    nowhere = f"/{party}/nowhere/x.json"
    with site.folders() as folders:
        stored = folders.put_all([(nowhere, b"x"), *contents.items()])
        assert isinstance(stored[0], Missing)
        assert stored[1:] == [None] * 40
        assert site.look(f"{party}/outbox") == sorted(path.rpartition("/")[2] for path in contents)
        large = max(contents, key=lambda path: len(contents[path]))
        fetched = folders.fetch_all([nowhere, *contents], len(contents[large]) - 1)
        assert isinstance(fetched[0], Missing)
        for path, found in zip(contents, fetched[1:], strict=True):
            assert isinstance(found, TooLarge) if path == large else found == contents[path]
        assert folders.remove_all([nowhere, *contents]) == [False, *[True] * 40]
    assert site.look(f"{party}/outbox") == []


@pytest.mark.parametrize("count", [20_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_a_large_folder_is_listed_with_flat_memory(site: Site, count: int) -> None:
    inbox = site.root / site.parties[0] / "inbox"
    for number in range(count):
        os.close(os.open(inbox / f"BUNA-{number:06}.xlsx", os.O_CREAT | os.O_WRONLY))
    script = """
import resource, sys
from pathlib import Path
from typing import Any
from depository.sftp.client import connect
from depository.sftp.folders import Folders
host, port, user, key, pin, folder = sys.argv[1:]
with connect(host, int(port), user, Path(key), pin) as connection:
    folders = Folders(connection)
    list(folders.look("/"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count = sum(entry.is_file for entry in folders.look(folder))
    print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    run = subprocess.run(
        [sys.executable, "-c", script, site.host, str(site.port), site.csd, str(site.keys / site.csd), site.host_key,
         f"/{site.parties[0]}/inbox"],
        capture_output=True, text=True, timeout=240, check=True, env=os.environ | {"PYTHONPATH": "src"},
    )  # fmt: skip
    listed, grown = map(int, run.stdout.split())
    assert listed == count
    assert grown < 12_000, f"{grown} KiB more for {count} entries"


def _owner(site: Site) -> tuple[int, int]:
    """Owner and group of what a party uploads, for files that a test lays on the disk."""
    if site.kind != "openssh":
        return os.geteuid(), os.getegid()
    account = pwd.getpwnam(site.csd)
    return account.pw_uid, account.pw_gid


def _ssh_options(site: Site, user: str) -> list[str]:
    known = site.keys / "known_hosts"
    known.write_text(f"[{site.host}]:{site.port} {site.host_key}\n")
    return ["-i", str(site.keys / user), "-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=yes",
            "-o", "IdentitiesOnly=yes", "-F", "none"]  # fmt: skip


def test_the_same_client_works_on_a_login_that_is_not_confined() -> None:
    with openssh_without_root() as site, site.folders() as folders:
        party = site.parties[0]
        folders.put(f"/{party}/inbox/form.xlsx", b"a form")
        assert folders.claim(f"/{party}/inbox/form.xlsx", f"/csd/claimed/{party}/1")
        assert folders.fetch(f"/csd/claimed/{party}/1", MB) == b"a form"
        assert {entry.name for entry in folders.look("/")} == {"csd", *site.parties}
        folders.put("/csd/tmp/a", b"")
        assert (site.root / "csd" / "tmp" / "a").is_file()
