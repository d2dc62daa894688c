"""One field of a form, declared once: the blank, the parser and the reference page are all derived from it.

A `Field` stands in the annotation of a pydantic model (`isin: Annotated[str, code("ISIN", identifiers.isin, ...)]`). It is the
field's validator too: it takes the cell as the sheet gave it and returns the value in its own type, or raises `CellFault`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from math import isfinite
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

from depository.identifiers import BadIdentifier, lookalike_message
from depository.rejects import Reject, RejectionReason

Convert: TypeAlias = Callable[[object], object]


class CellFault(ValueError):
    """What is wrong with one cell; `code` and `rule` only where they differ from the field's own."""

    def __init__(self, message: str, code: RejectionReason | None = None, rule: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.rule = rule


@dataclass(frozen=True, slots=True)
class OddCell:
    """A cell that has no value to read: a formula never calculated, or an error such as #N/A."""

    text: str
    formula: bool

    def __str__(self) -> str:
        return self.text


class Kind(StrEnum):
    """What a cell holds: decides format, drop-down and width in the blank, and how the cell is read."""

    TEXT = "text"
    CODE = "code as text"
    CHOICE = "choice"
    DATE = "date"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Field:
    """One field; `name` is filled in from the model's attribute by `fields_of`."""

    label: str
    kind: Kind
    convert: Convert
    hint: str
    mandatory: bool = True
    when: str = ""
    """In words, when the field is asked for although it is not always mandatory."""
    choices: tuple[str, ...] = ()
    max_length: int = 0
    width: int = 16
    """Width of the column in the blank, in characters."""
    code: RejectionReason = RejectionReason.RULE
    rule: str = ""
    """Rule of the rulebook that asks for the field; "" = the form's own."""
    decimals: int = 0
    example: str = ""
    as_is: Callable[[str], object] | None = None
    """True at most of texts that are right and are their own values: these need not be converted."""
    name: str = ""

    def read(self, cell: object) -> object:
        """Turn a cell into the field's value; raises CellFault. Blank and not mandatory gives the kind's empty value."""
        return self.convert(cell)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.convert)


class Row(BaseModel):
    """The base of every table of fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


R = TypeVar("R", bound=Row)


@lru_cache(maxsize=64)
def fields_of(model: type[Row]) -> tuple[Field, ...]:
    """List the fields of a model in their order on the form."""
    found = []
    for name, info in model.model_fields.items():
        declared = next(item for item in info.metadata if isinstance(item, Field))
        found.append(replace(declared, name=name))
    return tuple(found)


def validate(
    model: type[R],
    cells: Mapping[str, object],
    form_rule: str,
    checks: Callable[[Mapping[str, Any]], list[tuple[str, CellFault]]],
) -> tuple[R | None, tuple[Reject, ...]]:
    """Validate the cells of one row (or of one header) and list every fault of form in it.

    `checks` compares fields with each other; it sees only the fields that are right by themselves and is run in any case, so that
    the sender learns everything at once. Rejects come in the order of the fields.
    """
    faults: list[tuple[str, CellFault]] = []
    try:
        row: R | None = model.__pydantic_validator__.validate_python(cells)
        values: Mapping[str, Any] = row.__dict__
    except ValidationError as error:
        row = None
        faults = [(str(one["loc"][0]), one["ctx"]["error"]) for one in error.errors() if "ctx" in one]
        bad = {name for name, _ in faults}
        values = {f.name: f.convert(cells[f.name]) for f in fields_of(model) if f.name not in bad}
    faults += checks(values)
    if not faults:
        return row, ()
    return None, rejects_of(fields_of(model), faults, cells, form_rule)


def rejects_of(
    fields: Sequence[Field], faults: Sequence[tuple[str, CellFault]], cells: Mapping[str, object], form_rule: str
) -> tuple[Reject, ...]:
    """Faults by name of field as rejects in the order of the fields; `cells` by name are what was found."""
    return tuple(
        _reject(f, fault, cells[f.name], form_rule) for f in fields for name, fault in faults if name == f.name
    )


def _reject(f: Field, fault: CellFault, cell: object, form_rule: str) -> Reject:
    return Reject(
        code=fault.code or f.code,
        rule=fault.rule or f.rule or form_rule,
        field=f.name,
        found=shown(cell),
        message=f"{f.label}: {fault.message}",
    )


def shown(cell: object) -> str:
    """Show a cell in an answer, at most 100 characters."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ")
    if isinstance(cell, float):
        return number_text(cell)
    text = str(cell)
    return text if len(text) <= 100 else text[:99] + "…"


