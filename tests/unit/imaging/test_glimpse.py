"""What can be shown before a picture is loaded: its ThumbHash and its dominant color."""

from __future__ import annotations

import base64

import pytest
from PIL import Image

from chalicelib.imaging import ImageRejectedError, Recipe, Size, glimpse, render
from chalicelib.imaging.thumbhash import thumbhash
from tests import pictures

# By the author's own implementation: npm's thumbhash 0.1.1.
REFERENCES = {
    ((24, 18), False): "WhkKdZpzeXbAaIiHiKh2h3Db+Ih9",
    ((24, 18), True): "nRiGXIY4cHrTaGqnBpd9j8iHhweHd4iHBw==",
    ((12, 24), False): "WhkKdBpyCYx2iGqHaIhw2/iIjQ==",
    ((12, 24), True): "nRiGWwY3cNOopnZw2feIfHiIgIiHeIg=",
}


@pytest.mark.parametrize(("size", "is_transparent"), REFERENCES)
def test_a_thumbhash_is_that_of_the_reference(size: tuple[int, int], is_transparent: bool) -> None:
    image = pictures.corners(*size).convert("RGBA")
    if is_transparent:
        image.putalpha(Image.linear_gradient("L").resize(size, Image.Resampling.NEAREST))
    wanted = base64.b64decode(REFERENCES[size, is_transparent])
    # A cosine that is exactly between two steps may be rounded either way.
    steps = [abs(a - b) for a, b in zip(_halves(thumbhash(image)), _halves(wanted), strict=True)]
    assert max(steps) <= 1
    assert thumbhash(image)[:5] == wanted[:5]


def _halves(data: bytes) -> list[int]:
    return [half for byte in data for half in (byte & 15, byte >> 4)]


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "avif"])
def test_the_dominant_color_is_the_most_common_one(form: str) -> None:
    image = Image.new("RGB", (400, 300), (200, 40, 60))
    image.paste((240, 240, 240), (0, 0, 400, 100))
    [made] = render(pictures.encoded(image, "PNG"), Recipe((Size("placeholder", 24, 24),), (form,)))
    color = glimpse(made.data).dominant_color
    assert color is not None
    found = tuple(bytes.fromhex(color.removeprefix("#")))
    assert all(abs(a - b) <= 8 for a, b in zip(found, (200, 40, 60), strict=True)), color


def test_a_transparent_picture_has_no_color() -> None:
    clear = pictures.encoded(Image.new("RGBA", (24, 16)), "PNG")
    assert glimpse(clear).dominant_color is None
    # Alpha: none on average, and no cosines.
    assert base64.b64decode(glimpse(clear).thumb_hash)[5] == 0


def test_what_is_no_rendition_is_rejected() -> None:
    with pytest.raises(ImageRejectedError):
        glimpse(b"no picture")
