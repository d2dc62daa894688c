"""What goes wrong at every look is told in the log once, and again when it has changed or has come back."""

import logging


class Told:
    """What this process has told last of each place; several threads may use it."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}

    def warn(self, log: logging.Logger, place: str, words: str) -> None:
        """Tells what is wrong with a place, unless that was the last thing told of it."""
        if self._last.get(place) != words:
            self._last[place] = words
            log.warning("%s %s", place, words)

    def well(self, log: logging.Logger, place: str) -> None:
        """Tells that a place of which something was told is well again."""
        if self._last.pop(place, None) is not None:
            log.info("%s is well again", place)