# Spaces of all kinds at the ends are dropped; no-break spaces inside count as spaces.
_SPACES = re.compile(r"[ \t\r\n\u00a0\u2000-\u200a\u202f\u3000]+")


def tidy(text: str) -> str:
    """Trim spaces, tabs and no-break spaces, and turn each run of them inside into one space."""
    if text.isascii() and "  " not in text and text.isprintable():
        return text.strip()
    return _SPACES.sub(" ", text).strip()


def number_text(number: float) -> str:
    """Write a sheet's number the way the sheet shows it: 15 significant digits, no exponent."""
    if not isfinite(number):
        return str(number)
    if abs(number) < 1e15 and number == int(number):
        return str(int(number))
    return format(Decimal(format(number, ".15g")), "f")


def _text_of(cell: object, mandatory: bool) -> str:
    """Give the text of a cell, "" when blank; raises CellFault for a cell without a value or of another type."""
    if type(cell) is str:
        text = cell if cell.isalnum() else tidy(cell)
        if text or not mandatory:
            return text
        raise CellFault("is missing; fill it in.")
    if cell is None:
        if mandatory:
            raise CellFault("is missing; fill it in.")
        return ""
    if isinstance(cell, OddCell):
        if cell.formula:
            raise CellFault(
                "is a formula that was never calculated, so there is no value in the file: open it in a spreadsheet program, "
                "save it, or paste the value itself."
            )
        raise CellFault(f"the sheet shows the error {cell.text}; put the value in its place.")
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, int | float):
        return number_text(float(cell))
    if isinstance(cell, datetime | date):
        return shown(cell)
    return str(cell)


def _long(text: str, limit: int) -> None:
    if len(text) > limit:
        raise CellFault(f"has {len(text)} characters, at most {limit} are allowed; shorten it.")


def _invisible(text: str) -> None:
    if not text.isprintable():
        odd = next(letter for letter in text if not letter.isprintable())
        raise CellFault(f"holds the control character U+{ord(odd):04X}; delete it.")


def text(
    label: str,
    hint: str,
    *,
    max_length: int,
    mandatory: bool = True,
    check: Callable[[str], None] | None = None,
    repeats: bool = False,
    **more: Any,
) -> Field:
    """Declare a free text. `repeats`: few different values in a file, so results are kept."""

    def convert(cell: object) -> str:
        value = _text_of(cell, mandatory)
        if not value:
            return ""
        if len(value) > max_length:
            _long(value, max_length)
        if not value.isprintable():
            _invisible(value)
        if check:
            check(value)
        return value

    keep: Convert = lru_cache(maxsize=8192, typed=True)(convert) if repeats else convert
    return Field(label, Kind.TEXT, keep, hint, mandatory=mandatory, max_length=max_length, **more)


_LOST = (
    "the cell holds a number, and a sheet drops leading zeros and all digits after the fifteenth of a number: "
    "format the cell as text and type it again."
)


