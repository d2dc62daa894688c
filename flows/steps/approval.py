"""What an operator may not do alone: two persons answer for it (design, section 6)."""


def two_persons(what: str, operator: str, approved_by: str) -> None:
    """Raises LookupError unless one person enters it and another one approves it."""
    if not operator.strip() or not approved_by.strip() or operator.strip().casefold() == approved_by.strip().casefold():
        raise LookupError(f"{what} needs two persons: who enters it, and another who approves it")
