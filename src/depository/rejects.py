"""A refusal is a value: ISO 20022 reason code, rule of the rulebook, field, what was found, and how to mend it (design §7)."""

from dataclasses import dataclass
from enum import StrEnum


class RejectionReason(StrEnum):
    """Why an instruction, row or form is refused: codes of sese.024 RejectionReason75Code; order = order of precedence."""

    SIGNATURE = "SETR"
    """Not authorised: signed by nobody with a valid power (ISO SETR, settlement transaction type, narrowed here to powers)."""
    SENDER = "ICAG"
    """The sender may not give this instruction for this account or party."""
    REFERENCE = "REFE"
    """The reference is unknown, or was used before with other content."""
    ACCOUNT = "SAFE"
    """Unknown, closed or wrong safekeeping account."""
    COUNTERPARTY = "IEXE"
    """Unknown or wrong counterparty."""
    SECURITY = "DSEC"
    """Unknown, not admitted or suspended financial instrument."""
    QUANTITY = "DQUA"
    """Wrong quantity: zero, too fine, or more than there is to give."""
    DATE = "DDAT"
    """Wrong settlement, due or value date."""
    DEADLINE = "ADEA"
    """Arrived after the deadline."""
    MONEY = "DMON"
    """Wrong amount or currency, or more than what is free."""
    CASH_ACCOUNT = "CASH"
    """Unknown or unregistered cash account."""
    RULE = "VALR"
    """A validation rule of the depository, named by its number."""
    OTHER = "OTHR"


class PendingReason(StrEnum):
    """Why an accepted instruction still waits: codes of sese.024 PendingReason24Code."""

    SECURITIES_SHORT = "LACK"
    MONEY_SHORT = "MONY"
    FUTURE_DATE = "FUTU"
    LINKED = "LINK"
    UNMATCHED = "CMIS"
    WINDOW = "PRCY"
    ACCOUNT_BLOCKED = "BLOC"


@dataclass(frozen=True, slots=True)
class Reject:
    """One refusal.

    `field` is the field's name in the form's model ("" = the form as a whole); `found` is what stood there; `message` says in
    plain English what is wrong and what to send instead; `rule` is a rule id of the rulebook.
    """

    code: RejectionReason
    rule: str
    field: str
    found: str
    message: str


class FileRefused(Exception):
    """The file as a whole cannot be read: nothing of it is taken, and it goes to quarantine with this reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Broken(Exception):
    """An invariant of the books does not hold: the run stops and commits nothing."""
