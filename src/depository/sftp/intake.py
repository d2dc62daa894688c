"""Which files in a party's folder are whole: decided from what was seen of them, without any network (design §4).

A rename proves nothing on OpenSSH, and the client sets the time of a file as it likes. So a file is whole when its
sender left a marker beside it, or when its size and time stood still over several looks, of which two suffice when its
last bytes say that it ends there; its structure is checked later all the same. The moment of arrival is ours alone: the
first look at which the file lay under its final name as it was taken.
"""

import hashlib
import re
import unicodedata
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from depository.sftp.ends import bytes_to_read
from depository.sftp.entry import ESCAPED, Entry

UNFINISHED = (".part", ".filepart", ".partial", ".tmp", ".temp", ".crdownload", ".swp", "~")
"""Endings, in small letters, under which clients write until they are done (WinSCP .filepart, rclone .partial)."""
LITTER = ("~$", "._")
LITTER_NAMES = (".ds_store", "thumbs.db", "desktop.ini")
"""Beginnings and names, in small letters, of what programs leave behind and is no upload at all."""
DONE, DIGEST, SIGNATURE = ".done", ".sha256", ".p7s"
COMPANIONS = (DONE, DIGEST, SIGNATURE)
"""Endings after a file's full name for what belongs to it: `form.xlsx.done`, `form.xlsx.sha256`, `form.xlsx.p7s`."""
DIGEST_LENGTH = 64
"""Bytes that a .sha256 marker has at least."""
FORBIDDEN = '/\\:*?"<>|'
"""Characters that separate paths or that Windows forbids."""
ENDED_APART = timedelta(seconds=1)
"""Time between the two looks at a file that says where it ends."""
MOST_WATCHED = 10_000
"""Files of one folder that are looked after at once."""
LONGEST_NAME = 200
"""Bytes in UTF-8; leaves room for what we put in front and behind."""
NO_FILE = "a folder or a link, not a file: what is in it is not looked at, put each file here by itself"
NO_SIZE = -1
"""Of what is no file, so that a file that takes its place starts anew."""
PUT_BACK = timedelta(minutes=1)
"""Clocks of two workers differ by less; a look that is earlier than the one before by more shows that the clock was put back."""


@dataclass(frozen=True, slots=True)
class Policy:
    """When a file without a marker counts as whole, and when one that does not get whole is reported."""

    looks: int = 3
    """Looks at which size and time must be equal, the first one included."""
    apart: timedelta = timedelta(seconds=2)
    """A look sooner than this after the one before does not count."""
    deadline: timedelta = timedelta(minutes=10)
    """From the first look at a name; after it, a file that is not whole is reported once."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What was seen of one name in a party's folder; all moments are our clock's."""

    party: str
    name: str
    size: int
    """Bytes at the last look."""
    mtime: int
    first_seen: datetime
    """The first look at this name."""
    last_seen: datetime
    """The last look that counted."""
    looks: int
    """Counted looks with equal size and time, in a row."""
    since: datetime
    """The first of these looks."""
    reported: bool = False
    """It has been reported as overdue."""


