"""JSON with one spelling per content: sorted keys, UTF-8, one list element a line, newline at the end."""

import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from depository.pieces import pieces

_AT_ONCE = 1_000
"""Elements of a list that are laid out together: all of 100,000 would be in memory several times."""


@dataclass(frozen=True, slots=True)
class Written:
    """A top-level list whose elements are canonical JSON already."""

    elements: Iterable[str]


quoted: Callable[[str], str] = json.encoder.encode_basestring
"""A text in JSON's quotes."""


def write(document: dict[str, Any]) -> bytes:
    """The bytes of a document: every top-level key and every element of a top-level list on a line of its own.

    Laid out by hand because the standard library's indenting encoder is slow on receipts of 100,000 lines.
    """
    out = io.BytesIO()

    def put(text: str) -> None:
        out.write(text.encode("utf-8"))

    put("{\n ")
    for index, key in enumerate(sorted(document)):
        value = document[key]
        put(",\n " if index else "")
        put(f"{compact(key)}: ")
        if not isinstance(value, list | Written):
            put(compact(value))
            continue
        elements = value.elements if isinstance(value, Written) else map(compact, value)
        opened = False
        for some in pieces(elements, _AT_ONCE):
            put((",\n  " if opened else "[\n  ") + ",\n  ".join(some))
            opened = True
        put("\n ]" if opened else "[]")
    put("\n}\n")
    return out.getvalue()


def compact(value: Any) -> str:
    """A value on one line."""
    return _ENCODER.encode(value)


def _plain(value: object) -> str:
    """What JSON has no type for: exact numbers as text, dates and moments by ISO 8601."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"the moment {value} has no zone")
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


_ENCODER = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(", ", ": "), default=_plain, allow_nan=False
)


def read(data: bytes) -> dict[str, Any]:
    """The document of the bytes; raises ValueError when it is no JSON object, or names a key twice."""
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_float=Decimal)
    except RecursionError:
        raise ValueError("the file is nested too deeply") from None
    except ArithmeticError:
        raise ValueError("a number is beyond all numbers") from None
    if not isinstance(document, dict):
        raise ValueError("the file is no JSON object")
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) != len(pairs):
        raise ValueError("a key stands twice in an object")
    return keys
