"""Invalid values are rejected, and recipes have fingerprints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.imaging import Mark, Recipe, Size

RECIPE = Recipe((Size("small", 800, 600), Size("large", 1920, 1080)), marks=(Mark("Text"),))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Size("none", 0, 10),
        lambda: Recipe(()),
        lambda: Recipe((Size("a", 1, 1), Size("a", 2, 2))),
        lambda: Recipe((Size("a", 1, 1),), ()),
        lambda: Recipe((Size("a", 1, 1),), ("jpeg", "tiff")),
        lambda: Recipe((Size("a", 1, 1),), quality=0),
        lambda: Mark("x", opacity=1.5),
        lambda: Mark("x", position="middle"),
        lambda: Mark("x", color="white"),
        lambda: Mark("x", color="#12345"),
        lambda: Mark("x", color="#ggg"),
    ],
)
def test_invalid_values_are_rejected(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        make()


def test_only_equal_recipes_have_equal_fingerprints() -> None:
    assert RECIPE.fingerprint == replace(RECIPE).fingerprint
    others = [
        replace(RECIPE, quality=84),
        replace(RECIPE, formats=("webp",)),
        replace(RECIPE, sizes=RECIPE.sizes[:1]),
        replace(RECIPE, marks=()),
        replace(RECIPE, marks=(Mark("Other"),)),
        replace(RECIPE, marks=(Mark("Text", image=b"a"),)),
        replace(RECIPE, marks=(Mark("Text", image=b"b"),)),
    ]
    prints = {one.fingerprint for one in [RECIPE, *others]}
    assert len(prints) == len(others) + 1
    assert all(len(one) == 12 for one in prints)


def test_a_fingerprint_stays_the_same_from_release_to_release() -> None:
    # It is stored with every image: if it changed, all variants would be made again.
    assert Recipe((Size("small", 800, 600),)).fingerprint == "d703d0cdbb2e"


def test_a_color_may_be_short() -> None:
    assert Mark("x", color="#f80").rgb == Mark("x", color="#FF8800").rgb == (255, 136, 0)
