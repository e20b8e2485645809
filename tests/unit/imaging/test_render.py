"""The results of `render`: dimensions, pixels, and no metadata."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from PIL import Image, ImageChops, ImageStat

from chalicelib.imaging import ImageRejectedError, Limits, Mark, Recipe, Rendition, Size, render
from tests import pictures
from tests.breadth import mostly_slow

SMALL, LARGE = Size("small", 80, 60), Size("large", 160, 120)
ONE = Recipe((LARGE,))
MARK = Mark("Processed by Image Platform")


def only(data: bytes, recipe: Recipe = ONE) -> Image.Image:
    [rendition] = render(data, recipe)
    image = pictures.decoded(rendition.data)
    assert image.size == (rendition.width, rendition.height)
    return image


def pixel(image: Image.Image, across: float, down: float) -> tuple[int, ...]:
    at = int(across * image.width), int(down * image.height)
    value = image.convert("RGBA" if image.mode == "RGBA" else "RGB").getpixel(at)
    assert isinstance(value, tuple)
    return tuple(int(channel) for channel in value)


def near(found: tuple[int, ...], wanted: tuple[int, ...], tolerance: int = 8) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(found, wanted, strict=True))


def corners_of(image: Image.Image) -> list[tuple[int, ...]]:
    return [pixel(image, x, y) for y in (0.2, 0.8) for x in (0.2, 0.8)]


@pytest.mark.parametrize("name", mostly_slow(pictures.GOOD, quick=10))
def test_every_kind_of_picture_becomes_every_format(name: str) -> None:
    recipe = Recipe((SMALL, LARGE), ("jpeg", "png", "webp", "avif"), marks=(MARK,))
    made = render(pictures.GOOD[name](), recipe)
    assert [(one.name, one.watermarked, one.format) for one in made] == [
        (size, marked, form)
        for size in ("small", "large")
        for marked in (False, True)
        for form in ("jpeg", "png", "webp", "avif")
    ]
    for one in made:
        image = pictures.decoded(one.data)
        assert image.size == (one.width, one.height)
        assert Image.MIME[image.format or ""] == one.media_type
        assert image.mode == ("RGBA" if "alpha" in name and one.format != "jpeg" else "RGB")
        assert not {"exif", "icc_profile", "comment", "xmp"} & image.info.keys()


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [(640, 480, (160, 120)), (480, 640, (90, 120)), (100, 50, (100, 50)), (1, 1, (1, 1)),
     (1000, 2, (160, 1)), (2, 1000, (1, 120)), (161, 7, (160, 7))],
)  # fmt: skip
def test_a_picture_fits_its_box_and_is_never_enlarged(width: int, height: int, expected: tuple[int, int]) -> None:
    image = pictures.photo().resize((width, height))
    for form in ("JPEG", "PNG"):
        assert only(pictures.encoded(image, form)).size == expected


def test_sizes_that_come_out_equal_are_all_made() -> None:
    recipe = Recipe((SMALL, LARGE, Size("huge", 1600, 1200)))
    small, large, huge = render(pictures.jpeg(120, 90), recipe)
    assert (small.width, large.width, huge.width) == (80, 120, 120)
    assert large.data == huge.data
    assert (large.name, huge.name) == ("large", "huge")
    assert (large.media_type, large.extension) == ("image/jpeg", "jpg")


@pytest.mark.parametrize("box", mostly_slow([LARGE, Size("whole", 1000, 1000), Size("tiny", 20, 20)], quick=1))
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_out_upright(orientation: int, box: Size) -> None:
    image = only(pictures.oriented_jpeg(orientation), Recipe((box,)))
    assert image.width > image.height
    assert all(map(near, corners_of(image), pictures.CORNERS, [12] * 4))


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_the_orientation_of_other_formats_is_applied(form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = pictures.corners().transpose(Image.Transpose.ROTATE_90)
    image = only(pictures.encoded(turned, form, exif=exif))
    assert image.width > image.height
    assert all(map(near, corners_of(image), pictures.CORNERS, [20] * 4))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_adobe_rgb_is_converted(form: str) -> None:
    # AdobeRGB (115, 150, 100), by the published matrices, is about (97, 151, 97) in sRGB.
    flat = Image.new("RGB", (200, 150), (115, 150, 100))
    data = pictures.with_profile(flat, pictures.adobe_rgb_profile(), form)
    assert near(pixel(only(data), 0.5, 0.5), (97, 151, 97), 4)
    assert near(pixel(only(pictures.encoded(flat, form)), 0.5, 0.5), (115, 150, 100), 4)


def test_cmyk_is_converted_with_and_without_a_profile() -> None:
    cyan = Image.new("CMYK", (200, 150), (255, 0, 0, 0))
    plain = pixel(only(pictures.cmyk_jpeg(cyan)), 0.5, 0.5)
    assert near(plain, (0, 255, 255), 6)
    profile = pictures.neutral_cmyk_profile()
    red, green, blue = pixel(only(pictures.cmyk_jpeg(cyan, icc_profile=profile)), 0.5, 0.5)
    assert max(red, green, blue) - min(red, green, blue) <= 6
    assert 100 < red < 220


def test_an_unreadable_profile_is_ignored() -> None:
    damaged = pictures.adobe_rgb_profile()[:200]
    flat = Image.new("RGB", (200, 150), (115, 150, 100))
    image = only(pictures.with_profile(flat, damaged))
    assert near(pixel(image, 0.5, 0.5), (115, 150, 100), 4)


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    slope = only(pictures.gray16_png())
    for across in (0.1, 0.5, 0.9):
        assert near(pixel(slope, across, 0.5), (round(across * 255),) * 3, 5)
    color = only(pictures.rgb16_png((65535, 32896, 0)), Recipe((LARGE,), ("png",)))
    assert near(pixel(color, 0.5, 0.5), (255, 128, 0), 1)


def test_gray_interlaced_and_palette_pictures_keep_their_colors() -> None:
    assert near(pixel(only(pictures.interlaced_png()), 0.5, 0.5), (100, 100, 100), 2)
    assert all(map(near, corners_of(only(pictures.palette_png())), pictures.CORNERS, [14] * 4))
    assert all(map(near, corners_of(only(pictures.rgb_coded_jpeg())), pictures.CORNERS, [14] * 4))


def test_transparency_becomes_white_in_jpeg_and_is_kept_elsewhere() -> None:
    for data in (pictures.alpha_png(), pictures.alpha_webp()):
        assert near(pixel(only(data), 0.8, 0.5), (255, 255, 255), 3)
        for form in ("png", "webp", "avif"):
            image = only(data, Recipe((LARGE,), (form,)))
            assert pixel(image, 0.8, 0.5)[3] == 0
            assert near(pixel(image, 0.2, 0.2), (*pictures.RED, 255), 20)


def test_the_color_of_transparent_pixels_does_not_bleed() -> None:
    image = only(pictures.alpha_png(333, 200), Recipe((SMALL,), ("png",)))
    line = [pixel(image, across / image.width, 0.2) for across in range(image.width)]
    assert all(red > 180 for red, _green, _blue, alpha in line if alpha > 100)


def test_an_animation_gives_its_first_frame() -> None:
    for data in (pictures.gif(5), pictures.animated_webp()):
        assert all(map(near, corners_of(only(data)), pictures.CORNERS, [16] * 4))


def test_no_metadata_is_left() -> None:
    for form in ("jpeg", "png", "webp", "avif"):
        [one] = render(pictures.laden_jpeg(), Recipe((LARGE,), (form,)))
        for trace in (b"SECRET", b"Adobe", b"http://ns.adobe.com", b"ICC_PROFILE", b"iCCP"):
            assert trace not in one.data
        assert not pictures.decoded(one.data).getexif()


def test_a_jpeg_is_progressive_with_half_the_chroma() -> None:
    [one] = render(pictures.jpeg(), ONE)
    image = pictures.decoded(one.data)
    assert image.info["progressive"]
    assert [component[1:3] for component in image.layer] == [  # type: ignore[attr-defined]
        (2, 2), (1, 1), (1, 1)]  # fmt: skip


def test_a_higher_quality_makes_more_bytes() -> None:
    sizes = [len(render(pictures.jpeg(), replace(ONE, quality=q))[0].data) for q in (40, 85, 95)]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("width", [400, 500, 1000])
def test_shrinking_is_as_good_as_without_draft_mode(width: int) -> None:
    source = pictures.photo(800, 600).resize((1600, 1200), Image.Resampling.BICUBIC)
    data = pictures.encoded(source, "JPEG", quality=95)
    ours = only(data, Recipe((Size("box", width, width),), ("png",)))
    whole = pictures.decoded(data).resize(ours.size, Image.Resampling.LANCZOS)
    # Of 255: libjpeg and Pillow round differently.
    assert max(ImageStat.Stat(ImageChops.difference(ours, whole)).rms) < 2


def test_the_same_input_gives_the_same_bytes() -> None:
    recipe = Recipe((SMALL, LARGE), ("jpeg", "webp"), marks=(MARK,))
    first, second = (render(pictures.jpeg(), recipe) for _ in range(2))
    assert first == second


def test_render_enforces_the_limits() -> None:
    refused: list[tuple[Callable[[], bytes], str]] = [
        (lambda: b"", "empty"),
        (lambda: b"words", "not_an_image"),
        (pictures.hollow_jpeg, "too_complex"),
        (pictures.huge_webp, "too_many_pixels"),
        (pictures.broken_checksum_png, "corrupt"),
        (lambda: pictures.jpeg()[:5000], "truncated"),
    ]
    for make, reason in refused:
        with pytest.raises(ImageRejectedError) as caught:
            render(make(), ONE)
        assert caught.value.reason == reason
    with pytest.raises(ImageRejectedError, match="too_large"):
        render(pictures.jpeg(), ONE, Limits(max_bytes=10))


def test_a_rendition_does_not_print_its_bytes() -> None:
    one = Rendition("small", "jpeg", "image/jpeg", "jpg", 1, 1, False, b"\xff" * 10_000)
    assert len(repr(one)) < 300


def test_two_threads_write_the_same_files_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe((LARGE, SMALL, Size("tiny", 8, 8)), ("webp", "jpeg", "png"), marks=(MARK,))
    made = []
    for cores in (1, 2):
        monkeypatch.setattr("chalicelib.imaging.files._cores", lambda cores=cores: cores)
        made.append(render(pictures.jpeg(), recipe))
    assert made[0] == made[1]


def test_without_room_for_a_thread_files_are_written_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    expected = render(pictures.jpeg(), ONE)
    monkeypatch.setattr("chalicelib.imaging.files._cores", lambda: 2)
    monkeypatch.setattr("threading.Thread.start", refuse)
    assert render(pictures.jpeg(), ONE) == expected
