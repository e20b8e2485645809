"""Thumbnails: small RGB JPEGs of finished renditions, whatever their format."""

from __future__ import annotations

import pytest
from PIL import Image

from chalicelib.imaging import ImageRejectedError, Recipe, Size, render, thumbnail
from tests import pictures


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "avif"])
def test_every_rendition_format_becomes_a_small_jpeg(form: str) -> None:
    (made,) = render(pictures.jpeg(640, 480), Recipe((Size("box", 320, 320),), (form,)))
    small = thumbnail(made.data, 96)
    image = pictures.decoded(small.data)
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (96, 72))
    assert (small.width, small.height, small.media_type) == (96, 72, "image/jpeg")
    assert len(small.data) < 6000


def test_transparency_becomes_white_and_nothing_is_enlarged() -> None:
    clear = Image.new("RGBA", (20, 10), (255, 0, 0, 0))
    small = pictures.decoded(thumbnail(pictures.encoded(clear, "PNG"), 96).data)
    assert small.size == (20, 10)
    assert small.getpixel((10, 5)) == (255, 255, 255)
    gray = pictures.decoded(thumbnail(pictures.encoded(Image.new("L", (200, 2), 90), "JPEG"), 96).data)
    assert (gray.mode, gray.size) == ("RGB", (96, 1))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no picture", "corrupt"),
        (pictures.jpeg(320, 240)[:2000], "truncated"),
        (pictures.encoded(Image.new("L", (2001, 2000)), "PNG"), "too_many_pixels"),
    ],
)
def test_unreadable_and_large_files_are_rejected(data: bytes, reason: str) -> None:
    with pytest.raises(ImageRejectedError) as refused:
        thumbnail(data, 96)
    assert refused.value.reason == reason
