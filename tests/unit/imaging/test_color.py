"""Colors and transparency come out as browsers show them."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from PIL import Image

from chalicelib.imaging import Mark, Recipe, Size, Transform, analyze, check, render, transform
from tests import pictures
from tests.breadth import mostly_slow
from tests.pictures import CORNERS, RED

LINEAR = pictures.power(1.0)
LARGE = Recipe((Size("large", 160, 120),))
LOSSLESS = Transform(format="png")

# Linear light from one set of colors to another (CSS Color 4, 17; ITU-R BT.2087).
P3_TO_SRGB = ((1.22494, -0.22494, 0.0), (-0.04206, 1.04206, 0.0), (-0.01964, -0.07864, 1.09827))
BT2020_TO_SRGB = ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187))

ADOBE_CHRM = struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
P3_CHRM = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
SRGB_CHRM = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)

Chunk = tuple[bytes, bytes]


def gama(stored: int) -> Chunk:
    return b"gAMA", struct.pack(">I", stored)


def from_srgb(light: float) -> float:
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


def to_srgb(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def from_video(value: float) -> float:
    """The inverse of ITU-R BT.709, 1.2."""
    return value / 4.5 if value < 0.081 else float(((value + 0.099) / 1.099) ** (1 / 0.45))


def shown(color: tuple[int, ...], light: Callable[[float], float], matrix: tuple[tuple[float, ...], ...]) -> list[int]:
    """A color in sRGB: `light` turns a sample into linear light, `matrix` converts between the primaries."""
    linear = [light(sample / 255) for sample in color]
    mixed = (sum(part * one for part, one in zip(row, linear, strict=True)) for row in matrix)
    return [round(255 * from_srgb(min(1.0, max(0.0, one)))) for one in mixed]


def lightened(*color: int) -> list[int]:
    """Samples of linear light in sRGB."""
    return [round(255 * from_srgb(sample / 255)) for sample in color]


def pixel(data: bytes, across: float = 0.5, down: float = 0.5) -> tuple[int, ...]:
    image = pictures.decoded(data).convert("RGBA")
    value = image.getpixel((int(across * image.width), int(down * image.height)))
    assert isinstance(value, tuple)
    return tuple(map(int, value))


def lossless(data: bytes) -> bytes:
    return transform(data, "", LOSSLESS).data


def space(data: bytes) -> str:
    named = check(data, "").color_space
    assert analyze(data, "").color_space == named
    return named


def near(found: tuple[int, ...], wanted: list[int] | tuple[int, ...], tolerance: int = 2) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(found, wanted, strict=False))


def flat(color: tuple[int, int, int], *chunks: Chunk) -> bytes:
    return pictures.with_chunks(pictures.encoded(Image.new("RGB", (64, 64), color), "PNG"), *chunks)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "JPEG"])
def test_a_profile_is_recognized_by_its_curves_and_not_by_its_name(form: str) -> None:
    image = Image.new("RGB", (64, 64), (183, 90, 60))
    profile = pictures.rgb_profile("GIMP built-in Linear sRGB", LINEAR)
    data = pictures.with_profile(image, profile, form)
    [large] = render(data, LARGE)
    assert near(pixel(large.data), lightened(183, 90, 60), 4)
    assert space(data) == "GIMP built-in Linear sRGB"
    colors = analyze(data, "").colors
    assert near(tuple(bytes.fromhex(colors[0].hex[1:])), lightened(183, 90, 60), 4)


def test_a_profile_in_several_segments_is_joined() -> None:
    curve = pictures.samples([step / 32_766 for step in range(32_767)])
    data = pictures.with_profile(Image.new("RGB", (64, 64), (183, 90, 60)), pictures.rgb_profile("linear", curve))
    assert data.count(b"ICC_PROFILE\0") > 1
    assert near(pixel(lossless(data)), lightened(183, 90, 60), 4)


def test_a_profile_may_not_use_a_reserved_name() -> None:
    assert space(flat((1, 2, 3), pictures.iccp(pictures.rgb_profile("sRGB", LINEAR)))) == "ICC"
    other = pictures.rgb_profile("AdobeRGB", pictures.power(1.8))
    assert space(flat((1, 2, 3), pictures.iccp(other))) == "ICC"


@pytest.mark.parametrize("points", [26, 1024])
def test_an_srgb_profile_of_any_name_changes_nothing(points: int) -> None:
    # The coarsest curves in use have 26 points. The bytes are equal, since the YCbCr of the JPEG was
    # not converted to RGB and back.
    curve = pictures.samples([to_srgb(step / (points - 1)) for step in range(points)])
    image = pictures.photo(320, 200)
    told = pictures.with_profile(image, pictures.rgb_profile("c2", curve))
    assert space(told) == "sRGB"
    assert render(told, LARGE) == render(pictures.encoded(image, "JPEG", quality=95), LARGE)


def test_profiles_of_one_curve_differ_by_their_colorants() -> None:
    curve = pictures.samples([to_srgb(step / 255) for step in range(256)])
    p3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
    data = flat((200, 100, 50), pictures.iccp(pictures.rgb_profile("sRGB of my screen", curve, p3)))
    assert space(data) == "sRGB of my screen"
    assert near(pixel(lossless(data)), shown((200, 100, 50), to_srgb, P3_TO_SRGB))


@pytest.mark.parametrize(
    "data",
    mostly_slow(
        [
            pictures.samples_png((87,), (87,), 8),
            pictures.samples_png((87, 200), (87, 200), 8),
            pictures.samples_png((87 * 257,), (87 * 257,), 16),
            pictures.samples_png((87 * 257, 200 * 257), (87 * 257, 200 * 257), 16),
            pictures.samples_png((87,), (10,), 8, trns=b"\0\x0a"),
        ],
        quick=2,
    ),
    ids=["gray", "gray and alpha", "gray of 16 bits", "gray of 16 bits and alpha", "gray and a key"],
)
def test_a_gray_profile_also_applies_beside_alpha(data: bytes) -> None:
    said = pictures.with_chunks(data, pictures.iccp(pictures.gray_profile("linear gray", LINEAR)))
    before, found = pixel(lossless(data), 0.2), pixel(lossless(said), 0.2)
    assert near(found, lightened(87) * 3)
    assert (near(before, (87, 87, 87)), before[3]) == (True, found[3])
    assert pixel(lossless(said), 0.8)[3] == pixel(lossless(data), 0.8)[3]
    assert space(said) == "Gray"


def test_a_gray_profile_may_describe_lightness() -> None:
    # The curve of sRGB applied to lightness (CIE L*) is not sRGB.
    curve = pictures.samples([to_srgb(step / 255) for step in range(256)])
    said = pictures.iccp(pictures.gray_profile("lightness", curve, b"Lab "))
    light = ((100 * to_srgb(200 / 255) + 16) / 116) ** 3
    data = pictures.with_chunks(pictures.samples_png((200,), (200,), 8), said)
    assert near(pixel(lossless(data)), [round(255 * from_srgb(light))] * 3)


def test_a_gray_jpeg_may_have_an_rgb_profile() -> None:
    gray, profile = Image.new("L", (64, 64), 87), pictures.rgb_profile("linear", LINEAR)
    assert near(pixel(lossless(pictures.with_profile(gray, profile))), lightened(87) * 3)
    # In a PNG the standard forbids it, and browsers ignore it.
    png = pictures.with_chunks(pictures.samples_png((87,), (87,), 8), pictures.iccp(profile))
    assert near(pixel(lossless(png)), (87, 87, 87))


SAID = pictures.iccp(pictures.rgb_profile("linear", LINEAR))
ADOBE = pictures.iccp(pictures.adobe_rgb_profile())
SRGB: Chunk = (b"sRGB", b"\0")
COLOR = (200, 100, 50)
OF_LIGHT = lightened(*COLOR)


@pytest.mark.parametrize(
    ("chunks", "wanted", "named"),
    mostly_slow(
        [
            ([gama(100_000)], OF_LIGHT, "RGB gamma 1.00"),
            ([gama(100_000), (b"cHRM", SRGB_CHRM)], OF_LIGHT, "RGB gamma 1.00"),
            ([gama(45_455)], COLOR, "sRGB"),
            ([gama(45_455), (b"cHRM", SRGB_CHRM)], COLOR, "sRGB"),
            ([(b"cHRM", P3_CHRM)], shown(COLOR, to_srgb, P3_TO_SRGB), "RGB"),
            ([gama(45_455), (b"cHRM", ADOBE_CHRM)], None, "AdobeRGB"),
            ([SRGB, gama(100_000), (b"cHRM", P3_CHRM)], COLOR, "sRGB"),
            ([gama(100_000), SRGB], COLOR, "sRGB"),
            ([SRGB, SAID], OF_LIGHT, "linear"),
            ([gama(45_455), ADOBE], None, "AdobeRGB"),
            ([(b"cICP", bytes((1, 13, 0, 1))), SAID], COLOR, "sRGB"),
            ([(b"cICP", bytes((1, 8, 0, 1))), SRGB], OF_LIGHT, "BT.709 linear"),
            ([(b"cICP", bytes((12, 13, 0, 1))), SAID], shown(COLOR, to_srgb, P3_TO_SRGB), "Display P3"),
            ([(b"cICP", bytes((9, 14, 0, 1)))], shown(COLOR, from_video, BT2020_TO_SRGB), "BT.2020"),
            # Not usable: the next one counts.
            ([(b"cICP", bytes((2, 2, 0, 1))), SAID], OF_LIGHT, "linear"),
            ([(b"cICP", bytes((12, 13, 0, 0)))], COLOR, "sRGB"),
            ([(b"cICP", bytes((12, 13, 6, 1)))], COLOR, "sRGB"),
            ([(b"iCCP", b"damaged\0\0not packed"), gama(100_000)], OF_LIGHT, "RGB gamma 1.00"),
            ([pictures.iccp(pictures.gray_profile("gray", LINEAR)), gama(100_000)], OF_LIGHT, "RGB gamma 1.00"),
            ([pictures.iccp(pictures.adobe_rgb_profile()[:200])], COLOR, "sRGB"),
            ([gama(0)], COLOR, "sRGB"),
            ([(b"gAMA", b"\1")], COLOR, "sRGB"),
            ([(b"cHRM", bytes(32)), gama(100_000)], OF_LIGHT, "RGB gamma 1.00"),
        ],
        quick=8,
    ),
)
def test_the_first_usable_color_chunk_of_a_png_counts(
    chunks: list[Chunk], wanted: list[int] | None, named: str
) -> None:
    data = flat(COLOR, *chunks)
    # AdobeRGB by its published matrix, with a gamma of 2.2.
    adobe = shown(
        COLOR, lambda value: value**2.2, ((1.39836, -0.39836, 0.0), (0.0, 1.0, 0.0), (0.0, -0.04293, 1.04293))
    )
    assert near(pixel(lossless(data)), wanted or adobe)
    assert space(data) == named


def test_the_gamma_of_gray_is_applied() -> None:
    gray = pictures.samples_png((87, 200), (87, 255), 8)
    for chunk in (gama(100_000), (b"cICP", bytes((1, 8, 0, 1)))):
        data = pictures.with_chunks(gray, chunk)
        assert near(pixel(lossless(data), 0.2), [*lightened(87) * 3, 200])
        assert space(data) == "Gray"


def on_a_page(light: float) -> float:
    """Reinhard's curve, for light that is 1 where paper is white and at most 1,000 / 203."""
    return light * (1 + light * (203 / 1000) ** 2) / (1 + light)


