"""One look at every folder: what is whole is claimed, fetched, archived, recorded and answered (design §4)."""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from depository.answers import Receipt, Verdict
from depository.garbage import no_search_for_garbage
from depository.notices import Notice, notify
from depository.points import reached
from depository.register import Party, PartyKind
from depository.rejects import FileRefused, Reject, RejectionReason
from depository.sftp.ends import bytes_to_read, ends_there
from depository.sftp.entry import Entry
from depository.sftp.errors import Lost, Missing, SftpError, TooLarge
from depository.sftp.folders import Folders
from depository.sftp.intake import (
    Judgement,
    Policy,
    Ready,
    Sighting,
    Waiting,
    broken_promise,
    judge,
    watched,
)
from depository.store import events, files, register
from depository.store.archive import Gathered
from depository.store.columns import moment_text
from depository.store.events import EventKind
from depository.store.work import Work
from depository.timetable import Span
from flows.steps import indemnity_first
from flows.steps.answering import answers
from flows.steps.companions import MARKER, SIGNED, adopt, claim_companions, is_companion, sweep
from flows.steps.confining import TRIES, Confining
from flows.steps.forecasts import refresh_forecasts
from flows.steps.inputs import note
from flows.steps.outgoing import queue_bytes, queue_notices, queue_report, stem
from flows.steps.recording import Content, Recorded, parse, record
from flows.steps.signatures import Proof, identity, prove
from flows.steps.signatures import judge as judge_signature
from flows.steps.sites import LARGEST_FILE, Site
from flows.steps.technology_time import first_whole, tell_waiting
from flows.steps.unfinished import tell_sender
from forms.form import Form
from parsers import receipt_json

log = logging.getLogger(__name__)

INBOX = "inbox"
CHECK = "check"
SFTP = "SFTP"
CLAIMED = "claimed"
TOGETHER = 16
"""Files that are fetched and read together, and if they are small recorded together."""
BYTES_TOGETHER = 8_000_000
"""Bytes of files that are fetched together; a larger file comes by itself."""
MOST_ENDS = 100
"""Files of one folder whose last bytes are read at a look; any other waits until it has stood still."""
MOST_BYTES_OF_ENDS = 2_000_000
"""And so many bytes of them."""
SMALL_FORM = 200
"""Lines of a form up to which it is recorded together with others."""
LARGEST_SIGNATURE = 1024 * 1024
"""Bytes; a larger one is not fetched, and far smaller ones are refused by what reads them."""
PUT_ASIDE = "put-aside"
"""The refusal of a file on which we failed again and again."""
LIMITS = ("time-limit", "reader-stopped", "memory-limit", PUT_ASIDE)
"""Refusals that hang on us as well as on the file; a replay repeats them instead of reading the file again."""
OUR_FAULT = (
    "The depository could not work on this file by a fault of its own. Nothing of it was recorded, and the operators have been "
    "told. When they say that it is mended, send the same file again: it is then taken anew."
)


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
        return self.claimed.split("~", 2)[1] if self.ready is None else _stamp(self.ready.arrived)


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


def take_files(site: Site, folders: Folders, at: datetime, most: int = 1000, leftovers: bool = True) -> list[Receipt]:
    """One look at every party's folders, in order of arrival, then of party; returns the receipts of what was taken.

    Also, if `leftovers` is so, what an earlier run claimed and did not finish. One party's bad file never delays another's good
    one. While some files are recorded, the next are claimed, fetched, archived and read; they are recorded in order all the same.
    In the technology time nothing is claimed: what is whole is seen, waits, and keeps its moment of arrival (CSD-7.6.5-b).
    """
    confining = Confining(site, at)
    receipts: list[Receipt] = []
    early: list[Read] = []
    pieces = _pieces(_look_over(site, folders, at, most, leftovers, confining))
    with ThreadPoolExecutor(1, "read-ahead") as ahead:
        coming = [ahead.submit(_read_all, site, folders, piece, confining) for piece in pieces[:1]]
        for number in range(1, len(pieces) + 1):
            read = coming.pop().result()
            coming += [
                ahead.submit(_read_all, site, folders, next_, confining) for next_ in pieces[number : number + 1]
            ]
            ready, early = _sorted(site, [*early, *read], at)
            receipts += _take_all(site, folders, ready, confining)
    receipts += _take_all(site, folders, _alone(folders, _sorted(site, early, at)), confining)
    confining.close()
    return receipts


