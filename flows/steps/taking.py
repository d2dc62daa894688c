"""What becomes of one file in an open transaction: recorded, or tried and taken back, with its answers queued (design §4, §7)."""

from dataclasses import dataclass, replace
from typing import Any

from depository.answers import Receipt, Verdict
from depository.notices import Notice, notify
from depository.points import reached
from depository.register import PartyKind
from depository.rejects import FileRefused, Reject, RejectionReason
from depository.store import events, files, register
from depository.store.columns import moment_text
from depository.store.events import EventKind
from depository.store.files import Queued
from depository.store.work import Work
from flows.steps.answering import ENDINGS, Answer, answers
from flows.steps.arrivals import CHECK, PUT_ASIDE, SFTP, Arrival, Read
from flows.steps.confining import TRIES
from flows.steps.forecasts import refresh_forecasts
from flows.steps.inputs import note
from flows.steps.outgoing import queue_bytes, queue_notices, queue_report, stem
from flows.steps.reading import content_and_proof, counts
from flows.steps.recording import Content, Recorded, record
from flows.steps.signatures import Proof, identity
from flows.steps.signatures import judge as judge_signature
from flows.steps.sites import Site
from parsers import receipt_json, sandbox

LIMITS = (*sandbox.LIMITS, PUT_ASIDE)
"""Refusals that hang on us as well as on the file; a replay repeats them instead of reading the file again."""


def record_file(site: Site, work: Work, read: Read) -> Receipt:
    """Carries out one file in an open transaction, and queues its answers; a known one has its first answer sent again."""
    arrival, digest = read.arrival, read.digest
    before = files.known_file(work, arrival.party, arrival.folder, digest, identity(arrival.signature))
    if before is not None and counts(site, arrival, before):
        return _same_again(site, work, arrival, before)
    content, proof = read.content, read.proof
    if content is None:
        content, proof = content_and_proof(site, arrival, _kind(work, arrival))
    if arrival.folder == CHECK:
        return _dry_run(site, work, read, content, proof, before)
    carried = _carry_out(site, work, read, content, proof, before)
    receipt = carried.receipt
    reached("record.carried out")
    _queue_answers(site, work, arrival, carried, content)
    because = f"{arrival.name} of {arrival.party}, receipt {receipt.number}"
    refresh_forecasts(work, site.archive, f"funding-{receipt.number}", f"forecast/{carried.file}", because)
    reached("record.answers queued")
    _note(site, work, arrival, digest, content)
    return receipt


def _kind(work: Work, arrival: Arrival) -> PartyKind:
    sender = register.party(work, arrival.party)
    return sender.kind if sender else PartyKind.OPERATOR


@dataclass(frozen=True, slots=True)
class _Carried:
    """A file that was carried out: its number, its receipt, the hash of the receipt as archived, and what was recorded."""

    file: int
    receipt: Receipt
    archived: str
    recorded: Recorded


def _same_again(site: Site, work: Work, arrival: Arrival, known: files.Known) -> Receipt:
    # Found once more on our side after a crash, or by another worker, it is the same repetition.
    counted = bool(arrival.claimed) and events.has_taken(work, arrival.party, arrival.claimed)
    receipt = receipt_json.parse(site.archive.get(known.receipt))
    if known.claimed != arrival.claimed and not counted:
        files.repeat(work, known.id)
        files.queue_again(work, f"file/{known.id}")
        if arrival.name != receipt.file_name:
            receipt = _under_other_name(site, work, arrival, known, receipt)
        _note(site, work, arrival, arrival.sha256, None)
        reached("repeat.before commit")
    return receipt


def _under_other_name(site: Site, work: Work, arrival: Arrival, known: files.Known, first: Receipt) -> Receipt:
    """A receipt for the second name, or its sender would look for one in vain: it gives the first answer and says so."""
    cause = f"file/{known.id} as {arrival.name}"
    if files.queue_again(work, cause):
        return first
    done = "it was recorded once, and this is its answer"
    if first.verdict in (Verdict.REFUSED, Verdict.QUARANTINED):
        done = "it was refused then, and the same content is not judged anew: mend it and send it again"
    told = f"The same content came before in {first.file_name}, receipt {first.number}; {done}."
    receipt = replace(
        first,
        number=files.receipt_number(work),
        file_name=arrival.name,
        arrived_at=site.market.local(arrival.arrived),
        business_date=work.business_date,
        channel=arrival.channel,
        message=f"{told} {first.message}".strip(),
    )
    archived = site.archive.put(receipt_json.render(receipt))
    queued = [Queued(arrival.party, f"{arrival.name}.{receipt.number}.receipt.json", archived)]
    for made_as in files.made_for(work, f"file/{known.id}"):
        name = f"{stem(arrival.name)}.{receipt.number}.answer.{ENDINGS[Answer(made_as)]}"
        queued.append(Queued(arrival.party, name, made_of=archived, made_as=made_as))
    files.queue_all(work, queued, cause)
    return receipt


def _dry_run(
    site: Site,
    work: Work,
    read: Read,
    content: Content | FileRefused,
    proof: Proof | None,
    before: files.Known | None,
) -> Receipt:
    """Carries the file out, takes everything back, and answers with what would have been (no effect on the books)."""
    arrival, digest = read.arrival, read.digest
    # By its name on our side a file taken up again after a crash is told from one sent again, which gets a fresh verdict.
    cause = f"check/{arrival.claimed or digest}"
    answered = bool(arrival.claimed) and files.queued(work, cause)
    work.write_numbers()
    undo = work.connection.begin_nested()
    trial = Work(work.connection, work.business_date, work.at, work.market)
    receipt = _carry_out(site, trial, read, content, proof, before).receipt
    reached("check.before taking back")
    undo.rollback()
    reached("check.taken back")
    work.tally[files.FILES_IN] += 1
    receipt = replace(receipt, number="", message=f"Dry run: nothing was recorded. {receipt.message}".strip())
    if answered:
        return receipt
    archived = site.archive.put(receipt_json.render(receipt))
    queued = [Queued(arrival.party, f"{arrival.name}.check.json", archived)]
    for answer in answers(content, receipt, _kind(work, arrival)):
        name = f"{stem(arrival.name)}.check.{ENDINGS[answer]}"
        queued.append(Queued(arrival.party, name, made_of=archived, made_as=answer.value))
    files.queue_all(work, queued, cause)
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
    site: Site,
    work: Work,
    read: Read,
    content: Content | FileRefused,
    proof: Proof | None,
    before: files.Known | None,
) -> _Carried:
    arrival, digest = read.arrival, read.digest
    number = files.receipt_number(work)
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
    archived = site.archive.put(receipt_json.render(receipt))
    files.answer_file(work, file, receipt, archived)
    return _Carried(file, receipt, archived, recorded)


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


def _queue_answers(site: Site, work: Work, arrival: Arrival, carried: _Carried, content: Content | FileRefused) -> None:
    receipt, recorded, cause = carried.receipt, carried.recorded, f"file/{carried.file}"
    queued = [Queued(arrival.party, f"{arrival.name}.{receipt.number}.receipt.json", carried.archived)]
    for answer in answers(content, receipt, _kind(work, arrival)):
        name = f"{stem(arrival.name)}.{receipt.number}.answer.{ENDINGS[answer]}"
        queued.append(Queued(arrival.party, name, made_of=carried.archived, made_as=answer.value))
    files.queue_all(work, queued, cause)
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
