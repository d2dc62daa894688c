"""Our signatures that were given out, kept in the archive beside the sealed days, so that the archive alone proves them (KCSD-83).

A sealed day itself cannot hold them: a replay seals it again to the byte, and has no key. What goes out after the seal, such as the
statements of the end of day, is added when it goes out.
"""

import base64
import json
from collections.abc import Iterable, Sequence
from datetime import date

from depository.store import events, files, signatories
from depository.store.archive import SIGNATURES, Archive
from depository.store.files import Outgoing
from depository.store.work import Work


def keep_with_day(work: Work, archive: Archive, day: date) -> None:
    """Puts all signatures over what was queued on a day into the archive, as JSON, with a pointer by date; none are no content."""
    rows = files.numbers_on(work, day)
    made = signatories.own_of(work, [number for number, _, _ in rows])
    if not made:
        return
    kept = sorted(
        (party, name, base64.b64encode(made[number]).decode()) for number, party, name in rows if number in made
    )
    data = json.dumps({"business_date": f"{day}", "signatures": kept}, ensure_ascii=False, separators=(",", ":"))
    archive.point(f"{day}", archive.put(f"{data}\n".encode()), SIGNATURES)


def keep_with_sealed(work: Work, archive: Archive, done: Sequence[Outgoing]) -> None:
    """The same for the days of what has just gone out that are sealed already."""
    for day in of_sealed_days(work, done):
        keep_with_day(work, archive, day)


def of_sealed_days(work: Work, done: Sequence[Outgoing]) -> list[date]:
    """The days of what has just gone out that are sealed already."""
    sealed = {one.business_date for one in events.sealed_days(work)}
    return sorted(files.days_of(work, [one.id for one in done]) & sealed)


def kept_with(archive: Archive, days: Iterable[date]) -> dict[tuple[str, str], bytes]:
    """The signatures over what was queued on these days, by party and name; raises Broken when a list is gone or was changed."""
    pointers = archive.pointers(SIGNATURES)
    found: dict[tuple[str, str], bytes] = {}
    for day in days:
        digest = pointers.get(f"{day}")
        if digest is not None:
            lines = json.loads(archive.get(digest))["signatures"]
            found |= {(party, name): base64.b64decode(p7s) for party, name, p7s in lines}
    return found
