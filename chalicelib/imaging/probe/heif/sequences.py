"""How many pictures the sequence of a HEIF file has: its tracks (ISO/IEC 14496-12, 8.3 to 8.7)."""

from chalicelib.imaging.probe.header import Budget
from chalicelib.imaging.probe.heif.boxes import Fields, IsoBox, read_children
from chalicelib.imaging.probe.heif.items import find_box

_PATH = (b"mdia", b"minf", b"stbl")
_SIZES = (b"stsz", b"stz2")
_PICTURES = frozenset({b"pict", b"vide"})
# In the boxes that say what a track is for, and how large its samples are.
_HANDLER_AT, _COUNT_AT = 8, 8


def count_frames(data: bytes, movie: IsoBox, budget: Budget) -> int:
    """The samples of the track of pictures that has most; 0 where there is none."""
    tracks = (box for box in read_children(data, movie.start, movie.end, budget) if box.kind == b"trak")
    return max((_samples(data, track, budget) for track in tracks), default=0)


def _samples(data: bytes, track: IsoBox, budget: Budget) -> int:
    inside = list(read_children(data, track.start, track.end, budget))
    for name in _PATH:
        parent = find_box(inside, name)
        if parent is None:
            return 0
        inside = list(read_children(data, parent.start, parent.end, budget))
        if name == b"mdia" and not _is_of_pictures(data, find_box(inside, b"hdlr")):
            return 0
    sizes = next((box for box in inside if box.kind in _SIZES), None)
    return _number(data, sizes, _COUNT_AT) if sizes else 0


def _is_of_pictures(data: bytes, handler: IsoBox | None) -> bool:
    return handler is not None and _number(data, handler, _HANDLER_AT).to_bytes(4, "big") in _PICTURES


def _number(data: bytes, box: IsoBox, at: int) -> int:
    return Fields(data, box.start + at, box.end).uint(4)
