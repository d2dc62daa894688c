"""A file on its way in: found in a folder, fetched with its bytes, read (design §4)."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from depository.register import Party
from depository.rejects import FileRefused
from depository.sftp.intake import Ready
from flows.steps.recording import Content
from flows.steps.signatures import Proof

INBOX = "inbox"
CHECK = "check"
SFTP = "SFTP"
CLAIMED = "claimed"
PUT_ASIDE = "put-aside"
"""The refusal of a file on which we failed again and again."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A whole file with its bytes."""

    party: str
    folder: str
    name: str
    data: bytes
    arrived: datetime
    channel: str = SFTP
    claimed: str = ""
    """Its name on our side, which tells a file taken up again after a crash from the same file sent twice."""
    fault: str = ""
    """Why the file is refused before anything reads it: too large, not what its marker promised, or the fault we met with it."""
    stopped: tuple[str, str] | None = None
    """Code and words when the file is not read: it was given up, or a replay repeats that a limit stopped the reader."""
    signature: bytes | None = None
    """The `.p7s` beside it; None when there was none."""

    @property
    def sha256(self) -> str:
        """The hash of the bytes."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class Found:
    """A file to be taken: one that lies claimed on our side, or one that is whole and is claimed first."""

    party: Party
    folder: str
    size: int
    claimed: str = ""
    """Its name on our side, "" when it is not claimed yet."""
    ready: Ready | None = None

    @property
    def stamp(self) -> str:
        """Its moment of arrival as the names on our side have it, which sorts by time."""
        return self.claimed.split("~", 2)[1] if self.ready is None else arrival_stamp(self.ready.arrived)


@dataclass(frozen=True, slots=True)
class Read:
    """A file that was archived and read, and waits to be recorded."""

    arrival: Arrival
    digest: str = ""
    content: Content | FileRefused | None = None
    """None when the same bytes were taken before."""
    proof: Proof | None = None
    """What the signature beside it proves."""
    seen: str = ""
    """The name under which it was seen in the party's folder, "" when it was claimed by an earlier run."""
    fault: Exception | None = None
    """What went wrong on our side instead."""


def claimed_folder(party: str) -> str:
    """Where a party's claimed files lie on our side."""
    return f"/csd/claimed/{party}"


def arrival_stamp(arrived: datetime) -> str:
    """A moment of arrival as the names on our side have it: in UTC, sorting by time."""
    return f"{arrived.astimezone(UTC):%Y%m%dT%H%M%S%f}"
