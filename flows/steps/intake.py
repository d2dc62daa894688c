"""One look at every folder: what is whole is claimed, fetched, archived, recorded and answered (design §4)."""

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from depository.answers import LINES_TABLE, Receipt, Verdict, answer_report
from depository.notices import Notice, notify
from depository.points import reached
from depository.register import Party, PartyKind
from depository.rejects import FileRefused, Reject, RejectionReason
from depository.sftp.errors import Changed, Lost, Missing, SftpError, TooLarge
from depository.sftp.folders import Folders
from depository.sftp.intake import Ready, broken_promise, judge
from depository.store import files, register
from depository.store.columns import moment_text
from depository.store.events import EventKind
from depository.store.work import Work
from flows.steps.confining import TRIES, Confining
from flows.steps.forecasts import refresh_forecasts
from flows.steps.inputs import note
from flows.steps.outgoing import queue_bytes, queue_notices, queue_report, stem
from flows.steps.recording import Content, Recorded, parse, record
from flows.steps.sites import LARGEST_FILE, Site
from flows.steps.unfinished import tell_sender
from forms.form import Form
from parsers import receipt_json, report_csv, report_workbook

log = logging.getLogger(__name__)

INBOX = "inbox"
CHECK = "check"
SFTP = "SFTP"
MARKER = ".sha256~"
"""What a claimed file's `.sha256` marker is called on our side, after the file's own name there."""
PUT_ASIDE = "put-aside"
"""The refusal of a file on which we failed again and again."""
MANY_LINES = 5_000
"""An accepted form with more lines is answered with a table in CSV: a workbook of 100,000 lines takes longer than all else."""
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

    @property
    def sha256(self) -> str:
        """The hash of the bytes."""
        return hashlib.sha256(self.data).hexdigest()


def take_files(site: Site, folders: Folders, at: datetime, most: int = 1000) -> list[Receipt]:
    """One look at every party's folders, in order of party and arrival; returns the receipts of what was taken.

    First what an earlier run claimed and did not finish. One party's bad file never delays another's good one.
    """
    with site.reading(at) as work:
        parties = [p for p in register.all_parties(work).values() if p.kind is not PartyKind.OPERATOR]
    receipts: list[Receipt] = []
    confining = Confining(site, at)
    for party in parties:
        for folder in (INBOX, CHECK):
            if folder == CHECK and party.kind is not PartyKind.PARTICIPANT:
                continue
            try:
                receipts += take_claimed(site, folders, party, folder, confining)
                receipts += _take_new(site, folders, party, folder, at, max(0, most - len(receipts)), confining)
            except Lost:
                raise
            except SftpError as fault:
                # Lies as it is until the next look; the others' files must not wait for it.
                log.warning("%s/%s: %s", party.code, folder, fault)
    confining.close()
    return receipts


def take_claimed(
    site: Site, folders: Folders, party: Party, folder: str, confining: Confining, names: Iterable[str] | None = None
) -> list[Receipt]:
    """Takes files that lie claimed on our side: those just claimed, or what a crash left there.

    What another worker is taking at this moment may be among them; a file has one effect however many take it.
    """
    place = claimed_folder(party.code)
    if names is None:
        names = sorted(e.name for e in folders.look(place) if e.is_file and e.name.startswith(f"{folder}~"))
        names = [n for n in names if not n.endswith(MARKER)]
    receipts = []
    for name in names:
        if confining.rests(party.code, name):
            continue
        try:
            arrival = _fetch(folders, party, folder, place, name)
        except Missing:
            # Another worker has taken it and removed it.
            confining.over(party.code, name)
            continue
        except Changed as fault:
            # A writer that kept the file open through the rename goes on writing; it is looked at again.
            log.warning("%s/%s: %s", party.code, folder, fault)
            continue
        reached("fetch.done")
        given_up = confining.given_up(party.code, name)
        if given_up:
            arrival = replace(arrival, stopped=(PUT_ASIDE, OUR_FAULT), fault=given_up)
        with confining.one_file(party.code, name):
            receipts.append(take(site, arrival))
            confining.over(party.code, name)
            reached("claimed.before removal")
            folders.remove(f"{place}/{name}")
            reached("claimed.removed")
            folders.remove(f"{place}/{name}{MARKER}")
            reached("claimed.marker removed")
    return receipts


