"""Column types that mean the same on SQLite and PostgreSQL."""

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

Units: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")
"""Whole smallest units: 64 bits on both databases."""


def moment_text(at: datetime) -> str:
    """A moment as stored: UTC, microseconds, sortable as text; refuses a naive moment."""
    if at.tzinfo is None:
        raise ValueError(f"moment {at} has no time zone")
    # Many times quicker than strftime and strptime, and a cycle reads a moment per instruction.
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def text_moment(text: str) -> datetime:
    """The inverse of `moment_text`."""
    return datetime.fromisoformat(text)


class Day(TypeDecorator[date]):
    """A date, stored as ISO text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: date | None, _dialect: Dialect) -> Any:
        return None if value is None else value.isoformat()

    def process_result_value(self, value: Any, _dialect: Dialect) -> date | None:
        return None if value is None else date.fromisoformat(value)


class Moment(TypeDecorator[datetime]):
    """An aware moment, stored as UTC text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> Any:
        return None if value is None else moment_text(value)

    def process_result_value(self, value: Any, _dialect: Dialect) -> datetime | None:
        return None if value is None else text_moment(value)
