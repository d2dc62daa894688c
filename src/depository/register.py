"""Who and what the depository knows: participants, their signatories and bank accounts, accounts, products."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum


class PartyKind(StrEnum):
    """What a party with a folder is."""

    PARTICIPANT = "participant"
    EXCHANGE = "exchange"
    BANK = "bank"
    REGISTRY = "registry"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Party:
    """A party that exchanges files with the depository; `code` is also its folder."""

    code: str
    name: str
    kind: PartyKind
    bic: str = ""
    bin: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True)
class Power:
    """An authorised person of a participant and what the person may sign (form PoA, CSD-2.3.1-c)."""

    participant: str
    name: str
    position: str
    forms: tuple[str, ...]
    """Form codes; ("*",) = every form."""
    valid_from: date
    valid_to: date


@dataclass(frozen=True, slots=True)
class BankAccount:
    """A participant's own registered bank account for one currency (CSD-3.3.2-c)."""

    participant: str
    currency: str
    iban: str
    bank_bic: str
    beneficiary_name: str
    beneficiary_bin: str


class AccountType(StrEnum):
    """CSD-3.1.2-a; the value is the suffix of the account number."""

    HOUSE = "HO"
    DOMESTIC_OMNIBUS = "DO"
    FOREIGN_OMNIBUS = "FO"
    SETTLEMENT = "ST"
    MARKET_MAKER = "MM"
    NOMINEE = "N"

    @property
    def in_words(self) -> str:
        """As forms have it: "domestic omnibus"."""
        return self.name.lower().replace("_", " ")


class AccountState(StrEnum):
    """Life of an account. ON_HOLD: opening stopped for KYC documents (CSD-3.1.2-f); BLOCKED: by order of a body (KCSD-97)."""

    OPEN = "open"
    ON_HOLD = "on hold"
    BLOCKED = "blocked"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Account:
    """A securities account, `<participant>-<suffix>`."""

    number: str
    participant: str
    type: AccountType
    state: AccountState
    opened_on: date
    nin: str = ""
    """Nominee accounts alone: the client's NIN, unique per participant (CSD-3.1.2-c)."""


QUANTITY_TYPES = {"UNIT": "unit", "FAMT": "face amount"}
"""Types of quantity (ISO 20022), as forms have them."""


@dataclass(frozen=True, slots=True)
class Product:
    """An admitted product (CSD-7.1.1-a). `scale` = decimals of a quantity."""

    isin: str
    name: str
    currency: str
    """Settlement currency (CSD-5.1.5-a)."""
    quantity_type: str
    """UNIT or FAMT."""
    scale: int
    cfi: str = ""
    fisn: str = ""
    registry: str = ""
    market: str = ""
    admitted: bool = True


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """The price of one whole unit of a currency in the market's reference currency, from a day on until the next one."""

    currency: str
    valid_from: date
    rate: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class LendingAgreement:
    """A bilateral lending agreement whose two sides and text the depository has approved (CSD-6.2.2-a)."""

    reference: str
    lender: str
    borrower: str
    kind: str
    """GMSLA 2010, MSLA 2017, or another that was approved."""
    valid_from: date
    valid_to: date


@dataclass(frozen=True, slots=True)
class Currency:
    """A settlement currency with an arrangement at the settlement bank: ISO 4217 code, minor digits, our nominee account there."""

    code: str
    digits: int
    nominee_iban: str
    bank_bic: str
