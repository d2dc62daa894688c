"""Sees to the outside programs that some tests use: installs them as root on Debian, else says what is not tested.

With `CI` in the environment nothing may be missing: the exit code is 1 then. Uses the standard library alone.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Program:
    """A program by its file name, the Debian package it comes in, and what tests need it for."""

    name: str
    package: str
    purpose: str


PROGRAMS = (
    Program("sshd", "openssh-server", "file exchange with a real OpenSSH server"),
    Program("sftp", "openssh-client", "file exchange with OpenSSH's own client"),
    Program("openssl", "openssl", "signatures made and checked as participants do"),
    Program("lftp", "lftp", "file exchange with lftp"),
    Program("curl", "curl", "file exchange with curl"),
    Program("rclone", "rclone", "file exchange with rclone"),
    Program("soffice", "libreoffice-calc", "workbooks saved by LibreOffice Calc and read back by it"),
)
APT_ATTEMPTS = 4


def find(name: str) -> str | None:
    """Full path of a program, also from the folders that a user's PATH leaves out; None when it is not there."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")


def missing(programs: Sequence[Program] = PROGRAMS) -> list[Program]:
    """The programs that are not installed."""
    return [program for program in programs if find(program.name) is None]


def why_not_installable() -> str:
    """The reason why packages cannot be installed here; empty when they can."""
    if shutil.which("apt-get") is None:
        return "this is not Debian (no apt-get)"
    if os.geteuid() != 0:
        return "not running as root"
    return ""


def install(programs: Sequence[Program]) -> str:
    """Installs the programs' Debian packages. Returns what went wrong, in one line; empty when all is well."""
    # The SSH server is wanted as a program for tests; RUNLEVEL=1 keeps the package from starting it as a service.
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    packages = [program.package for program in programs]
    said = ""
    for attempt in range(1, APT_ATTEMPTS + 1):
        for command in (
            ["apt-get", "update", "-qq"],
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
        ):
            run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            said = "" if run.returncode == 0 else f"{' '.join(command[:2])}: {last_line(run.stderr or run.stdout)}"
            if said:
                break
        if not said:
            return ""
        if attempt < APT_ATTEMPTS:
            time.sleep(3 * attempt)
    return said


def last_line(text: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"


def main(programs: Sequence[Program] = PROGRAMS) -> int:
    """Installs what can be installed and reports. Returns the exit code."""
    wanted = missing(programs)
    if not wanted:
        return 0
    reason = why_not_installable()
    if not reason:
        print(f"Installing for the tests: {', '.join(program.package for program in wanted)} ...", flush=True)
        reason = install(wanted)
    # The folder that sshd insists on; the service, which would make it, is not started.
    if find("sshd") and os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    left = missing(programs)
    for program in left:
        print(
            f"NOT TESTED: {program.purpose}: {program.name} is missing ({reason or 'package without the program'}); "
            f"on Debian: apt-get install {program.package}"
        )
    if left and os.environ.get("CI"):
        print("CI is set: nothing may be missing.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