def hlg_light(value: float) -> float:
    """ITU-R BT.2100, table 5: up to half, a root; white paper is at 0.75 (BT.2408, table 1)."""
    return on_a_page((value * value / 3) ** 1.2 * 1000 / 203) if value <= 0.5 else on_a_page(1.0)


def test_light_brighter_than_a_page_is_tone_mapped() -> None:
    # White paper is 0.58 of PQ (BT.2408, table 1). Black and the brightest are themselves.
    for sample, light in ((148, on_a_page(1.0)), (0, 0.0), (255, 1.0)):
        data = flat((sample,) * 3, (b"cICP", bytes((9, 16, 0, 1))))
        assert near(pixel(lossless(data)), [round(255 * from_srgb(light))] * 3, 3)
    data = flat((191, 64, 64), (b"cICP", bytes((9, 18, 0, 1))))
    assert near(pixel(lossless(data)), shown((191, 64, 64), hlg_light, BT2020_TO_SRGB), 3)


def test_color_chunks_after_the_pixels_are_ignored() -> None:
    assert near(pixel(lossless(pictures.with_late_chunk(flat(COLOR), *gama(100_000)))), COLOR)


def test_cmyk_without_a_profile_looks_as_in_browsers() -> None:
    # Chromium: red is the light that cyan and black let through; YCCK is CMY as YCbCr.
    inks = Image.new("CMYK", (64, 64), (64, 128, 0, 77))
    data = pictures.cmyk_jpeg(inks)
    wanted = [round((255 - ink) * (255 - 77) / 255) for ink in (64, 128, 0)]
    assert near(pixel(lossless(data)), wanted, 3)
    as_ycck = bytearray(data)
    as_ycck[data.index(b"Adobe") + 11] = 2
    y, cb, cr, black = 255 - 64, 255 - 128, 255, 255 - 77
    light = [y + 1.402 * (cr - 128), y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128), y + 1.772 * (cb - 128)]
    # Libjpeg gives what YCC stands for as ink, and Adobe's files hold ink as its absence.
    wanted = [round(min(255.0, max(0.0, 255 - one)) * black / 255) for one in light]
    assert near(pixel(lossless(bytes(as_ycck))), wanted, 4)


