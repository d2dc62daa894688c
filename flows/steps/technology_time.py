"""In the technology time what parties send waits: it keeps its moment of arrival and is taken in order afterwards (CSD-7.6.5-b)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from depository.notices import notify
from depository.points import reached
from depository.sftp.intake import Policy, Ready, Sighting, belongs_to, unfinished
from depository.store import files, notices
from depository.store.columns import moment_text, text_moment
from depository.store.events import EventKind
from depository.store.work import Work
from depository.timetable import Span
from flows.steps.inputs import note
from flows.steps.outgoing import queue_notices
from flows.steps.sites import Site


@dataclass(frozen=True, slots=True)
class Waits:
    """What operators see in the technology time: its end, and the files that wait for it in order of arrival."""

    span: Span
    files: tuple[Sighting, ...]


def waits(site: Site, at: datetime) -> Waits | None:
    """What waits at a moment of the technology time, as the last look saw it; None outside it."""
    span = site.market.technology_time(at)
    if span is None:
        return None
    with site.reading(at) as work:
        seen = [one for some in files.all_sightings(work).values() for one in some]
    whole = [
        one for one in seen if is_whole(one, site.policy) and not unfinished(one.name) and not belongs_to(one.name)
    ]
    return Waits(_local(site, span), tuple(sorted(whole, key=lambda one: (one.since, one.party, one.name))))


def is_whole(sighting: Sighting, policy: Policy) -> bool:
    """Was the file seen often enough to count as whole?"""
    return sighting.looks >= policy.looks


def first_whole(before: Sequence[Sighting], ready: Sequence[Ready], policy: Policy) -> Ready | None:
    """The first of the whole files that was not whole at the look before."""
    known = {one.name: one for one in before}
    new = [one for one in ready if one.name not in known or not is_whole(known[one.name], policy)]
    return new[0] if new else None


def tell_waiting(site: Site, work: Work, span: Span, one: Ready) -> None:
    """Tells a party once in a technology time that its files wait, in the transaction that keeps what was seen of the first."""
    subject = _subject(site, span)
    if notices.was_told(work, one.party, subject):
        return
    said = {
        "party": one.party,
        "file": one.safe_name,
        "arrived": moment_text(one.arrived),
        "begin": moment_text(span.begin),
        "end": moment_text(span.end),
    }
    _tell(site, work, said)


def tell_again(site: Site, said: Mapping[str, Any], at: datetime) -> None:
    """The same notice in a replay; `said` is what the input log kept."""
    with site.writing(at) as work:
        _tell(site, work, {name: said[name] for name in ("party", "file", "arrived", "begin", "end")})


def _tell(site: Site, work: Work, said: Mapping[str, str]) -> None:
    span = _local(site, Span(text_moment(said["begin"]), text_moment(said["end"])))
    arrived = site.market.local(text_moment(said["arrived"]))
    body = (
        f"This is the technology time of the depository, {span}, in which it takes no files (CSD-7.6.5-b). What you send meanwhile "
        "arrives when it lies whole in your folder, waits there, and is taken in the order of arrival when the time ends. Nothing has to "
        f"be sent again. The first of your files that wait is {said['file']}, which arrived at {arrived:%Y-%m-%d %H:%M:%S}."
    )
    notice = notify(work, said["party"], _subject(site, span), body)
    queue_notices(work, site.archive, [notice], f"technology time/{said['party']}/{said['begin']}")
    reached("technology time.told")
    note(work, site.archive, EventKind.WAITING, said)


def _subject(site: Site, span: Span) -> str:
    return f"Your files wait for the end of the technology time, {site.market.local(span.end):%Y-%m-%d %H:%M}"


def _local(site: Site, span: Span) -> Span:
    return Span(site.market.local(span.begin), site.market.local(span.end))
