"""Results look like LANCZOS of the whole picture, despite the shortcuts that save time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from chalicelib.imaging import Fit, Recipe, Size, Transform, analyze, render, transform
from tests import pictures
from tests.breadth import examples, mostly_slow
from tests.similarity import scene, screenshot, ssim

# Loss of SSIM against the plain way: full decode, LANCZOS, the same quality.
MAX_LOSS = 0.003
QUALITY = 85

SIDES = range(1_000, 1_017)
ORIENTATIONS = range(1, 9)
# libjpeg decodes whole for the first two, at 1/2 for the third, at 1/4 and at 1/8 for the last.
TARGETS = (500, 300, 160, 40, 15)


def lost(ours: bytes, whole: Image.Image, form: str, kept: tuple[float, float] = (1, 1)) -> float:
    """How much less `ours` looks like a direct LANCZOS of `whole` than the plain way does."""
    image = pictures.decoded(ours)
    left, top = (side * (1 - share) / 2 for side, share in zip(whole.size, kept, strict=True))
    box = left, top, whole.width - left, whole.height - top
    wanted = whole.resize(image.size, Image.Resampling.LANCZOS, box)
    options: dict[str, Any] = {} if form == "png" else {"quality": QUALITY}
    if form == "jpeg":
        options["progressive"] = True
    plain = pictures.decoded(pictures.encoded(wanted, form.upper(), **options))
    return ssim(plain, wanted) - ssim(image, wanted)


@cache
def stored(width: int, orientation: int) -> bytes:
    """A JPEG as detailed as a photograph; both of its sides change with `width`."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    size = width, SIDES.start + SIDES.stop - 1 - width
    image = scene(SIDES.stop, SIDES.stop).crop((0, 0, *size))
    return pictures.encoded(image, "JPEG", quality=92, exif=exif)


def losses(width: int, orientation: int, target: int) -> Iterator[float]:
    """For each way to make one size: a crop, a distortion, and the sizes of a recipe."""
    data = stored(width, orientation)
    whole = ImageOps.exif_transpose(pictures.decoded(data)).convert("RGB")
    # In so few windows, the losses of JPEG itself would hide ours.
    form = "jpeg" if target > 2 * 8 else "png"
    yield lost(transform(data, "", Transform(target, format=form)).data, whole, form)
    low = target * 3 // 4
    cropped = transform(data, "", Transform(target, low, Fit.COVER, form))
    yield lost(cropped.data, whole, form, (1, whole.width * low / target / whole.height))
    yield lost(transform(data, "", Transform(target, low, Fit.FILL, form)).data, whole, form)
    boxes = (target // 2, target - 7, target)
    for one in render(data, Recipe(tuple(Size(f"size{width}", width, 999) for width in boxes), (form,))):
        yield lost(one.data, whole, form)


@examples(8)
@given(st.sampled_from(SIDES), st.sampled_from(ORIENTATIONS), st.sampled_from(TARGETS))
def test_a_jpeg_of_any_width_is_not_displaced(width: int, orientation: int, target: int) -> None:
    assert max(losses(width, orientation, target)) <= MAX_LOSS


@pytest.mark.slow
@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("width", SIDES)
def test_no_width_orientation_or_scale_displaces_a_picture(width: int, orientation: int) -> None:
    for target in TARGETS:
        assert max(losses(width, orientation, target)) <= MAX_LOSS


INPUTS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "WEBP": {"quality": 92},
    "JPEG": {"quality": 92},
    "progressive JPEG": {"quality": 92, "progressive": True},
    "whole-color JPEG": {"quality": 92, "subsampling": 0},
}
# Ratios 1.3 to 8, among them the smallest at which blocks of two are averaged. Some sizes are made
# from the original, some from another size.
BOXES = tuple(Size(f"size{width}", width, width) for width in (760, 620, 413, 320, 250, 184, 128))
ALL = itertools.product(INPUTS, ("png", "jpeg", "webp"))


@pytest.mark.parametrize("picture", mostly_slow(["text", "photo"]))
@pytest.mark.parametrize(
    ("kind", "form"),
    mostly_slow(dict.fromkeys([("PNG", "png"), ("JPEG", "jpeg"), *ALL]), quick=2),
)
def test_every_size_is_as_good_as_one_made_from_the_original(picture: str, kind: str, form: str) -> None:
    image = screenshot(1024, 576) if picture == "text" else scene(1016, 1016)
    data = pictures.encoded(image, kind.split()[-1], **INPUTS[kind])
    whole = pictures.decoded(data).convert("RGB")
    for one in render(data, Recipe(BOXES, (form,), QUALITY)):
        assert lost(one.data, whole, form) <= MAX_LOSS, one.name


@pytest.mark.parametrize("kind", mostly_slow(INPUTS, quick=2))
@pytest.mark.parametrize("size", [(413, 307), (500, 375), (999, 749)])
def test_colors_are_not_displaced(kind: str, size: tuple[int, int]) -> None:
    """Chroma is shrunk to half the size, apart from luma; sides may be odd."""
    gray = scene(1016, 1016).convert("L")
    image = Image.merge("RGB", (gray.rotate(90), gray, gray.rotate(180)))
    data = pictures.encoded(image, kind.split()[-1], **INPUTS[kind])
    wanted = pictures.decoded(data).convert("RGB").resize(size, Image.Resampling.LANCZOS)
    [made] = render(data, Recipe((Size("box", *size, fit="exact"),), quality=95))
    plain = pictures.encoded(wanted, "JPEG", quality=95, progressive=True)
    bands = zip(*map(_bands, (pictures.decoded(made.data), pictures.decoded(plain), wanted)), strict=True)
    for ours, theirs, ideal in bands:
        assert ssim(theirs, ideal) - ssim(ours, ideal) <= 2 * MAX_LOSS


def _bands(image: Image.Image) -> list[Image.Image]:
    return [band.convert("RGB") for band in image.convert("YCbCr").split()]


def test_sharpness_does_not_depend_on_the_shortcuts_of_shrinking() -> None:
    data = pictures.encoded(screenshot(2100, 1024), "JPEG", quality=92)
    shrunk = pictures.decoded(data).resize((1024, 499), Image.Resampling.LANCZOS)
    expected = analyze(pictures.encoded(shrunk, "PNG"), "").sharpness
    assert analyze(data, "").sharpness == pytest.approx(expected, rel=0.01)
