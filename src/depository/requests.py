"""What a party asks of the depository, free of any file format: the records that forms turn themselves into.

Quantities and amounts are `Decimal`, dates are `date`. `line` numbers the rows of a form from 1 and ties an outcome to its row.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple

from depository.register import AccountType


@dataclass(frozen=True, slots=True)
class Signatory:
    """An authorised person as named on a form."""

    name: str
    position: str


@dataclass(frozen=True, slots=True)
class Header:
    """The house-style header of every form: who sends it, under which reference, signed by whom."""

    form: str
    """Form code: IST, WRN, SIN, IND, IAO, BUNA, BDN, PAOF, ACR, TCR, OBC."""
    reference: str
    """The sender's own number, at most 35 characters, unique for ever per sender."""
    form_date: date
    participant: str
    participant_name: str
    signatories: tuple[Signatory, ...]
    additional_information: str = ""


class Action(StrEnum):
    """What an IST line does."""

    NEW = "new"
    REPLACE = "replace"
    REVOKE = "revoke"


class Movement(StrEnum):
    """The side of a free-of-payment movement (MT540 receive free, MT542 deliver free)."""

    DELIVER = "deliver free"
    RECEIVE = "receive free"


LENDING, LENDING_RETURN = "lending", "lending return"
LOANS = (LENDING, LENDING_RETURN)
"""Reasons of a transfer that opens or returns a loan."""


@dataclass(frozen=True, slots=True)
class TransferRequest:
    """One line of an IST. A revocation carries only `action`, `reference`, `previous`; a replacement carries all."""

    line: int
    action: Action
    reference: str
    previous: str
    """Reference of the line that is replaced or revoked; "" for a new one."""
    movement: Movement | None
    own_account: str
    counterparty: str
    counterparty_account: str
    isin: str
    quantity: Decimal
    quantity_type: str
    """UNIT or FAMT (ISO 20022)."""
    due_date: date | None
    trade_date: date | None
    reason: str
    agreement: str
    counterparty_reference: str


@dataclass(frozen=True, slots=True)
class WithdrawalRequest:
    """A WRN: money to the participant's own registered bank account."""

    currency: str
    amount: Decimal
    """The amount asked, or the upper limit when `all_available`."""
    all_available: bool
    iban: str
    bank_bic: str
    beneficiary_name: str
    beneficiary_bin: str
    purpose: str
    """EKNP, 10 characters; empty where the currency needs none."""
    value_date: date
    details: str


class BankDetailsAction(StrEnum):
    """What a BDN asks for."""

    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class BankDetailsRequest:
    """A BDN: a bank account of the participant's own to register, to give new details of, or to take off."""

    action: BankDetailsAction
    currency: str
    iban: str
    bank_bic: str
    """"" with `remove`, where the account alone says enough; so are name and BIN."""
    beneficiary_name: str
    beneficiary_bin: str
    valid_from: date
    """The first day on which the change holds."""


@dataclass(frozen=True, slots=True)
class CancellationRequest:
    """A TCR: cancel an exchange trade that failed."""

    instruction: str
    """Our number of the instruction."""
    trade: str
    """The exchange's number, which has to be that instruction's."""
    reason: str


@dataclass(frozen=True, slots=True)
class ClosureRequest:
    """An ACR: close an account of the participant's own."""

    account: str
    reason: str


@dataclass(frozen=True, slots=True)
class OwnAccountRequest:
    """A line of a PAOF: an account of the participant's own to open."""

    line: int
    reference: str
    type: AccountType
    remark: str


@dataclass(frozen=True, slots=True)
class ChallengeRequest:
    """An OBC: what is wrong in the report of obligations from a day's trading."""

    trading_day: date
    trade: str
    statement: str


class InterestAction(StrEnum):
    """What a SIN asks for."""

    CREATE = "create"
    DISCHARGE = "discharge"
    ENFORCE = "enforce"


@dataclass(frozen=True, slots=True)
class InterestRequest:
    """A SIN: create, discharge or enforce a security interest."""

    action: InterestAction
    debtor: str
    debtor_account: str
    secured_party: str
    secured_account: str
    isin: str
    quantity: Decimal | None
    """None = all."""
    agreement_number: str
    agreement_date: date | None
    interest: str
    """Reference of the recorded interest; "" when creating."""
    agreement_attached: bool
    indemnity_attached: bool
    additional_information: str


