"""Operators answer a participant's challenge of its report of obligations from trading (CSD-5.2.13-a)."""

from datetime import datetime

from depository.challenges import answer
from depository.store.events import EventKind
from flows.steps.inputs import note
from flows.steps.outgoing import queue_notices
from flows.steps.sites import Site


def answer_challenge(site: Site, number: str, text: str, operator: str, at: datetime) -> None:
    """Keeps the answer and sends it by notice; raises LookupError for an empty one, or when no such challenge waits."""
    if not text.strip() or not operator.strip():
        raise LookupError("an answer needs its text, and who gives it")
    with site.writing(at) as work:
        queue_notices(work, site.archive, [answer(work, number, text)], f"challenge/{number}")
        note(work, site.archive, EventKind.ANSWER, {"number": number, "text": text, "operator": operator})
