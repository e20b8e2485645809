"""A contact sheet: pictures with what they show below them, in rows; and how two sheets are compared."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFont

from infra.settings import ROOT

FOLDER = ROOT / "docs" / "images" / "gallery"
_FONT = ROOT / "chalicelib" / "imaging" / "fonts" / "DarkroomSans-Regular.ttf"

CELL = 176, 132
_CAPTION, _GAP = 18, 8
_GROUND, _FRAME, _INK = (255, 255, 255), (200, 200, 200), (60, 60, 60)

# Sheets are compared as means of blocks: the next version of a codec changes single pixels, an option changes areas.
_BLOCK = 4
_MOST_OF_A_BLOCK, _MEAN_OF_A_CELL = 40, 2.5


class Cell(NamedTuple):
    caption: str
    image: Image.Image
    """Shrunk to CELL if it is larger, never enlarged; on gray where it is transparent."""


class Sheet(NamedTuple):
    name: str
    cells: Sequence[Cell]
    columns: int = 5

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.name}.webp"

    def draw(self) -> Image.Image:
        rows = -(-len(self.cells) // self.columns)
        across, down = CELL[0] + _GAP, CELL[1] + _CAPTION + _GAP
        sheet = Image.new("RGB", (self.columns * across + _GAP, rows * down + _GAP), _GROUND)
        draw, font = ImageDraw.Draw(sheet), ImageFont.truetype(_FONT, 12, layout_engine=ImageFont.Layout.BASIC)
        for at, cell in enumerate(self.cells):
            left, top = self._corner(at)
            sheet.paste(_fitted(cell.image), (left, top))
            draw.text((left, top + CELL[1] + 2), cell.caption, _INK, font)
        return sheet

    def encode(self) -> bytes:
        output = io.BytesIO()
        self.draw().save(output, "WEBP", quality=82, method=6)
        return output.getvalue()

    def differences(self, stored: Image.Image) -> list[str]:
        """The captions of the cells that look different in a stored sheet."""
        drawn, stored = Image.open(io.BytesIO(self.encode())).convert("RGB"), stored.convert("RGB")
        if drawn.size != stored.size:
            return ["another size"]
        found = []
        for at, cell in enumerate(self.cells):
            left, top = self._corner(at)
            box = left, top, left + CELL[0], top + CELL[1] + _CAPTION
            if differ(drawn.crop(box), stored.crop(box)):
                found.append(cell.caption)
        return found

    def _corner(self, at: int) -> tuple[int, int]:
        row, column = divmod(at, self.columns)
        return _GAP + column * (CELL[0] + _GAP), _GAP + row * (CELL[1] + _CAPTION + _GAP)


def differ(one: Image.Image, other: Image.Image) -> bool:
    """Whether two images of the same size look different."""
    difference = ImageChops.difference(one.reduce(_BLOCK), other.reduce(_BLOCK))
    most = max(high for _low, high in difference.getextrema())  # type: ignore[misc]
    counts = difference.histogram()
    mean = sum(count * (at % 256) for at, count in enumerate(counts)) / sum(counts)
    return most > _MOST_OF_A_BLOCK or mean > _MEAN_OF_A_CELL


def _fitted(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    if image.width > CELL[0] or image.height > CELL[1]:
        image.thumbnail(CELL, Image.Resampling.LANCZOS)
    cell = Image.new("RGB", CELL, _FRAME)
    cell.paste(image, ((CELL[0] - image.width) // 2, (CELL[1] - image.height) // 2), image)
    return cell
