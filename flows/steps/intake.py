"""Files in: one look at every folder, then each file in order of arrival, read ahead and recorded once (design §4)."""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

from depository.answers import Receipt
from depository.garbage import no_search_for_garbage
from depository.points import reached
from depository.rejects import FileRefused
from depository.sftp.errors import Lost, SftpError
from depository.sftp.folders import Folders
from depository.store import files
from depository.store.archive import Gathered
from flows.steps import indemnity_first
from flows.steps.arrivals import CHECK, INBOX, Arrival, Read, claimed_folder
from flows.steps.companions import MARKER, SIGNED
from flows.steps.confining import Confining
from flows.steps.looking import look_over
from flows.steps.making import make_answers
from flows.steps.reading import fetched_together, read_all, read_one
from flows.steps.recording import Content
from flows.steps.sites import Site
from flows.steps.taking import record_file
from forms.form import Form

log = logging.getLogger(__name__)
SMALL_FORM = 200
"""Lines of a form up to which it is recorded together with others."""


def take_files(site: Site, folders: Folders, at: datetime, most: int = 1000, leftovers: bool = True) -> list[Receipt]:
    """One look at every party's folders, in order of arrival, then of party; returns the receipts of what was taken.

    Also, if `leftovers` is so, what an earlier run claimed and did not finish. One party's bad file never delays another's good
    one. While some files are recorded, the next are claimed, fetched, archived and read; they are recorded in order all the same.
    In the technology time nothing is claimed: what is whole is seen, waits, and keeps its moment of arrival (CSD-7.6.5-b).
    """
    confining = Confining(site, at)
    receipts: list[Receipt] = []
    early: list[Read] = []
    pieces = fetched_together(look_over(site, folders, at, most, leftovers, confining))
    with ThreadPoolExecutor(1, "read-ahead") as ahead:
        coming = [ahead.submit(read_all, site, folders, piece, confining) for piece in pieces[:1]]
        for number in range(1, len(pieces) + 1):
            read = coming.pop().result()
            coming += [ahead.submit(read_all, site, folders, next_, confining) for next_ in pieces[number : number + 1]]
            ready, early = _sorted(site, [*early, *read], at)
            receipts += _take_all(site, folders, ready, confining)
    receipts += _take_all(site, folders, _alone(folders, _sorted(site, early, at)), confining)
    confining.close()
    return receipts


def take(site: Site, arrival: Arrival) -> Receipt:
    """Takes one file: archives it, reads it, in one transaction records it and queues its answers, and makes what waits to be made.

    The same bytes with the same signature from the same sender have one effect and get the first answer again (KCSD-84). A file in
    `check` is carried out and rolled back: the full verdict, no effect. Whatever it raises, nothing of the file has been recorded.
    """
    digest = site.archive.put(arrival.data)
    receipt = take_together(site, [read_one(site, arrival, digest)])[0]
    make_answers(site, arrival.arrived)
    return receipt


def take_together(site: Site, some: Sequence[Read]) -> list[Receipt]:
    """Records files in order in one transaction, all or none; their receipts are archived together before it commits."""
    gathered = Gathered(site.archive)
    within = replace(site, archive=gathered)
    receipts = []
    with no_search_for_garbage(), site.writing(some[0].arrival.arrived) as begun:
        first = replace(begun, numbers={})
        reached("record.begun")
        for one in some:
            work = site.at(first, one.arrival.arrived)
            receipts.append(record_file(within, work, one))
        # So that the next file of that name starts anew.
        files.forget_sightings(first, [(one.arrival.party, one.arrival.folder, one.seen) for one in some if one.seen])
        first.write_numbers()
        gathered.store()
        reached("record.before commit")
    reached("record.committed")
    return receipts


def _sorted(site: Site, read: Sequence[Read], at: datetime) -> tuple[list[Read], list[Read]]:
    """Files in the order in which they are recorded, and the SINs among them whose indemnity may come yet."""
    inbox = [(one.arrival.party, _content_of(one), one.arrival.arrived) for one in read]
    missing = indemnity_first.missing(site, inbox, at)
    order = indemnity_first.in_order([(sender, content) for sender, content, _ in inbox])
    return [read[place] for place in order if place not in missing], [
        read[place] for place in order if place in missing
    ]


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
