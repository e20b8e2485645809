"""Marks: their position, what they leave unchanged, and when they are left out."""

from __future__ import annotations

import io
import os

import pytest
from PIL import Image, ImageChops

from chalicelib.imaging import ImageRejectedError, Mark, Recipe, Size, mark, render, undrawable
from tests import pictures
from tests.breadth import mostly_slow

TEXT = Mark("Processed by Image Platform")
BOX = Size("box", 640, 480)
QUALITY = 85


def difference(one: bytes, other: bytes) -> Image.Image:
    """The largest difference of any channel, pixel by pixel."""
    pair = (pictures.decoded(data).convert("RGB") for data in (one, other))
    bands = ImageChops.difference(*pair).split()
    return ImageChops.lighter(ImageChops.lighter(bands[0], bands[1]), bands[2])


def brightness(data: bytes) -> Image.Image:
    """A JPEG's luma, as it is stored."""
    image = Image.open(io.BytesIO(data))
    image.draft("YCbCr", image.size)
    return image.getchannel("Y")


def changed(one: bytes, other: bytes, threshold: int = 12) -> tuple[int, int, int, int]:
    box = difference(one, other).point(lambda value: 255 if value > threshold else 0).getbbox()
    assert box is not None
    return box


def largest_outside(image: Image.Image, box: tuple[int, int, int, int]) -> int:
    image = image.copy()
    # A mark changes whole JPEG blocks: 16 pixels at half the chroma, and one more block where
    # chroma is interpolated.
    left, top, right, bottom = box
    image.paste(0, (left // 16 * 16 - 16, top // 16 * 16 - 16, right + 32, bottom + 32))
    return int(image.getextrema()[1])  # type: ignore[arg-type]


def rendered(form: str, recipe_mark: Mark = TEXT, data: bytes | None = None) -> list[bytes]:
    made = render(data or pictures.jpeg(), Recipe((BOX,), (form,), mark=recipe_mark))
    return [one.data for one in made]


def test_the_mark_is_at_the_bottom_right_with_a_margin() -> None:
    clean, marked = rendered("png")
    left, top, right, bottom = changed(clean, marked, 0)
    assert 200 < left < right < 640 - 5
    assert 440 < top < bottom < 480 - 5


@pytest.mark.parametrize(
    ("position", "where"),
    [("bottom-right", (1, 1)), ("bottom-left", (0, 1)), ("top-right", (1, 0)),
     ("top-left", (0, 0)), ("center", (None, None))],
)  # fmt: skip
def test_a_mark_is_at_its_position(position: str, where: tuple[int | None, int | None]) -> None:
    clean, marked = rendered("png", Mark("Hi there", position=position))
    left, top, right, bottom = changed(clean, marked, 0)
    for before, after, side in ((left, 640 - right, where[0]), (top, 480 - bottom, where[1])):
        if side is None:
            assert abs(before - after) <= 2
        else:
            assert (before > after) == bool(side)
            assert 5 <= (after if side else before) <= 20


def test_render_changes_nothing_outside_of_the_mark() -> None:
    for form in ("jpeg", "png"):
        clean, marked = rendered(form)
        assert largest_outside(difference(clean, marked), changed(clean, marked, 0)) == 0


def test_marking_a_finished_jpeg_changes_almost_nothing_outside_of_the_mark() -> None:
    clean = rendered("jpeg")[0]
    marked = mark(clean, TEXT, QUALITY)
    box = changed(clean, marked, 40)
    # Of 255. Brightness goes through the same tables unchanged; color is stored at half the
    # resolution, and is interpolated once more.
    assert largest_outside(difference(clean, marked), box) <= 16
    assert largest_outside(ImageChops.difference(*map(brightness, (clean, marked))), box) == 0


def test_marking_a_finished_jpeg_keeps_its_tables_and_its_order() -> None:
    clean = rendered("jpeg")[0]
    before, after = pictures.decoded(clean), pictures.decoded(mark(clean, TEXT, QUALITY))
    assert before.quantization == after.quantization  # type: ignore[attr-defined]
    assert before.layer == after.layer  # type: ignore[attr-defined]
    assert after.info["progressive"]
    baseline = pictures.decoded(mark(pictures.jpeg(), TEXT, QUALITY))
    assert "progressive" not in baseline.info


def test_marking_a_finished_file_gives_what_render_gives() -> None:
    for form, tolerance in (("png", 0), ("jpeg", 24)):
        clean, marked = rendered(form)
        assert difference(mark(clean, TEXT, QUALITY), marked).getextrema()[1] <= tolerance  # type: ignore[operator]


@pytest.mark.parametrize("quality", mostly_slow([40, 85]))
@pytest.mark.parametrize("form", ["jpeg", "webp", "avif"])
def test_a_marked_file_has_about_as_many_bytes_as_render_gives_it(form: str, quality: int) -> None:
    clean, marked = (one.data for one in render(pictures.jpeg(), Recipe((BOX,), (form,), quality, TEXT)))
    assert len(mark(clean, TEXT, quality)) == pytest.approx(len(marked), rel=0.15)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processors can be assigned on Linux only")
@pytest.mark.parametrize("form", mostly_slow(["jpeg", "png", "webp", "avif"]))
def test_the_bytes_do_not_depend_on_the_number_of_processors(form: str) -> None:
    box = Size("box", 1200, 900)
    clean = render(pictures.jpeg(1200, 900), Recipe((box,), (form,)))[0].data
    many, all_of_them = mark(clean, TEXT, QUALITY), os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(all_of_them)})
    try:
        assert mark(clean, TEXT, QUALITY) == many
    finally:
        os.sched_setaffinity(0, all_of_them)


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "avif"])
def test_a_finished_file_is_marked_in_its_own_format(form: str) -> None:
    for data in (pictures.jpeg(), pictures.alpha_png(640, 480)):
        clean = rendered(form, data=data)[0]
        before, after = pictures.decoded(clean), pictures.decoded(mark(clean, TEXT, QUALITY))
        assert (after.format, after.size, after.mode) == (before.format, before.size, before.mode)


