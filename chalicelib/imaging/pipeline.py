"""The order of processing, and what each use takes of it.

Before the steps, in the parent: `probe` reads and bounds the headers, `plan` computes the dimensions of the result.
The steps themselves run in a guarded child (`child`).
"""

from dataclasses import replace

from PIL import Image

from chalicelib.core.image_values import OUTPUTS
from chalicelib.imaging import decoders, plan, probe, watermark
from chalicelib.imaging.child import run_in_child
from chalicelib.imaging.color import drop_metadata, to_srgb, unify_mode
from chalicelib.imaging.crop import crop
from chalicelib.imaging.decode import (
    decode,
    decoding,
    load_rendition,
    may_exceed_memory,
    open_rendition,
    run_decoding,
    to_rgb,
    verify,
)
from chalicelib.imaging.encode import encode, encode_alike, encode_thumbnail, load_codec
from chalicelib.imaging.jpeg_end import check_end
from chalicelib.imaging.orient import orient
from chalicelib.imaging.probe.header import Dimensions
from chalicelib.imaging.rejection import ImageRejectedError
from chalicelib.imaging.shrink import can_shrink_again, shrink, shrink_to_thumbnail
from chalicelib.imaging.values import ImageInfo, Limits, Mark, Recipe, Rendition, Transform, Transformed
from chalicelib.imaging.watermark import mark
from chalicelib.imaging.work import Step, Work, run

STEPS: tuple[tuple[Step, ...], ...] = (
    # Once for an original: a JPEG at no more than the largest size needs.
    (check_end, decode, unify_mode),
    # Once for a size. What makes the picture smaller comes first, so that the later steps have fewer pixels.
    (crop, shrink, orient, to_srgb, drop_metadata),
    # The plain files of a size, in every format.
    (encode,),
    # The marked ones.
    (mark, encode),
)
DECODE, RESIZE, WRITE, WRITE_MARKED = STEPS

# A check makes no image: a PNG is inflated, a JPEG decoded at an eighth.
VERIFY: tuple[Step, ...] = (check_end, verify)

# A size can be made from a larger one, which is upright and in sRGB already.
RESIZE_AGAIN: tuple[Step, ...] = (shrink,)

# Also: the picture of an image mark keeps its size (`watermark.IMAGE_STEPS`); an analysis measures after DECODE and
# after RESIZE; `mark_rendition` and `thumbnail` need no guard, since `render` made their files.

# A larger rendition is not decoded for a thumbnail: it would take tens of milliseconds and 16 MB.
_MAX_THUMBNAIL_SOURCE_PIXELS = 4_000_000


def check(data: bytes, declared_type: str, limits: Limits) -> ImageInfo:
    """See `chalicelib.imaging.check`."""
    header = probe.read_header(data, declared_type, limits)
    decoders.load(header.format)
    work = Work(header.strip(data), header, (header.width, header.height), limits)
    run_in_child(lambda _output: verify_data(work), limits)
    return probe.image_info(header)


def verify_data(work: Work) -> list[int]:
    """What `check` does in the child. Writes no file. Raises ImageRejectedError."""
    run_decoding(VERIFY, work)
    return []


def render(data: bytes, recipe: Recipe, limits: Limits) -> list[Rendition]:
    """See `chalicelib.imaging.render`."""
    header = probe.read_header(data, "", limits)
    sizes = plan.variant_sizes(header, recipe)
    decoders.load(header.format)
    _warm_up(recipe, sizes)
    work = Work(
        header.strip(data), header, header.turn(sizes[0]), limits, formats=recipe.formats, quality=recipe.quality,
        mark=recipe.mark,
    )  # fmt: skip
    files = run_in_child(lambda output: write_variants(work.to(output), sizes), limits)
    return plan.renditions(header, recipe, files)


def write_variants(original: Work, sizes: list[Dimensions]) -> list[int]:
    """What `render` does in the child: writes the files, returns their lengths. Raises ImageRejectedError.

    `sizes` are upright, the largest first.
    """
    run_decoding(DECODE, original)
    resized: list[Image.Image] = []
    for size in sizes:
        work = _resize(original, size, resized)
        run(WRITE, work)
        if work.mark:
            run(WRITE_MARKED, work)
    return original.lengths


def _warm_up(recipe: Recipe, sizes: list[Dimensions]) -> None:
    """Does in the parent, where it lasts, what every child would have to do again."""
    for format_ in recipe.formats:
        load_codec(format_)
    if recipe.mark:
        for size in sizes:
            watermark.place(recipe.mark, size)


def _resize(original: Work, size: Dimensions, resized: list[Image.Image]) -> Work:
    """One size of a decoded original, made from one of the `resized` images where that is as good.

    `resized` has the images that were made from the original itself, and gains this one if it is too.
    """
    larger = [image for image in resized if can_shrink_again(image, size)]
    if larger:
        work = replace(original, size=size)
        work.image = min(larger, key=lambda image: image.size)
        run_decoding(RESIZE_AGAIN, work)
        return work
    work = replace(original, size=original.header.turn(size))
    run_decoding(RESIZE, work)
    resized.append(work.image)
    return work


def transform(data: bytes, declared_type: str, options: Transform, limits: Limits) -> Transformed:
    """See `chalicelib.imaging.transform`."""
    header = probe.read_header(data, declared_type, limits)
    size, share, format_ = plan.plan_transform(header, options, limits)
    decoders.load(header.format)
    load_codec(format_)
    work = Work(
        header.strip(data), header, header.turn(size), limits, header.turn(share), header.turn_point(options.focus),
        (format_,), options.quality,
    )  # fmt: skip
    [file] = run_in_child(lambda output: write_transformed(work.to(output)), limits)
    media_type, extension = OUTPUTS[format_]
    return Transformed(file, format_, media_type, *size, extension, header.frames > 1)


def write_transformed(work: Work) -> list[int]:
    """What `transform` does in the child. Raises ImageRejectedError."""
    run_decoding((*DECODE, *RESIZE), work)
    try:
        run(WRITE, work)
    except Exception:
        # Encoders have many words for a lack of memory.
        if may_exceed_memory(work.image.size, work.limits):
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
