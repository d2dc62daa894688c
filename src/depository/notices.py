"""Notices to parties, each in the register of notices (CSD-1.5-a…c)."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from depository.answers import LineOutcome
from depository.register import AccountState, AccountType
from depository.store import notices as store
from depository.store import register
from depository.store.work import Work

SFTP = "SFTP"
LONGEST_SUBJECT = 150
LONGEST_TEXT = 20_000
"""Characters."""


class Audience(StrEnum):
    """To whom a notice goes (CSD-1.5-c)."""

    ONE = "one participant"
    CLASS = "circular"
    ALL = "broadcast"


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice as registered; `facts` are label and value pairs for the printed form."""

    number: str
    addressee: str
    subject: str
    body: str
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer to a request, and the notices that it caused."""

    outcome: LineOutcome
    notices: tuple[Notice, ...] = ()


def notify(
    work: Work,
    addressee: str,
    subject: str,
    body: str,
    facts: tuple[tuple[str, str], ...] = (),
    audience: Audience = Audience.ONE,
) -> Notice:
    """Registers a notice that goes by SFTP, deemed received the moment it is made available (CSD-1.5-a, CSD-1.5-b)."""
    number = f"N{work.next_number('notice'):08d}"
    store.add(work, number, addressee, audience.value, subject, body, SFTP, received=True)
    return Notice(number, addressee, subject, body, facts)


def notify_by_letter(
    work: Work, addressee: str, subject: str, body: str, channel: str, facts: tuple[tuple[str, str], ...]
) -> Notice:
    """Registers a notice to somebody without a folder; it counts as received when it is handed over (CSD-1.5-a, CSD-1.5-b)."""
    number = f"N{work.next_number('notice'):08d}"
    store.add(work, number, addressee, Audience.ONE.value, subject, body, channel, received=False)
    return Notice(number, addressee, subject, body, facts)


@dataclass(frozen=True, slots=True)
class Addressing:
    """To whom operators send a notice: to parties by name, to a class of participants, or to every participant (CSD-1.5-c)."""

    parties: tuple[str, ...] = ()
    account_type: AccountType | None = None
    """A class: the participants with an open account of this type, such as market makers or holders of nominee accounts."""

    @property
    def audience(self) -> Audience:
        """How the register of notices names it."""
        if len(self.parties) == 1:
            return Audience.ONE
        return Audience.CLASS if self.parties or self.account_type else Audience.ALL

    def __str__(self) -> str:
        if self.parties:
            return ", ".join(self.parties)
        if self.account_type:
            return f"participants with an open account of type {self.account_type.value}"
        return "all participants"


def send(work: Work, addressing: Addressing, subject: str, body: str) -> list[Notice]:
    """A notice of the operators to each addressee, in order of their codes; each has an entry of its own in the register (CSD-1.5-c).

    Raises LookupError for an addressee that is no party with a folder, or when there is none; ValueError for a text that cannot be sent.
    """
    _check_text("subject", subject, LONGEST_SUBJECT, lines=False)
    _check_text("text", body, LONGEST_TEXT, lines=True)
    to = addressees(work, addressing)
    facts = (("To", str(addressing)),) if addressing.audience is not Audience.ONE else ()
    return [notify(work, one, subject, body, facts, addressing.audience) for one in to]


def addressees(work: Work, addressing: Addressing) -> Sequence[str]:
    """The codes of those whom a notice goes to, in order."""
    if addressing.parties:
        known = register.all_parties(work)
        unknown = sorted(code for code in addressing.parties if code not in known or not known[code].active)
        if unknown:
            raise LookupError(f"no active party has the code {', '.join(unknown)}: the parties are {', '.join(known)}")
        return sorted(set(addressing.parties))
    found = [one.code for one in register.participants(work) if one.active]
    if addressing.account_type is not None:
        found = [code for code in found if _has_account(work, code, addressing.account_type)]
    if not found:
        raise LookupError(f"there is nobody to tell: {addressing}")
    return found


def _has_account(work: Work, participant: str, type_: AccountType) -> bool:
    return any(a.type is type_ and a.state is AccountState.OPEN for a in register.accounts_of(work, participant))


def _check_text(what: str, text: str, longest: int, *, lines: bool) -> None:
    if not text.strip():
        raise ValueError(f"the notice's {what} is empty")
    if len(text) > longest:
        raise ValueError(f"the notice's {what} has {len(text)} characters, {longest} are the most")
    for sign in text:
        if not (sign.isprintable() or (lines and sign == "\n")):
            name = unicodedata.name(sign, f"U+{ord(sign):04X}")
            raise ValueError(f"the notice's {what} has the sign {name}, which cannot be printed: take it out")
