"""The sizes and formats: one decode of the original serves them all.

Decoding, which costs most, is done once. A size much smaller than another is made from that one,
since shrinking costs time in proportion to what is shrunk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image

from chalicelib.imaging import encoding, watermark
from chalicelib.imaging.decode import decoding, guarded, is_vast
from chalicelib.imaging.header import Header
from chalicelib.imaging.pixels import Dimensions, Source, finished, fitted, loaded, resized, reusable
from chalicelib.imaging.probe import probe, upright
from chalicelib.imaging.values import OUTPUTS, Limits, Recipe, Rendition, Size


@dataclass(frozen=True)
class _Print:
    """One file to make. Sizes that come out equal share it."""

    dimensions: Dimensions
    marked: bool
    format: str


def render(data: bytes, recipe: Recipe, limits: Limits) -> list[Rendition]:
    """Every rendition that `recipe` asks for; see `chalicelib.imaging.render`."""
    header = probe(data, "", limits)
    _prepare(header, recipe)
    picture = header.picture(data)
    files = guarded(lambda output: write_prints(picture, header, recipe, limits, output), limits)
    made = dict(zip(_prints(header, recipe), files, strict=True))
    return [
        _rendition(size, one, made[one])
        for size in recipe.sizes
        for one in _prints_of(_dimensions(header, size), recipe)
    ]


def write_prints(picture: bytes, header: Header, recipe: Recipe, limits: Limits, output: BinaryIO) -> list[int]:
    """Makes all files of `recipe` and writes them to `output`; returns their lengths.

    Without any guard: for the inside of the child. Raises ImageRejectedError.
    """
    with decoding(is_vast=is_vast(header, limits)):
        first = _all_dimensions(header, recipe)[0]
        source = loaded(picture, header, first, recipe.formats)
    lengths = []
    direct: list[Image.Image] = []
    for dimensions in _all_dimensions(header, recipe):
        with decoding(is_vast=is_vast(header, limits)):
            image = _image(source, header, dimensions, direct)
        marked = _marked(image, recipe)
        for one in _prints_of(dimensions, recipe):
            lengths.append(encoding.encode(marked if one.marked else image, one.format, recipe.quality, output))
    return lengths


def _image(source: Source, header: Header, dimensions: Dimensions, direct: list[Image.Image]) -> Image.Image:
    """The picture in these dimensions, of one that was made before if that is as good.

    `direct` has those that were made of the original itself, and gains this one if it is too.
    """
    larger = reusable(direct, dimensions)
    if larger is not None:
        return resized(larger, dimensions)
    image = finished(source, header, dimensions)
    direct.append(image)
    return image


def _prepare(header: Header, recipe: Recipe) -> None:
    """Does in the parent, where it lasts, what every child would have to do again."""
    for form in recipe.formats:
        encoding.prepare(form)
    if recipe.mark:
        for dimensions in _all_dimensions(header, recipe):
            watermark.place(recipe.mark, dimensions)


def _all_dimensions(header: Header, recipe: Recipe) -> list[Dimensions]:
    """The dimensions to make, each once, the largest first."""
    return sorted({_dimensions(header, size) for size in recipe.sizes}, reverse=True)


def _dimensions(header: Header, size: Size) -> Dimensions:
    return fitted(upright(header), size.width, size.height)


def _prints(header: Header, recipe: Recipe) -> list[_Print]:
    """The files to make, in the order in which they are written."""
    dimensions = _all_dimensions(header, recipe)
    return [one for each in dimensions for one in _prints_of(each, recipe)]


def _prints_of(dimensions: Dimensions, recipe: Recipe) -> list[_Print]:
    kinds = (False, True) if recipe.mark else (False,)
    return [_Print(dimensions, marked, form) for marked in kinds for form in recipe.formats]


def _rendition(size: Size, one: _Print, data: bytes) -> Rendition:
    media_type, extension = OUTPUTS[one.format]
    width, height = one.dimensions
    return Rendition(size.name, one.format, media_type, extension, width, height, one.marked, data)


def _marked(image: Image.Image, recipe: Recipe) -> Image.Image:
    if recipe.mark is None:
        return image
    marked = image.copy()
    watermark.stamp(marked, recipe.mark)
    return marked