@pytest.mark.parametrize(
    ("key", "beside", "depth", "clear"),
    mostly_slow(
        [
            ((0,), (1,), 1, b"\0\0"),
            ((2,), (1,), 2, b"\0\2"),
            ((9,), (8,), 4, b"\0\x09"),
            ((200,), (201,), 8, b"\0\xc8"),
            ((0x4000,), (0x4001,), 16, b"\x40\0"),
            ((10, 20, 30), (10, 20, 31), 8, b"\0\x0a\0\x14\0\x1e"),
            ((0x1234, 0x8000, 0xC000), (0x1234, 0x8001, 0xC000), 16, b"\x12\x34\x80\0\xc0\0"),
            # With fewer bits than 16, the upper bits do not count.
            ((2,), (1,), 2, b"\xff\xfe"),
        ],
        quick=4,
    ),
)
def test_the_transparent_color_applies_at_every_depth(
    key: tuple[int, ...], beside: tuple[int, ...], depth: int, clear: bytes
) -> None:
    data = pictures.samples_png(key, beside, depth, clear)
    png = lossless(data)
    assert pixel(png, 0.2)[3] == 0
    opaque = [sample * 255 / (2**depth - 1) for sample in beside]
    assert near(pixel(png, 0.8), [*map(round, opaque if len(opaque) == 3 else opaque * 3), 255], 1)
    [jpeg] = render(data, LARGE)
    assert near(pixel(jpeg.data, 0.2), (255, 255, 255), 3)
    assert check(data, "").has_alpha
    assert analyze(data, "").has_transparency


