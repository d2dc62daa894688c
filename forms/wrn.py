"""WRN, cash withdrawal: money to the participant's own registered bank account (CSD-3.3.2-b)."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from depository import identifiers
from depository.identifiers import CURRENCY_DECIMALS
from depository.rejects import RejectionReason
from depository.requests import WithdrawalRequest
from forms.field import CellFault, Row, choice, code, day, latin, number, pattern, text
from forms.spec import FormSpec

_purpose = pattern(identifiers.EKNP, identifiers.EKNP_MESSAGE)


class WrnBody(Row):
    """The body of a WRN."""

    currency: Annotated[
        str,
        code(
            "Currency",
            identifiers.currency,
            "ISO 4217 code, such as KZT or USD.",
            max_length=3,
            code=RejectionReason.MONEY,
            example="KZT",
        ),
    ]
    mode: Annotated[
        bool,
        choice(
            "How much",
            "exact amount, or all that is free, at most the amount below",
            {"exact amount": False, "all available at most": True},
            code=RejectionReason.MONEY,
            example="exact amount",
        ),
    ]
    amount: Annotated[
        Decimal,
        number("Amount", "The amount, or the upper limit.", decimals=3, code=RejectionReason.MONEY, example="1500000"),
    ]
    iban: Annotated[
        str,
        code(
            "Beneficiary account (IBAN)",
            identifiers.iban,
            "Your own bank account as registered with the depository.",
            max_length=42,
            code=RejectionReason.CASH_ACCOUNT,
            rule="CSD-3.3.2-c",
            example="KZ86125KZT5004100100",
        ),
    ]
    bank_bic: Annotated[
        str,
        code(
            "Beneficiary's bank (BIC)",
            identifiers.bic,
            "BIC of the bank that keeps the account.",
            max_length=11,
            code=RejectionReason.CASH_ACCOUNT,
            example="KZKOKZKX",
        ),
    ]
    beneficiary_name: Annotated[
        str,
        text(
            "Beneficiary's name",
            "Name of the account's holder, in Latin letters.",
            max_length=140,
            check=latin,
            code=RejectionReason.CASH_ACCOUNT,
        ),
    ]
    beneficiary_bin: Annotated[
        str,
        code(
            "Beneficiary's BIN",
            identifiers.iin_bin,
            "Twelve digits.",
            max_length=12,
            mandatory=False,
            code=RejectionReason.CASH_ACCOUNT,
        ),
    ]
    purpose: Annotated[
        str,
        code(
            "Purpose code (EKNP)",
            _purpose,
            "Ten characters, such as 1515KZT119; for payments in a currency whose banks ask for it.",
            max_length=10,
            mandatory=False,
            when="payments in the currency need one, as those in KZT do",
        ),
    ]
    value_date: Annotated[date, day("Value date", "The day on which the money is to leave.", code=RejectionReason.DATE)]
    details: Annotated[
        str,
        text("Details of payment", "Passed on to the bank, at most 140 characters.", max_length=140, mandatory=False),
    ]


def checks(values: Mapping[str, Any]) -> list[tuple[str, CellFault]]:
    """Compare the fields of the body with each other."""
    faults = []
    currency, amount = values.get("currency"), values.get("amount")
    if currency and amount is not None:
        places = CURRENCY_DECIMALS.get(currency, 2)
        if -int(amount.as_tuple().exponent) > places:
            faults.append(("amount", CellFault(f"{currency} has {places} places after the point; round the amount.")))
    return faults


def to_request(_line: int, row: WrnBody) -> WithdrawalRequest:
    """Turn the validated body into the core's record."""
    return WithdrawalRequest(
        currency=row.currency,
        amount=row.amount,
        all_available=row.mode,
        iban=row.iban,
        bank_bic=row.bank_bic,
        beneficiary_name=row.beneficiary_name,
        beneficiary_bin=row.beneficiary_bin,
        purpose=row.purpose,
        value_date=row.value_date,
        details=row.details,
    )


WRN = FormSpec(
    code="WRN",
    title="Cash withdrawal",
    rule="CSD-3.3.2-b",
    body=WrnBody,
    table=None,
    table_sheet="",
    max_lines=1,
    checks=checks,
    to_request=to_request,
    notes=(
        "Money goes only to a bank account of your own that is registered with the depository.",
        "A request after the cut-off of its currency is carried out on the next business day.",
    ),
)
