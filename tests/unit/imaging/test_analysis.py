"""The results of `analyze`, and that a hostile file cannot forge them."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter

from chalicelib.imaging import REASONS, Analysis, ImageRejectedError, Limits, analyze
from chalicelib.imaging.findings import Color
from chalicelib.imaging.probe.exif import capture, orientation
from tests import pictures
from tests.breadth import examples, mostly_slow
from tests.unit.imaging.damaged_files import damaged, outcome

CORNERS = {"#dc1e1e", "#1eb41e", "#1e1edc", "#e6dc1e"}
MAKE, MODEL, SOFTWARE, TAKEN_AT, TAKEN_OFFSET, LENS = 0x010F, 0x0110, 0x0131, 0x9003, 0x9011, 0xA434


def analysis_json(data: bytes) -> dict[str, Any]:
    """The analysis as a client gets it."""
    answer: dict[str, Any] = json.loads(json.dumps(analyze(data, "").to_dict(), allow_nan=False))
    return answer


def flat(color: str, mode: str = "RGB") -> bytes:
    return pictures.encoded(Image.new(mode, (60, 40), color), "PNG")


def with_exif(main: Mapping[int, Any], camera: Mapping[int, Any] | None = None, gps: Mapping[int, Any] | None = None,
              form: str = "JPEG") -> bytes:  # fmt: skip
    exif = Image.Exif()
    for tag, value in main.items():
        exif[tag] = value
    for directory, entries in ((0x8769, camera), (0x8825, gps)):
        if entries is not None:
            exif.get_ifd(directory).update(entries)
    return pictures.encoded(pictures.corners(), form, exif=exif)


# --- the picture ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", mostly_slow(pictures.GOOD, quick=8))
def test_every_kind_of_picture_is_analyzed_in_full(name: str) -> None:
    data = pictures.GOOD[name]()
    found = analysis_json(data)
    assert found["format"] in name.lower()
    assert found["mediaType"] == f"image/{found['format']}"
    assert found["fileSize"] == len(data)
    assert (found["isAnimated"], found["frames"]) == (("animated" in name), 5 if "animated" in name else 1)
    assert found["hasTransparency"] == ("alpha" in name)
    assert 1 <= len(found["dominantColors"]) <= 5
    assert sum(color["share"] for color in found["dominantColors"]) < 1.001
    for channel in ("red", "green", "blue", "luminance"):
        shares = found["histogram"][channel]
        assert len(shares) == 32
        assert sum(shares) == pytest.approx(1, abs=1e-3)


def test_transparency_is_read_from_the_pixels() -> None:
    image = Image.new("RGBA", (3000, 2000), (10, 20, 30, 255))
    assert not analysis_json(pictures.encoded(image, "PNG"))["hasTransparency"]
    # A single pixel, which is lost when the picture is shrunk.
    image.putpixel((1234, 567), (0, 0, 0, 254))
    assert analysis_json(pictures.encoded(image, "PNG"))["hasTransparency"]


def test_the_same_input_gives_the_same_answer() -> None:
    for make in (pictures.jpeg, pictures.alpha_webp):
        assert analyze(make(), "") == analyze(make(), "")


# --- colors and measures -------------------------------------------------------------------


def test_dominant_colors_are_the_visible_ones() -> None:
    for data in (pictures.encoded(pictures.corners(), "PNG"), pictures.gif(), pictures.rgb_coded_jpeg()):
        found = analysis_json(data)["dominantColors"]
        assert {color["color"] for color in found} == CORNERS
        assert all(color["share"] == pytest.approx(0.25, abs=0.01) for color in found)


def test_the_most_common_color_comes_first() -> None:
    image = Image.new("RGB", (100, 100), "#ffffff")
    image.paste("#204080", (0, 0, 100, 30))
    image.paste("#c02020", (0, 30, 100, 40))
    found = analysis_json(pictures.encoded(image, "PNG"))["dominantColors"]
    assert [color["color"] for color in found] == ["#ffffff", "#204080", "#c02020"]
    assert [color["share"] for color in found] == [0.6, 0.3, 0.1]


def test_a_small_spot_is_no_dominant_color() -> None:
    image = Image.new("RGB", (100, 100), "#ffffff")
    image.paste("#c02020", (0, 0, 10, 10))
    assert [color["color"] for color in analysis_json(pictures.encoded(image, "PNG"))["dominantColors"]] == ["#ffffff"]


def test_dominant_colors_are_not_averages() -> None:
    image = Image.new("RGB", (300, 300), "#ffffff")
    for top in range(0, 300, 2):
        image.paste("#c02020", (0, top, 300, top + 1))
    found = analysis_json(pictures.encoded(image, "PNG"))["dominantColors"]
    assert {color["color"] for color in found} == {"#ffffff", "#c02020"}


def test_transparent_pixels_do_not_count_for_sharpness() -> None:
    image = pictures.photo(100, 100)
    image.putalpha(0)
    assert analysis_json(pictures.encoded(image, "PNG"))["sharpness"] == 0


def test_transparent_pixels_have_no_color() -> None:
    half = analysis_json(pictures.alpha_png())
    assert {color["color"] for color in half["dominantColors"]} == {"#dc1e1e", "#1e1edc"}
    assert half["histogram"]["green"][30 // 8] == pytest.approx(1, abs=0.02)
    nothing = analysis_json(flat("#ff000000", "RGBA"))
    assert nothing["dominantColors"] == []
    assert [nothing[name] for name in ("averageColor", "brightness", "contrast", "histogram")] == [None] * 4
    assert nothing["sharpness"] == 0


@pytest.mark.parametrize(
    ("color", "brightness", "bins"),
    [("#000000", 0.0, (0, 0, 0, 0)), ("#ffffff", 1.0, (31, 31, 31, 31)), ("#ff8000", 0.5922, (31, 16, 0, 18))],
)
def test_a_flat_picture_fills_one_bin(color: str, brightness: float, bins: tuple[int, ...]) -> None:
    found = analysis_json(flat(color))
    assert found["averageColor"] == color
    assert (found["brightness"], found["contrast"], found["sharpness"]) == (brightness, 0, 0)
    for channel, place in zip(("red", "green", "blue", "luminance"), bins, strict=True):
        assert found["histogram"][channel] == [float(index == place) for index in range(32)]


def test_contrast_is_greatest_between_black_and_white() -> None:
    image = Image.new("RGB", (60, 40), "black")
    image.paste("white", (0, 0, 30, 40))
    found = analysis_json(pictures.encoded(image, "PNG"))
    assert (found["brightness"], found["contrast"], found["averageColor"]) == (0.5, 0.5, "#808080")


def test_colors_are_those_of_srgb() -> None:
    # AdobeRGB (115, 150, 100), by the published matrices, is about (97, 151, 97) in sRGB.
    image = Image.new("RGB", (200, 150), (115, 150, 100))
    average = analysis_json(pictures.with_profile(image, pictures.adobe_rgb_profile(), "PNG"))["averageColor"]
    found = [int(average[start : start + 2], 16) for start in (1, 3, 5)]
    assert all(abs(a - b) <= 3 for a, b in zip(found, (97, 151, 97), strict=True))


def test_sharpness_is_the_variance_of_the_laplacian() -> None:
    # One dot of 50 on black: the Laplacian is -200 there, 50 at its four neighbors, 0 elsewhere.
    image = Image.new("L", (22, 12))
    image.putpixel((10, 6), 50)
    assert analysis_json(pictures.encoded(image, "PNG"))["sharpness"] == pytest.approx((200**2 + 4 * 50**2) / 200)


@pytest.mark.slow
def test_a_blurred_picture_is_less_sharp() -> None:
    image = Image.new("RGB", (1500, 1000), "white")
    draw = ImageDraw.Draw(image)
    for left in range(0, 1500, 60):
        draw.line((left, 0, 1499 - left, 999), fill="black", width=4)
    for form in ("JPEG", "PNG"):
        blurred = [image.filter(ImageFilter.GaussianBlur(radius)) for radius in (0, 1, 2, 4, 8)]
        found = [analysis_json(pictures.encoded(one, form))["sharpness"] for one in blurred]
        assert found == sorted(found, reverse=True)
        assert found[0] > 20 * found[-1]


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (1, 3000), (3000, 1), (2, 5)])
def test_the_smallest_pictures_are_measured_too(size: tuple[int, int]) -> None:
    found = analysis_json(pictures.encoded(Image.new("RGB", size, "#204060"), "PNG"))
    assert (found["width"], found["height"], found["averageColor"]) == (*size, "#204060")
    assert found["sharpness"] == 0


# --- how it was taken ----------------------------------------------------------------------


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_exif_says_how_a_picture_was_taken(form: str) -> None:
    data = with_exif(
        {MAKE: "NIKON CORPORATION", MODEL: "NIKON Z 6", SOFTWARE: "darktable 4.8"},
        {TAKEN_AT: "2026:03:04 05:06:07", TAKEN_OFFSET: "+02:00", LENS: "NIKKOR Z 50mm f/1.8 S"},
        {1: "N", 2: (59.0, 12.0, 34.5), 3: "E", 4: (17.0, 55.0, 11.0)},
        form,
    )
    # The whole of it, so it holds no location.
    assert analysis_json(data)["metadata"] == {
        "cameraMake": "NIKON CORPORATION",
        "cameraModel": "NIKON Z 6",
        "lens": "NIKKOR Z 50mm f/1.8 S",
        "takenAt": "2026-03-04T05:06:07+02:00",
        "software": "darktable 4.8",
        "hasLocation": True,
    }


def test_a_picture_without_exif_has_no_metadata() -> None:
    for make in (pictures.jpeg, pictures.png, pictures.gif, pictures.webp):
        assert analysis_json(make())["metadata"] == {
            "cameraMake": None, "cameraModel": None, "lens": None, "takenAt": None, "software": None,
            "hasLocation": False,
        }  # fmt: skip
    assert not analysis_json(with_exif({MAKE: "x"}, gps={0: b"\2\3\0\0"}))["metadata"]["hasLocation"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("  Canon   EOS ", "Canon EOS"),
        ("a\x1b[31mb\nc\td\x07", "a [31mb c d"),
        ("evil\u202egpj.exe", "evil gpj.exe"),
        ("Åström", "Åström"),
        ("x" * 5_000, "x" * 100),
        ("é" * 5_000, "é" * 100),
        ("   ", None),
        ("abc", "abc"),
    ],
)
def test_exif_texts_are_bounded_and_printable(written: str, read: str | None) -> None:
    assert capture(tiff([(MAKE, 2, written.encode() + b"\0")])).camera_make == read


def test_an_exif_text_that_is_not_utf_8_is_still_read() -> None:
    found = capture(tiff([(MAKE, 2, b"Caf\xe9 Camera\0")])).camera_make
    assert found is not None
    assert (found[:3], found[-7:]) == ("Caf", " Camera")


@pytest.mark.parametrize(
    "written",
    ["0000:00:00 00:00:00", "    :  :     :  :  ", "2026:13:01 00:00:00", "2026:02:30 00:00:00", "yesterday",
     "2026:01:01 25:00:00", "2026:01:01", "٢٠٢٦:01:01 00:00:00"],
)  # fmt: skip
def test_an_invalid_time_is_left_out(written: str) -> None:
    assert analysis_json(with_exif({MAKE: "x"}, {TAKEN_AT: written}))["metadata"]["takenAt"] is None


@pytest.mark.parametrize("offset", [None, "", "+2", "   :  ", "Z"])
def test_a_time_without_an_offset_is_local(offset: str | None) -> None:
    camera = {TAKEN_AT: "2026:03:04 05:06:07"} | ({} if offset is None else {TAKEN_OFFSET: offset})
    assert analysis_json(with_exif({MAKE: "x"}, camera))["metadata"]["takenAt"] == "2026-03-04T05:06:07"


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"Exif\0\0",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",
        # A directory that names itself as its EXIF and as its GPS directory.
        b"II*\0\x08\0\0\0\2\0" + struct.pack("<HHII", 0x8769, 4, 1, 8) + struct.pack("<HHII", 0x8825, 4, 1, 8),
        # Missing entries, and a text that is outside of the block.
        b"MM\0*\0\0\0\x08\xff\xff" + struct.pack(">HHII", MAKE, 2, 0xFFFFFFFF, 0xFFFFFFF0),
        # A text of another type.
        b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", MAKE, 7, 4, 0x41414141),
    ],
)
def test_broken_exif_gives_no_metadata(exif: bytes) -> None:
    found = capture(exif)
    assert (found.camera_make, found.camera_model, found.lens, found.taken_at) == (None,) * 4
    assert orientation(exif) == 1


@examples(1000)
@given(st.sampled_from([b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"", b"Exif\0\0II*\0"]), st.binary(max_size=400))
def test_texts_of_arbitrary_exif_are_short_and_printable(start: bytes, rest: bytes) -> None:
    found = capture(start + rest)
    for text in (found.camera_make, found.camera_model, found.lens, found.software):
        assert text is None or (0 < len(text) <= 100 and text.isprintable())
    assert 1 <= orientation(start + rest) <= 8


# --- rejections ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: b"words", "not_an_image"),
        *pictures.HOSTILE,
    ],
)
def test_hostile_and_broken_files_are_rejected(make: Callable[[], bytes], reason: str) -> None:
    with pytest.raises(ImageRejectedError) as caught:
        analyze(make(), "")
    assert caught.value.reason == reason


def test_the_limits_and_the_declared_type_are_enforced() -> None:
    for limits, declared, reason in (
        (Limits(max_bytes=10), "", "too_large"),
        (Limits(max_metadata_bytes=10), "", "too_complex"),
        (Limits(wall_seconds=0.0), "", "resource_limit"),
        (Limits(allowed_types=frozenset({"image/png"})), "image/png", "type_mismatch"),
    ):
        with pytest.raises(ImageRejectedError) as caught:
            analyze(pictures.laden_jpeg(), declared, limits)
        assert caught.value.reason == reason


SOUND: dict[str, Any] = {
    "transparent": False,
    "histograms": [[1] * 256] * 4,
    "colors": [[0, 0, 0, 1.0]],
    "sharpness": 0,
}


def analysis_with(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> Analysis:
    """The analysis when `answer` is what the child answers."""
    monkeypatch.setattr("chalicelib.imaging.analysis.measure", lambda *_: answer)
    return analyze(pictures.jpeg(), "")


def test_the_numbers_of_the_child_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert analysis_with(json.dumps(SOUND).encode(), monkeypatch).colors == (Color("#000000", 1.0),)


WRONG: list[dict[str, Any]] = [
    {"histograms": []},
    {"histograms": [[1] * 256] * 3 + [[0] * 256]},
    {"histograms": [[-1] * 256] * 4},
    {"colors": [["<b>", 0, 0, 1]]},
    {"colors": [[0, 0, 0, 1]] * 9},
    {"colors": [[0, 0, 256, 1]]},
    {"colors": [[0, 0, 0, math.inf]]},
    {"sharpness": math.nan},
]


@pytest.mark.parametrize(
    "answer",
    [b"", b"[]", b"no JSON", b"[" * 100_000, *(json.dumps({**SOUND, **wrong}).encode() for wrong in WRONG)],
    ids=range(4 + len(WRONG)),
)
def test_a_hijacked_child_cannot_return_other_values(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageRejectedError) as caught:
        analysis_with(answer, monkeypatch)
    assert caught.value.reason == "corrupt"


@examples(150)
@given(damaged())
def test_any_bytes_are_analyzed_or_rejected(data: bytes) -> None:
    found = outcome(lambda: analyze(data, ""))
    if isinstance(found, Analysis):
        json.dumps(found.to_dict(), allow_nan=False)
    else:
        assert found in REASONS


def tiff(entries: list[tuple[int, int, bytes]]) -> bytes:
    """An EXIF block of one directory whose values follow it: tag, kind, and the bytes."""
    directory = struct.pack("<H", len(entries))
    values, start = b"", 8 + 2 + 12 * len(entries) + 4
    for tag, kind, value in entries:
        directory += struct.pack("<HHI", tag, kind, len(value))
        if len(value) <= 4:
            directory += value.ljust(4, b"\0")
        else:
            directory += struct.pack("<I", start + len(values))
            values += value
    return b"II*\0\x08\0\0\0" + directory + b"\0\0\0\0" + values
