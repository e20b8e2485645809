"""Checks, resizes, marks and analyzes pictures: bytes in, bytes out. `pipeline` has the order of the steps.

Knows no AWS and no environment. Pillow is imported with the first picture, so that importing
this package costs almost nothing.
"""

from chalicelib.core.image_values import FONTS, MAX_QUALITY, Size
from chalicelib.imaging.decoders import find_decoder_fault
from chalicelib.imaging.findings import Analysis
from chalicelib.imaging.rejection import REASONS, ImageRejectedError, describe
from chalicelib.imaging.values import (
    FITS,
    FORMATS,
    MAX_SIDE,
    Fit,
    ImageInfo,
    Limits,
    Mark,
    Recipe,
    Rendition,
    Transform,
    Transformed,
)

_DEFAULT_LIMITS = Limits()


def identify(data: bytes, limits: Limits = _DEFAULT_LIMITS) -> ImageInfo:
    """Type and dimensions of a picture, by its headers alone: nothing is decoded. Raises ImageRejectedError."""
    from chalicelib.imaging import probe

    return probe.image_info(probe.read_header(data, "", limits))


def check(data: bytes, declared_type: str, limits: Limits = _DEFAULT_LIMITS) -> ImageInfo:
    """Type and dimensions of a picture, after its headers and its data were found sound.

    `declared_type` is the media type that the sender named; empty or octet-stream if none.
    Raises ImageRejectedError; OSError and RuntimeError are temporary failures of this machine.
    """
    from chalicelib.imaging import pipeline

    return pipeline.check(data, declared_type, limits)


def render(data: bytes, recipe: Recipe, limits: Limits = _DEFAULT_LIMITS) -> list[Rendition]:
    """Every size in every format, plain and, if `recipe.mark` is set, also marked.

    In the order of the recipe's sizes. Each fits its box in the original proportions, is never
    enlarged, is upright, in sRGB and without metadata; transparency is kept, but becomes white in a
    JPEG. A size that is larger than the original is made in the original's dimensions. Of animations,
    the first frame. A picture too small for a legible mark counts as marked, without a mark.

    Needs no `check` before it: it applies the same limits. Raises ImageRejectedError;
    ValueError if the mark's own image cannot be read; OSError and RuntimeError are temporary
    failures of this machine.
    """
    from chalicelib.imaging import pipeline

    return pipeline.render(data, recipe, limits)


def mark(data: bytes, mark: Mark, quality: int) -> bytes:
    """A rendition with a mark, in the same format.

    Only for files that `render` made: it decodes without the guard. A JPEG keeps its tables, its
    progressive order and its YCbCr. WebP and AVIF do not record their quality: they are encoded
    again at `quality`, which should be that of the recipe. If no mark would be legible, returns
    `data`. Raises ImageRejectedError if `data` cannot be read, ValueError if the mark's own
    image cannot.
    """
    from chalicelib.imaging import pipeline

    return pipeline.mark_rendition(data, mark, quality)


def thumbnail(data: bytes, side: int) -> Transformed:
    """A rendition as an RGB JPEG of at most `side` pixels a side, never enlarged; transparency becomes white.

    Only for files that `render` made: it decodes without the guard. Raises ImageRejectedError if `data` cannot be
    read, or has more than 4 megapixels.
    """
    from chalicelib.imaging import pipeline

    return pipeline.thumbnail(data, side)


def undrawable(mark: Mark) -> str:
    """The characters of the mark's text that its font lacks, each once. The mark shows boxes instead."""
    from chalicelib.imaging import watermark

    return watermark.undrawable(mark)


def transform(data: bytes, declared_type: str, options: Transform, limits: Limits = _DEFAULT_LIMITS) -> Transformed:
    """One picture, in the box and the format that `options` name.

    The result is upright, in sRGB and without metadata; transparency is kept, but becomes white in a
    JPEG. Of an animation, the first frame. The same input gives the same bytes.

    A result has at most `limits.max_pixels`, and no side is longer than MAX_SIDE or, if longer, the
    longest of the original; a WebP has at most 16,383 a side, an AVIF 24,000,000 pixels. AVIF takes
    by far the most CPU time: about five seconds for 8 megapixels, and no more for larger ones.

    `declared_type` is as for `check`. Needs no `check` before it. Raises ImageRejectedError, with
    the reason too_many_pixels also if the result would have too many; OSError and RuntimeError
    are temporary failures of this machine.
    """
    from chalicelib.imaging import pipeline

    return pipeline.transform(data, declared_type, options, limits)


def analyze(data: bytes, declared_type: str, limits: Limits = _DEFAULT_LIMITS) -> Analysis:
    """The header of a picture, its colors and tones, and how it was taken.

    Colors and histogram leave out pixels that are more transparent than opaque. The same input
    gives the same answer. Arguments and errors are those of `check`, which is not needed before.
    """
    from chalicelib.imaging import analysis

    return analysis.analyze(data, declared_type, limits)