def take(site: Site, arrival: Arrival) -> Receipt:
    """Takes one file: archives it, reads it, and in one transaction records it and queues its answers.

    The same bytes with the same signature from the same sender have one effect and get the first answer again (KCSD-84). A file in
    `check` is carried out and rolled back: the full verdict, no effect. Whatever it raises, nothing of the file has been recorded.
    """
    digest = site.archive.put(arrival.data)
    return take_together(site, [_read(site, arrival, digest)])[0]


def take_together(site: Site, some: Sequence[Read]) -> list[Receipt]:
    """Records files in order in one transaction, all or none; their answers are archived together before it commits."""
    gathered = Gathered(site.archive)
    within = replace(site, archive=gathered)
    receipts = []
    with no_search_for_garbage(), site.writing(some[0].arrival.arrived) as first:
        reached("record.begun")
        for one in some:
            work = site.at(first, one.arrival.arrived)
            receipts.append(_record(within, work, one))
            if one.seen:
                # So that the next file of that name starts anew.
                files.forget_sightings(work, one.arrival.party, one.arrival.folder, [one.seen])
        gathered.store()
        reached("record.before commit")
    reached("record.committed")
    return receipts


def _record(site: Site, work: Work, read: Read) -> Receipt:
    """Carries out one file in an open transaction, and queues its answers; a known one has its first answer sent again."""
    arrival, digest = read.arrival, read.digest
    known = _known(site, work, arrival, digest)
    if known is not None:
        return _same_again(site, work, arrival, known)
    content, proof = _content(site, arrival) if read.content is None else (read.content, read.proof)
    if arrival.folder == CHECK:
        return _dry_run(site, work, arrival, digest, content, proof)
    file, receipt, recorded = _carry_out(site, work, arrival, digest, content, proof)
    reached("record.carried out")
    _queue_answers(site, work, arrival, file, receipt, recorded, content)
    because = f"{arrival.name} of {arrival.party}, receipt {receipt.number}"
    refresh_forecasts(work, site.archive, f"funding-{receipt.number}", f"forecast/{file}", because)
    reached("record.answers queued")
    _note(site, work, arrival, digest, content)
    return receipt


def _sorted(site: Site, read: Sequence[Read], at: datetime) -> tuple[list[Read], list[Read]]:
    """Files in the order in which they are recorded, and the SINs among them whose indemnity may come yet."""
    inbox = [(one.arrival.party, _content_of(one)) for one in read]
    ready: list[Read] = []
    early: list[Read] = []
    for place in indemnity_first.in_order(inbox):
        sender, content = inbox[place]
        beside = [other for party, other in inbox if party == sender]
        missing = indemnity_first.is_missing(site, sender, content, beside, read[place].arrival.arrived, at)
        (early if missing else ready).append(read[place])
    return ready, early


def _content_of(read: Read) -> Content | None:
    """What is carried out of a file; a dry run neither brings an indemnity nor waits for one."""
    dry = read.arrival.folder == CHECK
    return None if dry or isinstance(read.content, FileRefused) else read.content


def _alone(folders: Folders, read: tuple[Sequence[Read], Sequence[Read]]) -> list[Read]:
    """At the end of a look: what is ready, and of the SINs that wait those besides which nothing of their sender is under way.

    The others lie claimed and are taken up by a later look, when another worker has recorded the indemnity or a minute is over.
    """
    ready, early = read
    claimed = {one.arrival.claimed for one in early}
    found = [*ready]
    for one in early:
        party = one.arrival.party
        try:
            waits = indemnity_first.may_come(folders, f"/{party}/{INBOX}", claimed_folder(party), claimed)
        except Lost:
            raise
        except SftpError as fault:
            log.warning("%s: %s", party, fault)
            waits = False
        if not waits:
            found.append(one)
    return found


def _take_all(site: Site, folders: Folders, read: Sequence[Read], confining: Confining) -> list[Receipt]:
    """Records what was read, small files together, and removes what was recorded from our side of the server."""
    receipts: list[Receipt] = []
    for run in _runs(read):
        done: list[Read] = []
        if len(run) > 1:
            try:
                receipts += take_together(site, run)
                done += run
            except Exception as fault:  # noqa: BLE001 - it comes again below, where it is told of the file that has it
                log.warning("%d files are recorded one by one: %s", len(run), fault)
        for one in run[len(done) :]:
            with confining.one_file(one.arrival.party, one.arrival.claimed):
                if one.fault is not None:
                    raise one.fault
                receipts += take_together(site, [one])
                done.append(one)
        for one in done:
            confining.over(one.arrival.party, one.arrival.claimed)
        _remove(folders, done)
    return receipts


