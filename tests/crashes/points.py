"""The points: each is one call of a journey, and a way in which it is broken."""

import json
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from local.worker import API_HANDLER
from tests.crashes.door import Call, Fault, Way

# What the clean journeys call, written by `python -m tests.crashes record`.
RECORDED = Path(__file__).parent / "calls.json"
SAMPLE_SIZE = 60
# A read changes nothing: killed after it is killed before what follows, and a lost answer is a refused one.
_OF_READS = (Way.KILLED_BEFORE, Way.REFUSED_ALWAYS)

# What every request does in the same way, and what follows from every request and deed, is broken in these alone.
_OF_ALL_REQUESTS = (("GetItem", "users"), ("UpdateItem", "limits"), ("PutItem", "usage"))
_WITH_ALL = {"upload", "sums"}
_WITH_STREAM = {
    "usage_records": {"sums", "upload", "erasure", "erasure_in_pipeline"},
    "audit_entries": {"audit", "deletion", "erasure"},
    "image_changes": {"upload", "reprocess", "deletion", "deletion_in_pipeline", "erasure"},
}
# What they start is broken in the journeys of those functions.
_ALONE = {"sweep": "sweeper", "repetition": API_HANDLER}


@dataclass(frozen=True)
class Point:
    """The `number`th call of an operation by a function in a journey, broken in one way."""

    journey: str
    function: str
    operation: str
    number: int
    way: Way

    @property
    def name(self) -> str:
        return "-".join((self.journey, self.function, self.operation, str(self.number), self.way))

    def fault(self) -> Fault:
        return Fault(self.function, self.operation, self.number, self.way)


def all_points() -> dict[str, Point]:
    """Every point by its name, in the order of the journeys."""
    recorded: dict[str, list[list[str]]] = json.loads(RECORDED.read_text())
    points = [point for journey, calls in recorded.items() for point in _points_of(journey, calls)]
    return {point.name: point for point in points}


def _points_of(journey: str, calls: Iterable[list[str]]) -> Iterator[Point]:
    seen: Counter[tuple[str, str]] = Counter()
    for each in calls:
        call = Call(*each)
        seen[call.function, call.operation] += 1
        if not _is_broken_in(journey, call):
            continue
        for way in _OF_READS if call.is_read else Way:
            yield Point(journey, call.function, call.operation, seen[call.function, call.operation], way)


def _is_broken_in(journey: str, call: Call) -> bool:
    if call.function != _ALONE.get(journey, call.function):
        return False
    if call.function == API_HANDLER and (call.operation, call.resource) in _OF_ALL_REQUESTS:
        return journey in _WITH_ALL
    return journey in _WITH_STREAM.get(call.function, {journey})


def sample(points: Iterable[Point]) -> set[str]:
    """The names of a fixed few, of all journeys and ways alike."""
    by_kind: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for point in points:
        by_kind[point.journey, point.way].append(point.name)
    queues = [sorted(names, key=_draw) for _, names in sorted(by_kind.items(), key=lambda each: _draw(str(each[0])))]
    turns = [name for turn in range(SAMPLE_SIZE) for names in queues for name in names[turn : turn + 1]]
    return set(turns[:SAMPLE_SIZE])


def _draw(name: str) -> int:
    return zlib.crc32(name.encode())
