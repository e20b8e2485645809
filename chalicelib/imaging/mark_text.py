"""Marks that are a line of text: its font, its size, its letters with outline and shadow."""

import io
import math
from functools import cache, lru_cache
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, features

from chalicelib.core.image_values import FONTS, parse_color
from chalicelib.imaging.mark_shapes import rotate, rotated_dimensions, scale_opacity
from chalicelib.imaging.probe.header import Dimensions
from chalicelib.imaging.recipe import Mark

_FONTS = Path(__file__).parent / "fonts"

# The height of the letters as a share of the square root of the picture's area.
_TEXT_SHARE = 0.03

# Font sizes in pixels. Small pictures get the first if the line fits; below the second a line
# cannot be read, and the picture gets no mark.
_SMALL_FONT = 12
_MIN_FONT = 8

# A line is measured at this font size; its width grows in proportion.
_MEASURING_SIZE = 100

# No font has it (Unicode, "Noncharacters"), so it is drawn as the box that stands for missing characters.
_NO_CHARACTER = "\uffff"

# Hebrew to Arabic Extended, and their presentation forms: written from right to left.
_RIGHT_TO_LEFT = ((0x590, 0x8FF), (0xFB1D, 0xFDFF), (0xFE70, 0xFEFF))


def draw_text(mark: Mark, dimensions: Dimensions, room: Dimensions) -> Image.Image | None:
    """The tile of a text for a picture of these dimensions; None where it would not be legible."""
    text = " ".join(mark.text.split())
    size = _font_size(mark, text, dimensions, room) if text else 0
    return _draw(mark, text, size) if size >= _MIN_FONT else None


def undrawable(mark: Mark) -> str:
    """See `chalicelib.imaging.undrawable`."""
    if mark.image is not None:
        return ""
    characters = dict.fromkeys(character for character in mark.text if not character.isspace())
    font = _load_font(mark, _MEASURING_SIZE, ImageFont.Layout.BASIC)
    box = _draw_character(font, _NO_CHARACTER)
    return "".join(character for character in characters if _draw_character(font, character) == box)


def _draw_character(font: ImageFont.FreeTypeFont, character: str) -> tuple[bytes, tuple[int, int]]:
    mask, offset = font.getmask2(character, "L")
    return bytes(mask), offset


def _font_size(mark: Mark, text: str, dimensions: Dimensions, room: Dimensions) -> int:
    """In proportion to the picture; smaller where the line would not fit its room."""
    left, top, right, bottom = _font(mark, text, _MEASURING_SIZE).getbbox(text)
    line = (right - left) / _MEASURING_SIZE, (bottom - top) / _MEASURING_SIZE
    if mark.size is None:
        wanted = max(_SMALL_FONT, _TEXT_SHARE * math.sqrt(dimensions[0] * dimensions[1]))
    else:
        wanted = mark.size * dimensions[0] / max(line[0], 1 / _MEASURING_SIZE)
    # The halo goes around all sides.
    around = 2 * (_halo(mark, wanted) + 1)
    width, height = rotated_dimensions(line[0] * wanted + around, line[1] * wanted + around, mark.rotation)
    return math.floor(wanted * min(1.0, room[0] / width, room[1] / height))


def _halo(mark: Mark, size: float) -> int:
    return math.ceil(size / 6) + _stroke(mark, size)


def _stroke(mark: Mark, size: float) -> int:
    return max(1, round(mark.stroke * size)) if mark.stroke else 0


@lru_cache(maxsize=32)
def _draw(mark: Mark, text: str, size: int) -> Image.Image:
    letters = _draw_letters(mark, text, size)
    outline = _draw_letters(mark, text, size, _stroke(mark, size)) if mark.stroke else letters
    tile = Image.new("RGBA", letters.size, (*_contrasting(mark.rgb), 0))
    if mark.shadow:
        # No shadow beneath the letters: it would shine through them.
        shadow = outline.filter(ImageFilter.GaussianBlur(max(1.0, size / 16)))
        shadow = ImageChops.multiply(shadow, ImageChops.invert(outline))
        tile.putalpha(scale_opacity(shadow, mark.opacity))
    if mark.stroke:
        stroke = ImageChops.multiply(outline, ImageChops.invert(letters))
        color = _contrasting(mark.rgb) if mark.stroke_color is None else parse_color(mark.stroke_color)
        tile = _over(tile, stroke, color, mark.opacity)
    return rotate(_over(tile, letters, mark.rgb, mark.opacity), mark.rotation)


def _over(tile: Image.Image, mask: Image.Image, color: tuple[int, int, int], opacity: float) -> Image.Image:
    layer = Image.new("RGBA", mask.size, (*color, 0))
    layer.putalpha(scale_opacity(mask, opacity))
    return Image.alpha_composite(tile, layer)


def _draw_letters(mark: Mark, text: str, size: int, stroke: int = 0) -> Image.Image:
    """The line as a mask, with room for its halo on every side."""
    font, halo = _font(mark, text, size), _halo(mark, size)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(text))
    mask = Image.new("L", (right - left + 2 * halo, bottom - top + 2 * halo))
    ImageDraw.Draw(mask).text((halo - left, halo - top), text, fill=255, font=font, stroke_width=stroke)
    return mask


def _font(mark: Mark, text: str, size: int) -> ImageFont.FreeTypeFont:
    # The basic layout is built in, and the bundled font needs no other for the scripts that it has, except for those
    # from right to left. The other layout shapes and orders all scripts, by a library that a machine may lack.
    is_complex = mark.font_file is not None or any(map(_is_right_to_left, text))
    has_raqm = is_complex and features.check_feature("raqm")
    return _load_font(mark, size, ImageFont.Layout.RAQM if has_raqm else ImageFont.Layout.BASIC)


def _is_right_to_left(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in _RIGHT_TO_LEFT)


def _load_font(mark: Mark, size: int, layout: ImageFont.Layout) -> ImageFont.FreeTypeFont:
    if mark.font_file is None:
        return _bundled_font(mark.font, size, layout)
    return _font_of_file(mark.font_file, size, layout)


@cache
def _bundled_font(name: str, size: int, layout: ImageFont.Layout) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_FONTS / FONTS[name], size, layout_engine=layout)


@lru_cache(maxsize=8)
def _font_of_file(data: bytes, size: int, layout: ImageFont.Layout) -> ImageFont.FreeTypeFont:
    """Raises ValueError: the file is the operator's, so no upload is rejected because of it."""
    try:
        return ImageFont.truetype(io.BytesIO(data), size, layout_engine=layout)
    except OSError as error:
        raise ValueError(f"the mark's font is of no use: {error}") from None


def _contrasting(rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black beneath light colors, white beneath dark ones (luma of ITU-R BT.601)."""
    luma = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]
    return (0, 0, 0) if luma > 127 else (255, 255, 255)