def test_an_invalid_transparent_color_is_ignored() -> None:
    data = pictures.samples_png((1, 2, 3), (4, 5, 6), 8, trns=b"\0\1\0")
    assert pixel(lossless(data), 0.2) == (1, 2, 3, 255)
    assert not check(data, "").has_alpha


@pytest.mark.parametrize("make", [pictures.bare_gif, pictures.bare_webp])
def test_a_canvas_outside_of_the_first_frame_is_transparent(make: Callable[[], bytes]) -> None:
    data = make()
    info = check(data, "")
    assert (info.width, info.height, info.has_alpha) == (80, 60, True)
    assert analyze(data, "").has_transparency
    png, [jpeg] = lossless(data), render(data, LARGE)
    for across, down in ((0.1, 0.5), (0.9, 0.5), (0.5, 0.1), (0.5, 0.9)):
        assert pixel(png, across, down)[3] == 0
        assert near(pixel(jpeg.data, across, down), (255, 255, 255), 6)
    assert pixel(png) == (*RED, 255)


def test_an_image_mark_is_converted_to_srgb() -> None:
    logo = flat((90, 60, 183), gama(100_000))
    plain = pictures.encoded(Image.new("RGB", (400, 300), "white"), "PNG")
    recipe = Recipe((Size("whole", 400, 300),), ("png",), marks=(Mark(image=logo, opacity=1.0, position="center"),))
    _plain, marked = render(plain, recipe)
    assert near(pixel(marked.data), lightened(90, 60, 183))


def test_an_image_mark_is_upright_and_keeps_its_transparency() -> None:
    keyed = pictures.samples_png((0x4000,), (0x8000,), 16, trns=b"\x40\0")
    plain = pictures.encoded(Image.new("RGB", (400, 300), "white"), "PNG")
    recipe = Recipe((Size("whole", 400, 300),), ("png",), marks=(Mark(image=keyed, opacity=1.0, position="center"),))
    _plain, marked = render(plain, recipe)
    assert near(pixel(marked.data, 0.45), (255, 255, 255))
    assert near(pixel(marked.data, 0.55), (128, 128, 128))
    turned = Mark(image=pictures.oriented_jpeg(6), opacity=1.0, position="center")
    _plain, marked = render(plain, Recipe((Size("whole", 400, 300),), ("png",), marks=(turned,)))
    assert near(pixel(marked.data, 0.45, 0.47), CORNERS[0], 12)
    assert near(pixel(marked.data, 0.55, 0.47), CORNERS[1], 12)
