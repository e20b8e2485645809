"""The order of processing, and what each use takes of it.

In the parent, `probe` reads and bounds the headers, and `plan` computes the dimensions of the result. All steps run
in the guarded child: `run_in_child`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import BinaryIO

from PIL import Image

from chalicelib.imaging import plan, probe, watermark
from chalicelib.imaging.child import run_in_child
from chalicelib.imaging.color import drop_metadata, to_srgb, unify_mode
from chalicelib.imaging.crop import crop
from chalicelib.imaging.decode import (
    decode,
    decoding,
    load_rendition,
    may_exceed_memory,
    open_rendition,
    to_rgb,
    verify,
)
from chalicelib.imaging.encode import encode, encode_alike, encode_thumbnail, prepare
from chalicelib.imaging.jpeg_end import check_end
from chalicelib.imaging.orient import orient
from chalicelib.imaging.probe.header import Dimensions, Header
from chalicelib.imaging.rejection import ImageRejectedError
from chalicelib.imaging.shrink import can_shrink_again, shrink, shrink_to_thumbnail
from chalicelib.imaging.values import OUTPUTS, ImageInfo, Limits, Mark, Recipe, Rendition, Transform, Transformed
from chalicelib.imaging.watermark import mark
from chalicelib.imaging.work import Step, Work, run

# Once for an original: whatever is made of it, it is decoded once, and a JPEG at no more than the largest size needs.
DECODE: tuple[Step, ...] = (check_end, decode, unify_mode)

# Once for a size. What makes the picture smaller comes first, so that the later steps have fewer pixels.
RESIZE: tuple[Step, ...] = (crop, shrink, orient, to_srgb, drop_metadata)

# Once for a size: the plain files in every format, then the marked ones.
WRITE: tuple[Step, ...] = (encode, mark, encode)
WRITE_PLAIN: tuple[Step, ...] = (encode,)

STEPS = (*DECODE, *RESIZE, *WRITE)

# Uses that take other steps:
# A size from one that was resized before: it is upright and in sRGB already.
RESIZE_AGAIN: tuple[Step, ...] = (shrink,)
# A check makes no pixels. PNG is inflated, JPEG decoded at an eighth.
VERIFY: tuple[Step, ...] = (check_end, verify)
# An analysis measures between and after the steps: DECODE, RESIZE (`analysis`).
# The picture of an image mark is used in its own size: `watermark.IMAGE_STEPS`.
# Files that `render` made are upright and in sRGB: `mark_rendition` and `thumbnail` decode them without the guard.

# A larger rendition is not decoded for a thumbnail: it would take tens of milliseconds and 16 MB.
_MAX_THUMBNAIL_SOURCE_PIXELS = 4_000_000


def run_decoding(steps: tuple[Step, ...], work: Work, limits: Limits) -> None:
    """Runs steps whose failures are the picture's. What fails in the other steps is our fault."""
    stored = work.header.width, work.header.height
    with decoding(is_vast=may_exceed_memory(stored, limits)):
        run(steps, work)


def check(data: bytes, declared_type: str, limits: Limits) -> ImageInfo:
    """See `chalicelib.imaging.check`."""
    header = probe.read_header(data, declared_type, limits)
    work = Work(header.strip(data), header, (header.width, header.height))
    run_in_child(lambda _output: verify_work(work, limits), limits)
    return probe.image_info(header)


def verify_work(work: Work, limits: Limits) -> list[int]:
    """What `check` does in the child. Writes no file. Raises ImageRejectedError."""
    run_decoding(VERIFY, work, limits)
    return []


def render(data: bytes, recipe: Recipe, limits: Limits) -> list[Rendition]:
    """See `chalicelib.imaging.render`."""
    header = probe.read_header(data, "", limits)
    sizes = plan.variant_sizes(header, recipe)
    # In the parent, where it lasts.
    for format_ in recipe.formats:
        prepare(format_)
    if recipe.mark:
        for size in sizes:
            watermark.place(recipe.mark, size)
    stripped = header.strip(data)
    files = run_in_child(lambda output: write_variants(stripped, header, recipe, limits, output), limits)
    return plan.renditions(header, recipe, files)


