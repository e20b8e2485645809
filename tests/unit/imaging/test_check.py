"""`check` of good and of bad pictures."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest
from PIL import Image

from chalicelib.imaging import REASONS, ImageRejectedError, Limits, check, describe
from tests import pictures

SMALL = Limits(max_bytes=1000)


def reason(data: bytes, declared: str = "", limits: Limits = Limits()) -> str:  # noqa: B008
    with pytest.raises(ImageRejectedError) as caught:
        check(data, declared, limits)
    assert caught.value.reason in REASONS
    assert str(caught.value) == f"{caught.value.reason}: {caught.value.message}"
    return caught.value.reason


@pytest.mark.parametrize("name", pictures.GOOD)
def test_a_good_picture_passes(name: str) -> None:
    info = check(pictures.GOOD[name](), "")
    assert info.width > 0
    assert info.format.lower() in name.lower()
    assert info.media_type == f"image/{info.format.lower()}"
    assert info.has_alpha == ("alpha" in name)
    assert info.frames == (5 if "animated" in name else 1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_dimensions_are_upright(orientation: int) -> None:
    info = check(pictures.oriented_jpeg(orientation), "image/jpeg")
    assert (info.width, info.height, info.orientation) == (320, 200, orientation)


@pytest.mark.parametrize(
    ("data", "space"),
    [
        (pictures.jpeg, "sRGB"),
        (pictures.gray_jpeg, "Gray"),
        (pictures.gray16_png, "Gray"),
        (pictures.cmyk_jpeg, "CMYK"),
        (lambda: pictures.with_profile(pictures.photo(), pictures.adobe_rgb_profile()), "AdobeRGB"),
        (
            lambda: pictures.with_profile(pictures.photo(), pictures.adobe_rgb_profile(), "PNG"),
            "AdobeRGB",
        ),
        (
            lambda: pictures.with_profile(pictures.photo(), pictures.adobe_rgb_profile(), "WEBP"),
            "AdobeRGB",
        ),
        (lambda: pictures.with_profile(pictures.photo(), b"no profile at all"), "sRGB"),
    ],
)
def test_the_color_space_is_named(data: Callable[[], bytes], space: str) -> None:
    assert check(data(), "").color_space == space


@pytest.mark.parametrize(
    "declared",
    ["image/jpeg", "image/jpg", "IMAGE/JPEG", " image/jpeg; charset=x", "image/pjpeg", "image/mpo", "",
     "application/octet-stream", "binary/octet-stream"],
)  # fmt: skip
def test_declared_types_are_normalized_before_they_are_compared(declared: str) -> None:
    assert check(pictures.jpeg(), declared).format == "JPEG"


def test_the_type_comes_from_the_bytes_if_it_is_allowed() -> None:
    assert check(pictures.jpeg(), "image/png").media_type == "image/jpeg"
    assert check(pictures.png(), "image/jpg").format == "PNG"
    assert reason(pictures.encoded(pictures.photo(), "BMP"), "image/jpeg") == "type_mismatch"
    only_png = Limits(allowed_types=frozenset({"image/png"}))
    assert reason(pictures.jpeg(), "image/png", only_png) == "type_mismatch"


def test_a_type_that_is_not_allowed_is_rejected_by_declaration_or_by_bytes() -> None:
    assert reason(pictures.jpeg(), "image/tiff") == "type_not_allowed"
    assert reason(pictures.encoded(pictures.photo(), "BMP")) == "type_not_allowed"
    only_png = Limits(allowed_types=frozenset({"image/png"}))
    assert reason(pictures.jpeg(), "", only_png) == "type_not_allowed"


def test_a_file_that_is_no_picture_is_rejected() -> None:
    assert reason(b"", "image/jpeg") == "empty"
    assert reason(b"just some words", "image/jpeg") == "not_an_image"
    assert reason(b"\xff", "image/jpeg") == "not_an_image"


def test_errors_about_bytes_and_pixels_name_the_figures() -> None:
    with pytest.raises(ImageRejectedError, match=r"^too_large: .*1,000"):
        check(pictures.jpeg(), "", SMALL)
    with pytest.raises(ImageRejectedError, match=r"^too_many_pixels: .*307,200 .*640 x 480"):
        check(pictures.jpeg(), "", Limits(max_pixels=300_000))


def test_a_fifty_megapixel_photo_is_accepted() -> None:
    data = pictures.encoded(Image.new("L", (8192, 6144), 90), "JPEG")
    assert check(data, "").width == 8192
    assert reason(pictures.empty_png(8192, 6145)) == "too_many_pixels"


@pytest.mark.parametrize("make", [pictures.jpeg, pictures.png, pictures.gif, pictures.webp])
def test_a_picture_cut_short_is_truncated(make: Callable[[], bytes]) -> None:
    data = make()
    for part in (0.3, 0.5, 0.7, 0.95):
        assert reason(data[: int(len(data) * part)]) == "truncated"


def test_damage_is_found() -> None:
    assert reason(pictures.broken_checksum_png()) == "corrupt"
    assert reason(pictures.empty_png(200, 200)) == "truncated"
    assert reason(b"\xff\xd8\xff\xd9") in ("truncated", "corrupt")


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (pictures.png_bomb, "too_many_pixels"),
        (pictures.huge_webp, "too_many_pixels"),
        (pictures.hollow_jpeg, "too_complex"),
        (pictures.many_scans_jpeg, "too_complex"),
        (pictures.many_tables_jpeg, "too_complex"),
        (pictures.many_pieces_png, "too_complex"),
        (pictures.padded_jpeg, "corrupt"),
        (lambda: pictures.empty_png(6000, 6000), "too_complex"),
        (lambda: pictures.empty_png(1900, 1900), "truncated"),
    ],
)
def test_a_bomb_is_rejected_by_its_headers(make: Callable[[], bytes], expected: str) -> None:
    # With no memory and no time a child could do nothing: the headers decide.
    nothing = Limits(memory_bytes=0, wall_seconds=0.0)
    assert reason(make(), "", nothing) == expected


def test_metadata_is_bounded_but_not_validated() -> None:
    assert reason(pictures.laden_jpeg(), "", Limits(max_metadata_bytes=100)) == "too_complex"
    assert check(pictures.text_bomb_png(), "").format == "PNG"


def test_frames_that_are_never_decoded_are_not_limited() -> None:
    assert check(pictures.apng(1_000), "").frames == 1_000
    assert check(pictures.many_frames_gif(1_000), "").frames == 1_000
    assert check(pictures.animated_webp(600), "").frames == 600


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP"])
def test_a_large_picture_of_one_color_is_no_bomb(form: str) -> None:
    flat = pictures.encoded(Image.new("RGB", (3000, 2000), "white"), form)
    assert check(flat, "").width == 3000


def test_data_after_the_picture_is_ignored() -> None:
    for make in (pictures.jpeg, pictures.png, pictures.gif):
        assert check(make() + b"appended by a camera", "").width > 0


def test_a_rejection_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(ImageRejectedError("truncated", "It ends early.")))
    assert (error.reason, error.message) == ("truncated", "It ends early.")
    assert str(error) == "truncated: It ends early."


def test_every_reason_has_a_sentence() -> None:
    assert describe("infected") == REASONS["infected"]
    assert describe("no such reason").endswith(".")
    assert all(text.endswith(".") for text in REASONS.values())
    assert ImageRejectedError("empty").message == describe("empty")


def test_without_the_pixels_only_headers_and_structure_are_read() -> None:
    assert check(pictures.jpeg(320, 240)[:3000], "", pixels=False).width == 320
    with pytest.raises(ImageRejectedError):
        check(b"no picture", "", pixels=False)
    with pytest.raises(ImageRejectedError, match="too_many_pixels"):
        check(pictures.jpeg(320, 240), "", Limits(max_pixels=100), pixels=False)
