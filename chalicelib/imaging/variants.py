"""What a recipe makes of an original, computed from its header before a pixel is decoded.

Sizes that come out equal share their files.
"""

import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from chalicelib.core.image_values import CENTER, OUTPUTS, SAME, Point, Size, parse_color
from chalicelib.core.presets.values import Animation
from chalicelib.imaging.plan import OWN_FORMATS, cover, fit_inside
from chalicelib.imaging.probe import webp
from chalicelib.imaging.probe.header import Dimensions, Header
from chalicelib.imaging.recipe import Recipe, Rendition
from chalicelib.imaging.work import UNCROPPED, Bars, Shares

Wanted = Collection[tuple[str, str]] | None
"""Pairs of a size's name and a format; None for all."""

# Decoding a megapixel of frames, and shrinking it, takes 50 ms of CPU time, measured on noise.
_MAX_DECODED_PIXELS = 32_000_000


@dataclass(frozen=True)
class Placement:
    """How a picture goes into a file; upright, in pixels."""

    dimensions: Dimensions
    """Of the file."""

    picture: Dimensions
    """Of the picture in it; where that is less, there are bars."""

    crop: Shares = UNCROPPED
    focus: Point | str = CENTER
    background: tuple[int, int, int] | None = None
    """The color of the bars; None for transparent ones, and where there are none."""

    @property
    def bars(self) -> Bars | None:
        return None if self.dimensions == self.picture else Bars(self.dimensions, self.background)

    @property
    def whole(self) -> Dimensions:
        """What the whole original would measure, if nothing was cropped."""
        return math.ceil(self.picture[0] / self.crop[0]), math.ceil(self.picture[1] / self.crop[1])


@dataclass(frozen=True)
class File:
    """One file to write."""

    placement: Placement
    format: str
    watermarked: bool
    frames: int = 1


@dataclass(frozen=True)
class Plan:
    """The files in the order in which they are written, and which of them each variant has."""

    files: tuple[File, ...]
    variants: tuple[tuple[str, File], ...]
    """Names of sizes, with their files, in the order of the recipe."""

    @property
    def placements(self) -> list[Placement]:
        """Those of all files, each once, the largest first."""
        return _placements(self.files)

    @property
    def decoded(self) -> Dimensions:
        """The dimensions of the whole original from which all files can be made without a loss."""
        wholes = [each.whole for each in self.placements]
        return max(width for width, _ in wholes), max(height for _, height in wholes)

    @property
    def formats(self) -> tuple[str, ...]:
        """Those of all files, each once, in the order of the recipe."""
        return tuple(dict.fromkeys(each.format for _, each in self.variants))

    @property
    def animations(self) -> list[File]:
        return [each for each in self.files if each.frames > 1]

    def stills(self, placement: Placement, *, watermarked: bool) -> tuple[str, ...]:
        """The formats of the still files of a placement."""
        return tuple(
            each.format
            for each in self.files
            if (each.placement, each.watermarked) == (placement, watermarked) and each.frames == 1
        )

    def renditions(self, written: Iterable[tuple[bytes, int | None]]) -> list[Rendition]:
        """`written` has the bytes of `files`, and their qualities where those were measured."""
        found = dict(zip(self.files, written, strict=True))
        return [_rendition(name, each, *found[each]) for name, each in self.variants]


def _rendition(size: str, file: File, data: bytes, quality: int | None) -> Rendition:
    # The encoder merges frames that look alike.
    frames = webp.count_frames(data) if file.frames > 1 else 1
    return Rendition(
        size, file.format, *OUTPUTS[file.format], *file.placement.dimensions, file.watermarked, data, frames, quality
    )


def plan(header: Header, recipe: Recipe, wanted: Wanted = None) -> Plan:
    """What `recipe` makes of the original, as far as it is wanted."""
    formats = output_formats(recipe, header.format, header.frames)
    background = parse_color(recipe.background) if recipe.background else None
    placements = {size: _place(header.upright, size, background) for size in recipe.sizes}
    moving = _animated(header, recipe.animation, set(placements.values())) if "webp" in formats else set()

    def file(size: Size, format_: str, watermarked: bool) -> File:
        placement = placements[size]
        return File(placement, format_, watermarked, header.frames if (placement, format_) in moving else 1)

    variants = tuple(
        (size.name, file(size, format_, watermarked))
        for size in recipe.sizes
        for watermarked in ((False, True) if recipe.marks else (False,))
        for format_ in formats
        if wanted is None or (size.name, format_) in wanted
    )
    return Plan(tuple(_in_order(dict.fromkeys(each for _, each in variants))), variants)


def output_formats(recipe: Recipe, original: str, frames: int) -> tuple[str, ...]:
    """The formats of a recipe's files, each once. `original` is the original's format, in Pillow's words."""
    own = "webp" if recipe.animation and frames > 1 else OWN_FORMATS[original]
    return tuple(dict.fromkeys(own if each == SAME else each for each in recipe.formats))


def _place(original: Dimensions, size: Size, background: tuple[int, int, int] | None) -> Placement:
    if size.width is None or size.height is None or size.fit == "inside":
        inside = fit_inside(original, size.width or math.inf, size.height or math.inf)
        return Placement(inside, inside)
    box = size.width, size.height
    if size.fit == "exact":
        return Placement(box, box)
    if size.fit == "contain":
        scale = min(box[0] / original[0], box[1] / original[1])
        picture = max(1, round(original[0] * scale)), max(1, round(original[1] * scale))
        return Placement(box, picture, background=None if picture == box else background)
    crop = cover(original, box)
    return Placement(box, box, crop, CENTER if crop == UNCROPPED else size.focus)


def _animated(
    header: Header, animation: Animation | None, placements: Collection[Placement]
) -> set[tuple[Placement, str]]:
    """The placements whose WebP is animated: the smallest ones, as far as the bounds allow."""
    motion = header.motion
    if animation is None or motion is None or header.frames > animation.frames or motion.seconds > animation.seconds:
        return set()
    if header.frames * header.width * header.height > _MAX_DECODED_PIXELS:
        return set()
    moving, pixels = set(), 0
    for placement in sorted(placements, key=lambda each: math.prod(each.dimensions)):
        pixels += header.frames * math.prod(placement.dimensions)
        if pixels > animation.pixels:
            break
        moving.add((placement, "webp"))
    return moving


def _in_order(files: Collection[File]) -> Iterator[File]:
    """As they are written: the largest first, of each the plain ones first; animations at the end."""
    for is_moving in (False, True):
        for placement in _placements(files):
            for watermarked in (False, True):
                what = placement, watermarked, is_moving
                yield from (each for each in files if (each.placement, each.watermarked, each.frames > 1) == what)


def _placements(files: Iterable[File]) -> list[Placement]:
    """Each once, the largest first."""

    def order(placement: Placement) -> tuple[object, ...]:
        return placement.picture, placement.dimensions, placement.crop, str(placement.focus)

    return sorted({each.placement for each in files}, key=order, reverse=True)
