"""Where participants pay in: settlement bank, account and words to pay with, per currency (CSD-3.3.1-f)."""

from depository.notices import Audience, Notice, notify
from depository.store import notices as store
from depository.store import register
from depository.store.work import Work

SUBJECT = "Where to send money"


def tell_payment_details(work: Work) -> list[Notice]:
    """A notice to each active participant whose last one about it is not what holds now: at first, and after a change (CSD-3.3.1-f)."""
    told = store.last_bodies(work, SUBJECT)
    now = {one.code: _details(work, one.code) for one in register.participants(work) if one.active}
    return [
        notify(work, code, SUBJECT, text, audience=Audience.ALL) for code, text in now.items() if told.get(code) != text
    ]


def _details(work: Work, participant: str) -> str:
    market = work.market
    accounts = "\n".join(
        f"{c.code}: account {c.nominee_iban} with the settlement bank, BIC {c.bank_bic}" for c in market.currencies
    )
    return (
        "Money for settlement counts once it is recorded on the depository's nominee account of its currency (CSD-3.3.1-a):\n"
        f"{accounts}\n"
        f"Beneficiary: {market.depository_name}, BIN {market.depository_bin}.\n"
        f"Write your code {participant} into the remittance information, and no other participant's: by it the money is found to be yours."
    )