def test_the_mark_is_visible_on_white_on_black_and_on_transparency() -> None:
    for ground in ("white", "black"):
        flat = pictures.encoded(Image.new("RGB", (640, 480), ground), "PNG")
        clean, marked = rendered("png", data=flat)
        assert difference(clean, marked).getextrema()[1] > 50  # type: ignore[operator]
    clear = pictures.encoded(Image.new("RGBA", (640, 480), (0, 0, 0, 0)), "PNG")
    marked = rendered("png", data=clear)[1]
    assert pictures.decoded(marked).getchannel("A").getextrema()[1] > 100  # type: ignore[operator]


def test_color_and_opacity_are_applied() -> None:
    gray = pictures.encoded(Image.new("RGB", (640, 480), (128, 128, 128)), "PNG")
    faint, strong = (rendered("png", Mark("MMMM", color="#F00", opacity=opacity), gray)[1] for opacity in (0.2, 1.0))
    reds = [pictures.decoded(data).getchannel(0).getextrema()[1] for data in (faint, strong)]
    assert reds[1] == 255
    assert 128 < int(reds[0]) < 175  # type: ignore[arg-type]
    clean, invisible = rendered("png", Mark("MMMM", opacity=0), gray)
    assert difference(clean, invisible).getbbox() is None


def test_the_text_grows_with_the_picture() -> None:
    heights = []
    for width in (640, 2560):
        flat = pictures.encoded(Image.new("RGB", (width, width * 3 // 4), "gray"), "PNG")
        _left, top, _right, bottom = changed(flat, mark(flat, TEXT, QUALITY), 0)
        heights.append(bottom - top)
    assert 3.3 < heights[1] / heights[0] < 4.5


@pytest.mark.parametrize("size", [(200, 150), (140, 1000), (2000, 40)])
def test_on_narrow_pictures_the_mark_is_scaled_to_fit(size: tuple[int, int]) -> None:
    flat = pictures.encoded(Image.new("RGB", size, "gray"), "PNG")
    left, top, right, bottom = changed(flat, mark(flat, TEXT, QUALITY), 0)
    assert 0 <= left < right <= size[0]
    assert 0 <= top < bottom <= size[1]


@pytest.mark.parametrize("size", [(1, 1), (60, 45), (3000, 5), (5, 3000)])
def test_a_mark_that_would_not_be_legible_is_left_out(size: tuple[int, int]) -> None:
    flat = pictures.encoded(Image.new("RGB", size, "gray"), "JPEG")
    assert mark(flat, TEXT, QUALITY) == flat
    clean, marked = render(flat, Recipe((Size("box", 4000, 4000),), mark=TEXT))
    assert clean.data == marked.data
    assert (clean.watermarked, marked.watermarked) == (False, True)


def test_an_empty_text_marks_nothing() -> None:
    data = pictures.jpeg()
    assert mark(data, Mark("  "), QUALITY) == data


def test_an_image_mark_keeps_its_transparency_and_its_proportions() -> None:
    logo = Image.new("RGBA", (100, 50), (255, 0, 0, 255))
    logo.paste((0, 0, 0, 0), (0, 0, 50, 50))
    stamp = Mark(image=pictures.encoded(logo, "PNG"), opacity=1.0)
    flat = pictures.encoded(Image.new("RGB", (1000, 1000), "gray"), "PNG")
    marked = mark(flat, stamp, QUALITY)
    left, top, right, bottom = changed(flat, marked, 0)
    assert (right - left, bottom - top) == (50, 50)
    assert pictures.decoded(marked).getpixel((right - 5, bottom - 5)) == (255, 0, 0)
    small = pictures.encoded(Image.new("RGB", (100, 100), "gray"), "PNG")
    left, _top, right, _bottom = changed(small, mark(small, stamp, QUALITY), 0)
    assert 8 <= right - left <= 14


def test_an_unreadable_image_mark_does_not_reject_the_picture() -> None:
    stamp = Mark(image=b"no picture")
    with pytest.raises(ValueError, match="not_an_image"):
        render(pictures.jpeg(), Recipe((BOX,), mark=stamp))


def test_a_file_that_cannot_be_read_cannot_be_marked() -> None:
    for data in (b"", b"words", pictures.jpeg()[:3000]):
        with pytest.raises(ImageRejectedError):
            mark(data, TEXT, QUALITY)


def test_unknown_fonts_are_rejected() -> None:
    data = pictures.jpeg()
    liberation, arial = (mark(data, Mark("Text", font=font), QUALITY) for font in ("Liberation Sans", "Arial"))
    assert liberation == arial
    with pytest.raises(ValueError, match="Arial, Arimo, Liberation Sans"):
        Mark("Text", font="No Such Font")


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("Processed by Ελλάδα Київ é □ \u0301", ""),
        ("© 写真 😀 写", "写真😀"),
        ("a\u200d\ufe0f\U0001f3fd", "\ufe0f\U0001f3fd"),
        ("", ""),
    ],
)
def test_undrawable_names_the_characters_that_a_font_lacks(text: str, missing: str) -> None:
    assert undrawable(Mark(text)) == missing
    assert undrawable(Mark(text, image=b"a picture instead")) == ""