def take(site: Site, arrival: Arrival) -> Receipt:
    """Takes one file: archives it, reads it, and in one transaction records it and queues its answers.

    The same bytes from the same sender have one effect and get the first answer again (KCSD-84). A file in `check` is carried
    out and rolled back: the full verdict, no effect. Whatever it raises, nothing of the file has been recorded.
    """
    reached("take.before")
    digest = site.archive.put(arrival.data)
    reached("take.archived")
    with site.reading(arrival.arrived) as work:
        known = _known(site, work, arrival, digest)
    if known is not None:
        with site.writing(arrival.arrived) as work:
            return _same_again(site, work, arrival, known)
    content = _parse(site, arrival)
    reached("take.parsed")
    if arrival.folder == CHECK:
        return _dry_run(site, arrival, digest, content)
    with site.writing(arrival.arrived) as work:
        reached("record.begun")
        known = _known(site, work, arrival, digest)
        if known is not None:
            # Another worker took the same bytes between our look and this transaction.
            return _same_again(site, work, arrival, known)
        file, receipt, recorded = _carry_out(site, work, arrival, digest, content)
        reached("record.carried out")
        _queue_answers(site, work, arrival, file, receipt, recorded, content)
        because = f"{arrival.name} of {arrival.party}, receipt {receipt.number}"
        refresh_forecasts(work, site.archive, f"funding-{receipt.number}", f"forecast/{file}", because)
        reached("record.answers queued")
        _note(site, work, arrival, digest, content)
        reached("record.before commit")
    reached("record.committed")
    return receipt


def claimed_folder(party: str) -> str:
    """Where a party's claimed files lie on our side."""
    return f"/csd/claimed/{party}"


def _take_new(
    site: Site, folders: Folders, party: Party, folder: str, at: datetime, most: int, confining: Confining
) -> list[Receipt]:
    """One look at a folder; what is whole is claimed and taken, and then what was seen of it forgotten."""
    receipts: list[Receipt] = []
    gone = []
    for ready in _look(site, folders, party, folder, at)[:most]:
        reached("claim.before")
        claimed = _claim(folders, party, folder, ready)
        reached("claim.done")
        gone.append(ready.name)
        if claimed:
            receipts += take_claimed(site, folders, party, folder, confining, [claimed])
    if gone:
        with site.writing(at) as work:
            files.forget_sightings(work, party.code, folder, gone)
            reached("look.before forgetting")
    return receipts


def _look(site: Site, folders: Folders, party: Party, folder: str, at: datetime) -> list[Ready]:
    reached("look.before")
    entries = list(folders.look(f"/{party.code}/{folder}"))
    with site.reading(at) as work:
        before = files.sightings(work, party.code, folder)
    judged = judge(party.code, before, entries, at, site.policy)
    for late in judged.overdue:
        log.warning(
            "%s/%s/%s has not been finished since %s: %s", party.code, folder, late.name, late.first_seen, late.reason
        )
    # Kept before anything is claimed, and what is whole as proved: a crash before the claim, when a marker may be gone already,
    # must neither move its arrival nor make it wait again.
    whole = {ready.name for ready in judged.ready}
    after = [
        replace(seen, looks=max(seen.looks, site.policy.looks)) if seen.name in whole else seen
        for seen in sorted(judged.sightings, key=lambda seen: seen.name)
    ]
    if after != sorted(before, key=lambda seen: seen.name):
        with site.writing(at) as work:
            # Of two workers that see it at once, one tells.
            told = (
                {seen.name for seen in files.sightings(work, party.code, folder) if seen.reported}
                if judged.overdue
                else ()
            )
            files.keep_sightings(work, party.code, folder, after)
            overdue = [late for late in judged.overdue if late.name not in told]
            if overdue:
                tell_sender(site, work, party.code, folder, overdue)
            reached("look.before keeping")
        reached("look.kept")
    return list(judged.ready)


def _claim(folders: Folders, party: Party, folder: str, ready: Ready) -> str:
    """Renames the file and its markers to our side; "" when another worker was first."""
    place = claimed_folder(party.code)
    name = f"{folder}~{ready.arrived.astimezone(UTC):%Y%m%dT%H%M%S%f}~{ready.safe_name}"
    source = f"/{party.code}/{folder}/{ready.name}"
    elsewhere = False
    for companion in ready.companions:
        if companion.endswith(".sha256"):
            elsewhere |= not folders.claim(f"/{party.code}/{folder}/{companion}", f"{place}/{name}{MARKER}")
        else:
            folders.remove(f"/{party.code}/{folder}/{companion}")
        reached("claim.companion")
    if not folders.claim(source, f"{place}/{name}"):
        return ""
    if elsewhere:
        _adopt_marker(folders, place, folder, ready.safe_name, name)
    return name


def _adopt_marker(folders: Folders, place: str, folder: str, safe: str, name: str) -> None:
    """Another worker got the marker, this one the file: the marker without a file of its own comes to the file."""
    there = {entry.name for entry in folders.look(place)}
    if f"{name}{MARKER}" in there:
        return
    for other in sorted(there):
        single = other.removesuffix(MARKER) not in there
        if single and other.startswith(f"{folder}~") and other.endswith(f"~{safe}{MARKER}"):
            folders.claim(f"{place}/{other}", f"{place}/{name}{MARKER}")
            return


