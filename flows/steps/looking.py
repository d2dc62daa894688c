"""One look at every party's folders: what lies claimed, and what is whole by now (design §4)."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from depository.points import reached
from depository.register import Party, PartyKind
from depository.sftp.ends import bytes_to_read, ends_there
from depository.sftp.entry import Entry
from depository.sftp.errors import Lost, SftpError
from depository.sftp.folders import Folders
from depository.sftp.intake import Judgement, Policy, Ready, Sighting, Waiting, judge, watched
from depository.store import files, register
from depository.timetable import Span
from flows.steps.arrivals import CHECK, CLAIMED, INBOX, Found, claimed_folder
from flows.steps.companions import is_companion, sweep
from flows.steps.confining import Confining
from flows.steps.sites import Site
from flows.steps.technology_time import first_whole, tell_waiting
from flows.steps.unfinished import tell_sender

log = logging.getLogger(__name__)
MOST_ENDS = 100
"""Files of one folder whose last bytes are read at a look; any other waits until it has stood still."""
MOST_BYTES_OF_ENDS = 2_000_000
"""And so many bytes of them."""


def look_over(
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
                site.told.well(log, path)
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
            site.told.warn(log, path, f"cannot be looked at: {fault}")
            continue
        site.told.well(log, path)
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
        _sweep(site, folders, party, [entry.name for entry in claimed.get(party.code, []) if entry.is_file])
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


def _sweep(site: Site, folders: Folders, party: Party, there: Sequence[str]) -> None:
    """Removes signatures and markers that a kill has left on our side without their files."""
    for folder in (INBOX, CHECK):
        mine = [name for name in there if name.startswith(f"{folder}~")]
        place = f"claimed files of /{party.code}/{folder}"
        try:
            sweep(folders, f"/{party.code}/{folder}", claimed_folder(party.code), mine)
        except Lost:
            raise
        except SftpError as fault:
            site.told.warn(log, place, f"cannot be swept: {fault}")
        else:
            site.told.well(log, place)


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
    """The change of one folder, if there is any; what is whole counts as proved, and so does what belongs to it.

    A crash before the claim, when a marker may be gone already, must neither move its arrival nor make it wait again, nor part it from its
    signature, which is kept under the name of the arrival.
    """
    for late in judged.overdue:
        log.warning(
            "%s/%s/%s has not been finished since %s: %s", party.code, folder, late.name, late.first_seen, late.reason
        )
    arrived = {ready.name: ready.arrived for ready in judged.ready}
    proved = {name for ready in judged.ready for name in (ready.name, *ready.companions)}
    after = [
        replace(seen, looks=max(seen.looks, policy.looks), since=arrived.get(seen.name, seen.since))
        if seen.name in proved
        else seen
        for seen in sorted(judged.sightings, key=lambda seen: seen.name)
    ]
    if after != sorted(before, key=lambda seen: seen.name):
        first = first_whole(before, judged.ready, policy)
        yield _Change(party.code, folder, before, after, judged.overdue, first)


def _keep(site: Site, changes: Sequence[_Change], at: datetime, waits: Span | None) -> None:
    """Keeps what was seen, in one transaction and before anything is claimed; tells senders of what is overdue, and of what waits."""
    with site.writing(at) as work:
        # Of two workers that see it at once, one tells.
        told = {
            (one.party, one.folder, seen.name)
            for one in changes
            if one.overdue
            for seen in files.sightings(work, one.party, one.folder)
            if seen.reported
        }
        files.keep_sightings(work, [files.SeenIn(one.party, one.folder, one.before, one.after) for one in changes])
        for one in changes:
            overdue = [late for late in one.overdue if (one.party, one.folder, late.name) not in told]
            if overdue:
                tell_sender(site, work, one.party, one.folder, overdue)
            if waits is not None and one.whole is not None:
                tell_waiting(site, work, waits, one.whole)
        reached("look.before keeping")
    reached("look.kept")
