"""The boxes of an ISO base media file (ISO/IEC 14496-12), and the numbers in them."""

from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.imaging.probe.header import BOXES, Budget, corrupt, truncated

_HEAD, _LONG_HEAD = 8, 16
_EXTENDED_TYPE = 16


@dataclass(frozen=True)
class IsoBox:
    """Name of a box, and where its body is in the file. A body may claim to go on behind the end of the file."""

    kind: bytes
    start: int
    end: int


class Fields:
    """Reads numbers from the bytes between `start` and `end`, one after the other.

    Raises ImageRejectedError where a number lies outside, even in part.
    """

    def __init__(self, data: bytes, start: int, end: int) -> None:
        if end > len(data):
            raise truncated("a box")
        self._data = data
        self.position = start
        self._end = end

    def uint(self, size: int) -> int:
        """An unsigned number of `size` bytes; 0 of no bytes."""
        return int.from_bytes(self.take(size), "big")

    def take(self, size: int) -> bytes:
        start = self.position
        self.position += size
        if self.position > self._end:
            raise corrupt("a box ends inside one of its fields")
        return self._data[start : self.position]

    def rest(self) -> bytes:
        return self._data[self.position : self._end]

    def version(self) -> int:
        """The version of a full box; skips its flags."""
        return self.uint(4) >> 24

    @property
    def is_at_end(self) -> bool:
        return self.position >= self._end


def read_boxes(data: bytes, start: int, end: int, budget: Budget) -> Iterator[IsoBox]:
    """The boxes between `start` and `end`, each counted. The last one may claim to end behind `end`."""
    position = start
    while position + _HEAD <= end:
        budget.count(BOXES)
        size, kind = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        body = position + _HEAD
        if size == 1:
            body = position + _LONG_HEAD
            size = int.from_bytes(data[position + _HEAD : body], "big")
        elif size == 0:
            size = end - position
        if kind == b"uuid":
            body += _EXTENDED_TYPE
        if body > position + size:
            raise corrupt("a box is shorter than its own header")
        yield IsoBox(kind, body, position + size)
        position += size


def read_children(data: bytes, start: int, end: int, budget: Budget) -> Iterator[IsoBox]:
    """The boxes inside another one, which must hold them all."""
    for box in read_boxes(data, start, end, budget):
        if box.end > end:
            raise corrupt("a box reaches over the end of the one that it is in")
        yield box
