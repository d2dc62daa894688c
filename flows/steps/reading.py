"""From a file in a folder to what it says: claimed, fetched, archived, read in the limited child, its signature proved (design §4)."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from depository.answers import Verdict
from depository.points import reached
from depository.register import Party, PartyKind
from depository.rejects import Broken, FileRefused
from depository.sftp.ends import has_gap
from depository.sftp.errors import Lost, Missing, SftpError, TooLarge
from depository.sftp.folders import Folders
from depository.sftp.intake import Proof as Proved
from depository.sftp.intake import Ready, Waiting, broken_promise
from depository.store import events, files, register
from depository.store.work import Work
from flows.steps.arrivals import PUT_ASIDE, Arrival, Found, Read, arrival_stamp, claimed_folder
from flows.steps.companions import MARKER, SIGNED, adopt, claim_companions
from flows.steps.confining import Confining
from flows.steps.recording import Content, parse
from flows.steps.signatures import Proof, identity, prove
from flows.steps.sites import LARGEST_FILE, Site
from flows.steps.unfinished import tell_sender
from forms.refusals import WRONG_NAME
from parsers import receipt_json

log = logging.getLogger(__name__)
TOGETHER = 16
"""Files that are fetched and read together, and if they are small recorded together."""
BYTES_TOGETHER = 8_000_000
"""Bytes of files that are fetched together; a larger file comes by itself."""
LARGEST_SIGNATURE = 1024 * 1024
"""Bytes; a larger one is not fetched, and far smaller ones are refused by what reads them."""
FILLED_WITHIN = timedelta(minutes=1)
"""From its arrival on a file that has its end and not all before it is given so long; then it is read as it is."""
NOT_WHOLE = "not-whole"
"""The refusal of a file that is not what its marker promised, or too large to be fetched."""
OUR_FAULT = (
    "The depository could not work on this file by a fault of its own. Nothing of it was recorded, and the operators have been "
    "told. When they say that it is mended, send the same file again: it is then taken anew."
)


def fetched_together(found: Sequence[Found]) -> list[list[Found]]:
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


def read_all(site: Site, folders: Folders, found: Sequence[Found], confining: Confining) -> list[Read]:
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
    whole = [arrival for arrival, _ in arrivals]
    for (arrival, seen), digest, known in zip(arrivals, archived, _looked_up(site, whole, archived), strict=True):
        try:
            if isinstance(digest, OSError):
                raise digest
            if isinstance(known, Exception):
                raise known
            read.append(replace(_read(site, arrival, digest, known), seen=seen))
        except Exception as fault:  # noqa: BLE001 - it is this file's, and is told when its turn comes
            read.append(Read(arrival, fault=fault))
    return read


def read_one(site: Site, arrival: Arrival, digest: str) -> Read:
    """Reads an archived file, unless the same was taken before; `digest` is the hash of its bytes."""
    with site.reading(arrival.arrived) as work:
        known = _look_up(site, work, arrival, digest)
    return _read(site, arrival, digest, known)


@dataclass(frozen=True, slots=True)
class _LookedUp:
    """What the books say of a file before it is read."""

    taken: bool
    """The same was taken before."""
    kind: PartyKind
    """Of its sender."""


def _looked_up(
    site: Site, arrivals: Sequence[Arrival], archived: Sequence[str | OSError]
) -> list[_LookedUp | Exception]:
    """For each file what the books say of it, or why it cannot be told: one look at the books for all."""
    found: list[_LookedUp | Exception] = []
    if not arrivals:
        return found
    try:
        with site.reading(arrivals[0].arrived) as work:
            for arrival, digest in zip(arrivals, archived, strict=True):
                try:
                    found.append(_look_up(site, work, arrival, str(digest)))
                except Broken as fault:
                    found.append(fault)
    except OSError as fault:
        return [fault for _ in arrivals]
    return found


def _look_up(site: Site, work: Work, arrival: Arrival, digest: str) -> _LookedUp:
    party = register.party(work, arrival.party)
    before = files.known_file(work, arrival.party, arrival.folder, digest, identity(arrival.signature))
    return _LookedUp(counts(site, arrival, before), party.kind if party else PartyKind.OPERATOR)


def _read(site: Site, arrival: Arrival, digest: str, looked_up: _LookedUp) -> Read:
    if arrival.signature is not None:
        site.archive.put(arrival.signature)
    content, proof = (None, None) if looked_up.taken else content_and_proof(site, arrival, looked_up.kind)
    reached("take.parsed")
    return Read(arrival, digest, content, proof)


def _claim(folders: Folders, party: Party, folder: str, ready: Ready) -> str:
    """Renames the file and its markers to our side; "" when another worker was first."""
    place = claimed_folder(party.code)
    name = f"{folder}~{arrival_stamp(ready.arrived)}~{ready.safe_name}"
    source = f"/{party.code}/{folder}/{ready.name}"
    elsewhere = claim_companions(folders, f"/{party.code}/{folder}", place, name, ready)
    if not folders.claim(source, f"{place}/{name}"):
        return ""
    if elsewhere:
        adopt(folders, place, folder, ready.safe_name, name, elsewhere)
    return name


def _fetch_all(
    site: Site, folders: Folders, claimed: Sequence[tuple[Found, str]], confining: Confining
) -> list[tuple[Arrival, str]]:
    """The claimed files with their bytes, each with the name under which it was seen in the folder."""
    paths = [f"{claimed_folder(one.party.code)}/{name}" for one, name in claimed]
    # What belongs to a file comes before it: another worker who has recorded the file removes it before its signature, so that whoever
    # finds no signature for that reason finds no file either.
    markers = folders.fetch_all([f"{path}{MARKER}" for path in paths], 4096)
    signatures = folders.fetch_all([f"{path}{SIGNED}" for path in paths], LARGEST_SIGNATURE)
    reached("fetch.companions")
    contents = folders.fetch_all(paths, LARGEST_FILE)
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
        promised = one.ready is not None and one.ready.proof in (Proved.DONE_MARKER, Proved.DIGEST_MARKER)
        if not promised and confining.at - arrival.arrived < FILLED_WITHIN and has_gap(arrival.name, arrival.data):
            # Its end is there and its middle is not: it lies on our side until it is.
            log.warning("%s/%s/%s is not all written", party, folder, arrival.name)
            continue
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


def content_and_proof(site: Site, arrival: Arrival, kind: PartyKind) -> tuple[Content | FileRefused, Proof | None]:
    """What the file says, by the kind of its sender, and what the signature beside it proves."""
    content = _parse(site, arrival, kind)
    if isinstance(content, FileRefused):
        return content, None
    try:
        proof = prove(site, arrival.signature, arrival.data, arrival.arrived)
    except FileRefused as stopped:
        return stopped, None
    reached("take.proved")
    return content, proof


def _parse(site: Site, arrival: Arrival, kind: PartyKind) -> Content | FileRefused:
    if arrival.stopped:
        return FileRefused(*arrival.stopped)
    if arrival.fault:
        return FileRefused(NOT_WHOLE, f"{arrival.fault[0].upper()}{arrival.fault[1:]}. Send the file again, whole.")
    try:
        return parse(site.sandbox, site.market.zone, kind, arrival.name, arrival.data)
    except FileRefused as refused:
        return refused


def counts(site: Site, arrival: Arrival, before: files.Known | None) -> bool:
    """Has the file been taken before? One whose bytes are not to blame for its refusal has not.

    Such is one on which we failed, one that was not what its marker promised and comes with a right one or with none, and one that was
    refused for its name and comes under another.
    """
    if before is None:
        return False
    again = bool(arrival.claimed) and before.claimed == arrival.claimed
    if again or before.verdict != Verdict.QUARANTINED.value:
        return True
    first = receipt_json.parse(site.archive.get(before.receipt))
    mended = {PUT_ASIDE}
    if not arrival.fault:
        mended.add(NOT_WHOLE)
    if arrival.name != first.file_name:
        mended.add(WRONG_NAME)
    return all(reject.found not in mended for reject in first.rejects)
