"""`quality = "auto"`: the lowest quality at which a picture still looks like itself."""

from __future__ import annotations

import pytest
from PIL import Image

from chalicelib.core.image_values import AUTO
from chalicelib.imaging import Mark, Recipe, Rendition, Size, mark, render
from tests import pictures
from tests.breadth import mostly_slow
from tests.similarity import scene, ssim

SIDE = 384
BOX = Size("box", SIDE, SIDE)
SHARP = pictures.encoded(scene(1016, 1016), "PNG")
SOFT = pictures.encoded(Image.linear_gradient("L").resize((1016, 1016)).convert("RGB"), "PNG")
FORMATS = mostly_slow(["jpeg", "webp", "avif"], quick=2)


def made(data: bytes, form: str, quality: int | str = AUTO, similarity: float = 0.96) -> Rendition:
    [rendition] = render(data, Recipe((BOX,), (form,), quality, similarity=similarity))
    return rendition


def similarity_of(rendition: Rendition) -> float:
    return ssim(pictures.decoded(rendition.data), pictures.decoded(made(SHARP, "png").data))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("least", [0.95, 0.97])
def test_what_is_asked_for_is_kept_and_no_more(form: str, least: float) -> None:
    found = made(SHARP, form, similarity=least)
    assert found.quality is not None
    # What is measured is the part with the most detail, not the whole.
    assert similarity_of(found) > least - 0.02
    assert similarity_of(made(SHARP, form, found.quality - 6)) < least + 0.01


@pytest.mark.parametrize("form", FORMATS)
def test_it_says_which_quality_it_chose(form: str) -> None:
    found = made(SHARP, form)
    assert found.quality is not None
    assert made(SHARP, form, found.quality).data == found.data
    assert made(SHARP, form, 85).quality is None


def test_a_picture_with_less_detail_has_a_lower_quality() -> None:
    sharp, soft = (made(data, "jpeg").quality for data in (SHARP, SOFT))
    assert sharp is not None
    assert soft is not None
    assert soft < sharp


def test_png_has_no_quality() -> None:
    assert made(SOFT, "png").quality is None


def test_a_tiny_or_transparent_picture_has_one_too() -> None:
    for image in (pictures.photo(5, 3), pictures.photo(70, 40).convert("RGBA")):
        for form in ("jpeg", "webp"):
            assert made(pictures.encoded(image, "PNG"), form).quality is not None


def test_a_mark_needs_no_known_quality() -> None:
    plain = made(SHARP, "webp")
    assert pictures.decoded(mark(plain.data, [Mark("Text")], AUTO)).size == (SIDE, SIDE)


def test_a_file_is_another_for_another_similarity() -> None:
    one, same, other = (Recipe((BOX,), quality=AUTO, similarity=least) for least in (0.96, 0.96, 0.9))
    fingerprints = [each.file_fingerprint(BOX, "jpeg", watermarked=False) for each in (one, same, other)]
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]
    numbers = [
        Recipe((BOX,), similarity=least).file_fingerprint(BOX, "jpeg", watermarked=False) for least in (0.96, 0.9)
    ]
    assert numbers[0] == numbers[1]