def _runs(read: Sequence[Read]) -> Iterator[list[Read]]:
    """Files that are recorded in one transaction: small ones together, any other by itself, so that none waits long for the lock."""
    run: list[Read] = []
    for one in read:
        if not _small(one) and run:
            yield run
            run = []
        run.append(one)
        if not _small(one):
            yield run
            run = []
    if run:
        yield run


def _small(read: Read) -> bool:
    content = read.content
    if read.fault is not None or (isinstance(content, Form) and len(content.lines) > SMALL_FORM):
        return False
    return content is None or isinstance(content, Form | FileRefused)


def _remove(folders: Folders, done: Sequence[Read]) -> None:
    """Removes files from our side of the server; markers first, as one without its file would lie there for ever.

    Signatures last: a file that is found again without its own would be another file. `sweep` removes what a kill leaves of them.
    """
    reached("claimed.before removal")
    names = [f"{claimed_folder(one.arrival.party)}/{one.arrival.claimed}" for one in done]
    signatures = [
        f"{claimed_folder(one.arrival.party)}/{one.arrival.claimed}{SIGNED}"
        for one in done
        if one.arrival.signature is not None
    ]
    for some in ([f"{name}{MARKER}" for name in names], names, signatures):
        for left in folders.remove_all(some):
            if isinstance(left, SftpError):
                # It is found there by the next look, known as recorded, and removed then.
                log.warning("%s", left)
        reached("claimed.removed")


def claimed_folder(party: str) -> str:
    """Where a party's claimed files lie on our side."""
    return f"/csd/claimed/{party}"


def _look_over(
    site: Site, folders: Folders, at: datetime, most: int, leftovers: bool, confining: Confining
) -> list[Found]:
    """One look at every folder: what lies claimed, and what is whole by now unless it has to wait, in order of arrival, then of party."""
    waits = site.market.technology_time(at)
    with site.reading(at) as work:
        parties = [p for p in register.all_parties(work).values() if p.kind is not PartyKind.OPERATOR]
        before = files.all_sightings(work)
    reached("look.before")
    paths = {path: (party, folder) for party in parties for path, folder in _paths(party, leftovers)}
    looked: list[_Looked] = []
    claimed: dict[str, list[Entry]] = {}
    for path, listed in folders.look_all(paths):
        party, folder = paths[path]
        try:
            if isinstance(listed, SftpError):
                raise listed
            if folder == CLAIMED:
                claimed[party.code] = list(listed)
                continue
            if leftovers and party.code not in claimed:
                # What was claimed before comes first, and could not be seen.
                continue
            seen = before.get((party.code, folder), [])
            entries = watched(seen, listed)
        except Lost:
            raise
        except SftpError as fault:
            # Lies as it is until the next look; the others' files must not wait for it.
            log.warning("%s/%s: %s", party.code, folder, fault)
            continue
        looked.append(_judged(_Looked(path, party, folder, seen, entries), at, site.policy, most))
    found: list[Found] = []
    whole: list[Found] = []
    changes: list[_Change] = []
    for one in _with_ends(folders, looked, at, site.policy, most):
        found += _left(one.party, one.folder, claimed.get(one.party.code, []), confining)
        if waits is None:
            whole += [Found(one.party, one.folder, ready.size, ready=ready) for ready in one.ready]
        changes += one.changes
    if changes:
        _keep(site, changes, at, waits)
    whole.sort(key=lambda one: one.stamp)
    found += whole[: max(0, most - len(found))]
    found.sort(key=lambda one: one.stamp)
    for party in parties:
        _sweep(folders, party, [entry.name for entry in claimed.get(party.code, []) if entry.is_file])
    return found


@dataclass(frozen=True, slots=True)
class _Change:
    """What is to be kept of one folder, because it changed since the look before."""

    party: str
    folder: str
    before: Sequence[Sighting]
    after: Sequence[Sighting]
    overdue: Sequence[Waiting]
    whole: Ready | None
    """The first file that is whole since this look."""


