"""Makes the files of a recipe: the original is decoded once, and each size is made of it or of a larger one."""

from dataclasses import replace
from functools import partial
from typing import BinaryIO

from PIL import Image

from chalicelib.core.image_values import OUTPUTS, SMART, parse_color
from chalicelib.imaging import decoders, probe, variants, watermark
from chalicelib.imaging.animation import loops, read_frames
from chalicelib.imaging.child import run_in_child
from chalicelib.imaging.decode import decoding, run_decoding
from chalicelib.imaging.encode import load_codec, write_animation
from chalicelib.imaging.files import Written
from chalicelib.imaging.pipeline import DECODE, FRAME, MEASURE, RESIZE, RESIZE_AGAIN, WRITE, WRITE_MARKED
from chalicelib.imaging.probe import exif
from chalicelib.imaging.probe.header import Header
from chalicelib.imaging.recipe import Recipe, Rendition
from chalicelib.imaging.shrink import can_shrink_again
from chalicelib.imaging.values import Limits
from chalicelib.imaging.variants import File, Placement, Plan, Wanted
from chalicelib.imaging.work import UNCROPPED, WHITE, Encoding, Work, run


def render(data: bytes, recipe: Recipe, limits: Limits, wanted: Wanted = None) -> list[Rendition]:
    """See `chalicelib.imaging.render`."""
    header = probe.read_header(data, "", limits)
    plan = variants.plan(header, recipe, wanted)
    if not plan.files:
        return []
    decoders.load(header.format)
    _warm_up(recipe, plan)
    work = prepare(data, header, recipe, plan, limits)
    files = run_in_child(lambda output: write_variants(work.to(output), plan), limits)
    return plan.renditions(files)


def prepare(data: bytes, header: Header, recipe: Recipe, plan: Plan, limits: Limits) -> Work:
    """The work that `write_variants` does."""
    encoding = Encoding(
        {format_: recipe.quality_of(format_) for format_ in OUTPUTS},
        parse_color(recipe.background) if recipe.background else WHITE,
        recipe.similarity,
        exif.credits_block(header.exif, recipe.keep),
    )
    return Work(
        header.strip(data), header, header.turn(plan.decoded), limits, formats=plan.formats, encoding=encoding,
        marks=recipe.marks, all_frames=data if plan.animations else b"",
    )  # fmt: skip


def _warm_up(recipe: Recipe, plan: Plan) -> None:
    """Does in the parent, where it lasts, what every child would have to do again."""
    for format_ in plan.formats:
        load_codec(format_)
    for mark in recipe.marks:
        for placement in plan.placements:
            watermark.place(mark, placement.dimensions)


def write_variants(original: Work, plan: Plan) -> list[Written]:
    """What `render` does in the child: writes the files. Raises ImageRejectedError."""
    run_decoding(DECODE, original)
    if any(placement.focus == SMART for placement in plan.placements):
        run_decoding(MEASURE, original)
    resized: list[Image.Image] = []
    for placement in plan.placements:
        work = _resize(original, placement, resized)
        run(FRAME, work)
        for watermarked, steps in ((False, WRITE), (True, WRITE_MARKED)):
            work.formats = plan.stills(placement, watermarked=watermarked)
            if work.formats:
                run(steps, work)
    if plan.animations:
        _write_animations(original, plan.animations)
    return original.files.finish()


def _resize(original: Work, placement: Placement, resized: list[Image.Image]) -> Work:
    """One size of a decoded original, made from one of the `resized` images where that is as good.

    `resized` has the images of the whole original that were made from the original itself, and gains this one if it
    is one.
    """
    is_whole = placement.crop == UNCROPPED
    larger = [image for image in resized if is_whole and can_shrink_again(image, placement.picture)]
    if larger:
        work = replace(original, size=placement.picture, bars=placement.bars)
        work.image = min(larger, key=lambda image: image.size)
        run_decoding(RESIZE_AGAIN, work)
        return work
    work = _placed(original, placement)
    run_decoding(RESIZE, work)
    if is_whole:
        resized.append(work.image)
    return work


def _placed(original: Work, placement: Placement) -> Work:
    """The work on one placement, in the orientation in which the original is stored."""
    turn, focus = original.header.turn, placement.focus
    return replace(
        original,
        size=turn(placement.picture),
        crop=turn(placement.crop),
        focus=focus if isinstance(focus, str) else original.header.turn_point(focus),
        bars=placement.bars,
    )


def _write_animations(original: Work, files: list[File]) -> None:
    """Decodes each frame once for all sizes, and encodes the sizes one by one."""
    made: dict[Placement, list[Image.Image]] = {each.placement: [] for each in files}
    times: list[int] = []
    with decoding():
        for frame in read_frames(original.all_frames, original.header):
            times.append(frame.milliseconds)
            for placement, images in made.items():
                images.append(_placed_frame(original, placement, frame.image))
        repetitions = loops(original.all_frames, original.header)
    for each in files:
        images = made[each.placement]
        if each.watermarked:
            images = [watermark.marked(image, original.marks) for image in images]
        original.files.add(partial(_write_animation, images, times, repetitions, original.encoding))


def _write_animation(
    images: list[Image.Image], times: list[int], repetitions: int, encoding: Encoding, output: BinaryIO
) -> list[Written]:
    return [write_animation(images, times, repetitions, encoding, output)]


def _placed_frame(original: Work, placement: Placement, frame: Image.Image) -> Image.Image:
    work = _placed(original, placement)
    work.image = frame
    run((*RESIZE, *FRAME), work)
    return work.image