class Giver(StrEnum):
    """Who gives an indemnity: the debtor when the interest is created, the secured party when it is enforced."""

    DEBTOR = "debtor"
    SECURED_PARTY = "secured party"


@dataclass(frozen=True, slots=True)
class IndemnityRequest:
    """An IND: the indemnity that goes with a SIN."""

    given_by: Giver
    sin_number: str
    """The giver's own number of the SIN."""
    interest: str
    """Reference of the recorded interest; "" when it is still to be created."""
    debtor: str
    secured_party: str
    isin: str
    quantity: Decimal | None
    """None = all."""
    agreement_number: str
    agreement_date: date
    text_version: str


@dataclass(frozen=True, slots=True)
class ClientData:
    """A client's data of a nominee account; "" or None = not given (a change touches only what is given)."""

    person_type: str = ""
    """INDIVIDUAL or LEGAL."""
    surname: str = ""
    first_name: str = ""
    middle_name: str = ""
    nin: str = ""
    iin: str = ""
    document_type: str = ""
    document_number: str = ""
    document_country: str = ""
    document_issued: date | None = None
    document_expires: date | None = None
    born: date | None = None
    citizenship: str = ""
    tax_residence: str = ""
    resident: bool | None = None
    country: str = ""
    town: str = ""
    street: str = ""
    postcode: str = ""
    email: str = ""
    phone: str = ""
    iban: str = ""
    bank_bic: str = ""
    politically_exposed: bool | None = None
    kyc_completed: date | None = None


CLIENT_FIELDS = tuple(f.name for f in fields(ClientData))
_CLIENT_DATES = {f.name for f in fields(ClientData) if f.type == date | None}
_CLIENT_KEYS = tuple((name, f'"{name}": ') for name in sorted(CLIENT_FIELDS))
_quoted = json.encoder.encode_basestring


def client_to_json(values: Mapping[str, Any]) -> str:
    """Canonical JSON of what is given of a client's data; `values` has every field of `ClientData`, other names are left aside."""
    return clients_to_json({name: (values[name],) for name in CLIENT_FIELDS})[0]


def clients_to_json(columns: Mapping[str, Sequence[Any]]) -> list[str]:
    """The same of many clients, each field being a column of values.

    Written out here because `json.dumps` takes several times as long, and a form has up to 100,000 clients.
    """
    texts = [_members(key, columns[name]) for name, key in _CLIENT_KEYS]
    rows = zip(*(column for column in texts if any(column)), strict=True)
    joined = list(map(", ".join, map(partial(filter, None), rows)))
    return ["{" + text + "}" for text in joined] if joined else ["{}"] * len(texts[0])


def _members(key: str, column: Sequence[Any]) -> list[str]:
    """One member of each client's object; "" where it is not given."""
    distinct = set(column)
    if 2 * len(distinct) > len(column) and set(map(type, column)) == {str}:
        return [key + _quoted(value) if value else "" for value in column]
    known = {value: _member(key, value) for value in distinct}
    return list(map(known.__getitem__, column))


def _member(key: str, value: Any) -> str:
    if type(value) is str:
        return key + _quoted(value) if value else ""
    if value is None:
        return ""
    return f'{key}"{value.isoformat()}"' if isinstance(value, date) else f"{key}{str(value).lower()}"


def client_from_json(text: str) -> ClientData:
    """The inverse of `client_to_json`."""
    values: dict[str, Any] = json.loads(text)
    for name in _CLIENT_DATES & values.keys():
        values[name] = date.fromisoformat(values[name])
    return ClientData(**values)


class OpeningRequest(NamedTuple):
    """An IAO or one row of a BUNA: a nominee account to open, or client data to change."""

    line: int
    change: bool
    reference: str
    nin: str
    data: str
    """The client's data as `client_to_json` writes them, which is how they are kept: a form has up to 100,000 clients."""
    expires: date | None = None
    """The day on which the identity document expires, as in `data`; None = not given."""

    @classmethod
    def of(cls, line: int, change: bool, reference: str, client: ClientData) -> "OpeningRequest":
        """The request for a client's data."""
        data = client_to_json({f: getattr(client, f) for f in CLIENT_FIELDS})
        return cls(line, change, reference, client.nin, data, client.document_expires)

    @property
    def client(self) -> ClientData:
        """The client's data."""
        return client_from_json(self.data)


@dataclass(frozen=True, slots=True)
class OpeningCover:
    """The account-opening request that goes with a BUNA: the number of accounts it states (CSD-3.1.2-e)."""

    accounts_stated: int
