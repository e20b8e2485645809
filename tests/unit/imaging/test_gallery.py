"""The contact sheets of docs/presets.md are what the code makes: `make gallery` draws them anew."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from PIL import Image

from tests.breadth import mostly_slow
from tests.gallery import sheets
from tests.gallery.sheet import FOLDER, Cell, Sheet, differ


@pytest.mark.parametrize("draw", mostly_slow(sheets.SHEETS, quick=1))
def test_a_sheet_is_what_the_options_make(draw: Callable[[], Sheet]) -> None:
    sheet = draw()
    assert sheet.differences(Image.open(sheet.path)) == []


@pytest.mark.parametrize("draw", mostly_slow([sheets.positions, sheets.texts, sheets.pictures], quick=1))
def test_a_wrong_option_is_seen(draw: Callable[[], Sheet]) -> None:
    drawn = {cell.caption: Sheet("", [Cell("", cell.image)]).draw() for cell in draw().cells}
    for one, other in itertools.combinations(drawn, 2):
        assert differ(drawn[one], drawn[other]), (one, other)


def test_no_sheet_is_left_over() -> None:
    assert len(list(FOLDER.iterdir())) == len(sheets.SHEETS)
