"""Puts waiting answers on SFTP, at least once, each by temporary name, read-back and rename; repeating it is harmless.

Nothing of it waits for whoever writes the books, nor he for it (on PostgreSQL), until a day is sealed.

Each goes out with our signature, which is there before it. The signature hangs on the bytes, the moment they were queued and the key
alone, so a repetition puts the same.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from depository.pieces import pieces
from depository.points import reached
from depository.sftp.errors import Lost, SftpError
from depository.sftp.folders import Folders
from depository.sftp.intake import SIGNATURE
from depository.store import files, register, signatories
from depository.store.files import Outgoing
from depository.store.signatories import OwnSignature
from depository.store.work import Work
from flows.steps.making import make_answers
from flows.steps.own_signatures import keep_with_sealed, of_sealed_days
from flows.steps.resting import APART, rests
from flows.steps.sites import Site
from parsers.cms_signer import Signer

log = logging.getLogger(__name__)

AT_ONCE = 32
"""Files put side by side over one connection; their bytes are in memory meanwhile."""


def deliver(site: Site, folders: Folders, at: datetime) -> int:
    """Makes the answers that are not made yet, and delivers everything that waits; returns how many files."""
    make_answers(site, at)
    return deliver_made(site, folders, at)


def deliver_made(site: Site, folders: Folders, at: datetime, refused: dict[str, datetime] | None = None) -> int:
    """Delivers everything that waits and is made; returns how many files. A broken connection leaves the rest waiting.

    What one party's folder refuses waits for the next time and holds up nobody else's. `refused` are such parties with the moment of the
    last try, for whoever calls this again and again: they rest for a while.
    """
    refused = {} if refused is None else refused
    signer = site.signer
    if signer is None:
        raise LookupError("this site has no signing key: nothing is given out unsigned (docs/operating/signatures.md)")
    if not signer.valid_from <= at <= signer.valid_to:
        log.error("nothing is given out: %s is not in force at %s (docs/operating/signatures.md)", signer, at)
        return 0
    count = last = 0
    while True:
        with site.reading(at, site.market.local(at).date()) as work:
            waiting = files.waiting(work, most=200, after=last)
        if not waiting:
            return count
        done: list[Outgoing] = []
        signed: list[OwnSignature] = []
        try:
            for some in pieces([one for one in waiting if not rests(refused.get(one.party), at)], AT_ONCE):
                reached("deliver.before put")
                data = {one.id: site.archive.get(one.sha256) for one in some}
                signatures = {one.id: _sign(one, data[one.id], signer) for one in some}
                contents = [(_place(one) + SIGNATURE, signatures[one.id].p7s) for one in some]
                beside = _stored(site, some, folders.put_all(contents), refused, at)
                reached("deliver.signatures put")
                # Nobody ever finds a file whose signature is not there yet.
                contents = [(_place(one), data[one.id]) for one in beside]
                there = _stored(site, beside, folders.put_all(contents), refused, at)
                done += there
                signed += [signatures[one.id] for one in there]
                reached("deliver.put")
        finally:
            if done:
                _note_delivered(site, done, signed, at)
                reached("deliver.committed")
        count += len(done)
        last = waiting[-1].id


def sweep_outboxes(site: Site, folders: Folders, at: datetime) -> None:
    """Removes half-delivered files of a worker that was killed when another one had delivered them already."""
    with site.reading(at, site.market.local(at).date()) as work:
        parties = register.all_parties(work)
    for party in parties:
        try:
            folders.sweep(f"/{party}/outbox")
        except Lost:
            raise
        except SftpError as fault:
            site.told.warn(log, f"/{party}/outbox", f"cannot be swept: {fault}")
        else:
            site.told.well(log, f"/{party}/outbox")


def _note_delivered(site: Site, done: Sequence[Outgoing], signed: Sequence[OwnSignature], at: datetime) -> None:
    """Notes what was delivered with its signatures; those of a sealed day are archived, too, which one does at a time."""
    with site.noting(at) as work:
        if not of_sealed_days(work, done):
            _keep(work, done, signed)
            return
    with site.writing(at) as work:
        _keep(work, done, signed)
        keep_with_sealed(work, site.archive, done)


def _keep(work: Work, done: Sequence[Outgoing], signed: Sequence[OwnSignature]) -> None:
    noted = {one.id for one in files.delivered(work, done)}
    signatories.keep_own(work, [one for one in signed if one.outgoing in noted])
    reached("deliver.before commit")


def _sign(one: Outgoing, data: bytes, signer: Signer) -> OwnSignature:
    return OwnSignature(one.id, one.sha256, signer.certificate, one.queued_at, signer.sign(data, one.queued_at))


def _place(one: Outgoing) -> str:
    return f"/{one.party}/outbox/{one.name}"


def _stored(
    site: Site,
    some: Sequence[Outgoing],
    faults: Sequence[SftpError | None],
    refused: dict[str, datetime],
    at: datetime,
) -> list[Outgoing]:
    """Those that were stored; the parties of the others are refused for this time, which is told when it begins and when it ends."""
    for one, fault in zip(some, faults, strict=True):
        place = f"the outbox of {one.party}"
        if fault is None:
            site.told.well(log, place)
        elif not rests(refused.get(one.party), at):
            site.told.warn(log, place, f"takes nothing; tried again every {APART.seconds} s: {fault}")
            refused[one.party] = at
    return [one for one, fault in zip(some, faults, strict=True) if fault is None]
