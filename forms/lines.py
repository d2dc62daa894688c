"""The lines of a long form in little memory: packed in pieces, unpacked as they are gone through."""

import io
import pickle
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from itertools import count, islice, repeat
from operator import attrgetter
from typing import Any, overload

from depository.pieces import ahead
from depository.rejects import Reject
from depository.requests import TransferRequest
from forms.form import Line, ToRequests

_FAST = 1


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines of a form that follow each other, as columns of values: records of them are made when they are gone through."""

    first: int
    """Number of the first line."""
    references: Sequence[str]
    rejects: Mapping[int, tuple[Reject, ...]]
    """Index of a line that is not right -> its rejects."""
    to_requests: ToRequests
    columns: Mapping[str, Sequence[Any]]

    def __iter__(self) -> Iterator[Line]:
        requests: Sequence[Any] = self.to_requests(self.first, self.columns)
        rejects: Any = repeat((), len(requests))
        if self.rejects:
            requests = [None if index in self.rejects else request for index, request in enumerate(requests)]
            rejects = [self.rejects.get(index, ()) for index in range(len(requests))]
        return map(_line, zip(count(self.first), requests, rejects, self.references))


_line: Callable[[tuple[Any, ...]], Line] = partial(tuple.__new__, Line)
"""As the class makes it of its values, in a third of the time."""


@dataclass(frozen=True, slots=True)
class PackedLines(Sequence[Line]):
    """Lines of a form, packed by `LinesWriter` in this process or in our own child, never taken from outside."""

    pieces: tuple[bytes, ...]
    lengths: tuple[int, ...]
    """Of each piece, how many lines it has."""

    def __len__(self) -> int:
        return sum(self.lengths)

    def __iter__(self) -> Iterator[Line]:
        # While the lines of a piece are recorded, which waits for a database, the next are unpacked.
        for lines in ahead(map(_lines, self.pieces)):
            yield from lines

    @overload
    def __getitem__(self, index: int) -> Line: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Line]: ...
    def __getitem__(self, index: int | slice) -> Line | Sequence[Line]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        place, piece = range(len(self))[index], 0
        while place >= self.lengths[piece]:
            place, piece = place - self.lengths[piece], piece + 1
        return next(islice(_unpacked(self.pieces[piece]), place, None))


class LinesWriter:
    """Takes lines piece by piece; those of a form that comes in one piece are not packed."""

    def __init__(self) -> None:
        self._open: Piece | None = None
        self._packer = ThreadPoolExecutor(1, "pack")
        """Compresses while the next lines are read; it has no thread before there is a second piece."""
        self._packed: list[Future[bytes]] = []
        self._lengths: list[int] = []

    def add(self, piece: Piece) -> None:
        """Take the next lines."""
        if self._open is not None:
            self._pack(self._open)
        self._open = piece
        self._lengths.append(len(piece.references))

    def done(self) -> Sequence[Line]:
        """Give all the lines."""
        if self._open is None:
            return ()
        if not self._packed:
            return tuple(self._open)
        self._pack(self._open)
        self._packer.shutdown()
        return PackedLines(tuple(one.result() for one in self._packed), tuple(self._lengths))

    def _pack(self, piece: Piece) -> None:
        self._packed.append(self._packer.submit(zlib.compress, pack(_values(piece)), _FAST))


def pack(value: object) -> bytes:
    """Pickle records that come by the thousand as type and values, several times faster than pickle's own way with slots."""
    target = io.BytesIO()
    pickler = pickle.Pickler(target, protocol=pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = _SHORT
    pickler.dump(value)
    return target.getvalue()


_values = attrgetter(*(one.name for one in fields(Piece)))


def _lines(piece: bytes) -> list[Line]:
    return list(_unpacked(piece))


def _unpacked(piece: bytes) -> Iterator[Line]:
    return iter(Piece(*pickle.loads(zlib.decompress(piece))))  # noqa: S301 - packed by ourselves


def _rebuild(kind: type[Any]) -> Callable[[Any], tuple[type[Any], tuple[Any, ...]]]:
    values = attrgetter(*(one.name for one in fields(kind)))
    return lambda record: (kind, values(record))


_SHORT: dict[type, Callable[[Any], Any]] = {kind: _rebuild(kind) for kind in (Reject, TransferRequest)}
