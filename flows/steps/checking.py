"""Checks a form without sending it: by itself, or against the books with everything taken back."""

from datetime import datetime

from depository.answers import Receipt
from flows.steps.arrivals import CHECK, Arrival
from flows.steps.intake import take
from flows.steps.sites import Site
from parsers.sandbox import Sandbox


def check_form(name: str, data: bytes) -> list[tuple[str, str, str, str]]:
    """Faults of form: place, message, reason code, rule; raises FileRefused for a file that cannot be read."""
    with Sandbox() as sandbox:
        form = sandbox.read_form(data, name)
    faults = [(form.place(0, r.field), r.message, r.code.value, r.rule) for r in form.rejects]
    return faults + [
        (form.place(line.number, r.field), r.message, r.code.value, r.rule) for line in form.lines for r in line.rejects
    ]


def check_on_site(
    site: Site, party: str, name: str, data: bytes, at: datetime, signature: bytes | None = None
) -> Receipt:
    """The full verdict, as if the party had dropped the file now in `check`; nothing is recorded."""
    return take(site, Arrival(party, CHECK, name, data, at, signature=signature))
