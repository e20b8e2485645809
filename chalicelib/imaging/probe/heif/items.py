"""The items of a HEIF file (ISO/IEC 23008-12, 6; ISO/IEC 14496-12, 8.11): what each is, and where its data is."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from chalicelib.imaging.probe.header import BOXES, Budget, corrupt, truncated
from chalicelib.imaging.probe.heif.boxes import Fields, IsoBox, read_boxes, read_children

_IN_FILE, _IN_META = 0, 1
_FIELD_SIZES = frozenset({0, 4, 8})


@dataclass(frozen=True)
class Place:
    """Where the data of an item is, as the file says it."""

    method: int
    extents: tuple[tuple[int, int], ...]
    """Offset and length of each part; a length of 0 means the rest."""


@dataclass
class Items:
    """The items of a file, by their ids."""

    data: bytes = field(repr=False)
    max_bytes: int
    """What all data that is read may add up to: items may share their bytes, so that a file holds more than its own."""

    primary: int = 0
    """The item of the main picture; 0 where none is named."""

    kinds: dict[int, bytes] = field(default_factory=dict)
    places: dict[int, Place] = field(default_factory=dict)
    inner: tuple[int, int] = (0, 0)
    """Start and end of the data in the box of the items itself (`idat`)."""

    properties: list[IsoBox] = field(default_factory=list)
    associations: dict[int, list[tuple[int, bool]]] = field(default_factory=dict)
    """Item → number of a property, from 1 on, and whether the item cannot be shown without it."""

    references: dict[tuple[bytes, int], tuple[int, ...]] = field(default_factory=dict)
    """Kind of reference and item → the items that it refers to."""

    bytes_read: int = 0

    def properties_of(self, item: int) -> list[tuple[IsoBox, bool]]:
        """The properties of an item, and whether each is essential."""
        return [(self._property(number), essential) for number, essential in self.associations.get(item, ()) if number]

    def read(self, item: int) -> bytes:
        """The data of an item."""
        place = self.places.get(item)
        if place is None:
            raise corrupt("the data of an item has no place")
        if place.method not in (_IN_FILE, _IN_META):
            raise corrupt("the data of an item is inside of another one's")
        first, last = self.inner if place.method == _IN_META else (0, len(self.data))
        return b"".join(self._read(first + offset, length, last) for offset, length in place.extents)

    def _property(self, number: int) -> IsoBox:
        if number > len(self.properties):
            raise corrupt("an item has a property that is not there")
        return self.properties[number - 1]

    def _read(self, start: int, length: int, last: int) -> bytes:
        end = start + length if length else last
        if end > last or start > end:
            raise truncated("the data of an item")
        self.bytes_read += end - start
        if self.bytes_read > self.max_bytes:
            raise corrupt("its items have more data than the file")
        return self.data[start:end]


def read_items(data: bytes, meta: IsoBox, budget: Budget, max_bytes: int) -> Items:
    """The items that the box `meta` lists."""
    fields = Fields(data, meta.start, meta.end)
    fields.version()
    items, kinds = Items(data, max_bytes), Counter[bytes]()
    for box in read_children(data, fields.position, meta.end, budget):
        reader = _READERS.get(box.kind)
        kinds[box.kind] += 1
        if reader is None:
            continue
        if kinds[box.kind] > 1:
            raise corrupt(f"a box ({box.kind.decode()}) comes twice")
        reader(data, box, items, budget)
    return items


def _read_primary(data: bytes, box: IsoBox, items: Items, _budget: Budget) -> None:
    fields = Fields(data, box.start, box.end)
    items.primary = fields.uint(4 if fields.version() else 2)


def _read_inner(_data: bytes, box: IsoBox, items: Items, _budget: Budget) -> None:
    items.inner = box.start, box.end


def _read_kinds(data: bytes, box: IsoBox, items: Items, budget: Budget) -> None:
    fields = Fields(data, box.start, box.end)
    fields.uint(4 if fields.version() else 2)
    for entry in read_children(data, fields.position, box.end, budget):
        each = Fields(data, entry.start, entry.end)
        version = each.version()
        if entry.kind != b"infe" or version < 2:
            continue
        item, protection, kind = each.uint(4 if version > 2 else 2), each.uint(2), each.take(4)
        if item in items.kinds:
            raise corrupt("two items have the same id")
        items.kinds[item] = b"" if protection else kind


def _read_places(data: bytes, box: IsoBox, items: Items, budget: Budget) -> None:
    fields = Fields(data, box.start, box.end)
    version, sizes = fields.version(), fields.uint(2)
    offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    if not {offset, length, base, index} <= _FIELD_SIZES:
        raise corrupt("the places of its items are in fields of an unknown size")
    for _item in range(fields.uint(4 if version > 1 else 2)):
        budget.count(BOXES)
        item = fields.uint(4 if version > 1 else 2)
        method = fields.uint(2) & 15 if version else _IN_FILE
        fields.uint(2)
        start, extents = fields.uint(base), list[tuple[int, int]]()
        for _extent in range(fields.uint(2)):
            budget.count(BOXES)
            fields.uint(index if version else 0)
            extents.append((start + fields.uint(offset), fields.uint(length)))
        if item in items.places:
            raise corrupt("the data of an item has two places")
        items.places[item] = Place(method, tuple(extents))


def _read_properties(data: bytes, box: IsoBox, items: Items, budget: Budget) -> None:
    for part in read_children(data, box.start, box.end, budget):
        if part.kind == b"ipco" and not items.properties:
            items.properties = list(read_children(data, part.start, part.end, budget))
        elif part.kind == b"ipma":
            _read_associations(data, part, items, budget)


def _read_associations(data: bytes, box: IsoBox, items: Items, budget: Budget) -> None:
    fields = Fields(data, box.start, box.end)
    head = fields.uint(4)
    version, is_long = head >> 24, bool(head & 1)
    for _item in range(fields.uint(4)):
        budget.count(BOXES)
        item = fields.uint(4 if version else 2)
        count = fields.uint(1)
        budget.count(BOXES, count)
        numbers = [fields.uint(2 if is_long else 1) for _number in range(count)]
        top = 15 if is_long else 7
        found = [(number & ((1 << top) - 1), bool(number >> top)) for number in numbers]
        items.associations.setdefault(item, []).extend(found)


def _read_references(data: bytes, box: IsoBox, items: Items, budget: Budget) -> None:
    fields = Fields(data, box.start, box.end)
    size = 4 if fields.version() else 2
    for each in read_children(data, fields.position, box.end, budget):
        entry = Fields(data, each.start, each.end)
        source, count = entry.uint(size), entry.uint(2)
        budget.count(BOXES, count)
        items.references[each.kind, source] = tuple(entry.uint(size) for _target in range(count))


_READERS = {
    b"pitm": _read_primary,
    b"idat": _read_inner,
    b"iinf": _read_kinds,
    b"iloc": _read_places,
    b"iprp": _read_properties,
    b"iref": _read_references,
}


def find_references(items: Items, kind: bytes, target: int) -> Iterable[int]:
    """The items that have a reference of this kind to `target`."""
    return (source for (each, source), targets in items.references.items() if each == kind and target in targets)


def find_box(boxes: Iterable[IsoBox], kind: bytes) -> IsoBox | None:
    return next((box for box in boxes if box.kind == kind), None)


def top_boxes(data: bytes, budget: Budget) -> dict[bytes, IsoBox]:
    """The first box of each kind at the top of the file. What follows the last box is of no interest."""
    found: dict[bytes, IsoBox] = {}
    for box in read_boxes(data, 0, len(data), budget):
        found.setdefault(box.kind, box)
    return found
