"""JSON with one spelling per content: sorted keys, UTF-8, one list element a line, newline at the end."""

import io
import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any


class Written(str):
    """An element of a top-level list that is canonical JSON already."""

    __slots__ = ()


def quoted(text: str) -> str:
    """A text in JSON's quotes."""
    return json.encoder.encode_basestring(text)


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
        put(f"{_compact(key)}: ")
        if isinstance(value, list) and value:
            put("[")
            for number, element in enumerate(value):
                put(",\n  " if number else "\n  ")
                put(element if isinstance(element, Written) else _compact(element))
            put("\n ]")
        else:
            put(_compact(value))
    put("\n}\n")
    return out.getvalue()


def _compact(value: Any) -> str:
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