def code(
    label: str,
    check: Callable[[str], str],
    hint: str,
    *,
    max_length: int,
    mandatory: bool = True,
    repeats: bool = False,
    **more: Any,
) -> Field:
    """Declare an identifier: always text, checked by `check`. `repeats`: few different values in a file, so results are kept."""

    def convert(cell: object) -> str:
        if type(cell) in (int, float, bool, date, datetime):
            what = "date" if isinstance(cell, date) else "number"
            raise CellFault(
                _LOST if what == "number" else "the cell holds a date: format it as text and type the code again."
            )
        value = _text_of(cell, mandatory)
        if not value:
            return ""
        try:
            return check(value)
        except BadIdentifier as fault:
            raise CellFault(_sentence(fault)) from None

    keep: Convert = lru_cache(maxsize=4096, typed=True)(convert) if repeats else convert
    return Field(label, Kind.CODE, keep, hint, mandatory=mandatory, max_length=max_length, **more)


def _sentence(fault: Exception) -> str:
    words = str(fault)
    return words if words[1].isupper() else words[0].lower() + words[1:]


def choice(
    label: str,
    hint: str,
    values: Mapping[str, object],
    *,
    mandatory: bool = True,
    empty: object = None,
    **more: Any,
) -> Field:
    """Declare a choice; `values` maps each text of the drop-down to what it means.

    Upper and lower case are the same and commas do not count; the texts have none, since a drop-down list separates by commas.
    """
    known = {choice_text.casefold(): value for choice_text, value in values.items()}
    listed = ", ".join(values)

    @lru_cache(maxsize=1024, typed=True)
    def convert(cell: object) -> object:
        value = _text_of(cell, mandatory)
        if not value:
            return empty
        try:
            return known[value.casefold().replace(",", "")]
        except KeyError:
            twins = "" if value.isascii() else " " + lookalike_message(value)
            raise CellFault(f"must be one of: {listed}.{twins}") from None

    return Field(label, Kind.CHOICE, convert, hint, mandatory=mandatory, choices=tuple(values), **more)


YES_NO: Mapping[str, bool] = {"yes": True, "no": False}

_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_POINT_DATE = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")


def day(label: str, hint: str, *, mandatory: bool = True, **more: Any) -> Field:
    """Declare a date: a date cell, or text as 2026-11-23 or 23.11.2026."""

    @lru_cache(maxsize=65536, typed=True)
    def convert(cell: object) -> date | None:
        if type(cell) is datetime:
            if cell.time() != time():
                raise CellFault("holds a time of day as well; give the date alone.")
            return _in_sheet(cell.date())
        if type(cell) is date:
            return _in_sheet(cell)
        if type(cell) in (int, float):
            raise CellFault("the cell holds a number, not a date: format it as a date, or write YYYY-MM-DD as text.")
        value = _text_of(cell, mandatory)
        if not value:
            return None
        if found := _ISO_DATE.fullmatch(value):
            year, month, number = found.groups()
        elif found := _POINT_DATE.fullmatch(value):
            number, month, year = found.groups()
        else:
            raise CellFault(
                "must be a date cell, or text as YYYY-MM-DD or DD.MM.YYYY; other ways to write a date are not guessed."
            )
        try:
            return _sane(date(int(year), int(month), int(number)))
        except ValueError as fault:
            if isinstance(fault, CellFault):
                raise
            raise CellFault("there is no such day in the calendar.") from None

    return Field(label, Kind.DATE, convert, hint, mandatory=mandatory, max_length=10, **more)


FIRST_DATE = date(1900, 3, 1)
"""The first day that every spreadsheet program shows alike: Excel believes in a 29 February 1900 and in nothing before 1900."""


def _in_sheet(value: date) -> date:
    if value < FIRST_DATE:
        raise CellFault("is a date cell before March 1900, which programs read differently: write YYYY-MM-DD as text.")
    return _sane(value)


def _sane(value: date) -> date:
    if not 1850 <= value.year <= 2199:
        raise CellFault(f"the year {value.year} cannot be meant.")
    return value


