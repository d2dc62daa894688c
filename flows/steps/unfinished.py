"""An upload that was not finished by its deadline: its sender is told, once (design §4)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from depository.notices import notify
from depository.points import reached
from depository.sftp.intake import Waiting, safe_name
from depository.store.columns import moment_text, text_moment
from depository.store.events import EventKind
from depository.store.work import Work
from flows.steps.inputs import note
from flows.steps.outgoing import queue_notices
from flows.steps.sites import Site

NAMED = 20
"""So many files a notice names; it counts the rest."""


def tell_sender(site: Site, work: Work, party: str, folder: str, overdue: Sequence[Waiting]) -> None:
    """One notice for what one look at a folder found overdue, in the transaction that keeps it as reported."""
    uploads = [
        {"name": safe_name(one.name)[0], "since": moment_text(one.first_seen), "reason": one.reason}
        for one in overdue[:NAMED]
    ]
    _tell(site, work, {"party": party, "folder": folder, "uploads": uploads, "count": len(overdue)})


def tell_again(site: Site, said: Mapping[str, Any], at: datetime) -> None:
    """The same notice in a replay; `said` is what the input log kept."""
    with site.writing(at) as work:
        _tell(site, work, {name: said[name] for name in ("party", "folder", "uploads", "count")})


def _tell(site: Site, work: Work, said: Mapping[str, Any]) -> None:
    facts = tuple(
        (
            upload["name"],
            f"there since {work.market.local(text_moment(upload['since'])):%Y-%m-%d %H:%M:%S}: {upload['reason']}",
        )
        for upload in said["uploads"]
    )
    more = said["count"] - len(facts)
    body = (
        f"{said['count']} of your uploads to /{said['folder']} did not get finished in time. Nothing of this was taken in: finish each "
        "upload and give it its final name, or delete it and send it again. Until then it has not arrived, whatever its time says."
    )
    if more:
        body += f" The first {len(facts)} are named here, {more} more lie there."
    notice = notify(work, said["party"], "An upload is not finished", body, facts)
    queue_notices(work, site.archive, [notice], f"unfinished/{said['party']}/{said['folder']}")
    reached("unfinished.told")
    note(work, site.archive, EventKind.UNFINISHED, said)
