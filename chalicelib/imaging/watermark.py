"""The step that marks: a text or a picture, drawn onto the image.

A mark is a small tile, drawn once for each mark and size, and cached. It is pasted through its own
transparency, so nothing outside of its box changes.
"""

import math
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from chalicelib.core.image_values import FONTS
from chalicelib.imaging import probe
from chalicelib.imaging.color import drop_metadata, to_srgb, unify_mode
from chalicelib.imaging.decode import decode, run_decoding
from chalicelib.imaging.jpeg_end import check_end
from chalicelib.imaging.orient import orient
from chalicelib.imaging.rejection import ImageRejectedError
from chalicelib.imaging.values import Limits, Mark
from chalicelib.imaging.work import Step, Work

# For the picture of an image mark, which keeps its own size.
IMAGE_STEPS: tuple[Step, ...] = (check_end, decode, unify_mode, orient, to_srgb, drop_metadata)

_FONTS = Path(__file__).parent / "fonts"

# The height of the letters as a share of the square root of the picture's area; the margin as a
# share of its shorter side.
_TEXT_SHARE = 0.03
_MARGIN_SHARE = 0.02
# The largest share of either side of the picture that an image mark may take.
_IMAGE_SHARE = 0.2

# Font sizes in pixels. Small pictures get the first if the line fits; below the second a line
# cannot be read, and the picture gets no mark.
_SMALL_FONT = 12
_MIN_FONT = 8

# A line is measured at this font size; its width grows in proportion.
_MEASURING_SIZE = 100

# No font has it (Unicode, "Noncharacters"), so it is drawn as the box that stands for missing characters.
_NO_CHARACTER = "\uffff"


class PlacedTile(NamedTuple):
    """A tile (RGBA), and where its upper left corner goes."""

    tile: Image.Image
    left: int
    top: int


def mark(work: Work) -> None:
    """The step: replaces the image with a marked copy; the plain one may be needed again."""
    if work.mark:
        work.image = work.image.copy()
        stamp(work.image, work.mark)


def stamp(image: Image.Image, mark: Mark) -> None:
    """Draws `mark` onto `image`, in place; a mark that would not be legible is left out."""
    placed = place(mark, image.size)
    if placed is None:
        return
    tile, left, top = placed
    if image.mode == "RGBA":
        image.alpha_composite(tile, (left, top))
    else:
        image.paste(tile.convert(image.mode), (left, top), tile)


def place(mark: Mark, dimensions: tuple[int, int]) -> PlacedTile | None:
    """The tile for a picture of these dimensions, and its position; None where none fits."""
    width, height = dimensions
    margin = round(min(dimensions) * _MARGIN_SHARE)
    room = width - 2 * margin, height - 2 * margin
    tile = _tile(mark, dimensions, room)
    if tile is None:
        return None
    left, top = _corner(mark.position, room, tile.size)
    return PlacedTile(tile, margin + left, margin + top)


def undrawable(mark: Mark) -> str:
    """See `chalicelib.imaging.undrawable`."""
    if mark.image is not None:
        return ""
    characters = dict.fromkeys(character for character in mark.text if not character.isspace())
    box = _draw_character(mark.font, _NO_CHARACTER)
    return "".join(character for character in characters if _draw_character(mark.font, character) == box)


def _draw_character(name: str, character: str) -> tuple[bytes, tuple[int, int]]:
    mask, offset = _font(name, _MEASURING_SIZE).getmask2(character, "L")
    return bytes(mask), offset


def _corner(position: str, room: tuple[int, int], tile: tuple[int, int]) -> tuple[int, int]:
    right, bottom = room[0] - tile[0], room[1] - tile[1]
    if position == "center":
        return right // 2, bottom // 2
    return (right if "right" in position else 0), (bottom if "bottom" in position else 0)


