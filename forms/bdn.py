"""BDN, bank details notice: a participant registers a bank account of its own for withdrawals, or takes one off (CSD-3.3.2-c)."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from depository import identifiers
from depository.rejects import RejectionReason
from depository.requests import BankDetailsAction, BankDetailsRequest
from forms.field import CellFault, Row, choice, code, day, latin, text
from forms.spec import FormSpec


class BdnBody(Row):
    """The body of a BDN."""

    action: Annotated[
        BankDetailsAction,
        choice(
            "Action",
            "add registers an account, or gives new details of a registered one; remove takes it off",
            {a.value: a for a in BankDetailsAction},
            example="add",
        ),
    ]
    currency: Annotated[
        str,
        code(
            "Currency",
            identifiers.currency,
            "ISO 4217 code of the withdrawals that go to the account, such as KZT or USD.",
            max_length=3,
            code=RejectionReason.MONEY,
            example="KZT",
        ),
    ]
    iban: Annotated[
        str,
        code(
            "Account (IBAN)",
            identifiers.iban,
            "Your own account at a bank.",
            max_length=42,
            code=RejectionReason.CASH_ACCOUNT,
            example="KZ86125KZT5004100100",
        ),
    ]
    bank_bic: Annotated[
        str,
        code(
            "Bank (BIC)",
            identifiers.bic,
            "BIC of the bank that keeps the account.",
            max_length=11,
            mandatory=False,
            when="the action is add",
            code=RejectionReason.CASH_ACCOUNT,
            example="KZKOKZKX",
        ),
    ]
    beneficiary_name: Annotated[
        str,
        text(
            "Beneficiary's name",
            "Your name as the account's holder, in Latin letters.",
            max_length=140,
            mandatory=False,
            when="the action is add",
            check=latin,
            code=RejectionReason.CASH_ACCOUNT,
        ),
    ]
    beneficiary_bin: Annotated[
        str,
        code(
            "Beneficiary's BIN",
            identifiers.iin_bin,
            "Twelve digits; your own, if you have one.",
            max_length=12,
            mandatory=False,
            code=RejectionReason.CASH_ACCOUNT,
        ),
    ]
    valid_from: Annotated[
        date, day("Valid from", "The first day on which the change holds; today or later.", code=RejectionReason.DATE)
    ]


def checks(values: Mapping[str, Any]) -> list[tuple[str, CellFault]]:
    """Compare the fields of the body with each other."""
    if values.get("action") is not BankDetailsAction.ADD:
        return []
    return [
        (name, CellFault("is missing; an account is registered with its bank and its holder's name."))
        for name in ("bank_bic", "beneficiary_name")
        if values.get(name) == ""
    ]


def to_request(_line: int, row: BdnBody) -> BankDetailsRequest:
    """Turn the validated body into the core's record."""
    return BankDetailsRequest(
        action=row.action,
        currency=row.currency,
        iban=row.iban,
        bank_bic=row.bank_bic,
        beneficiary_name=row.beneficiary_name,
        beneficiary_bin=row.beneficiary_bin,
        valid_from=row.valid_from,
    )


BDN = FormSpec(
    code="BDN",
    title="Bank details notice",
    rule="CSD-3.3.2-c",
    body=BdnBody,
    checks=checks,
    to_request=to_request,
    notes=(
        "From the day of validity a withdrawal (WRN) goes to the account, or is refused once the account is taken off.",
        "An account to which a payment of yours still waits is taken off after that payment.",
    ),
)