_PLAIN_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def number(
    label: str,
    hint: str,
    *,
    decimals: int,
    mandatory: bool = True,
    all_word: str = "",
    **more: Any,
) -> Field:
    """Declare a positive quantity or amount with at most `decimals` places; `all_word` is accepted instead and gives None."""

    def convert(cell: object) -> Decimal | None:
        value = _text_of(cell, mandatory)
        if not value or (all_word and value.casefold() == all_word):
            return None
        if type(cell) is not str:
            if isinstance(cell, bool) or not isinstance(cell, int | float) or not isfinite(cell):
                raise CellFault("holds no number; type the figure.")
            amount = Decimal(value)
            if abs(amount) >= Decimal(10) ** 15:
                raise CellFault(
                    "has more than 15 digits, which a sheet rounds: format the cell as text and type it again."
                )
        else:
            if not _PLAIN_NUMBER.fullmatch(value) or not value.isascii():
                raise CellFault(
                    "must be a number cell, or text with digits and a point before the decimals and nothing else "
                    f"(not {value[:30]!r}): commas, spaces and apostrophes are not guessed."
                )
            amount = Decimal(value)
        if amount <= 0:
            raise CellFault("must be more than zero.")
        plain = amount.normalize()
        places = -int(plain.as_tuple().exponent)
        if places > decimals:
            raise CellFault(f"has {places} places after the point, at most {decimals} are allowed.")
        if plain.adjusted() >= 15:
            raise CellFault("has more than 15 digits before the point.")
        return plain.quantize(Decimal(1)) if places < 0 else plain

    width = more.pop("width", 16)
    return Field(
        label, Kind.NUMBER, convert, hint, mandatory=mandatory, max_length=22, decimals=decimals, width=width, **more
    )


def whole(label: str, hint: str, *, most: int, mandatory: bool = True, **more: Any) -> Field:
    """Declare a whole number from 1 to `most`."""
    inner = number(label, hint, decimals=0, mandatory=mandatory)

    def convert(cell: object) -> int | None:
        value = inner.convert(cell)
        if value is None:
            return None
        assert isinstance(value, Decimal)
        if value > most:
            raise CellFault(f"must be at most {most}.")
        return int(value)

    return Field(label, Kind.NUMBER, convert, hint, mandatory=mandatory, max_length=9, **more)


_LATIN_NAME = re.compile(r"[A-Za-zÀ-ÖØ-öø-žĀ-ſ0-9 .,'’&()/+\"-]+")


def latin(value: str) -> None:
    """Check that a name is written in Latin letters; raises CellFault."""
    if not _LATIN_NAME.fullmatch(value):
        twins = lookalike_message(value)
        if twins and all(letter.isascii() or not letter.isalpha() or lookalike_message(letter) for letter in value):
            raise CellFault(_sentence(ValueError(twins)))
        odd = next(letter for letter in value if not _LATIN_NAME.fullmatch(letter))
        raise CellFault(f"write it in Latin letters as in the passport or charter; {odd!r} is none.")


plain_name = re.compile("[A-Za-z][A-Za-z'-]{0,60}").fullmatch
"""A name of one word that `latin` takes."""

_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+"
)


plain_email = re.compile(
    r"[A-Za-z0-9_-]{1,60}(?:\.[A-Za-z0-9_-]{1,60})?@[A-Za-z0-9]{1,40}(?:\.[A-Za-z0-9]{1,40}){1,2}"
).fullmatch
"""An e-mail address that `email` takes."""


def email(value: str) -> None:
    """Check the form of an e-mail address; raises CellFault."""
    if not _EMAIL.fullmatch(value) or ".." in value:
        raise CellFault(
            _sentence(ValueError(lookalike_message(value)))
            if lookalike_message(value)
            else "is no e-mail address; one looks like name@example.com."
        )


def pattern(regex: str, says: str) -> Callable[[str], str]:
    """Make a check for codes without a standard: the whole text must match; `says` names the form."""
    compiled = re.compile(regex)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise BadIdentifier(lookalike_message(value) or says)
        return value

    return check
