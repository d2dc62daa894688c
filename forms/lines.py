"""The lines of a long form in little memory: packed in pieces, unpacked as they are gone through."""

import io
import pickle
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, overload

from depository.rejects import Reject
from depository.requests import OpeningRequest, TransferRequest
from forms.form import Line

PIECE = 1_000
"""Lines of a piece; a form with no more is not packed."""
_FAST = 1


@dataclass(frozen=True, slots=True)
class PackedLines(Sequence[Line]):
    """Lines of a form, packed by `LinesWriter` in this process or in our own child, never taken from outside."""

    pieces: tuple[bytes, ...]
    length: int

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Line]:
        for piece in self.pieces:
            yield from _unpacked(piece)

    @overload
    def __getitem__(self, index: int) -> Line: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Line]: ...
    def __getitem__(self, index: int | slice) -> Line | Sequence[Line]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(self.length))]
        place = range(self.length)[index]
        return _unpacked(self.pieces[place // PIECE])[place % PIECE]


class LinesWriter:
    """Takes lines one by one."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._open: list[Line] = []

    def add(self, line: Line) -> None:
        """Take the next line."""
        if len(self._open) == PIECE:
            self._pack()
        self._open.append(line)

    def done(self) -> Sequence[Line]:
        """Give all the lines."""
        if not self._pieces:
            return tuple(self._open)
        length = len(self._pieces) * PIECE + len(self._open)
        self._pack()
        return PackedLines(tuple(self._pieces), length)

    def _pack(self) -> None:
        self._pieces.append(zlib.compress(pack([_values(line) for line in self._open]), _FAST))
        self._open = []


def pack(value: object) -> bytes:
    """Pickle records that come by the hundred thousand as type and values, several times faster than pickle's own way with slots."""
    target = io.BytesIO()
    pickler = pickle.Pickler(target, protocol=pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = _SHORT
    pickler.dump(value)
    return target.getvalue()


_values = attrgetter(*(one.name for one in fields(Line)))


def _unpacked(piece: bytes) -> list[Line]:
    return [Line(*values) for values in pickle.loads(zlib.decompress(piece))]  # noqa: S301 - packed by ourselves


def _rebuild(kind: type[Any]) -> Callable[[Any], tuple[type[Any], tuple[Any, ...]]]:
    values = attrgetter(*(one.name for one in fields(kind)))
    return lambda record: (kind, values(record))


_SHORT: dict[type, Callable[[Any], Any]] = {
    kind: _rebuild(kind) for kind in (Line, Reject, OpeningRequest, TransferRequest)
}