@dataclass(frozen=True, slots=True)
class _Looked:
    """One folder at one look."""

    path: str
    party: Party
    folder: str
    seen: Sequence[Sighting]
    """At the look before."""
    entries: Sequence[Entry]
    """Kept no longer than they are needed: folders can be large."""
    to_prove: Sequence[Sighting] = ()
    ready: Sequence[Ready] = ()
    changes: Sequence[_Change] = ()


def _judged(one: _Looked, at: datetime, policy: Policy, most: int, ended: frozenset[str] = frozenset()) -> _Looked:
    """What the look at a folder comes to."""
    judged = judge(one.party.code, one.seen, one.entries, at, policy, ended)
    to_prove = () if ended else judged.to_prove
    return replace(
        one,
        entries=one.entries if to_prove else (),
        to_prove=to_prove,
        ready=judged.ready[:most],
        changes=tuple(_change(one.party, one.folder, one.seen, judged, policy)),
    )


def _with_ends(folders: Folders, looked: Sequence[_Looked], at: datetime, policy: Policy, most: int) -> list[_Looked]:
    """The same, with the files that say by their last bytes that they end there; these are read for all folders side by side."""
    wanted = [(one.path, sighting) for one in looked for sighting in _few(one.to_prove)]
    tails = folders.tails(
        [(f"{path}/{seen.name}", seen.size, bytes_to_read(seen.name, seen.size)) for path, seen in wanted]
    )
    reached("look.ends read")
    ended: dict[str, set[str]] = {}
    for (path, seen), tail in zip(wanted, tails, strict=True):
        # Of one that cannot be read nothing is known; it waits until it has stood still.
        if isinstance(tail, bytes) and ends_there(seen.name, tail, seen.size):
            ended.setdefault(path, set()).add(seen.name)
    return [_judged(one, at, policy, most, frozenset(ended[one.path])) if one.path in ended else one for one in looked]


def _few(to_prove: Sequence[Sighting]) -> Iterator[Sighting]:
    """The first of a folder's files whose last bytes are wanted: however many a party leaves there, a look has a bound."""
    read = 0
    for one in to_prove[:MOST_ENDS]:
        read += bytes_to_read(one.name, one.size)
        if read > MOST_BYTES_OF_ENDS:
            return
        yield one


def _sweep(folders: Folders, party: Party, there: Sequence[str]) -> None:
    """Removes signatures and markers that a kill has left on our side without their files."""
    for folder in (INBOX, CHECK):
        mine = [name for name in there if name.startswith(f"{folder}~")]
        try:
            sweep(folders, f"/{party.code}/{folder}", claimed_folder(party.code), mine)
        except Lost:
            raise
        except SftpError as fault:
            log.warning("%s/%s: %s", party.code, folder, fault)


def _paths(party: Party, leftovers: bool) -> Iterator[tuple[str, str]]:
    """The folders of a party in the order in which they are looked at, each with its name."""
    if leftovers:
        yield claimed_folder(party.code), CLAIMED
    yield f"/{party.code}/{INBOX}", INBOX
    if party.kind is PartyKind.PARTICIPANT:
        yield f"/{party.code}/{CHECK}", CHECK


def _left(party: Party, folder: str, claimed: Iterable[Entry], confining: Confining) -> list[Found]:
    """What an earlier run claimed and did not finish, by arrival, without what failed a moment ago.

    What another worker is taking at this moment may be among it; a file has one effect however many take it.
    """
    mine = [e for e in claimed if e.is_file and e.name.startswith(f"{folder}~") and not is_companion(e.name)]
    return [
        Found(party, folder, entry.size, claimed=entry.name)
        for entry in sorted(mine, key=lambda entry: entry.name)
        if not confining.rests(party.code, entry.name)
    ]


def _change(
    party: Party, folder: str, before: Sequence[Sighting], judged: Judgement, policy: Policy
) -> Iterator[_Change]:
    """The change of one folder, if there is any; what is whole counts as proved.

    A crash before the claim, when a marker may be gone already, must neither move its arrival nor make it wait again, nor part it from its
    signature, which is kept under the name of the arrival.
    """
    for late in judged.overdue:
        log.warning(
            "%s/%s/%s has not been finished since %s: %s", party.code, folder, late.name, late.first_seen, late.reason
        )
    whole = {ready.name: ready.arrived for ready in judged.ready}
    after = [
        replace(seen, looks=max(seen.looks, policy.looks), since=whole[seen.name]) if seen.name in whole else seen
        for seen in sorted(judged.sightings, key=lambda seen: seen.name)
    ]
    if after != sorted(before, key=lambda seen: seen.name):
        first = first_whole(before, judged.ready, policy)
        yield _Change(party.code, folder, before, after, judged.overdue, first)


