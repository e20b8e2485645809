"""Marks: their position, what they leave unchanged, and when they are left out."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image, ImageChops, features

from chalicelib.imaging import ImageRejectedError, Mark, Recipe, Size, mark, render, undrawable
from tests import pictures
from tests.breadth import mostly_slow

TEXT = Mark("Processed by Image Platform")
BOX = Size("box", 640, 480)
QUALITY = 85
FONTS = Path(__file__).parents[3] / "local" / "fonts"


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
    made = render(data or pictures.jpeg(), Recipe((BOX,), (form,), marks=(recipe_mark,)))
    return [one.data for one in made]


def test_the_mark_is_at_the_bottom_right_with_a_margin() -> None:
    clean, marked = rendered("png")
    left, top, right, bottom = changed(clean, marked, 0)
    assert 200 < left < right < 640 - 5
    assert 440 < top < bottom < 480 - 5


@pytest.mark.parametrize(
    ("position", "where"),
    [("bottom-right", (1, 1)), ("bottom-left", (0, 1)), ("top-right", (1, 0)),
     ("top-left", (0, 0)), ("center", (None, None)), ("top", (None, 0)), ("bottom", (None, 1)),
     ("left", (0, None)), ("right", (1, None))],
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
    marked = mark(clean, [TEXT], QUALITY)
    box = changed(clean, marked, 40)
    # Of 255. Brightness goes through the same tables unchanged; color is stored at half the
    # resolution, and is interpolated once more.
    assert largest_outside(difference(clean, marked), box) <= 16
    assert largest_outside(ImageChops.difference(*map(brightness, (clean, marked))), box) == 0


def test_marking_a_finished_jpeg_keeps_its_tables_and_its_order() -> None:
    clean = rendered("jpeg")[0]
    before, after = pictures.decoded(clean), pictures.decoded(mark(clean, [TEXT], QUALITY))
    assert before.quantization == after.quantization  # type: ignore[attr-defined]
    assert before.layer == after.layer  # type: ignore[attr-defined]
    assert after.info["progressive"]
    baseline = pictures.decoded(mark(pictures.jpeg(), [TEXT], QUALITY))
    assert "progressive" not in baseline.info


def test_marking_a_finished_file_gives_what_render_gives() -> None:
    for form, tolerance in (("png", 0), ("jpeg", 24)):
        clean, marked = rendered(form)
        assert difference(mark(clean, [TEXT], QUALITY), marked).getextrema()[1] <= tolerance  # type: ignore[operator]


@pytest.mark.parametrize("quality", mostly_slow([40, 85]))
@pytest.mark.parametrize("form", ["jpeg", "webp", "avif"])
def test_a_marked_file_has_about_as_many_bytes_as_render_gives_it(form: str, quality: int) -> None:
    clean, marked = (one.data for one in render(pictures.jpeg(), Recipe((BOX,), (form,), quality, (TEXT,))))
    assert len(mark(clean, [TEXT], quality)) == pytest.approx(len(marked), rel=0.15)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processors can be assigned on Linux only")
@pytest.mark.parametrize("form", mostly_slow(["jpeg", "png", "webp", "avif"]))
def test_the_bytes_do_not_depend_on_the_number_of_processors(form: str) -> None:
    box = Size("box", 1200, 900)
    clean = render(pictures.jpeg(1200, 900), Recipe((box,), (form,)))[0].data
    many, all_of_them = mark(clean, [TEXT], QUALITY), os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(all_of_them)})
    try:
        assert mark(clean, [TEXT], QUALITY) == many
    finally:
        os.sched_setaffinity(0, all_of_them)


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "avif"])
def test_a_finished_file_is_marked_in_its_own_format(form: str) -> None:
    for data in (pictures.jpeg(), pictures.alpha_png(640, 480)):
        clean = rendered(form, data=data)[0]
        before, after = pictures.decoded(clean), pictures.decoded(mark(clean, [TEXT], QUALITY))
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
        _left, top, _right, bottom = changed(flat, mark(flat, [TEXT], QUALITY), 0)
        heights.append(bottom - top)
    assert 3.3 < heights[1] / heights[0] < 4.5


@pytest.mark.parametrize("size", [(200, 150), (140, 1000), (2000, 40)])
def test_on_narrow_pictures_the_mark_is_scaled_to_fit(size: tuple[int, int]) -> None:
    flat = pictures.encoded(Image.new("RGB", size, "gray"), "PNG")
    left, top, right, bottom = changed(flat, mark(flat, [TEXT], QUALITY), 0)
    assert 0 <= left < right <= size[0]
    assert 0 <= top < bottom <= size[1]


@pytest.mark.parametrize("size", [(1, 1), (60, 45), (3000, 5), (5, 3000)])
def test_a_mark_that_would_not_be_legible_is_left_out(size: tuple[int, int]) -> None:
    flat = pictures.encoded(Image.new("RGB", size, "gray"), "JPEG")
    assert mark(flat, [TEXT], QUALITY) == flat
    clean, marked = render(flat, Recipe((Size("box", 4000, 4000),), marks=(TEXT,)))
    assert clean.data == marked.data
    assert (clean.watermarked, marked.watermarked) == (False, True)


def test_an_empty_text_marks_nothing() -> None:
    data = pictures.jpeg()
    assert mark(data, [Mark("  ")], QUALITY) == data


def test_an_image_mark_keeps_its_transparency_and_its_proportions() -> None:
    logo = Image.new("RGBA", (100, 50), (255, 0, 0, 255))
    logo.paste((0, 0, 0, 0), (0, 0, 50, 50))
    stamp = Mark(image=pictures.encoded(logo, "PNG"), opacity=1.0)
    flat = pictures.encoded(Image.new("RGB", (1000, 1000), "gray"), "PNG")
    marked = mark(flat, [stamp], QUALITY)
    left, top, right, bottom = changed(flat, marked, 0)
    assert (right - left, bottom - top) == (50, 50)
    assert pictures.decoded(marked).getpixel((right - 5, bottom - 5)) == (255, 0, 0)
    small = pictures.encoded(Image.new("RGB", (100, 100), "gray"), "PNG")
    left, _top, right, _bottom = changed(small, mark(small, [stamp], QUALITY), 0)
    assert 8 <= right - left <= 14


GRAY = pictures.encoded(Image.new("RGB", (1000, 600), "gray"), "PNG")


def box_of(*marks: Mark, ground: bytes = GRAY) -> tuple[int, int, int, int]:
    """What the marks change of a gray picture of 1000 by 600 pixels."""
    return changed(ground, mark(ground, marks, QUALITY), 0)


def test_a_mark_can_take_a_share_of_the_width() -> None:
    logo = pictures.encoded(Image.new("RGB", (100, 50), "red"), "PNG")
    left, top, right, bottom = box_of(Mark(image=logo, size=0.4))
    assert (right - left, bottom - top) == (400, 200), "scaled up"
    left, top, right, bottom = box_of(Mark(image=logo, size=0.05))
    assert (right - left, bottom - top) == (50, 25), "and down"
    left, _, right, _ = box_of(Mark("Some words", size=0.5, shadow=False))
    assert 470 <= right - left <= 510


def test_a_mark_never_reaches_over_the_edges() -> None:
    logo = pictures.encoded(Image.new("RGB", (20, 100), "red"), "PNG")
    for each in (
        Mark(image=logo, size=0.9),
        Mark(image=logo, size=0.9, rotation=45),
        Mark("Some words", size=1.0, rotation=60),
        Mark("Some words", size=0.4, position="right", offset=(0.5, 0.9)),
    ):
        left, top, right, bottom = box_of(each)
        assert 0 <= left < right <= 1000, each
        assert 0 <= top < bottom <= 600, each
        assert 0 < bottom - top < 600 or each.size == 0.9, each


def test_margin_and_offset_move_a_mark() -> None:
    logo = pictures.encoded(Image.new("RGB", (20, 20), "red"), "PNG")
    assert box_of(Mark(image=logo, position="top-left", margin=0.1)) == (60, 60, 80, 80)
    assert box_of(Mark(image=logo, position="top-left", margin=0.0, offset=(0.5, 0.25))) == (500, 150, 520, 170)
    assert box_of(Mark(image=logo, position="center", offset=(-0.1, 0.1))) == (390, 350, 410, 370)


def test_rotation_is_clockwise() -> None:
    logo = Image.new("RGB", (100, 20), "red")
    logo.paste("blue", (80, 0, 100, 20))
    stamp = Mark(image=pictures.encoded(logo, "PNG"), size=0.1, rotation=90, position="top-left", margin=0, opacity=1)
    left, top, right, bottom = box_of(stamp)
    assert (right - left, bottom - top) == (20, 100)
    assert pictures.decoded(mark(GRAY, [stamp], QUALITY)).getpixel((10, 95)) == (0, 0, 255), "its end points down"


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_tiled_mark_covers_the_picture(form: str) -> None:
    grounds = [Image.new("RGB", (1000, 600), "gray"), Image.new("RGBA", (1000, 600), (128, 128, 128, 200))]
    for ground in grounds[: 1 if form == "JPEG" else 2]:
        data = pictures.encoded(ground, form)
        for stamp in (Mark("Proof", tile=True, size=0.1, rotation=-30), Mark("x", tile=True, size=0.02, gap=0.0)):
            cells = difference(data, mark(data, [stamp], 90)).point(lambda value: 255 * (value > 12))
            assert cells.resize((4, 3), Image.Resampling.BOX).getextrema()[0] > 0, "each part of it"  # type: ignore[operator]


def test_several_marks_are_drawn() -> None:
    left, top, right, bottom = box_of(Mark("One", position="top-left"), Mark("Two", position="bottom-right"))
    assert left < 30 < 970 < right
    assert top < 30 < 570 < bottom


def test_an_outline_is_legible_where_the_color_is_that_of_the_ground() -> None:
    for color in ("#FFFFFF", "#000000"):
        ground = pictures.encoded(Image.new("RGB", (640, 480), color), "PNG")
        plain, outlined = (
            mark(ground, [Mark("Text", color=color, opacity=1.0, shadow=False, size=0.3, stroke=stroke)], QUALITY)
            for stroke in (0.0, 0.05)
        )
        assert difference(ground, plain).getbbox() is None
        assert difference(ground, outlined).getextrema()[1] == 255
    red = mark(ground, [Mark("Text", size=0.3, opacity=1.0, stroke=0.1, stroke_color="#F00")], QUALITY)
    assert (0xFF, 0, 0) in {color for _, color in pictures.decoded(red).getcolors(1 << 20) or []}


def with_own_font(text: str, file: str) -> Mark:
    return Mark(text, font=file, font_file=(FONTS / file).read_bytes(), size=0.5, opacity=1.0)


def test_a_font_file_draws_what_the_bundled_font_lacks() -> None:
    own = with_own_font("写真", "DroidSansFallback-Subset.ttf")
    assert undrawable(own) == ""
    assert undrawable(Mark("写真")) == "写真"
    assert mark(GRAY, [own], QUALITY) != mark(GRAY, [Mark("写真", size=0.5, opacity=1.0)], QUALITY)


@pytest.mark.skipif(not features.check_feature("raqm"), reason="this Pillow has no raqm")
def test_letters_of_arabic_are_joined_and_written_from_right_to_left() -> None:
    joined, apart = (box_of(with_own_font(text, "DejaVuSans-Arabic.ttf")) for text in ("ببب", "ب\u200cب\u200cب"))
    heights = joined[3] - joined[1], apart[3] - apart[1]
    assert heights[0] > heights[1] * 1.3, "at the same width, joined letters are fewer ems wide"
    first, second = (mark(GRAY, [Mark(text, size=0.5)], QUALITY) for text in ("אב", "בא"))
    ordered = mark(GRAY, [Mark("\u202dבא\u202c", size=0.5)], QUALITY)
    assert first == ordered, "the first letter is on the right"
    assert first != second


def test_a_font_that_cannot_be_read_does_not_reject_the_picture() -> None:
    with pytest.raises(ValueError, match="font is of no use"):
        render(pictures.jpeg(), Recipe((BOX,), marks=(Mark("Text", font_file=b"no font"),)))


def test_an_unreadable_image_mark_does_not_reject_the_picture() -> None:
    stamp = Mark(image=b"no picture")
    with pytest.raises(ValueError, match="not_an_image"):
        render(pictures.jpeg(), Recipe((BOX,), marks=(stamp,)))


def test_a_file_that_cannot_be_read_cannot_be_marked() -> None:
    for data in (b"", b"words", pictures.jpeg()[:3000]):
        with pytest.raises(ImageRejectedError):
            mark(data, [TEXT], QUALITY)


def test_unknown_fonts_are_rejected() -> None:
    data = pictures.jpeg()
    liberation, arial = (mark(data, [Mark("Text", font=font)], QUALITY) for font in ("Liberation Sans", "Arial"))
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