def _tile(mark: Mark, dimensions: tuple[int, int], room: tuple[int, int]) -> Image.Image | None:
    if mark.image is not None:
        box = round(dimensions[0] * _IMAGE_SHARE), round(dimensions[1] * _IMAGE_SHARE)
        return _shrink_image(mark, box)
    text = " ".join(mark.text.split())
    size = _font_size(mark.font, text, dimensions, room) if text else 0
    return _draw_text(mark, text, size) if size >= _MIN_FONT else None


def _font_size(name: str, text: str, dimensions: tuple[int, int], room: tuple[int, int]) -> int:
    """In proportion to the picture; smaller where the line would not fit its room."""
    wanted = max(_SMALL_FONT, _TEXT_SHARE * math.sqrt(dimensions[0] * dimensions[1]))
    left, top, right, bottom = _font(name, _MEASURING_SIZE).getbbox(text)
    # The halo goes around all sides.
    around = 2 * (_halo(wanted) + 1)
    width = (right - left) * wanted / _MEASURING_SIZE + around
    height = (bottom - top) * wanted / _MEASURING_SIZE + around
    return math.floor(wanted * min(1.0, room[0] / width, room[1] / height))


def _halo(size: float) -> int:
    return math.ceil(size / 6)


@lru_cache(maxsize=64)
def _draw_text(mark: Mark, text: str, size: int) -> Image.Image:
    letters = _draw_letters(mark.font, text, size)
    # No shadow beneath the letters: it would shine through them.
    shadow = letters.filter(ImageFilter.GaussianBlur(max(1.0, size / 16)))
    shadow = ImageChops.multiply(shadow, ImageChops.invert(letters))
    tile = Image.new("RGBA", letters.size, (*_contrasting(mark.rgb), 0))
    tile.putalpha(_scale_opacity(shadow, mark.opacity))
    text_layer = Image.new("RGBA", letters.size, (*mark.rgb, 0))
    text_layer.putalpha(_scale_opacity(letters, mark.opacity))
    return Image.alpha_composite(tile, text_layer)


def _draw_letters(name: str, text: str, size: int) -> Image.Image:
    """The line as a mask, with room for its halo on every side."""
    font, halo = _font(name, size), _halo(size)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(text))
    mask = Image.new("L", (right - left + 2 * halo, bottom - top + 2 * halo))
    ImageDraw.Draw(mask).text((halo - left, halo - top), text, fill=255, font=font)
    return mask


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    # The basic layout is built in. The other depends on a library that a machine may lack, where
    # the same recipe would give other pixels.
    return ImageFont.truetype(_FONTS / FONTS[name], size, layout_engine=ImageFont.Layout.BASIC)


def _contrasting(rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black beneath light colors, white beneath dark ones (luma of ITU-R BT.601)."""
    luma = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]
    return (0, 0, 0) if luma > 127 else (255, 255, 255)


def _scale_opacity(mask: Image.Image, opacity: float) -> Image.Image:
    return mask.point([round(value * opacity) for value in range(256)])


@lru_cache(maxsize=16)
def _shrink_image(mark: Mark, box: tuple[int, int]) -> Image.Image | None:
    """The mark's picture, shrunk to fit `box`; None where no pixel would be left."""
    image = _decode_mark(mark.image or b"")
    scale = min(1.0, box[0] / image.width, box[1] / image.height)
    width, height = round(image.width * scale), round(image.height * scale)
    if width < 1 or height < 1:
        return None
    tile = image.resize((width, height), Image.Resampling.LANCZOS)
    tile.putalpha(_scale_opacity(tile.getchannel("A"), mark.opacity))
    return tile


@lru_cache(maxsize=2)
def _decode_mark(data: bytes) -> Image.Image:
    """Raises ValueError: the picture is the operator's, so no upload is rejected because of it."""
    try:
        header = probe.read_header(data, "", Limits())
        work = Work(header.strip(data), header, (header.width, header.height), Limits())
        run_decoding(IMAGE_STEPS, work)
        return work.image.convert("RGBA")
    except ImageRejectedError as rejection:
        raise ValueError(f"the mark's image is of no use: {rejection}") from None
