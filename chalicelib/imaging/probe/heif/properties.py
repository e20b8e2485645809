"""The properties of one item of a HEIF file that change what is seen (ISO/IEC 23008-12, 6.5)."""

from dataclasses import dataclass
from fractions import Fraction
from math import floor

from chalicelib.imaging.probe.header import METADATA, Box, Budget, Dimensions, corrupt, partial_box
from chalicelib.imaging.probe.heif.boxes import Fields, IsoBox
from chalicelib.imaging.probe.heif.items import Items

# An item cannot be shown without an essential property. These are read here, or change nothing here.
_KNOWN = frozenset({b"ispe", b"hvcC", b"av1C", b"colr", b"irot", b"imir", b"clap", b"auxC", b"a1op", b"lsel",
                    b"pixi", b"pasp", b"a1lx", b"rloc", b"clli", b"mdcv", b"cclv", b"amve", b"udes"})  # fmt: skip

# Quarters of a turn against the clock, and the axis of a mirror (0: top and bottom change places) → the orientation
# of EXIF. Tests compare it with Pillow's turns.
_ORIENTATIONS = {
    (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6,
    (0, 0): 4, (1, 0): 5, (2, 0): 2, (3, 0): 7,
    (0, 1): 2, (1, 1): 7, (2, 1): 4, (3, 1): 5,
}  # fmt: skip

_PROFILES = frozenset({b"prof", b"rICC"})


@dataclass
class Properties:
    """What is said of one item."""

    dimensions: Dimensions | None = None
    quarters: int = 0
    mirror: int | None = None
    aperture: tuple[Fraction, ...] = ()
    """Width and height of what is seen, and how far its middle is from that of the picture."""

    profile: bytes | None = None
    colors: bytes = b""
    """CICP code points: primaries, transfer, matrix, range."""

    config: bytes = b""
    auxiliary: bytes = b""
    """What an auxiliary picture is for."""

    layer: bytes = b""
    """The body of `lsel`: which layer is seen."""

    point: bytes = b""
    """The body of `a1op`: which operating point is decoded."""

    @property
    def orientation(self) -> int:
        return _ORIENTATIONS[self.quarters, self.mirror]

    def aperture_box(self, width: int, height: int) -> Box | None:
        """What is seen of the picture, if not all. An aperture that is not inside of it is ignored, as in browsers."""
        if not self.aperture:
            return None
        wide, high, right, down = self.aperture
        left, top = floor((width - wide) / 2 + right), floor((height - high) / 2 + down)
        box = left, top, left + floor(wide), top + floor(high)
        is_inside = 0 <= left < box[2] <= width and 0 <= top < box[3] <= height
        return partial_box(width, height, box) if is_inside else None


def read_properties(items: Items, item: int, budget: Budget) -> Properties:
    """The properties of an item. Raises ImageRejectedError where it needs one that is unknown here."""
    found = Properties()
    for box, is_essential in items.properties_of(item):
        if is_essential and box.kind not in _KNOWN:
            raise corrupt(f"it needs a property ({box.kind.decode('ascii', 'replace')}) that is unknown here")
        reader = _READERS.get(box.kind)
        if reader:
            reader(found, items.data, box, budget)
    return found


def _read_dimensions(found: Properties, data: bytes, box: IsoBox, _budget: Budget) -> None:
    fields = Fields(data, box.start, box.end)
    fields.version()
    found.dimensions = fields.uint(4), fields.uint(4)


def _read_turn(found: Properties, data: bytes, box: IsoBox, _budget: Budget) -> None:
    found.quarters = Fields(data, box.start, box.end).uint(1) & 3


def _read_mirror(found: Properties, data: bytes, box: IsoBox, _budget: Budget) -> None:
    found.mirror = Fields(data, box.start, box.end).uint(1) & 1


def _read_aperture(found: Properties, data: bytes, box: IsoBox, _budget: Budget) -> None:
    fields = Fields(data, box.start, box.end)
    words = [(_signed(fields.uint(4)), fields.uint(4)) for _number in range(4)]
    if all(below for _above, below in words):
        found.aperture = tuple(Fraction(above, below) for above, below in words)


def _signed(word: int) -> int:
    return word - (1 << 32) if word >> 31 else word


def _read_color(found: Properties, data: bytes, box: IsoBox, budget: Budget) -> None:
    fields = Fields(data, box.start, box.end)
    kind = fields.take(4)
    if kind == b"nclx" and not found.colors:
        primaries, transfer, matrix, full = fields.uint(2), fields.uint(2), fields.uint(2), fields.uint(1) >> 7
        if max(primaries, transfer, matrix) < 256:
            found.colors = bytes([primaries, transfer, matrix, full])
    elif kind in _PROFILES and found.profile is None:
        found.profile = fields.rest()
        budget.count(METADATA, len(found.profile))


def _read_config(found: Properties, data: bytes, box: IsoBox, budget: Budget) -> None:
    found.config = Fields(data, box.start, box.end).rest()
    budget.count(METADATA, len(found.config))


def _read_auxiliary(found: Properties, data: bytes, box: IsoBox, _budget: Budget) -> None:
    fields = Fields(data, box.start, box.end)
    fields.version()
    found.auxiliary = fields.rest().partition(b"\0")[0]


def _read_layer(found: Properties, data: bytes, box: IsoBox, _budget: Budget) -> None:
    found.layer = Fields(data, box.start, box.end).take(2)


def _read_point(found: Properties, data: bytes, box: IsoBox, _budget: Budget) -> None:
    found.point = Fields(data, box.start, box.end).take(1)


_READERS = {
    b"ispe": _read_dimensions,
    b"irot": _read_turn,
    b"imir": _read_mirror,
    b"clap": _read_aperture,
    b"colr": _read_color,
    b"hvcC": _read_config,
    b"av1C": _read_config,
    b"auxC": _read_auxiliary,
    b"lsel": _read_layer,
    b"a1op": _read_point,
}
