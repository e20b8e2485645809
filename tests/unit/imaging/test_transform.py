"""The results of `transform`, and what it rejects."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from chalicelib.imaging import (
    FITS,
    FORMATS,
    MAX_SIDE,
    REASONS,
    Fit,
    ImageRejectedError,
    Limits,
    Transform,
    Transformed,
    transform,
)
from chalicelib.imaging.plan import plan_transform
from chalicelib.imaging.probe import read_header
from tests import pictures
from tests.breadth import examples, mostly_slow
from tests.unit.imaging.damaged_files import damaged, outcome

MEDIA_TYPES = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "avif": "image/avif"}
SMALL_PICTURES = Limits(max_pixels=100_000)

sides = st.integers(1, MAX_SIDE)


def image_of(made: Transformed) -> Image.Image:
    image = pictures.decoded(made.data)
    assert image.size == (made.width, made.height)
    assert (image.format or "").lower() == made.format
    return image


def only(data: bytes, options: Transform) -> Image.Image:
    return image_of(transform(data, "", options))


def pixel(image: Image.Image, across: float, down: float) -> tuple[int, ...]:
    value = image.convert("RGBA").getpixel((int(across * image.width), int(down * image.height)))
    assert isinstance(value, tuple)
    return tuple(int(channel) for channel in value)


def is_near(found: tuple[int, ...], wanted: tuple[int, ...], tolerance: int = 14) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(found, wanted, strict=False))


def shows_the_corners(image: Image.Image) -> bool:
    found = [pixel(image, x, y) for y in (0.2, 0.8) for x in (0.2, 0.8)]
    return all(map(is_near, found, pictures.CORNERS))


def flat_png(width: int, height: int) -> bytes:
    return pictures.encoded(Image.new("1", (width, height)), "PNG")


def refusal(data: bytes, options: Transform, limits: Limits = Limits(), declared: str = "") -> ImageRejectedError:  # noqa: B008
    with pytest.raises(ImageRejectedError) as caught:
        transform(data, declared, options, limits)
    return caught.value


# --- every kind ----------------------------------------------------------------------------


@pytest.mark.parametrize("form", mostly_slow(FORMATS))
@pytest.mark.parametrize("name", mostly_slow(pictures.GOOD, quick=8))
def test_every_kind_of_picture_becomes_every_format_in_its_box(name: str, form: str) -> None:
    made = transform(pictures.GOOD[name](), "", Transform(30, 20, Fit.COVER, form))
    assert (made.width, made.height, made.format, made.media_type) == (30, 20, form, MEDIA_TYPES[form])
    image = image_of(made)
    assert made.is_first_frame == ("animated" in name)
    assert image.mode == ("RGBA" if "alpha" in name and form != "jpeg" else "RGB")
    assert not {"exif", "icc_profile", "comment", "xmp"} & image.info.keys()


@pytest.mark.parametrize(
    ("make", "form"),
    [(pictures.jpeg, "jpeg"), (pictures.png, "png"), (pictures.gif, "png"), (pictures.webp, "webp")],
)
def test_without_a_format_it_keeps_its_own_and_a_gif_becomes_a_png(make: Callable[[], bytes], form: str) -> None:
    assert transform(make(), "", Transform(50)).format == form


@pytest.mark.parametrize("form", FORMATS)
def test_a_conversion_keeps_the_dimensions_and_drops_the_metadata(form: str) -> None:
    made = transform(pictures.laden_jpeg(), "image/jpeg", Transform(format=form))
    assert image_of(made).size == (640, 480)
    for trace in (b"SECRET", b"Adobe", b"http://ns.adobe.com", b"ICC_PROFILE", b"iCCP"):
        assert trace not in made.data
    assert not pictures.decoded(made.data).getexif()


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_input_gives_the_same_bytes(form: str) -> None:
    options = Transform(200, 200, Fit.COVER, form)
    assert transform(pictures.jpeg(), "", options) == transform(pictures.jpeg(), "", options)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processors can be assigned on Linux only")
@pytest.mark.slow
def test_the_bytes_do_not_depend_on_the_number_of_processors() -> None:
    data, options = pictures.jpeg(1200, 900), Transform(format="avif")
    many, all_of_them = transform(data, "", options), os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(all_of_them)})
    try:
        assert transform(data, "", options) == many
    finally:
        os.sched_setaffinity(0, all_of_them)


def test_a_higher_quality_makes_more_bytes() -> None:
    for form in ("jpeg", "webp", "avif"):
        lengths = [
            len(transform(pictures.jpeg(), "", Transform(200, format=form, quality=q)).data) for q in (30, 60, 90)
        ]
        assert lengths == sorted(set(lengths))


# --- boxes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Transform(), (640, 480)),
        (Transform(320), (320, 240)),
        (Transform(height=120), (160, 120)),
        (Transform(200, 200), (200, 150)),
        (Transform(2000, 2000), (640, 480)),
        (Transform(2000), (640, 480)),
        (Transform(200, 200, Fit.COVER), (200, 200)),
        (Transform(1000, 1000, Fit.COVER), (1000, 1000)),
        (Transform(1280, fit=Fit.COVER), (1280, 960)),
        (Transform(height=960, fit=Fit.FILL), (1280, 960)),
        (Transform(10, 700, Fit.FILL), (10, 700)),
        (Transform(fit=Fit.FILL, format="png"), (640, 480)),
    ],
)
@pytest.mark.parametrize("make", mostly_slow([pictures.jpeg, pictures.png]))
def test_dimensions(make: Callable[[], bytes], options: Transform, expected: tuple[int, int]) -> None:
    assert only(make(), options).size == expected


@examples(300)
@given(sides, sides, st.one_of(st.none(), sides), st.one_of(st.none(), sides))
@example(MAX_SIDE, 1, 1, MAX_SIDE)
def test_contain_stays_inside_in_proportion(width: int, height: int, wide: int | None, high: int | None) -> None:
    vast = Limits(max_pixels=MAX_SIDE**2, small_pixels=MAX_SIDE**2)
    found, _share, _format = plan_transform(read_header(bare_gif(width, height), "", vast), Transform(wide, high), vast)
    assert 1 <= found[0] <= min(width, wide or width)
    assert 1 <= found[1] <= min(height, high or height)
    # As large as the box allows, and each side within half a pixel of its proportion.
    assert found[0] == min(width, wide or width) or found[1] == min(height, high or height)
    if min(found) > 1:
        assert abs(found[0] * height - found[1] * width) <= (width + height) / 2 + 1


@examples(40)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 300), st.integers(1, 300), st.sampled_from(Fit),
       st.sampled_from(["JPEG", "PNG"]))  # fmt: skip
@example(300, 1, 1, 300, Fit.COVER, "PNG")
@example(300, 1, 1, 300, Fit.COVER, "JPEG")
@example(1, 300, 300, 1, Fit.CONTAIN, "JPEG")
def test_the_result_has_the_planned_size(width: int, height: int, wide: int, high: int, fit: Fit, form: str) -> None:
    picture = pictures.encoded(pictures.corners(300, 300).crop((0, 0, width, height)), form)
    made = transform(picture, "", Transform(wide, high, fit, "png"))
    image_of(made)
    if fit == Fit.CONTAIN:
        assert made.width <= min(wide, width)
        assert made.height <= min(high, height)
    else:
        assert (made.width, made.height) == (wide, high)


@pytest.mark.parametrize("options", [Transform(90, 90, Fit.COVER), Transform(500, 500, Fit.COVER)])
@pytest.mark.parametrize("orientation", mostly_slow(range(1, 9), quick=3))
def test_cover_keeps_the_middle_of_the_upright_picture(orientation: int, options: Transform) -> None:
    # 320 x 200 in quarters: the corners of a square in the middle are in four different quarters.
    image = only(pictures.oriented_jpeg(orientation), options)
    assert shows_the_corners(image)
    middle = [is_near(pixel(image, across, 0.25), pictures.RED, 30) for across in (0.42, 0.58)]
    assert middle == [True, False]


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_cover_only_cuts_the_overhang(orientation: int) -> None:
    # A box of half the width keeps the 160 of 320 pixels in the middle.
    image = only(pictures.oriented_jpeg(orientation), Transform(160, 200, Fit.COVER, "png"))
    for across in (0.05, 0.45):
        assert is_near(pixel(image, across, 0.1), pictures.RED)
    for across in (0.55, 0.95):
        assert is_near(pixel(image, across, 0.9), pictures.YELLOW)


@pytest.mark.parametrize("orientation", mostly_slow(range(1, 9), quick=2))
def test_cover_keeps_the_focus(orientation: int) -> None:
    # 320 x 200 in quarters, of which a box of half the sides fits around each focus.
    data = pictures.oriented_jpeg(orientation)
    for color, focus in zip(pictures.CORNERS, [(0.2, 0), (1, 0.1), (0, 0.9), (0.75, 1)], strict=True):
        across, down = (only(data, Transform(*box, Fit.COVER, "png", focus=focus)) for box in ((160, 200), (320, 100)))
        row, column = (0.1 if focus[1] < 0.5 else 0.9), (0.1 if focus[0] < 0.5 else 0.9)
        assert all(is_near(pixel(across, place, row), color) for place in (0.1, 0.7))
        assert all(is_near(pixel(down, column, place), color) for place in (0.1, 0.9))


@pytest.mark.parametrize("orientation", [1, 6])
def test_cover_does_not_distort_and_fill_does(orientation: int) -> None:
    size = (240, 100)
    disc = Image.new("RGB", size, "white")
    ImageDraw.Draw(disc).circle((120, 50), 40, fill="black")
    turned = disc.transpose(Image.Transpose.ROTATE_90) if orientation == 6 else disc
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = pictures.encoded(turned, "PNG", exif=exif)
    covered, filled = (only(data, Transform(100, 100, fit)).convert("L") for fit in (Fit.COVER, Fit.FILL))
    for image, proportion in ((covered, 1.0), (filled, 100 / 240)):
        box = image.point(lambda value: 255 * (value < 128)).getbbox()
        assert box is not None
        assert abs((box[2] - box[0]) / (box[3] - box[1]) - proportion) < 0.04


@pytest.mark.parametrize("scale", [0.3, 0.6, 1.7])
@pytest.mark.parametrize(("size", "middle"), [((800, 400), (200, 0, 600, 400)), ((400, 800), (0, 200, 400, 600))])
def test_cover_equals_a_crop_of_the_original(
    size: tuple[int, int], middle: tuple[int, int, int, int], scale: float
) -> None:
    source = pictures.photo(*size)
    side = round(400 * scale)
    ours = only(pictures.encoded(source, "PNG"), Transform(side, side, Fit.COVER))
    whole = source.crop(middle).resize((side, side), Image.Resampling.LANCZOS)
    # Without the edges: a crop before the resize has no neighbor pixels there.
    inside = (8, 8, side - 8, side - 8)
    differences = zip(ours.crop(inside).tobytes(), whole.crop(inside).tobytes(), strict=True)
    assert max(abs(a - b) for a, b in differences) <= 12


# --- pixels --------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", mostly_slow(range(1, 9), quick=6))
def test_every_orientation_comes_out_upright(orientation: int) -> None:
    for options in (Transform(), Transform(100), Transform(640, 400, Fit.FILL), Transform(format="webp")):
        image = only(pictures.oriented_jpeg(orientation), options)
        assert image.width > image.height
        assert shows_the_corners(image)


@pytest.mark.parametrize("form", FORMATS)
def test_adobe_rgb_is_converted(form: str) -> None:
    # AdobeRGB (115, 150, 100), by the published matrices, is about (97, 151, 97) in sRGB.
    flat = pictures.with_profile(Image.new("RGB", (90, 60), (115, 150, 100)), pictures.adobe_rgb_profile(), "PNG")
    assert is_near(pixel(only(flat, Transform(format=form)), 0.5, 0.5), (97, 151, 97), 4)


def test_transparency_becomes_white_in_jpeg_and_is_kept_elsewhere() -> None:
    for data in (pictures.alpha_png(), pictures.alpha_webp()):
        for options in (Transform(), Transform(640, 400, Fit.FILL)):
            white = only(data, Transform(options.width, options.height, options.fit, "jpeg"))
            assert is_near(pixel(white, 0.8, 0.5), (255, 255, 255), 3)
            for form in ("png", "webp", "avif"):
                image = only(data, Transform(options.width, options.height, options.fit, form))
                assert pixel(image, 0.8, 0.5)[3] == 0
                assert is_near(pixel(image, 0.2, 0.2), (*pictures.RED, 255), 20)


def test_the_color_of_transparent_pixels_does_not_bleed() -> None:
    image = only(pictures.alpha_png(333, 200), Transform(700, 300, Fit.FILL, "png"))
    line = [pixel(image, across / image.width, 0.2) for across in range(image.width)]
    assert all(red > 180 for red, _green, _blue, alpha in line if alpha > 100)


def test_an_animation_gives_its_first_frame() -> None:
    for data in (pictures.gif(5), pictures.animated_webp()):
        made = transform(data, "", Transform(60))
        assert made.is_first_frame
        assert shows_the_corners(image_of(made))


# --- rejections ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: Transform(0),
        lambda: Transform(MAX_SIDE + 1, 10),
        lambda: Transform(10, MAX_SIDE + 1),
        lambda: Transform(format="tiff"),
        lambda: Transform(format="JPEG"),
        lambda: Transform(quality=0),
        lambda: Transform(quality=96),
        lambda: Transform(fit="inside"),  # type: ignore[arg-type]
    ],
)
def test_options_that_make_no_sense_are_the_callers_fault(make: Callable[[], Transform]) -> None:
    with pytest.raises(ValueError, match="must"):
        make()


def test_the_constants_for_schemas_match_the_options() -> None:
    for fit in FITS:
        for form in FORMATS:
            assert Transform(MAX_SIDE, MAX_SIDE, Fit(fit), form).format == form


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (pictures.jpeg(64, 48), Transform(MAX_SIDE, MAX_SIDE, Fit.COVER)),
        (flat_png(10, 2000), Transform(1000, fit=Fit.COVER)),
        (flat_png(17_000, 10), Transform(format="webp")),
        (flat_png(17_000, 10), Transform(height=20, fit=Fit.FILL)),
        (flat_png(66_000, 10), Transform(format="jpeg")),
        (pictures.jpeg(64, 48), Transform(6000, 5000, Fit.COVER, "avif")),
    ],
)
def test_a_result_of_too_many_pixels_is_rejected_before_any_decode(data: bytes, options: Transform) -> None:
    # With no memory and no time a child could do nothing.
    rejection = refusal(data, options, Limits(memory_bytes=0, wall_seconds=0.0))
    assert rejection.reason == "too_many_pixels"
    assert "result" in rejection.message


def test_a_long_picture_is_accepted_as_long_as_it_is_not_enlarged() -> None:
    for options in (Transform(), Transform(height=5), Transform(MAX_SIDE, 2, Fit.FILL)):
        image_of(transform(flat_png(17_000, 10), "", options))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        *pictures.HOSTILE,
        (lambda: pictures.encoded(pictures.photo(), "TIFF"), "type_not_allowed"),
    ],
)
def test_hostile_and_broken_files_are_rejected(make: Callable[[], bytes], reason: str) -> None:
    for options in (Transform(10, 10, Fit.COVER), Transform(format="webp")):
        assert refusal(make(), options).reason == reason


def test_the_limits_and_the_declared_type_are_enforced() -> None:
    assert refusal(pictures.jpeg(), Transform(10), Limits(max_bytes=10)).reason == "too_large"
    assert refusal(pictures.jpeg(), Transform(10), SMALL_PICTURES).reason == "too_many_pixels"
    only_png = Limits(allowed_types=frozenset({"image/png"}))
    assert refusal(pictures.jpeg(), Transform(10), only_png, declared="image/png").reason == "type_mismatch"
    small = pictures.jpeg(200, 150)
    assert refusal(small, Transform(400, 300, Fit.COVER), SMALL_PICTURES).reason == "too_many_pixels"


def test_transform_runs_in_the_guarded_child() -> None:
    assert refusal(pictures.jpeg(), Transform(10), Limits(wall_seconds=0.0)).reason == "resource_limit"
    enlarged = Transform(6000, 6000, Fit.FILL, "png")
    assert refusal(pictures.alpha_png(), enlarged, Limits(memory_bytes=1 << 26)).reason == "resource_limit"


# In a process of its own: the child can reuse the free memory of its parent's heap.
ENLARGES_IN_LITTLE_MEMORY = """
import sys
from chalicelib.imaging import Fit, ImageRejectedError, Limits, Transform, transform
form, memory = sys.argv[1], int(sys.argv[2])
try:
    transform(sys.stdin.buffer.read(), "", Transform(5000, 4000, Fit.FILL, form), Limits(memory_bytes=memory << 20))
