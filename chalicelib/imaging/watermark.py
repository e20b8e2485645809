"""Text and image marks.

A mark is a small tile, drawn once for a mark and a size and kept. It is pasted through its own
transparency, so nothing outside of its box is touched.
"""

from __future__ import annotations

import io
import math
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from chalicelib.imaging import endings
from chalicelib.imaging.decode import decoding, opened
from chalicelib.imaging.header import Header
from chalicelib.imaging.probe import probe
from chalicelib.imaging.rejection import ImageRejectedError
from chalicelib.imaging.values import Limits, Mark

_FONT = Path(__file__).parent / "fonts" / "LiberationSans-Regular.ttf"

# Of the picture: the height of the letters for the square root of its area, and the empty
# margin for its shorter side.
_TEXT_PART = 0.03
_MARGIN_PART = 0.02
# Of either side of the picture: what an image mark may take at most.
_IMAGE_PART = 0.2

# Pixels of font size. Small pictures get the first, as long as the line fits; below the
# second a line cannot be read, and the picture is left without it.
_USUAL_LEAST = 12
_LEAST = 8

# Font size at which a line is measured once; its width grows in proportion.
_MEASURING_SIZE = 100

# WebP and AVIF keep no record of their quality: high enough that a second encoding adds
# little, without doubling the file.
_REENCODING_QUALITY = 90

_OPERATORS_LIMITS = Limits()


class Placed(NamedTuple):
    """A tile (RGBA), and where its upper left corner belongs."""

    tile: Image.Image
    left: int
    top: int


def mark(data: bytes, mark: Mark) -> bytes:
    """One finished rendition with a mark; see `chalicelib.imaging.mark`."""
    with decoding():
        image = opened(data, "JPEG", "PNG", "WEBP", "AVIF")
        if place(mark, image.size) is None:
            return data
        image.draft("YCbCr", image.size)
        image.load()
    if image.format != "JPEG" and image.mode not in ("RGB", "RGBA"):
        form = image.format
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
        image.format = form
    stamp(image, mark)
    return _saved(image)


def stamp(image: Image.Image, mark: Mark) -> None:
    """Draws `mark` onto `image`, in place; a mark that cannot be legible is left out."""
    placed = place(mark, image.size)
    if placed is None:
        return
    tile, left, top = placed
    if image.mode == "RGBA":
        image.alpha_composite(tile, (left, top))
    else:
        image.paste(tile.convert(image.mode), (left, top), tile)


def place(mark: Mark, dimensions: tuple[int, int]) -> Placed | None:
    """The tile for a picture of these dimensions, and its place; None where none fits."""
    width, height = dimensions
    margin = round(min(dimensions) * _MARGIN_PART)
    room = width - 2 * margin, height - 2 * margin
    tile = _tile(mark, dimensions, room)
    if tile is None:
        return None
    left, top = _corner(mark.position, room, tile.size)
    return Placed(tile, margin + left, margin + top)


def _saved(image: Image.Image) -> bytes:
    output = io.BytesIO()
    form = image.format or ""
    progressive = "progressive" in image.info
    image.info.clear()
    if form == "JPEG":
        # Its own tables, so that what the mark does not touch comes out as it went in.
        image.save(output, form, quality="keep", progressive=progressive)
    elif form == "PNG":
        image.save(output, form)
    else:
        image.save(output, form, quality=_REENCODING_QUALITY)
    return output.getvalue()


def _corner(position: str, room: tuple[int, int], tile: tuple[int, int]) -> tuple[int, int]:
    right, bottom = room[0] - tile[0], room[1] - tile[1]
    if position == "center":
        return right // 2, bottom // 2
    return (right if "right" in position else 0), (bottom if "bottom" in position else 0)


def _tile(mark: Mark, dimensions: tuple[int, int], room: tuple[int, int]) -> Image.Image | None:
    if mark.image is not None:
        box = round(dimensions[0] * _IMAGE_PART), round(dimensions[1] * _IMAGE_PART)
        return _image_tile(mark, box)
    text = " ".join(mark.text.split())
    size = _font_size(text, dimensions, room) if text else 0
    return _text_tile(mark, text, size) if size >= _LEAST else None


def _font_size(text: str, dimensions: tuple[int, int], room: tuple[int, int]) -> int:
    """In proportion to the picture, and less where the line would not fit its room."""
    wanted = max(_USUAL_LEAST, _TEXT_PART * math.sqrt(dimensions[0] * dimensions[1]))
    left, top, right, bottom = _font(_MEASURING_SIZE).getbbox(text)
    # The halo takes as much again on every side as `_halo` says.
    around = 2 * (_halo(wanted) + 1)
    width = (right - left) * wanted / _MEASURING_SIZE + around
    height = (bottom - top) * wanted / _MEASURING_SIZE + around
    return math.floor(wanted * min(1.0, room[0] / width, room[1] / height))


def _halo(size: float) -> int:
    return math.ceil(size / 6)


@lru_cache(maxsize=64)
def _text_tile(mark: Mark, text: str, size: int) -> Image.Image:
    letters = _letters(text, size)
    # Where the letters themselves are, no shadow shines through them.
    shadow = letters.filter(ImageFilter.GaussianBlur(max(1.0, size / 16)))
    shadow = ImageChops.multiply(shadow, ImageChops.invert(letters))
    tile = Image.new("RGBA", letters.size, (*_contrast(mark.rgb), 0))
    tile.putalpha(_scaled(shadow, mark.opacity))
    text_layer = Image.new("RGBA", letters.size, (*mark.rgb, 0))
    text_layer.putalpha(_scaled(letters, mark.opacity))
    return Image.alpha_composite(tile, text_layer)


def _letters(text: str, size: int) -> Image.Image:
    """The line as a mask, with room for its halo on every side."""
    font, halo = _font(size), _halo(size)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(text))
    mask = Image.new("L", (right - left + 2 * halo, bottom - top + 2 * halo))
    ImageDraw.Draw(mask).text((halo - left, halo - top), text, fill=255, font=font)
    return mask


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    # The basic layout is built in; the other depends on a library that the machine may lack,
    # and would make the same recipe give other pixels there.
    return ImageFont.truetype(_FONT, size, layout_engine=ImageFont.Layout.BASIC)


def _contrast(rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black beneath light colors, white beneath dark ones (luma of ITU-R BT.601)."""
    luma = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]
    return (0, 0, 0) if luma > 127 else (255, 255, 255)


def _scaled(mask: Image.Image, opacity: float) -> Image.Image:
    return mask.point([round(value * opacity) for value in range(256)])


@lru_cache(maxsize=16)
def _image_tile(mark: Mark, box: tuple[int, int]) -> Image.Image | None:
    """The mark's picture, shrunk to fit `box`; None where nothing would be left of it."""
    image = _decoded(mark.image or b"")
    scale = min(1.0, box[0] / image.width, box[1] / image.height)
    width, height = round(image.width * scale), round(image.height * scale)
    if width < 1 or height < 1:
        return None
    tile = image.resize((width, height), Image.Resampling.LANCZOS)
    tile.putalpha(_scaled(tile.getchannel("A"), mark.opacity))
    return tile


@lru_cache(maxsize=2)
def _decoded(data: bytes) -> Image.Image:
    try:
        header: Header = probe(data, "", _OPERATORS_LIMITS)
        with decoding():
            picture = header.picture(data)
            endings.check(picture, header)
            return opened(picture, header.format).convert("RGBA")
    except ImageRejectedError as rejection:
        # The operator's picture, not the user's: nobody's upload is to be refused for it.
        raise ValueError(f"the mark's image is of no use: {rejection}") from None