def _keep(site: Site, changes: Sequence[_Change], at: datetime, waits: Span | None) -> None:
    """Keeps what was seen, in one transaction and before anything is claimed; tells senders of what is overdue, and of what waits."""
    with site.writing(at) as work:
        for one in changes:
            # Of two workers that see it at once, one tells.
            told = (
                {seen.name for seen in files.sightings(work, one.party, one.folder) if seen.reported}
                if one.overdue
                else ()
            )
            files.keep_sightings(work, one.party, one.folder, one.before, one.after)
            overdue = [late for late in one.overdue if late.name not in told]
            if overdue:
                tell_sender(site, work, one.party, one.folder, overdue)
            if waits is not None and one.whole is not None:
                tell_waiting(site, work, waits, one.whole)
        reached("look.before keeping")
    reached("look.kept")


def _pieces(found: Sequence[Found]) -> list[list[Found]]:
    """The files in their order, so many at a time as are fetched and read together."""
    pieces: list[list[Found]] = []
    size = 0
    for one in found:
        size += one.size
        if not pieces or len(pieces[-1]) >= TOGETHER or size > BYTES_TOGETHER:
            pieces.append([])
            size = one.size
        pieces[-1].append(one)
    return pieces


def _read_all(site: Site, folders: Folders, found: Sequence[Found], confining: Confining) -> list[Read]:
    """Claims, fetches, archives and reads files; leaves out those that are gone or cannot be had now."""
    claimed = []
    for one in found:
        name = one.claimed
        if one.ready is not None:
            reached("claim.before")
            try:
                name = _claim(folders, one.party, one.folder, one.ready)
            except Lost:
                raise
            except SftpError as fault:
                log.warning("%s/%s: %s", one.party.code, one.folder, fault)
            reached("claim.done")
        if name:
            claimed.append((one, name))
    arrivals = _fetch_all(site, folders, claimed, confining)
    archived = site.archive.put_all([arrival.data for arrival, _ in arrivals])
    reached("take.archived")
    read = []
    for (arrival, seen), digest in zip(arrivals, archived, strict=True):
        try:
            if isinstance(digest, OSError):
                raise digest
            read.append(replace(_read(site, arrival, digest), seen=seen))
        except Exception as fault:  # noqa: BLE001 - it is this file's, and is told when its turn comes
            read.append(Read(arrival, fault=fault))
    return read


def _read(site: Site, arrival: Arrival, digest: str) -> Read:
    with site.reading(arrival.arrived) as work:
        known = _known(site, work, arrival, digest)
    if arrival.signature is not None:
        site.archive.put(arrival.signature)
    content, proof = _content(site, arrival) if known is None else (None, None)
    reached("take.parsed")
    return Read(arrival, digest, content, proof)


def _claim(folders: Folders, party: Party, folder: str, ready: Ready) -> str:
    """Renames the file and its markers to our side; "" when another worker was first."""
    place = claimed_folder(party.code)
    name = f"{folder}~{_stamp(ready.arrived)}~{ready.safe_name}"
    source = f"/{party.code}/{folder}/{ready.name}"
    elsewhere = claim_companions(folders, f"/{party.code}/{folder}", place, name, ready)
    if not folders.claim(source, f"{place}/{name}"):
        return ""
    if elsewhere:
        adopt(folders, place, folder, ready.safe_name, name, elsewhere)
    return name


def _stamp(arrived: datetime) -> str:
    return f"{arrived.astimezone(UTC):%Y%m%dT%H%M%S%f}"