class Proof(StrEnum):
    """Why a file counts as whole."""

    DONE_MARKER = "done marker"
    DIGEST_MARKER = "sha256 marker"
    STOOD_STILL = "stood still"
    OWN_END = "its own end"
    """It stood still for a second, and its last bytes say that it ends there."""
    EMPTY = "empty to the deadline"
    """Nothing was written into it until the deadline: it is taken, so that its sender gets an answer."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A file to be claimed now, with its companions."""

    party: str
    name: str
    safe_name: str
    """The name for our side: archive, answers, screens."""
    name_fault: str
    """Why the sender's name is not safe, "" when it is."""
    size: int
    mtime: int
    arrived: datetime
    """The moment of arrival, by which a cut-off is judged."""
    proof: Proof
    companions: tuple[str, ...]
    """Names of the marker and signature files beside it: who has claimed the file claims them next."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A name that is not to be taken yet, or never, and why."""

    party: str
    name: str
    reason: str
    first_seen: datetime


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one look at a folder comes to. Every tuple is in the order of arrival, then of names."""

    ready: tuple[Ready, ...]
    waiting: tuple[Waiting, ...]
    overdue: tuple[Waiting, ...]
    """Past the deadline and not whole, or no file at all; each name once."""
    ignored: tuple[Waiting, ...]
    """Folders, links, litter and impossible names: never touched."""
    to_prove: tuple[Sighting, ...]
    """Files that wait to stand still longer, and are ready now if their last bytes say that they end there (`ends.ends_there`),
    and signatures beside files that wait for them."""
    sightings: tuple[Sighting, ...]
    """To be kept (stored, so that a restart does not move the arrival) and given to the next call."""


def judge(
    party: str,
    sightings: Iterable[Sighting],
    entries: Iterable[Entry],
    at: datetime,
    policy: Policy = Policy(),
    ended: Container[str] = (),
) -> Judgement:
    """Decide which of a folder's entries are whole at the moment `at` of this look.

    `ended` are names whose last bytes were read at this look and say that they end there; the same look is judged a first time without
    them, to learn of which files the last bytes are wanted.

    `sightings` are those of the look before at the same folder; names no longer there are forgotten. Drop the
    sighting of a name once it is claimed (`forget`), so that the next file of that name starts anew.
    """
    before = {sighting.name: sighting for sighting in sightings}
    now: dict[str, Sighting] = {}
    no_files: dict[str, Sighting] = {}
    ignored: list[Waiting] = []
    overdue: list[Waiting] = []
    for entry in entries:
        fault = _untouchable(entry)
        if fault:
            seen = before.get(entry.name)
            held = Waiting(party, entry.name, fault, seen.first_seen if seen else at)
            ignored.append(held)
            if fault == NO_FILE:
                # Its sender may take it for an upload: a folder is what some programs make of several files.
                seen = _see(party, seen, replace(entry, size=NO_SIZE), at, policy)
                no_files[entry.name] = _told(seen, held, at, policy, overdue)
            continue
        sighting = _see(party, before.get(entry.name), entry, at, policy)
        double = now.get(entry.name)
        if double is not None and (double.size, double.mtime) != (entry.size, entry.mtime):
            # A server that lists one name twice has it in change: nothing is proved yet.
            sighting = replace(sighting, looks=1, since=at, last_seen=at)
        now[entry.name] = sighting
    ready: list[Ready] = []
    waiting: list[Waiting] = []
    companions: dict[str, list[str]] = {}
    announced: dict[str, datetime] = {}
    """Files whose signature is under its temporary name still, and since when."""
    for name, sighting in now.items():
        stem = _final(name)
        if is_signature(stem) and stem != name:
            announced[stem[: -len(SIGNATURE)]] = sighting.first_seen
        owner = belongs_to(name)
        if owner:
            companions.setdefault(owner, []).append(name)
    for name, sighting in tuple(now.items()):
        owner = belongs_to(name)
        found: Ready | str = f"{owner!r}, to which it belongs, is not there"
        if not owner:
            beside = {other: now[other] for other in sorted(companions.get(name, ()))}
            found = _whole(sighting, beside, at, policy, ended)
            coming = announced.get(name)
            if isinstance(found, Ready) and coming is not None and at - coming < policy.deadline:
                found = "its signature is still being written"
        elif owner in now and not unfinished(owner):
            continue  # it goes with its file
        if isinstance(found, Ready):
            ready.append(found)
        else:
            held = Waiting(party, name, found, sighting.first_seen)
            waiting.append(held)
            now[name] = _told(sighting, held, at, policy, overdue)
    return Judgement(
        ready=tuple(sorted(ready, key=lambda one: (one.arrived, one.name))),
        waiting=_in_order(waiting),
        overdue=_in_order(overdue),
        ignored=_in_order(ignored),
        to_prove=tuple(
            now[name]
            for one in _in_order(waiting)
            if not unfinished(one.name)
            for name in (one.name, *(other for other in companions.get(one.name, ()) if is_signature(other)))
            if _may_be_proved(now[name], at, policy)
        ),
        sightings=tuple(sorted((now | no_files).values(), key=lambda one: (one.first_seen, one.name))),
    )


def _may_be_proved(one: Sighting, at: datetime, policy: Policy) -> bool:
    """It waits to stand still longer, has stood for a moment, and may say where it ends."""
    return one.looks < policy.looks and _stood_a_moment(one, at) and bytes_to_read(one.name, one.size) > 0


def _stood_a_moment(one: Sighting, at: datetime) -> bool:
    return at - one.since >= ENDED_APART


def _told(one: Sighting, held: Waiting, at: datetime, policy: Policy, overdue: list[Waiting]) -> Sighting:
    """The sighting as it is kept: once past the deadline it is reported, and `overdue` gets what holds it."""
    if at - one.first_seen < policy.deadline or one.reported:
        return one
    overdue.append(held)
    return replace(one, reported=True)


def watched(sightings: Iterable[Sighting], entries: Iterable[Entry], most: int = MOST_WATCHED) -> list[Entry]:
    """Of a folder's entries those that are looked after: what was seen before, and of the others, in their order, so many as there
    is room for; a file always with what belongs to it.

    However many names lie in a folder, what is kept of it has a bound; the rest is looked after when there is room.
    """
    chosen = {belongs_to(sighting.name) or sighting.name for sighting in sightings}
    found = []
    for entry in entries:
        name = belongs_to(entry.name) or entry.name
        if name not in chosen:
            if len(chosen) >= most:
                continue
            chosen.add(name)
        found.append(entry)
    return found


def forget(sightings: Iterable[Sighting], names: Iterable[str]) -> tuple[Sighting, ...]:
    """The sightings without those of names that were claimed."""
    gone = frozenset(names)
    return tuple(sighting for sighting in sightings if sighting.name not in gone)


def broken_promise(marker: bytes, data: bytes) -> str:
    """Why a file's bytes are not those of its `.sha256` marker, "" when they are.

    The marker is what `sha256sum` prints, or the bare 64 hexadecimal digits.
    """
    words = marker.decode("ascii", "replace").lstrip("\ufeff\\").split()
    if not words or not re.fullmatch(r"[0-9a-fA-F]{64}", words[0]):
        return "the .sha256 marker does not begin with 64 hexadecimal digits"
    digest = hashlib.sha256(data).hexdigest()
    if words[0].lower() != digest:
        return f"the .sha256 marker says {words[0].lower()}, the file has {digest}"
    return ""


def safe_name(name: str) -> tuple[str, str]:
    """A name for our side made from a sender's, and what was wrong with theirs ("" and unchanged when nothing).

    The result is never empty, has at most LONGEST_NAME bytes, no path separator, control, invisible or direction
    sign, no leading dot or dash, nothing that Windows forbids. A changed name carries a digest of the original, so
    two bad names never become one.
    """
    faults = _faults(name)
    if not faults:
        return name, ""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    cleaned = "".join("_" if _bad(character) else character for character in name)
    stem, dot, ending = cleaned.rstrip(" .").rpartition(".")
    if not dot or not re.fullmatch(r"[A-Za-z0-9]{1,10}", ending):
        stem, ending = cleaned, ""
    stem = stem.strip(" .-") or "file"
    tail = f"-{digest}.{ending}" if ending else f"-{digest}"
    room = LONGEST_NAME - len(tail.encode())
    # Cut by bytes; a character that was cut through is dropped.
    return stem.encode()[:room].decode("utf-8", "ignore") + tail, "; ".join(faults)


def _see(party: str, before: Sighting | None, entry: Entry, at: datetime, policy: Policy) -> Sighting:
    if before is None:
        return Sighting(party, entry.name, entry.size, entry.mtime, at, at, 1, at)
    if before.last_seen - at > PUT_BACK:
        # Else the file would wait until the clock is there again, and arrive at a moment that is yet to come.
        first, since = min(before.first_seen, at), min(before.since, at)
        before = replace(before, first_seen=first, since=since, last_seen=at)
    if (before.size, before.mtime) != (entry.size, entry.mtime):
        return replace(before, size=entry.size, mtime=entry.mtime, last_seen=at, looks=1, since=at)
    if at - before.last_seen < policy.apart or before.looks >= policy.looks:
        return before
    return replace(before, last_seen=at, looks=before.looks + 1)


def _whole(
    one: Sighting, beside: Mapping[str, Sighting], at: datetime, policy: Policy, ended: Container[str]
) -> Ready | str:
    """The file as ready, or why it waits; `beside` are its companions, `ended` the names of files that say that they end there."""
    if unfinished(one.name):
        return "the name is not final"
    by_ending = {name[len(one.name) :].lower(): sighting for name, sighting in beside.items()}
    digest, signature = by_ending.get(DIGEST), by_ending.get(SIGNATURE)
    proof = Proof.STOOD_STILL
    if digest is not None:
        proof = Proof.DIGEST_MARKER
        if digest.size < DIGEST_LENGTH:
            return "its .sha256 marker is not written to the end"
    elif DONE in by_ending:
        proof = Proof.DONE_MARKER
    elif signature is not None and signature.looks < policy.looks and not _proved(signature, at, ended):
        return "its signature has not stood still yet"
    elif one.size == 0:
        # Some clients make the file first and write later: an empty file that stands still proves nothing.
        proof = Proof.EMPTY
        if at - one.first_seen < policy.deadline:
            return "it is empty"
    elif one.looks < policy.looks and _proved(one, at, ended):
        proof = Proof.OWN_END
    elif one.looks < policy.looks:
        return f"size and time equal at {one.looks} of {policy.looks} looks"
    # A signed form has arrived when both form and signature are there.
    arrived = one.since if signature is None else max(one.since, signature.since)
    safe, fault = safe_name(one.name)
    return Ready(one.party, one.name, safe, fault, one.size, one.mtime, arrived, proof, tuple(beside))


def _proved(one: Sighting, at: datetime, ended: Container[str]) -> bool:
    return one.name in ended and _stood_a_moment(one, at)


def is_signature(name: str) -> bool:
    """Is it the signature of another file, by its name?"""
    return name.lower().endswith(SIGNATURE)


def belongs_to(name: str) -> str:
    """The name of the file that a companion belongs to, "" for a file that stands for itself."""
    for ending in COMPANIONS:
        if name.lower().endswith(ending) and len(name) > len(ending):
            # A signature may have a marker of its own; both belong to the file.
            inner = name[: -len(ending)]
            return belongs_to(inner) or inner
    return ""


def unfinished(name: str) -> bool:
    """Whether clients write under such a name until they are done: these endings, and all that begins with a dot."""
    return name.startswith(".") or name.lower().endswith(UNFINISHED)


def _final(name: str) -> str:
    """The name without the ending that a client gives it while it writes."""
    return next((name[: -len(ending)] for ending in UNFINISHED if name.lower().endswith(ending)), name)


def _untouchable(entry: Entry) -> str:
    """Why an entry is never taken, "" when it may be."""
    if not entry.is_file:
        return NO_FILE
    if "/" in entry.name or "\0" in entry.name or entry.name in ("", ".", ".."):
        return "the name is impossible and would lead out of the folder"
    if entry.name.startswith(LITTER) or entry.name.lower() in LITTER_NAMES:
        return "left behind by a program, no upload"
    return ""


def _bad(character: str) -> bool:
    """A character that a name on our side must not have: it hides, turns, separates, or Windows forbids it."""
    # Cc control, Cf invisible and direction signs, Cs bytes that are not UTF-8, Co and Cn nothing that anybody can
    # read, Zl and Zp line ends; of the spaces only the plain one.
    kind = unicodedata.category(character)
    return (
        kind in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
        or (kind == "Zs" and character != " ")
        or character in FORBIDDEN
    )


def _faults(name: str) -> list[str]:
    faults = []
    kinds = {unicodedata.category(character) for character in name}
    if kinds & {"Cc", "Zl", "Zp"}:
        faults.append("control characters or line ends")
    if "Cf" in kinds:
        faults.append("invisible or direction characters")
    if "Cs" in kinds or ESCAPED.search(name):
        faults.append("bytes that are not UTF-8")
    elif kinds & {"Co", "Cn"}:
        faults.append("characters without a meaning")
    if any(unicodedata.category(character) == "Zs" and character != " " for character in name):
        faults.append("spaces of an unusual kind")
    if any(character in FORBIDDEN for character in name):
        faults.append("one of " + " ".join(FORBIDDEN))
    if name.startswith((".", "-", " ")) or name.endswith((".", " ")) or not name:
        faults.append("begins or ends with a dot, dash or space")
    if re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", name, re.IGNORECASE | re.DOTALL):
        faults.append("a device name of Windows")
    if len(name.encode("utf-8", "surrogatepass")) > LONGEST_NAME:
        faults.append(f"longer than {LONGEST_NAME} bytes")
    return faults


def _in_order(held: Sequence[Waiting]) -> tuple[Waiting, ...]:
    return tuple(sorted(held, key=lambda one: (one.first_seen, one.name)))
