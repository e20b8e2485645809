"""The step that crops: it narrows what `shrink` resizes, and copies no pixel."""

from chalicelib.imaging.work import Plane, Work


def crop(work: Work) -> None:
    """Leaves the part about the center that `work.crop` names."""
    work.planes = tuple(_crop(plane, *work.crop) for plane in work.planes)


def _crop(plane: Plane, across: float, down: float) -> Plane:
    _, _, width, height = plane.box
    left, top = width * (1 - across) / 2, height * (1 - down) / 2
    return plane._replace(box=(left, top, width - left, height - top))
