"""The order of processing, and what each use takes of it.

Before the steps, in the parent: `probe` reads and bounds the headers, `plan` computes the dimensions of the result.
The steps themselves run in a guarded child (`child`).
"""

import io
from collections.abc import Sequence

from PIL import Image

from chalicelib.core.image_values import OUTPUTS, Quality
from chalicelib.imaging import decoders, plan, probe, watermark
from chalicelib.imaging.animation import webp_frames, webp_loops
from chalicelib.imaging.bars import add_bars
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
from chalicelib.imaging.detail import measure_detail
from chalicelib.imaging.encode import encode, encode_alike, encode_thumbnail, load_codec, write_animation
from chalicelib.imaging.files import Written
from chalicelib.imaging.jpeg_end import check_end
from chalicelib.imaging.orient import orient
from chalicelib.imaging.planes import part
from chalicelib.imaging.recipe import Mark
from chalicelib.imaging.rejection import ImageRejectedError
from chalicelib.imaging.shrink import shrink, shrink_to_thumbnail
from chalicelib.imaging.values import ImageInfo, Limits, Transform, Transformed
from chalicelib.imaging.watermark import mark
from chalicelib.imaging.work import Encoding, Step, Work, run

STEPS: tuple[tuple[Step, ...], ...] = (
    # Once for an original: a JPEG at no more than the largest size needs.
    (check_end, decode, unify_mode, part),
    # Once for a size. What makes the picture smaller comes first, so that the later steps have fewer pixels.
    (crop, shrink, orient, to_srgb, drop_metadata),
    # What stands around the picture.
    (add_bars,),
    # The plain files of a size, in every format.
    (encode,),
    # The marked ones.
    (mark, encode),
)
DECODE, RESIZE, FRAME, WRITE, WRITE_MARKED = STEPS

# A check makes no image: a PNG is inflated, a JPEG decoded at an eighth.
VERIFY: tuple[Step, ...] = (check_end, verify)

# Between DECODE and RESIZE, where a size is cropped to what has the most detail.
MEASURE: tuple[Step, ...] = (measure_detail,)

# A size can be made from a larger one, which is upright and in sRGB already.
RESIZE_AGAIN: tuple[Step, ...] = (shrink,)

# `rendering` makes a recipe's files of these. Also: the picture of an image mark keeps its size (`mark_picture`); an
# analysis measures after DECODE and after RESIZE; `mark_rendition` and `thumbnail` need no guard, since `render` made
# their files.

# A larger rendition is not decoded for a thumbnail: it would take tens of milliseconds and 16 MB.
_MAX_THUMBNAIL_SOURCE_PIXELS = 4_000_000


def check(data: bytes, declared_type: str, limits: Limits, *, pixels: bool) -> ImageInfo:
    """See `chalicelib.imaging.check`."""
    header = probe.read_header(data, declared_type, limits)
    if not pixels:
        return probe.image_info(header)
    decoders.load(header.format)
    work = Work(header.strip(data), header, (header.width, header.height), limits)
    run_in_child(lambda _output: verify_data(work), limits)
    return probe.image_info(header)


def verify_data(work: Work) -> list[Written]:
    """What `check` does in the child. Writes no file. Raises ImageRejectedError."""
    run_decoding(VERIFY, work)
    return []


def transform(data: bytes, declared_type: str, options: Transform, limits: Limits) -> Transformed:
    """See `chalicelib.imaging.transform`."""
    header = probe.read_header(data, declared_type, limits)
    size, share, format_ = plan.plan_transform(header, options, limits)
    decoders.load(header.format)
    load_codec(format_)
    work = Work(
        header.strip(data), header, header.turn(size), limits, header.turn(share), header.turn_point(options.focus),
        formats=(format_,), encoding=Encoding({format_: options.quality}),
    )  # fmt: skip
    [file] = run_in_child(lambda output: write_transformed(work.to(output)), limits)
    media_type, extension = OUTPUTS[format_]
    return Transformed(file.data, format_, media_type, *size, extension, header.frames > 1)


def write_transformed(work: Work) -> list[Written]:
    """What `transform` does in the child. Raises ImageRejectedError."""
    run_decoding((*DECODE, *RESIZE), work)
    try:
        run(WRITE, work)
        return work.files.finish()
    except Exception:
        # Encoders have many words for a lack of memory.
        if may_exceed_memory(work.image.size, work.limits):
            raise ImageRejectedError("resource_limit") from None
        raise


def mark_rendition(data: bytes, marks: Sequence[Mark], quality: Quality) -> bytes:
    """Decodes, marks, encodes; see `chalicelib.imaging.mark`."""
    with decoding():
        image = open_rendition(data)
        if not any(watermark.place(mark, image.size) for mark in marks):
            return data
        if getattr(image, "is_animated", False):
            return _mark_animation(data, image, marks, quality)
        format_ = image.format or ""
        image = load_rendition(image, "YCbCr", image.size)
    if format_ != "JPEG":
        image = to_rgb(image)
    watermark.stamp(image, marks)
    return encode_alike(image, format_, quality)


def _mark_animation(data: bytes, image: Image.Image, marks: Sequence[Mark], quality: Quality) -> bytes:
    shown = list(webp_frames(data, getattr(image, "n_frames", 1)))
    for frame in shown:
        watermark.stamp(frame.image, marks)
    output = io.BytesIO()
    encoding = Encoding({"webp": quality}, exif=image.info.get("exif", b""))
    images, times = [each.image for each in shown], [each.milliseconds for each in shown]
    write_animation(images, times, webp_loops(data), encoding, output)
    return output.getvalue()


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