def _fetch(folders: Folders, party: Party, folder: str, place: str, name: str) -> Arrival:
    _, stamp, original = name.split("~", 2)
    arrived = datetime.strptime(stamp, "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
    try:
        data = folders.fetch(f"{place}/{name}", LARGEST_FILE)
    except TooLarge as too_large:
        return Arrival(
            party.code, folder, original, b"", arrived, claimed=name, fault=f"the file is too large: {too_large}"
        )
    fault = ""
    if folders.exists(f"{place}/{name}{MARKER}"):
        fault = broken_promise(folders.fetch(f"{place}/{name}{MARKER}", 4096), data)
    return Arrival(party.code, folder, original, data, arrived, claimed=name, fault=fault)


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
    known = files.known_file(work, arrival.party, arrival.folder, digest)
    if known is None or known.claimed == arrival.claimed or known.verdict != Verdict.QUARANTINED.value:
        return known
    first = receipt_json.parse(site.archive.get(known.receipt))
    return None if any(reject.found == PUT_ASIDE for reject in first.rejects) else known


def _same_again(site: Site, work: Work, arrival: Arrival, known: files.Known) -> Receipt:
    if known.claimed != arrival.claimed:
        files.repeat(work, known.id)
        files.queue_again(work, f"file/{known.id}")
        _note(site, work, arrival, arrival.sha256, None)
        reached("repeat.before commit")
    return receipt_json.parse(site.archive.get(known.receipt))


def _dry_run(site: Site, arrival: Arrival, digest: str, content: Content | FileRefused) -> Receipt:
    """Carries the file out, takes everything back, and answers with what would have been (no effect on the books)."""
    # By its name on our side a file taken up again after a crash is told from one sent again, which gets a fresh verdict.
    cause = f"check/{arrival.claimed or digest}"
    with site.writing(arrival.arrived) as work:
        answered = bool(arrival.claimed) and files.queued(work, cause)
        undo = work.connection.begin_nested()
        trial = Work(work.connection, work.business_date, work.at, work.market)
        _, receipt, _ = _carry_out(site, trial, arrival, digest, content)
        reached("check.before taking back")
        undo.rollback()
        reached("check.taken back")
        receipt = replace(receipt, number="", message=f"Dry run: nothing was recorded. {receipt.message}".strip())
        if answered:
            return receipt
        data = receipt_json.render(receipt)
        queue_bytes(work, site.archive, arrival.party, f"{arrival.name}.check.json", data, cause)
        answer, ending = _answer(site, arrival, content, receipt)
        if answer:
            queue_bytes(work, site.archive, arrival.party, f"{stem(arrival.name)}.check.{ending}", answer, cause)
        _note(site, work, arrival, digest, content)
    reached("check.committed")
    return receipt


def _note(site: Site, work: Work, arrival: Arrival, digest: str, content: Content | FileRefused | None) -> None:
    """The file as the input log keeps it: all that `take` was given, and what the reader's limits of time and memory made of it."""
    said = {
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
    note(work, site.archive, EventKind.FILE, said)


def _carry_out(
    site: Site, work: Work, arrival: Arrival, digest: str, content: Content | FileRefused
) -> tuple[int, Receipt, Recorded]:
    number = files.receipt_number(work)
    before = files.known_file(work, arrival.party, arrival.folder, digest)
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
        )
    if isinstance(content, FileRefused):
        reject = Reject(RejectionReason.OTHER, "CSD-1.5-d", "", content.code, content.message)
        message = "The file was put aside unchanged."
        if content.code != PUT_ASIDE:
            message = "The file could not be read; it was put aside unchanged."
        recorded = Recorded("", "", (reject,), ("",), message=message)
    else:
        recorded = record(work, arrival.party, file, content)
    if recorded.same_as:
        recorded = _first_answer(site, work, recorded)
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
        verdict=Verdict.QUARANTINED if isinstance(content, FileRefused) else recorded.verdict,
        batch=recorded.batch if recorded.verdict is not Verdict.REFUSED else "",
        cut_off=recorded.cut_off if recorded.verdict is not Verdict.REFUSED else None,
        rejects=recorded.rejects,
        places=recorded.places,
        lines=recorded.lines,
        message=recorded.message,
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
    answer, ending = _answer(site, arrival, content, receipt)
    if answer:
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


def _answer(site: Site, arrival: Arrival, content: Content | FileRefused, receipt: Receipt) -> tuple[bytes, str]:
    """The answer for people, with the ending of its name.

    The sender's own workbook with the faults marked, or when all was accepted a short workbook; of a form with many lines a CSV table,
    which any spreadsheet program opens. Empty for feeds and unreadable files, whose receipt says everything.
    """
    if not isinstance(content, Form):
        return b"", ""
    if receipt.verdict is Verdict.ACCEPTED and len(receipt.lines) > MANY_LINES:
        return report_csv.render(answer_report(receipt), LINES_TABLE), "csv"
    if receipt.verdict is Verdict.ACCEPTED:
        return report_workbook.render(answer_report(receipt)), "xlsx"
    try:
        return site.sandbox.mark(arrival.data, content, receipt), "xlsx"
    except FileRefused:
        # The receipt says everything; a workbook that cannot be marked must not hold up its own answer or other files.
        return b"", ""