except ImageRejectedError as rejection:
    print(rejection.reason)
"""


@pytest.mark.parametrize(("form", "memory"), mostly_slow([("jpeg", 110), ("webp", 110), ("avif", 150)]))
def test_an_encoder_without_memory_is_a_resource_limit(form: str, memory: int) -> None:
    # A PNG needs little more than the picture itself, which shows that there is enough for it.
    data = pictures.encoded(Image.new("RGB", (200, 200), "teal"), "PNG")
    for wanted, expected in (("png", ""), (form, "resource_limit")):
        command = [sys.executable, "-c", ENLARGES_IN_LITTLE_MEMORY, wanted, str(memory)]
        done = subprocess.run(command, input=data, capture_output=True, check=True)
        assert done.stdout.decode().strip() == expected


@examples(150)
@given(damaged(), st.sampled_from(Fit), st.sampled_from(FORMATS[:3]))
def test_any_bytes_are_transformed_or_rejected(data: bytes, fit: Fit, form: str) -> None:
    found = outcome(lambda: transform(data, "", Transform(20, 30, fit, form)))
    if isinstance(found, Transformed):
        image_of(found)
    else:
        assert found in REASONS


def bare_gif(width: int, height: int) -> bytes:
    """A GIF that has dimensions and nothing to decode."""
    size = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    return b"GIF89a" + size + b"\0\0\0" + b"\x2c\0\0\0\0" + size + b"\0\2\0;"
