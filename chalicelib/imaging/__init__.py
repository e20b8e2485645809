"""Pictures: what they are, and what is made of them. Bytes in, bytes out.

Knows no AWS and no environment. Pillow is imported with the first picture, so that importing
this package costs next to nothing.
"""

from __future__ import annotations

from chalicelib.imaging.findings import Analysis
from chalicelib.imaging.rejection import REASONS, ImageRejectedError, describe
from chalicelib.imaging.values import (
    FITS,
    FONTS,
    FORMATS,
    MAX_QUALITY,
    MAX_SIDE,
    Fit,
    ImageInfo,
    Limits,
    Mark,
    Recipe,
    Rendition,
    Size,
    Transform,
    Transformed,
)

__all__ = [
    "FITS",
    "FONTS",
    "FORMATS",
    "MAX_QUALITY",
    "MAX_SIDE",
    "REASONS",
    "Analysis",
    "Fit",
    "ImageInfo",
    "ImageRejectedError",
    "Limits",
    "Mark",
    "Recipe",
    "Rendition",
    "Size",
    "Transform",
    "Transformed",
    "analyze",
    "check",
    "describe",
    "mark",
    "render",
    "thumbnail",
    "transform",
    "undrawable",
]

_DEFAULT_LIMITS = Limits()


def check(data: bytes, declared_type: str, limits: Limits = _DEFAULT_LIMITS) -> ImageInfo:
    """What the picture is, once its headers and then its data have been found sound.

    `declared_type` is the media type that the sender named; empty or octet-stream where it
    named none. Raises ImageRejectedError; OSError and RuntimeError are passing faults of this
    machine.
    """
    from chalicelib.imaging import decode, probe

    header = probe.probe(data, declared_type, limits)
    decode.verify(data, header, limits)
    return probe.info(header)


def render(data: bytes, recipe: Recipe, limits: Limits = _DEFAULT_LIMITS) -> list[Rendition]:
    """Every size in every format, plain and, if `recipe.mark` is set, marked as well.

    In the order of the recipe's sizes. Each fits its box with the proportions kept, is never
    enlarged, stands upright, is in sRGB and carries no metadata; what was clear stays so, but turns
    white in a JPEG. A size that the original does not fill is made all the same, in the original's
    dimensions. Of animations, the first frame. A picture too small for a legible mark counts as
    marked without bearing one.

    Needs no `check` before it: it holds the same limits itself. Raises ImageRejectedError;
    ValueError where the mark's own image cannot be read; OSError and RuntimeError are passing
    faults of this machine.
    """
    from chalicelib.imaging import variants

    return variants.render(data, recipe, limits)


def mark(data: bytes, mark: Mark, quality: int) -> bytes:
    """The same rendition with a mark, in the same format.

    For files that `render` made: it decodes without the guard. A JPEG keeps its tables, its
    progressive order and its YCbCr. WebP and AVIF do not record what they were encoded at: they
    are encoded again at `quality`, which should be that of the recipe. Where no mark would be
    legible the same bytes come back. Raises ImageRejectedError where `data` cannot be read,
    ValueError where the mark's own image cannot.
    """
    from chalicelib.imaging import watermark

    return watermark.mark(data, mark, quality)


def thumbnail(data: bytes, side: int) -> Transformed:
    """A rendition as an RGB JPEG of no more than `side` pixels a side, never enlarged; what was clear is white.

    For files that `render` made: it decodes without the guard. Raises ImageRejectedError where `data` cannot be
    read, or has more than 4 megapixels.
    """
    from chalicelib.imaging import thumbnails

    return thumbnails.thumbnail(data, side)


def undrawable(mark: Mark) -> str:
    """The characters of the mark's text that its font lacks, each once: boxes are drawn in their place."""
    from chalicelib.imaging import watermark

    return watermark.undrawable(mark)


def transform(data: bytes, declared_type: str, wish: Transform, limits: Limits = _DEFAULT_LIMITS) -> Transformed:
    """One picture, in the box and the format that `wish` names.

    It stands upright, is in sRGB and carries no metadata; what was clear stays so, but turns
    white in a JPEG. Of an animation it is the first frame. The same input gives the same bytes.

    A result never has more than `limits.max_pixels`, nor a side above MAX_SIDE that the original
    does not have; a WebP has at most 16,383 a side, an AVIF 24,000,000 pixels. AVIF takes by far
    the most CPU time: some five seconds for 8 megapixels, and no more for what is larger.

    `declared_type` is as for `check`. Needs no `check` before it. Raises ImageRejectedError, with
    the reason too_many_pixels also where the result would have too many; OSError and RuntimeError
    are passing faults of this machine.
    """
    from chalicelib.imaging import shaping

    return shaping.transform(data, declared_type, wish, limits)


def analyze(data: bytes, declared_type: str, limits: Limits = _DEFAULT_LIMITS) -> Analysis:
    """What there is to say of a picture: its header, its colors, how it was taken.

    Pixels that are more clear than opaque count neither among its colors nor in its histogram.
    The same input gives the same answer. Arguments and errors are those of `check`, which it
    does not need before it.
    """
    from chalicelib.imaging import analysis

    return analysis.analyze(data, declared_type, limits)
