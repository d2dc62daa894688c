"""SIN, security interest: create, discharge or enforce a lock on securities (CSD-4.3-1-a, -e, -f)."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from depository import identifiers
from depository.rejects import RejectionReason
from depository.requests import InterestAction, InterestRequest
from forms.field import YES_NO, CellFault, Row, choice, code, day, number, text
from forms.spec import FormSpec


class SinBody(Row):
    """The body of a SIN."""

    action: Annotated[
        InterestAction,
        choice("Action", "create, discharge or enforce", {a.value: a for a in InterestAction}, example="create"),
    ]
    enforcement: Annotated[
        bool | None,
        choice(
            "Enforcement box",
            "yes only with the action enforce: it sets the eleven business days running",
            YES_NO,
            mandatory=False,
            when="the action is enforce",
            rule="CSD-4.3-1-f",
        ),
    ]
    debtor: Annotated[
        str,
        code(
            "Debtor (participant code)",
            identifiers.participant,
            "The participant whose securities are locked.",
            max_length=3,
            code=RejectionReason.ACCOUNT,
            example="A01",
        ),
    ]
    debtor_account: Annotated[
        str,
        code(
            "Debtor's account",
            identifiers.account,
            "The account on which the securities are locked.",
            max_length=11,
            code=RejectionReason.ACCOUNT,
            example="A01-HO",
        ),
    ]
    secured_party: Annotated[
        str,
        code(
            "Secured party (participant code)",
            identifiers.participant,
            "The participant in whose favour.",
            max_length=3,
            code=RejectionReason.COUNTERPARTY,
            example="B02",
        ),
    ]
    secured_account: Annotated[
        str,
        code(
            "Secured party's account",
            identifiers.account,
            "The account that is credited on enforcement.",
            max_length=11,
            code=RejectionReason.COUNTERPARTY,
            example="B02-HO",
        ),
    ]
    isin: Annotated[
        str,
        code(
            "ISIN",
            identifiers.isin,
            "ISIN of the security, 12 characters.",
            max_length=12,
            code=RejectionReason.SECURITY,
            example="KZ1C00000009",
        ),
    ]
    quantity: Annotated[
        Decimal | None,
        number(
            "Quantity (or ALL)",
            "A quantity more than zero, or the word ALL.",
            decimals=6,
            all_word="all",
            code=RejectionReason.QUANTITY,
            example="500",
        ),
    ]
    agreement_number: Annotated[
        str,
        text(
            "Security agreement number",
            "Number of the security agreement.",
            max_length=70,
            mandatory=False,
            when="the action is create or enforce",
            example="SA-17/2026",
        ),
    ]
    agreement_date: Annotated[
        date | None,
        day(
            "Security agreement date",
            "Date of the security agreement.",
            mandatory=False,
            when="the action is create or enforce",
        ),
    ]
    interest: Annotated[
        str,
        code(
            "Interest reference",
            identifiers.reference,
            "The depository's reference of the recorded interest.",
            max_length=35,
            mandatory=False,
            when="the action is discharge or enforce",
            code=RejectionReason.REFERENCE,
        ),
    ]
    agreement_attached: Annotated[
        bool | None,
        choice(
            "Agreement copy attached",
            "yes or no",
            YES_NO,
            mandatory=False,
            empty=False,
            when="the action is create: yes",
            example="yes",
        ),
    ]
    indemnity_attached: Annotated[
        bool | None,
        choice(
            "Indemnity (IND) attached",
            "yes when the IND with this form's number is recorded: it is sent before this form",
            YES_NO,
            mandatory=False,
            empty=False,
            when="the action is create or enforce: yes",
            example="yes",
        ),
    ]


def checks(values: Mapping[str, Any]) -> list[tuple[str, CellFault]]:
    """Compare the fields of the body with each other."""
    faults: list[tuple[str, CellFault]] = []
    action = values.get("action")

    def fault(field: str, message: str, rule: str = "") -> None:
        faults.append((field, CellFault(message, rule=rule)))

    if action is InterestAction.ENFORCE:
        if values.get("enforcement") is not True and "enforcement" in values:
            fault("enforcement", "is not ticked; an enforcement needs yes here.")
        if values.get("indemnity_attached") is False:
            fault(
                "indemnity_attached",
                "must be yes; the secured party's own indemnity (IND) is sent before it.",
                "CSD-4.3-1-f",
            )
    elif action is not None and values.get("enforcement"):
        fault("enforcement", f"is ticked, but the action is {action}; clear it, or choose enforce.")
    if action is InterestAction.CREATE:
        if values.get("interest"):
            fault("interest", "a new interest has no reference yet; clear the cell.")
        for name in ("agreement_attached", "indemnity_attached"):
            if values.get(name) is False:
                fault(name, "must be yes; an interest is recorded only with the agreement and the indemnity.")
    elif action is not None and values.get("interest") == "":
        rule = "CSD-4.3-1-f" if action is InterestAction.ENFORCE else "CSD-4.3-1-e"
        fault("interest", f"is missing; name the recorded interest to {action}.", rule)
    if action in (InterestAction.CREATE, InterestAction.ENFORCE):
        for name in ("agreement_number", "agreement_date"):
            if name in values and not values[name]:
                fault(name, "is missing; fill it in.")
    for party, account in (("debtor", "debtor_account"), ("secured_party", "secured_account")):
        if values.get(party) and values.get(account) and identifiers.participant_of(values[account]) != values[party]:
            fault(account, f"is no account of {values[party]}; correct the account or the code.")
    if values.get("debtor_account") and values.get("debtor_account") == values.get("secured_account"):
        fault("secured_account", "is the debtor's account too; the interest needs two accounts.")
    return faults


def to_request(_line: int, row: SinBody) -> InterestRequest:
    """Turn the validated body into the core's record; the header's additional information is put in by the reader (CSD-4.3-1-b)."""
    return InterestRequest(
        action=row.action,
        debtor=row.debtor,
        debtor_account=row.debtor_account,
        secured_party=row.secured_party,
        secured_account=row.secured_account,
        isin=row.isin,
        quantity=row.quantity,
        agreement_number=row.agreement_number,
        agreement_date=row.agreement_date,
        interest=row.interest,
        agreement_attached=bool(row.agreement_attached),
        indemnity_attached=bool(row.indemnity_attached),
        additional_information="",
    )


SIN = FormSpec(
    code="SIN",
    title="Security interest",
    rule="CSD-4.3-1-a",
    body=SinBody,
    table=None,
    table_sheet="",
    max_lines=1,
    checks=checks,
    to_request=to_request,
    notes=(
        "Create: sent by the debtor, with a copy of the security agreement, after its indemnity (form IND) was accepted.",
        "Discharge and enforcement: sent by the secured party; an enforcement has its own IND before it and the box says yes.",
        "The additional information is shown in the record and in reports on the interest.",
    ),
)
