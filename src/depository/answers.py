"""The answer to a file: one receipt, one verdict per line, every refusal with its reason (design §4, §7)."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from depository.rejects import Reject


class Verdict(StrEnum):
    """What became of a line, or of a file as a whole (PARTLY: some lines of it)."""

    ACCEPTED = "accepted"
    PARTLY = "partly accepted"
    REFUSED = "refused"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class LineOutcome:
    """The answer to one line of a form or feed."""

    line: int
    verdict: Verdict
    reference: str
    """The sender's reference of the line."""
    record: str
    """Our own number for what was recorded (instruction, account, payment, interest); "" when refused."""
    status: str
    """The status of what was recorded, in the field's words (matched, pending: unmatched, settled, opened, ...)."""
    rejects: tuple[Reject, ...] = ()
    places: tuple[str, ...] = ()
    """Sheet and cell (`IST!H12`) or line of each reject, in the same order."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The one receipt of a file. All moments are aware and in the market's zone."""

    number: str
    sender: str
    file_name: str
    sha256: str
    size: int
    arrived_at: datetime
    business_date: date
    channel: str
    form: str
    """Form or feed code; "" when it could not be told."""
    reference: str
    verdict: Verdict
    batch: str
    """The batch (slot of the timetable) the content goes into; "" when it has been carried out or refused."""
    cut_off: datetime | None
    rejects: tuple[Reject, ...]
    """What is wrong with the file or form as a whole; then nothing of it is taken."""
    places: tuple[str, ...]
    lines: tuple[LineOutcome, ...]
    message: str = ""
    """One sentence for a person: what was taken and what to do next."""
