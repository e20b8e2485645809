"""The step that crops: it narrows what `shrink` resizes, and copies no pixel."""

from chalicelib.core.image_values import CENTER, Point
from chalicelib.imaging.detail import most_detailed
from chalicelib.imaging.work import Plane, Shares, Work


def crop(work: Work) -> None:
    """Leaves the part that `work.crop` names, with `work.focus` as near to its middle as the picture allows."""
    focus = _focus(work)
    work.planes = tuple(_crop(plane, work.crop, focus) for plane in work.planes)


def _focus(work: Work) -> Point:
    if not isinstance(work.focus, str):
        return work.focus
    return CENTER if work.detail is None else most_detailed(work.detail, work.crop)


def _crop(plane: Plane, shares: Shares, focus: Point) -> Plane:
    _, _, width, height = plane.box
    left, right = (width * edge for edge in _edges(shares[0], focus[0]))
    top, bottom = (height * edge for edge in _edges(shares[1], focus[1]))
    return plane._replace(box=(left, top, right, bottom))


def _edges(share: float, focus: float) -> tuple[float, float]:
    """Where the part of a side begins and ends."""
    start = min(max(0.0, focus - share / 2), 1 - share)
    return start, start + share