def _fetch_all(
    site: Site, folders: Folders, claimed: Sequence[tuple[Found, str]], confining: Confining
) -> list[tuple[Arrival, str]]:
    """The claimed files with their bytes, each with the name under which it was seen in the folder."""
    paths = [f"{claimed_folder(one.party.code)}/{name}" for one, name in claimed]
    contents = folders.fetch_all(paths, LARGEST_FILE)
    markers = folders.fetch_all([f"{path}{MARKER}" for path in paths], 4096)
    signatures = folders.fetch_all([f"{path}{SIGNED}" for path in paths], LARGEST_SIGNATURE)
    arrivals = []
    for (one, name), data, marker, signature in zip(claimed, contents, markers, signatures, strict=True):
        party, folder = one.party.code, one.folder
        if isinstance(data, Missing):
            confining.over(party, name)
            if one.ready is not None:
                _tell_if_lost(site, folders, party, folder, name, one.ready)
            continue
        if isinstance(data, SftpError) and not isinstance(data, TooLarge):
            # Or a writer that kept the file open through the rename goes on writing; it is looked at again.
            log.warning("%s/%s: %s", party, folder, data)
            continue
        if one.ready is not None and isinstance(data, bytes) and len(data) != one.ready.size:
            # Its sender has written over it since the look, perhaps not to the end yet: a later look finds it where it is now.
            log.warning("%s/%s/%s changed after it was seen whole", party, folder, one.ready.safe_name)
            continue
        unfetched = [one for one in (marker, signature) if isinstance(one, SftpError)]
        broken = [one for one in unfetched if not isinstance(one, Missing | TooLarge)]
        if broken:
            log.warning("%s/%s: %s", party, folder, broken[0])
            continue
        arrival = _with_signature(_arrival(party, folder, name, data, marker), signature)
        reached("fetch.done")
        given_up = confining.given_up(party, name)
        if given_up:
            arrival = replace(arrival, stopped=(PUT_ASIDE, OUR_FAULT), fault=given_up)
        arrivals.append((arrival, one.ready.name if one.ready else ""))
    return arrivals


def _tell_if_lost(site: Site, folders: Folders, party: str, folder: str, name: str, ready: Ready) -> None:
    """Tells the sender when the server confirmed our claim of a file and then has it nowhere; nobody can take it any more.

    Mostly another worker has taken it as a leftover and removed it, after it was recorded; or the server did not rename it.
    """
    if folders.exists(f"/{party}/{folder}/{ready.name}"):
        return
    with site.writing(ready.arrived) as work:
        if events.has_taken(work, party, name):
            return
        log.error("%s/%s/%s is gone: the server confirmed its renaming and lost it", party, folder, ready.safe_name)
        reason = "the SFTP server lost it while it was taken over; send it again"
        tell_sender(site, work, party, folder, [Waiting(party, ready.name, reason, ready.arrived)])


