"""A SIN is recorded after the indemnity that it needs (CSD-4.3-1-a, CSD-4.3-1-f), whichever of two that came together is read first."""

from collections.abc import Container, Sequence
from datetime import datetime, timedelta

from depository.requests import IndemnityRequest, InterestAction, InterestRequest
from depository.sftp.folders import Folders
from depository.sftp.intake import belongs_to
from depository.store import indemnities
from flows.steps.companions import is_companion
from flows.steps.recording import Content
from flows.steps.sites import Site
from forms.form import Form

LONGEST_WAIT = timedelta(minutes=1)
"""From its arrival on; then a SIN without an indemnity is answered, whatever else of its sender is under way."""


def in_order(some: Sequence[tuple[str, Content | None]]) -> list[int]:
    """The order in which contents, each with its sender, are recorded: as they stand, but a SIN behind the IND for it."""
    brought = {(sender, _brought(content)): place for place, (sender, content) in enumerate(some)}

    def key(place: int) -> tuple[int, bool]:
        sender, content = some[place]
        needed = _needed(content)
        ind = brought.get((sender, needed), place) if needed else place
        return max(place, ind), ind > place

    return sorted(range(len(some)), key=key)


def missing(site: Site, some: Sequence[tuple[str, Content | None, datetime]], at: datetime) -> set[int]:
    """The places of the SINs, among contents with their senders and moments of arrival, whose indemnity may be waited for.

    It is neither recorded nor among the sender's files that are recorded with it.
    """
    brought = {(sender, _brought(content)) for sender, content, _ in some}
    waits = {
        place: (sender, needed)
        for place, (sender, content, arrived) in enumerate(some)
        if at - arrived < LONGEST_WAIT and (needed := _needed(content)) and (sender, needed) not in brought
    }
    if not waits:
        return set()
    with site.reading(at, site.market.local(at).date()) as work:
        given = indemnities.given_for(work, sorted(set(waits.values())))
    return {place for place, wanted in waits.items() if wanted not in given}


def may_come(folders: Folders, inbox: str, claimed: str, besides: Container[str]) -> bool:
    """Whether anything else of a party lies in its `inbox`, or on our side in `claimed`: its indemnity may be among it.

    The inbox is looked at first, so that a file which another worker takes meanwhile is seen in one of them.
    """
    there = [one for place in (inbox, claimed) for one in folders.look(place)]
    return any(
        one.is_file and one.name not in besides and not belongs_to(one.name) and not is_companion(one.name)
        for one in there
    )


def _needed(content: Content | None) -> str:
    """The number of a SIN that needs an indemnity, "" for anything else."""
    if not isinstance(content, Form) or content.header is None or content.rejects or len(content.lines) != 1:
        return ""
    request = content.lines[0].request
    asks = isinstance(request, InterestRequest) and request.action is not InterestAction.DISCHARGE
    return content.header.reference if asks else ""


def _brought(content: Content | None) -> str:
    """The number of the SIN that an IND is for, "" for anything else."""
    if not isinstance(content, Form) or content.rejects or len(content.lines) != 1:
        return ""
    request = content.lines[0].request
    return request.sin_number if isinstance(request, IndemnityRequest) else ""
