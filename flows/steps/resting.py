"""What failed rests for a while before it is tried again."""

from datetime import datetime, timedelta

APART = timedelta(seconds=20)
"""Between two tries."""


def rests(tried: datetime | None, at: datetime) -> bool:
    """What was tried last at `tried` is not tried yet. None: it has not failed. Not when the clock was put back since."""
    return tried is not None and tried <= at < tried + APART
