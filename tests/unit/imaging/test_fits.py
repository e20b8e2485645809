"""How a picture goes into a size: its fit, its focus, its bars, what is kept of its metadata, and its formats."""

from __future__ import annotations

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

from chalicelib.imaging import Recipe, Size, output_formats, render
from tests import pictures
from tests.breadth import mostly_slow

RED, BLUE, ORANGE = (230, 20, 20), (20, 20, 230), (255, 170, 0)


def halves(width: int = 400, height: int = 200) -> Image.Image:
    """The left half red, the right one blue."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image


def subject(at: tuple[float, float], size: tuple[int, int] = (800, 400)) -> Image.Image:
    """A plain ground with a pattern of lines around a place."""
    image = Image.new("RGB", size, (120, 150, 200))
    draw = ImageDraw.Draw(image)
    across, down = int(at[0] * size[0]), int(at[1] * size[1])
    for step in range(-30, 31, 6):
        draw.line((across + step, down - 30, across - step, down + 30), "black", 2)
    draw.rectangle((across - 30, down - 30, across + 30, down + 30), outline="white", width=3)
    return image


def made(data: bytes, *sizes: Size, form: str = "png", background: str | None = "#FFFFFF") -> list[Image.Image]:
    renditions = render(data, Recipe(sizes, (form,), background=background))
    assert [(one.width, one.height) for one in renditions] == [pictures.decoded(one.data).size for one in renditions]
    return [pictures.decoded(one.data) for one in renditions]


def color_at(image: Image.Image, across: float, down: float) -> tuple[int, ...]:
    value = image.convert("RGB").getpixel((int(across * image.width), int(down * image.height)))
    assert isinstance(value, tuple)
    return value


def is_near(found: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return all(abs(a - b) <= 12 for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize("size", [(400, 200), (60, 30)])
def test_each_fit_has_its_dimensions(form: str, size: tuple[int, int]) -> None:
    data = pictures.encoded(halves(*size), form)
    inside, cover, contain, exact, narrow = made(
        data,
        Size("inside", 100, 100),
        Size("cover", 100, 100, "cover"),
        Size("contain", 100, 100, "contain"),
        Size("exact", 100, 100, "exact"),
        Size("narrow", 50, None),
    )
    assert inside.size == ((100, 50) if size == (400, 200) else (60, 30)), "inside never enlarges"
    assert cover.size == contain.size == exact.size == (100, 100)
    assert narrow.size == (50, 25), "a side that is not given follows in proportion"
    assert is_near(color_at(cover, 0.1, 0.1), RED)
    assert is_near(color_at(cover, 0.9, 0.9), BLUE)
    assert [is_near(color_at(contain, 0.1, down), (255, 255, 255)) for down in (0.1, 0.5, 0.9)] == [True, False, True]
    assert is_near(color_at(exact, 0.1, 0.02), RED), "stretched to the edges"


def test_bars_have_the_color_of_the_background_or_none() -> None:
    data, box = pictures.encoded(halves(), "PNG"), Size("box", 100, 100, "contain")
    for form in ("jpeg", "png", "webp"):
        [colored] = made(data, box, form=form, background="#FA0")
        assert is_near(color_at(colored, 0.5, 0.1), ORANGE)
    [clear] = made(data, box, background=None)
    assert clear.getchannel("A").getpixel((50, 5)) == 0
    assert clear.getchannel("A").getpixel((50, 50)) == 255
    [white] = made(data, box, form="jpeg", background=None)
    assert is_near(color_at(white, 0.5, 0.1), (255, 255, 255)), "JPEG has no transparency"


def test_what_is_transparent_becomes_the_background_in_a_jpeg_alone() -> None:
    clear = pictures.encoded(Image.new("RGBA", (100, 100), (0, 0, 0, 0)), "PNG")
    [jpeg] = made(clear, Size("box", 100, 100), form="jpeg", background="#FA0")
    assert is_near(color_at(jpeg, 0.5, 0.5), ORANGE)
    [png] = made(clear, Size("box", 100, 100), background="#FA0")
    assert png.getchannel("A").getextrema() == (0, 0)


def test_a_focus_decides_what_is_kept() -> None:
    data = pictures.encoded(halves(), "PNG")
    left, right = made(data, Size("l", 50, 100, "cover", (0.0, 0.5)), Size("r", 50, 100, "cover", (1.0, 0.5)))
    assert [is_near(color_at(left, x, 0.5), RED) for x in (0.05, 0.95)] == [True, True]
    assert [is_near(color_at(right, x, 0.5), BLUE) for x in (0.05, 0.95)] == [True, True]


@pytest.mark.parametrize("orientation", mostly_slow([6, 1, 3, 8], quick=2))
@pytest.mark.parametrize("at", [(0.15, 0.5), (0.8, 0.4)])
def test_a_smart_crop_keeps_what_has_detail(at: tuple[float, float], orientation: int) -> None:
    turns = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    image, exif = subject(at), Image.Exif()
    exif[0x0112] = orientation
    stored = image.transpose(turns[orientation]) if orientation in turns else image
    data = pictures.encoded(stored, "JPEG", exif=exif, quality=90)
    plain, smart = made(data, Size("plain", 60, 200, "cover"), Size("smart", 60, 200, "cover", "smart"))
    assert plain.convert("L").getextrema()[0] > 60, "the middle is plain"  # type: ignore[operator]
    dark = smart.convert("L").point(lambda value: 255 * (value < 60)).getbbox()
    assert dark is not None
    assert abs((dark[0] + dark[2]) / 2 - 30) <= 6, "what was found is in the middle of the crop"


@pytest.mark.parametrize("size", [(1, 1), (2, 900), (900, 2), (3, 3), (800, 400)])
def test_a_plain_picture_of_any_shape_has_its_middle_kept(size: tuple[int, int]) -> None:
    data = pictures.encoded(Image.new("RGB", size, "gray"), "PNG")
    smart, plain = made(data, Size("smart", 40, 40, "cover", "smart"), Size("plain", 40, 40, "cover"))
    assert smart.tobytes() == plain.tobytes()


def test_fits_of_one_recipe_come_from_one_decode_without_mixing() -> None:
    # Each alone is what it is among the others, except where a size is made of a larger one.
    data = pictures.jpeg(1600, 1200)
    sizes = [Size("a", 600, 200, "cover", "smart"), Size("b", 500, 500, "contain"), Size("c", 300, 90, "exact")]
    together = made(data, *sizes)
    for size, image in zip(sizes, together, strict=True):
        [alone] = made(data, size)
        difference = ImageStat.Stat(ImageChops.difference(image.convert("RGB"), alone.convert("RGB")))
        assert max(difference.mean) < 3, size.name


def test_only_what_is_wanted_is_made() -> None:
    recipe = Recipe((Size("a", 100, 100), Size("b", 50, 50)), ("jpeg", "webp"))
    data = pictures.jpeg(300, 200)
    some = render(data, recipe, wanted={("a", "webp"), ("b", "jpeg")})
    assert [(one.name, one.format) for one in some] == [("a", "webp"), ("b", "jpeg")]
    assert render(data, recipe, wanted=()) == []


@pytest.mark.parametrize(
    ("original", "expected"),
    [("JPEG", ("jpeg", "webp")), ("PNG", ("png", "webp")), ("WEBP", ("webp",)), ("GIF", ("png", "webp"))],
)
def test_same_is_the_format_of_the_original(original: str, expected: tuple[str, ...]) -> None:
    recipe = Recipe((Size("a", 30, 30),), ("same", "webp"))
    assert output_formats(recipe, original, 1) == expected
    data = pictures.encoded(halves(), original)
    assert tuple(one.format for one in render(data, recipe)) == expected


def test_each_format_has_its_own_quality() -> None:
    size, data = Size("a", 400, 300), pictures.jpeg(400, 300)
    low_jpeg, low_webp = (
        [len(one.data) for one in render(data, Recipe((size,), ("jpeg", "webp"), 85, qualities={low: 30}))]
        for low in ("jpeg", "webp")
    )
    assert low_jpeg[0] < low_webp[0]
    assert low_webp[1] < low_jpeg[1]


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "avif"])
def test_copyright_and_artist_are_kept_where_a_recipe_says_so_and_nothing_else(form: str) -> None:
    exif = Image.Exif()
    exif[0x8298], exif[0x013B], exif[0x010F] = "\xa9 2026 Ann Ölund".encode(), "Ann", "CameraMaker"
    exif.get_ifd(0x8825)[1] = "N"
    data = pictures.jpeg(120, 80, exif=exif)
    [both] = render(data, Recipe((Size("a", 60, 60),), (form,), keep=("copyright", "artist")))
    kept = pictures.decoded(both.data).getexif()
    assert kept[0x013B] == "Ann"
    assert "2026 Ann" in kept[0x8298]
    assert set(kept) == {0x8298, 0x013B}
    assert "© 2026 Ann Ölund".encode() in both.data
    [one] = render(data, Recipe((Size("a", 60, 60),), (form,), keep=("artist",)))
    assert set(pictures.decoded(one.data).getexif()) == {0x013B}
    [nothing] = render(pictures.jpeg(120, 80), Recipe((Size("a", 60, 60),), (form,), keep=("artist",)))
    assert not set(pictures.decoded(nothing.data).getexif())
