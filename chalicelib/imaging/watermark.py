"""The step that marks: texts and pictures, drawn onto the image.

A mark is a tile, drawn once for each mark and size, and cached. It is pasted through its own transparency, so nothing
outside of its box changes.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from PIL import Image

from chalicelib.imaging.mark_picture import fit_picture
from chalicelib.imaging.mark_text import draw_text
from chalicelib.imaging.probe.header import Dimensions
from chalicelib.imaging.recipe import Mark
from chalicelib.imaging.work import Work

# The most repetitions along a side of the picture.
_MAX_REPETITIONS = 64


class PlacedTile(NamedTuple):
    """A tile (RGBA), and where its upper left corner goes; when it is repeated, also beyond the picture's edges."""

    tile: Image.Image
    corners: tuple[tuple[int, int], ...]


def mark(work: Work) -> None:
    """The step: replaces the image with a marked copy; the plain one may be needed again."""
    if work.marks:
        work.image = marked(work.image, work.marks)


def marked(image: Image.Image, marks: Sequence[Mark]) -> Image.Image:
    copy = image.copy()
    stamp(copy, marks)
    return copy


def stamp(image: Image.Image, marks: Sequence[Mark]) -> None:
    """Draws the marks onto `image`, in place; one that would not be legible is left out."""
    for each in marks:
        placed = place(each, image.size)
        if placed is not None:
            _stamp(image, placed)


def _stamp(image: Image.Image, placed: PlacedTile) -> None:
    tile = placed.tile
    # Of RGBA, the transparency of both counts.
    color = None if image.mode == "RGBA" else tile.convert(image.mode)
    for left, top in placed.corners:
        if color is None:
            image.alpha_composite(tile, (max(0, left), max(0, top)), (max(0, -left), max(0, -top)))
        else:
            image.paste(color, (left, top), tile)


def place(mark: Mark, dimensions: Dimensions) -> PlacedTile | None:
    """The tile for a picture of these dimensions, and its places; None where none fits."""
    margin = round(min(dimensions) * mark.margin)
    room = dimensions if mark.tile else (dimensions[0] - 2 * margin, dimensions[1] - 2 * margin)
    tile = draw_text(mark, dimensions, room) if mark.image is None else fit_picture(mark, dimensions, room)
    if tile is None:
        return None
    if mark.tile:
        return PlacedTile(tile, tuple(_repetitions(mark, dimensions, tile.size)))
    return PlacedTile(tile, (_corner(mark, dimensions, margin, tile.size),))


def _corner(mark: Mark, dimensions: Dimensions, margin: int, tile: Dimensions) -> tuple[int, int]:
    across = _along(mark.position, ("left", "right"), dimensions[0] - 2 * margin - tile[0])
    down = _along(mark.position, ("top", "bottom"), dimensions[1] - 2 * margin - tile[1])
    return (
        _inside(margin + across + round(mark.offset[0] * dimensions[0]), dimensions[0] - tile[0]),
        _inside(margin + down + round(mark.offset[1] * dimensions[1]), dimensions[1] - tile[1]),
    )


def _along(position: str, edges: tuple[str, str], last: int) -> int:
    """From 0 to `last`, by the words in a position; without one of the edges, in the middle."""
    if edges[0] in position:
        return 0
    return last if edges[1] in position else last // 2


def _inside(place: int, last: int) -> int:
    return max(0, min(place, last))


def _repetitions(mark: Mark, dimensions: Dimensions, tile: Dimensions) -> Iterator[tuple[int, int]]:
    """Rows from the middle of the picture outwards, every second one moved by half a step."""
    across, down = (
        max(1, math.ceil(side * (1 + mark.gap)), whole // _MAX_REPETITIONS)
        for side, whole in zip(tile, dimensions, strict=True)
    )
    middle = (dimensions[0] - tile[0]) // 2, (dimensions[1] - tile[1]) // 2
    rows = dimensions[1] // down // 2 + 2
    columns = dimensions[0] // across // 2 + 2
    for row in range(-rows, rows + 1):
        top = middle[1] + row * down
        for column in range(-columns, columns + 1):
            left = middle[0] + column * across + (row % 2) * (across // 2)
            if -tile[0] < left < dimensions[0] and -tile[1] < top < dimensions[1]:
                yield left, top