def write_variants(data: bytes, header: Header, recipe: Recipe, limits: Limits, output: BinaryIO) -> list[int]:
    """What `render` does in the child: writes the files in the order of `plan.renditions`, returns their lengths.

    Raises ImageRejectedError.
    """
    sizes = plan.variant_sizes(header, recipe)
    original = Work(
        data, header, header.turn(sizes[0]), formats=recipe.formats, quality=recipe.quality, mark=recipe.mark,
        output=output,
    )  # fmt: skip
    run_decoding(DECODE, original, limits)
    resized: list[Image.Image] = []
    for size in sizes:
        work = _resize(original, size, resized, limits)
        run(WRITE if recipe.mark else WRITE_PLAIN, work)
    return original.lengths


def _resize(original: Work, size: Dimensions, resized: list[Image.Image], limits: Limits) -> Work:
    """One size of a decoded original, made from one of the `resized` images where that is as good.

    `resized` has the images that were made from the original itself, and gains this one if it is too.
    """
    larger = [image for image in resized if can_shrink_again(image, size)]
    if larger:
        work = replace(original, size=size)
        work.image = min(larger, key=lambda image: image.size)
        run_decoding(RESIZE_AGAIN, work, limits)
        return work
    work = replace(original, size=original.header.turn(size))
    run_decoding(RESIZE, work, limits)
    resized.append(work.image)
    return work


def transform(data: bytes, declared_type: str, options: Transform, limits: Limits) -> Transformed:
    """See `chalicelib.imaging.transform`."""
    header = probe.read_header(data, declared_type, limits)
    planned = plan.plan_transform(header, options, limits)
    prepare(planned.format)
    work = Work(
        header.strip(data), header, header.turn(planned.dimensions), header.turn(planned.crop), (planned.format,),
        options.quality,
    )  # fmt: skip
    [file] = run_in_child(lambda output: write_transformed(replace(work, output=output), limits), limits)
    media_type, extension = OUTPUTS[planned.format]
    return Transformed(file, planned.format, media_type, *planned.dimensions, extension, header.frames > 1)


def write_transformed(work: Work, limits: Limits) -> list[int]:
    """What `transform` does in the child. Raises ImageRejectedError."""
    run_decoding((*DECODE, *RESIZE), work, limits)
    try:
        run(WRITE_PLAIN, work)
    except Exception:
        # Encoders have many words for a lack of memory.
        if may_exceed_memory(work.image.size, limits):
            raise ImageRejectedError("resource_limit") from None
        raise
    return work.lengths


def mark_rendition(data: bytes, mark: Mark, quality: int) -> bytes:
    """Decodes, marks, encodes; see `chalicelib.imaging.mark`."""
    with decoding():
        image = open_rendition(data)
        if watermark.place(mark, image.size) is None:
            return data
        format_ = image.format or ""
        image = load_rendition(image, "YCbCr", image.size)
    if format_ != "JPEG":
        image = to_rgb(image)
    watermark.stamp(image, mark)
    return encode_alike(image, format_, quality)


def thumbnail(data: bytes, side: int) -> Transformed:
    """Decodes, shrinks, encodes; see `chalicelib.imaging.thumbnail`."""
    with decoding():
        image = open_rendition(data)
        if image.width * image.height > _MAX_THUMBNAIL_SOURCE_PIXELS:
            raise ImageRejectedError("too_many_pixels")
        image = to_rgb(load_rendition(image, "RGB", (side, side)))
        shrink_to_thumbnail(image, side)
        file = encode_thumbnail(image)
    return Transformed(file, "jpeg", "image/jpeg", *image.size, "jpg", is_first_frame=False)
