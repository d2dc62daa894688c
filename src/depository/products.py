"""The register of products: who is told when one is admitted (CSD-7.1.4-a)."""

from collections.abc import Sequence

from depository.notices import Addressing, Audience, Notice, addressees, notify
from depository.register import QUANTITY_TYPES, Product
from depository.store import register
from depository.store.work import Work


def admit(work: Work, products: Sequence[Product]) -> list[Notice]:
    """Writes products; tells every participant of those that were not admitted before, in one notice.

    The first register of a depository is told to nobody: there is nothing that it is new against.
    """
    known = dict(register.all_products(work))
    new = [one for one in products if one.admitted and not (one.isin in known and known[one.isin].admitted)]
    register.add_products(work, products)
    if not known or not new:
        return []
    one_ = len(new) == 1
    subject = f"{new[0].isin} is an admitted product" if one_ else f"{len(new)} new admitted products"
    body = (
        f"From {work.business_date} on {'this security is' if one_ else 'these securities are'} held and settled by the depository "
        "(CSD-7.1.4-a)."
    )
    facts = tuple(
        (one.isin, f"{one.name}, settles in {one.currency}, held by {QUANTITY_TYPES[one.quantity_type]}") for one in new
    )
    return [notify(work, who, subject, body, facts, Audience.ALL) for who in addressees(work, Addressing())]
