"""Checks, resizes, marks and analyzes pictures: bytes in, bytes out. `pipeline` has the order of the steps.

Knows no AWS and no environment. Pillow is imported with the first picture, so that importing
this package costs almost nothing.
"""

from collections.abc import Collection, Sequence

from chalicelib.core.image_values import AUTO, FONTS, MAX_QUALITY, Quality, Size
from chalicelib.core.presets.values import Animation
from chalicelib.imaging.decoders import find_decoder_fault
from chalicelib.imaging.findings import Analysis
from chalicelib.imaging.recipe import Mark, Recipe, Rendition
from chalicelib.imaging.rejection import REASONS, ImageRejectedError, describe
from chalicelib.imaging.values import FITS, FORMATS, MAX_SIDE, Fit, Glimpse, ImageInfo, Limits, Transform, Transformed

_DEFAULT_LIMITS = Limits()


def identify(data: bytes, limits: Limits = _DEFAULT_LIMITS) -> ImageInfo:
    """Type and dimensions of a picture, by its headers alone: nothing is decoded. Raises ImageRejectedError."""
    from chalicelib.imaging import probe

    return probe.image_info(probe.read_header(data, "", limits))


def check(data: bytes, declared_type: str, limits: Limits = _DEFAULT_LIMITS, *, pixels: bool = True) -> ImageInfo:
    """Type and dimensions of a picture, after its headers and its data were found sound.

    Without `pixels`, its headers and its structure alone: what decodes it later finds the rest.

    `declared_type` is the media type that the sender named; empty or octet-stream if none.
    Raises ImageRejectedError; OSError and RuntimeError are temporary failures of this machine.
    """
    from chalicelib.imaging import pipeline

    return pipeline.check(data, declared_type, limits, pixels=pixels)


def render(
    data: bytes, recipe: Recipe, limits: Limits = _DEFAULT_LIMITS, wanted: Collection[tuple[str, str]] | None = None
) -> list[Rendition]:
    """Every size in every format, plain and, if the recipe has marks, also marked; or of these what is `wanted`.

    `wanted` has pairs of a size's name and a resolved format (`output_formats`).

    In the order of the recipe's sizes. Each is upright and in sRGB, without metadata but what `recipe.keep` names;
    transparency is kept, but becomes the background in a JPEG. A size of the fit `inside` that is larger than the
    original is made in the original's dimensions. Of animations, the first frame, but a WebP within
    `recipe.animation`. A picture too small for a legible mark counts as marked, without a mark.

    Needs no `check` before it: it applies the same limits. Raises ImageRejectedError;
    ValueError if a mark's own image or font cannot be read; OSError and RuntimeError are temporary
    failures of this machine.
    """
    from chalicelib.imaging import rendering

    return rendering.render(data, recipe, limits, wanted)


def output_formats(recipe: Recipe, original: str, frames: int) -> tuple[str, ...]:
    """The formats of a recipe's files, each once, for an original of that format (as ImageInfo names it)."""
    from chalicelib.imaging import variants

    return variants.output_formats(recipe, original, frames)


def mark(data: bytes, marks: Sequence[Mark], quality: Quality) -> bytes:
    """A rendition with marks, in the same format; an animation stays one.

    Only for files that `render` made: it decodes without the guard. A JPEG keeps its tables, its
    progressive order and its YCbCr. WebP and AVIF do not record their quality: they are encoded
    again at `quality`, which should be that of the recipe. If no mark would be legible, returns
    `data`. Raises ImageRejectedError if `data` cannot be read, ValueError if a mark's own
    image or font cannot.
    """
    from chalicelib.imaging import pipeline

    return pipeline.mark_rendition(data, marks, quality)


def thumbnail(data: bytes, side: int) -> Transformed:
    """A rendition as an RGB JPEG of at most `side` pixels a side, never enlarged; transparency becomes white.

    Only for files that `render` made: it decodes without the guard. Raises ImageRejectedError if `data` cannot be
    read, or has more than 4 megapixels.
    """
    from chalicelib.imaging import pipeline

    return pipeline.thumbnail(data, side)


def check_mark(mark: Mark) -> None:
    """Raises ValueError if the mark's own image or font cannot be read."""
    from chalicelib.imaging import watermark

    watermark.place(mark, (1_000, 1_000))


def glimpse(data: bytes) -> Glimpse:
    """The ThumbHash and the dominant color of a rendition, which should be tiny.

    Only for files that `render` made: it decodes without the guard. Raises ImageRejectedError if `data` cannot be read.
    """
    from chalicelib.imaging import glimpses

    return glimpses.glimpse(data)


def undrawable(mark: Mark) -> str:
    """The characters of the mark's text that its font lacks, each once. The mark shows boxes instead."""
    from chalicelib.imaging import mark_text

    return mark_text.undrawable(mark)


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
