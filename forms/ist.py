"""IST, internal securities transfer: free-of-payment movements, one a line (CSD-4.1.1-a, CSD-4.1.2-b)."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Annotated, Any

from depository import identifiers
from depository.rejects import RejectionReason
from depository.requests import LENDING, LENDING_RETURN, LOANS, Action, Movement, TransferRequest
from forms.field import CellFault, Row, choice, code, day, number, text
from forms.spec import FormSpec

REASONS = ("transfer", LENDING, LENDING_RETURN, "collateral", "own accounts", "off-market", "other")
QUANTITY_TYPES = {"unit": "UNIT", "face amount": "FAMT"}

_UNLESS_REVOKED = "the action is new or replace"


class IstLine(Row):
    """One line of an IST."""

    action: Annotated[
        Action, choice("Action", "new, replace or revoke", {a.value: a for a in Action}, width=9, example="new")
    ]
    reference: Annotated[
        str,
        code(
            "Line reference",
            identifiers.reference,
            "Your own reference of this line, never used before.",
            max_length=35,
            width=16,
            code=RejectionReason.REFERENCE,
            example="T-000123",
        ),
    ]
    previous: Annotated[
        str,
        code(
            "Replaces or revokes",
            identifiers.reference,
            "Line reference of the earlier instruction that this line replaces or revokes.",
            max_length=35,
            width=16,
            mandatory=False,
            when="the action is replace or revoke",
            code=RejectionReason.REFERENCE,
        ),
    ]
    movement: Annotated[
        Movement | None,
        choice(
            "Movement",
            "deliver free or receive free",
            {m.value: m for m in Movement},
            mandatory=False,
            when=_UNLESS_REVOKED,
            width=12,
            rule="CSD-4.1.1-a",
            example="deliver free",
        ),
    ]
    own_account: Annotated[
        str,
        code(
            "Own account",
            identifiers.account,
            "Your account that gives or takes.",
            max_length=11,
            width=13,
            mandatory=False,
            when=_UNLESS_REVOKED,
            code=RejectionReason.ACCOUNT,
            example="A01-HO",
        ),
    ]
    counterparty: Annotated[
        str,
        code(
            "Counterparty",
            identifiers.participant,
            "Participant code of the other side (your own for a transfer between your accounts).",
            max_length=3,
            width=12,
            mandatory=False,
            when=_UNLESS_REVOKED,
            code=RejectionReason.COUNTERPARTY,
            example="B02",
        ),
    ]
    counterparty_account: Annotated[
        str,
        code(
            "Counterparty account",
            identifiers.account,
            "Account of the other side.",
            max_length=11,
            width=13,
            mandatory=False,
            when=_UNLESS_REVOKED,
            code=RejectionReason.COUNTERPARTY,
            example="B02-N000001",
        ),
    ]
    isin: Annotated[
        str,
        code(
            "ISIN",
            identifiers.isin,
            "ISIN of the security, 12 characters.",
            max_length=12,
            width=15,
            mandatory=False,
            when=_UNLESS_REVOKED,
            code=RejectionReason.SECURITY,
            example="KZ1C00000009",
        ),
    ]
    security_name: Annotated[
        str,
        text(
            "Security name",
            "For the eye only; the ISIN decides.",
            max_length=140,
            width=18,
            mandatory=False,
        ),
    ]
    quantity: Annotated[
        Decimal | None,
        number(
            "Quantity",
            "Units or face amount, more than zero.",
            decimals=6,
            mandatory=False,
            when=_UNLESS_REVOKED,
            width=13,
            code=RejectionReason.QUANTITY,
            example="1000",
        ),
    ]
    quantity_type: Annotated[
        str | None,
        choice(
            "Quantity type",
            "unit or face amount",
            QUANTITY_TYPES,
            mandatory=False,
            when=_UNLESS_REVOKED,
            width=11,
            code=RejectionReason.QUANTITY,
            example="unit",
        ),
    ]
    due_date: Annotated[
        date | None,
        day(
            "Due date",
            "The day on which to execute.",
            mandatory=False,
            when=_UNLESS_REVOKED,
            width=11,
            code=RejectionReason.DATE,
        ),
    ]
    trade_date: Annotated[
        date | None, day("Trade date", "Not after the due date.", mandatory=False, width=11, code=RejectionReason.DATE)
    ]
    reason: Annotated[
        str | None,
        choice(
            "Reason",
            "What the transfer is for.",
            {r: r for r in REASONS},
            mandatory=False,
            when=_UNLESS_REVOKED,
            width=13,
            example="transfer",
        ),
    ]
    agreement: Annotated[
        str,
        code(
            "Agreement reference",
            identifiers.reference,
            "Reference of the registered lending agreement.",
            max_length=35,
            width=16,
            mandatory=False,
            when="the reason is lending or lending return",
            rule="CSD-6.2.2-a",
        ),
    ]
    counterparty_reference: Annotated[
        str,
        code(
            "Counterparty's reference",
            identifiers.reference,
            "The other side's reference, if agreed; then both must agree.",
            max_length=35,
            width=16,
            mandatory=False,
            code=RejectionReason.REFERENCE,
        ),
    ]


_INSTRUCTION = (
    "movement",
    "own_account",
    "counterparty",
    "counterparty_account",
    "isin",
    "quantity",
    "quantity_type",
    "due_date",
    "reason",
)
_REVOCATION = ("action", "reference", "previous", "security_name")


def checks(values: Mapping[str, Any]) -> list[tuple[str, CellFault]]:
    """Compare the fields of a line with each other."""
    faults: list[tuple[str, CellFault]] = []
    action = values.get("action")
    if action is Action.NEW and values.get("previous"):
        faults.append(
            ("previous", CellFault("a new line replaces nothing: clear the cell, or choose replace or revoke."))
        )
    if action in (Action.REPLACE, Action.REVOKE) and values.get("previous") == "":
        faults.append(("previous", CellFault(f"is missing; name the line that this one is to {action}.")))
    if values.get("previous") and values.get("previous") == values.get("reference"):
        faults.append(("previous", CellFault("is the line's own reference; give this line a new one.")))
    if action is Action.REVOKE:
        # CSD-4.1.2-b: a revocation names what it revokes and nothing else; other values could contradict it.
        filled = [name for name in values if values[name] and name not in _REVOCATION]
        if filled:
            labels = ", ".join(name.replace("_", " ") for name in filled)
            faults.append(
                (filled[0], CellFault(f"a revocation carries only the two references; clear this row's {labels}."))
            )
        return faults
    if action is not None:
        faults += [
            (name, CellFault("is missing; fill it in.")) for name in _INSTRUCTION if name in values and not values[name]
        ]
    own, other, party = (values.get(name) for name in ("own_account", "counterparty_account", "counterparty"))
    if other and party and not other.startswith(party + "-"):
        faults.append(
            (
                "counterparty_account",
                CellFault(f"is no account of counterparty {party}; correct the account or the code."),
            )
        )
    if own and other and own == other:
        faults.append(("counterparty_account", CellFault("is the own account; name the account of the other side.")))
    due, traded = values.get("due_date"), values.get("trade_date")
    if due and traded and traded > due:
        faults.append(("trade_date", CellFault(f"is after the due date {due}; correct one of the two.")))
    if values.get("reason") in LOANS and values.get("agreement") == "":
        faults.append(
            (
                "agreement",
                CellFault(
                    "is missing; a loan names the registered agreement between the two sides. Borrowing from the depository itself is "
                    "not possible until further notice (CSD-6.2.2-b)."
                ),
            )
        )
    return faults


_FIELDS = tuple(one.name for one in fields(TransferRequest) if one.name != "line")


def to_requests(first: int, columns: Mapping[str, Sequence[Any]]) -> list[TransferRequest]:
    """Turn validated lines, given as columns, into the core's records; the first is line `first`."""
    nothing = {"quantity": Decimal(0), "quantity_type": "", "reason": ""}
    filled = {**columns, **{name: [value or blank for value in columns[name]] for name, blank in nothing.items()}}
    return list(map(TransferRequest, count(first), *(filled[name] for name in _FIELDS)))


IST = FormSpec(
    code="IST",
    title="Internal securities transfer",
    rule="CSD-4.1.2-b",
    body=None,
    table=IstLine,
    table_sheet="IST",
    max_lines=5000,
    checks=checks,
    to_requests=to_requests,
    line_reference="reference",
    notes=(
        "One line a movement. To change an instruction, send a line with the action replace that names the earlier line.",
        "A revocation carries only the action, its own reference and the reference of the line it revokes.",
    ),
)