def _arrival(party: str, folder: str, name: str, data: bytes | SftpError, marker: bytes | SftpError) -> Arrival:
    _, stamp, original = name.split("~", 2)
    arrived = datetime.strptime(stamp, "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
    fault = ""
    if isinstance(data, SftpError):
        return Arrival(party, folder, original, b"", arrived, claimed=name, fault=f"the file is too large: {data}")
    if isinstance(marker, bytes):
        fault = broken_promise(marker, data)
    elif isinstance(marker, TooLarge):
        fault = f"its .sha256 marker is too large: {marker}"
    return Arrival(party, folder, original, data, arrived, claimed=name, fault=fault)


def _with_signature(arrival: Arrival, signature: bytes | SftpError) -> Arrival:
    if isinstance(signature, bytes):
        return replace(arrival, signature=signature)
    if isinstance(signature, TooLarge):
        return replace(arrival, signature=b"", fault=arrival.fault or f"its signature is too large: {signature}")
    return arrival


def _content(site: Site, arrival: Arrival) -> tuple[Content | FileRefused, Proof | None]:
    """What the file says, and what the signature beside it proves."""
    content = _parse(site, arrival)
    if isinstance(content, FileRefused):
        return content, None
    try:
        proof = prove(site, arrival.signature, arrival.data, arrival.arrived)
    except FileRefused as stopped:
        return stopped, None
    reached("take.proved")
    return content, proof


def _parse(site: Site, arrival: Arrival) -> Content | FileRefused:
    if arrival.stopped:
        return FileRefused(*arrival.stopped)
    if arrival.fault:
        return FileRefused("not-whole", f"{arrival.fault[0].upper()}{arrival.fault[1:]}. Send the file again, whole.")
    with site.reading(arrival.arrived) as work:
        party = register.party(work, arrival.party)
    try:
        kind = party.kind if party else PartyKind.OPERATOR
        return parse(site.sandbox, site.market.zone, kind, arrival.name, arrival.data)
    except FileRefused as refused:
        return refused


def _known(site: Site, work: Work, arrival: Arrival, digest: str) -> files.Known | None:
    """The file as it was taken before; None when it is new, and when it comes again after we failed on it."""
    known = files.known_file(work, arrival.party, arrival.folder, digest, identity(arrival.signature))
    if known is None or known.claimed == arrival.claimed or known.verdict != Verdict.QUARANTINED.value:
        return known
    first = receipt_json.parse(site.archive.get(known.receipt))
    return None if any(reject.found == PUT_ASIDE for reject in first.rejects) else known


def _same_again(site: Site, work: Work, arrival: Arrival, known: files.Known) -> Receipt:
    # Found once more on our side after a crash, or by another worker, it is the same repetition.
    counted = bool(arrival.claimed) and events.has_taken(work, arrival.party, arrival.claimed)
    if known.claimed != arrival.claimed and not counted:
        files.repeat(work, known.id)
        files.queue_again(work, f"file/{known.id}")
        _note(site, work, arrival, arrival.sha256, None)
        reached("repeat.before commit")
    return receipt_json.parse(site.archive.get(known.receipt))


def _dry_run(
    site: Site, work: Work, arrival: Arrival, digest: str, content: Content | FileRefused, proof: Proof | None
) -> Receipt:
    """Carries the file out, takes everything back, and answers with what would have been (no effect on the books)."""
    # By its name on our side a file taken up again after a crash is told from one sent again, which gets a fresh verdict.
    cause = f"check/{arrival.claimed or digest}"
    answered = bool(arrival.claimed) and files.queued(work, cause)
    undo = work.connection.begin_nested()
    trial = Work(work.connection, work.business_date, work.at, work.market)
    _, receipt, _ = _carry_out(site, trial, arrival, digest, content, proof)
    reached("check.before taking back")
    undo.rollback()
    reached("check.taken back")
    work.tally[files.FILES_IN] += 1
    receipt = replace(receipt, number="", message=f"Dry run: nothing was recorded. {receipt.message}".strip())
    if answered:
        return receipt
    data = receipt_json.render(receipt)
    queue_bytes(work, site.archive, arrival.party, f"{arrival.name}.check.json", data, cause)
    for ending, answer in answers(site, arrival.data, content, receipt):
        queue_bytes(work, site.archive, arrival.party, f"{stem(arrival.name)}.check.{ending}", answer, cause)
    _note(site, work, arrival, digest, content)
    return receipt


def _note(site: Site, work: Work, arrival: Arrival, digest: str, content: Content | FileRefused | None) -> None:
    """The file as the input log keeps it: all that `take` was given, and what the reader's limits of time and memory made of it."""
    said: dict[str, Any] = {
        "party": arrival.party,
        "folder": arrival.folder,
        "name": arrival.name,
        "sha256": digest,
        "arrived": moment_text(arrival.arrived),
        "channel": arrival.channel,
        "claimed": arrival.claimed,
        "fault": arrival.fault,
        "stopped": [content.code, content.message]
        if isinstance(content, FileRefused) and content.code in LIMITS
        else None,
    }
    if arrival.signature is not None:
        said["signature"] = identity(arrival.signature)
    note(work, site.archive, EventKind.FILE, said)


def _carry_out(
    site: Site, work: Work, arrival: Arrival, digest: str, content: Content | FileRefused, proof: Proof | None
) -> tuple[int, Receipt, Recorded]:
    number = files.receipt_number(work)
    before = files.known_file(work, arrival.party, arrival.folder, digest, identity(arrival.signature))
    if before is not None:
        file = before.id
        files.take_anew(work, file, arrival.name, arrival.channel, arrival.claimed)
    else:
        file = files.add_file(
            work,
            arrival.party,
            arrival.folder,
            arrival.name,
            digest,
            len(arrival.data),
            arrival.channel,
            arrival.claimed,
            identity(arrival.signature),
        )
    if isinstance(content, FileRefused):
        reject = Reject(RejectionReason.OTHER, "CSD-1.5-d", "", content.code, content.message)
        message = "The file was put aside unchanged."
        if content.code != PUT_ASIDE:
            message = "The file could not be read; it was put aside unchanged."
        recorded = Recorded("", "", (reject,), ("",), message=message)
    else:
        signed = judge_signature(
            site, work, arrival.party, arrival.name, content, arrival.signature, arrival.data, proof
        )
        recorded = record(work, arrival.party, file, content, signed)
        files.keep_signed_by(work, file, signed.signed_by)
    if recorded.same_as:
        recorded = _first_answer(site, work, recorded)
    verdict = recorded.verdict
    waited = site.market.technology_time(arrival.arrived)
    if waited is not None and arrival.channel == SFTP:
        told = f"It arrived in the technology time ({waited}), waited for its end and was then taken (CSD-7.6.5-b)."
        recorded = replace(recorded, message=f"{recorded.message} {told}".strip())
    receipt = Receipt(
        number=number,
        sender=arrival.party,
        file_name=arrival.name,
        sha256=digest,
        size=len(arrival.data),
        arrived_at=site.market.local(arrival.arrived),
        business_date=work.business_date,
        channel=arrival.channel,
        form=recorded.form,
        reference=recorded.reference,
        verdict=Verdict.QUARANTINED if isinstance(content, FileRefused) else verdict,
        batch=recorded.batch if verdict is not Verdict.REFUSED else "",
        cut_off=recorded.cut_off if verdict is not Verdict.REFUSED else None,
        rejects=recorded.rejects,
        places=recorded.places,
        lines=recorded.lines,
        message=recorded.message,
        signed_by=recorded.signed_by,
    )
    refused = sum(line.verdict is Verdict.REFUSED for line in receipt.lines)
    files.answer_file(work, file, receipt.form, receipt.reference, receipt.verdict.value, len(receipt.lines), refused)
    files.keep_receipt(work, file, site.archive.put(receipt_json.render(receipt)))
    return file, receipt, recorded


def _first_answer(site: Site, work: Work, recorded: Recorded) -> Recorded:
    """The same form saved anew: no second effect, the first answer again."""
    first = receipt_json.parse(site.archive.get(files.receipt_of(work, recorded.same_as)))
    message = f"The same form came before in {first.file_name}, receipt {first.number}; it has one effect, and this is its answer."
    return replace(
        recorded,
        rejects=first.rejects,
        places=first.places,
        lines=first.lines,
        batch=first.batch,
        cut_off=first.cut_off,
        message=message,
    )


def _queue_answers(
    site: Site,
    work: Work,
    arrival: Arrival,
    file: int,
    receipt: Receipt,
    recorded: Recorded,
    content: Content | FileRefused,
) -> None:
    cause = f"file/{file}"
    # The receipt is in the archive already (`_carry_out`).
    name = f"{arrival.name}.{receipt.number}.receipt.json"
    files.queue(work, arrival.party, name, files.receipt_of(work, file), cause)
    for ending, answer in answers(site, arrival.data, content, receipt):
        name = f"{stem(arrival.name)}.{receipt.number}.answer.{ending}"
        queue_bytes(work, site.archive, arrival.party, name, answer, cause)
    for report in recorded.reports:
        name = f"{work.business_date:%Y%m%d}_{report.code}_{receipt.number}"
        queue_report(work, site.archive, report, name, cause, printed=True)
    notices = list(recorded.notices)
    operator = register.party_of_kind(work, PartyKind.OPERATOR)
    if isinstance(content, FileRefused) and content.code == PUT_ASIDE and operator is not None:
        notices.append(_alarm(work, operator.code, arrival, receipt))
    queue_notices(work, site.archive, notices, cause)
    for party in recorded.copies:
        queue_bytes(work, site.archive, party, f"{work.business_date:%Y%m%d}_copy_{arrival.name}", arrival.data, cause)


def _alarm(work: Work, operator: str, arrival: Arrival, receipt: Receipt) -> Notice:
    """To the operators: we failed on a file, and what to do."""
    facts = (
        ("Sender", arrival.party),
        ("File", arrival.name),
        ("SHA-256", receipt.sha256),
        ("Receipt", receipt.number),
        ("Fault", arrival.fault),
    )
    body = (
        f"The depository failed on this file {TRIES} times by a fault of its own and put it aside; nothing of it was recorded. Find the "
        "fault (the intake's log has it in full), run `csd verify`, mend it, and ask the sender to send the same file again."
    )
    return notify(work, operator, "A file was put aside by a fault of the depository", body, facts)
