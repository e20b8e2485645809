"""What images may be: the names of formats, types, sizes, fonts and positions, and the ranges of numbers.

Settings choose among them, and `imaging` makes them: so they are said below both. The standard library alone.
"""

import re
from dataclasses import dataclass

MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
    "HEIC": "image/heic",
}
"""Formats that are read → their media types."""

OUTPUTS = {
    "jpeg": ("image/jpeg", "jpg"),
    "png": ("image/png", "png"),
    "webp": ("image/webp", "webp"),
    "avif": ("image/avif", "avif"),
}
"""Formats that are written → media type and file extension."""

# The bundled file is a subset of Liberation Sans 2. That has the outlines of Arimo, and both have the widths of Arial
# (docs of Liberation Fonts). Other families look different, so they are not listed.
_SANS = "DarkroomSans-Regular.ttf"
FONTS = {"Arial": _SANS, "Arimo": _SANS, "Liberation Sans": _SANS}
"""Names of fonts → the bundled file that draws them."""


def is_font_file(name: str) -> bool:
    """Whether a font is named by the key of its file, and not as one of FONTS."""
    return name.lower().endswith((".ttf", ".otf"))


POSITIONS = (
    "bottom-right",
    "bottom-left",
    "top-right",
    "top-left",
    "center",
    "top",
    "bottom",
    "left",
    "right",
)
"""Where a mark stands: a corner, the middle of an edge, or the middle of the picture."""

FITS = ("inside", "cover", "contain", "exact")
"""How a picture goes into the box of a size.

inside: all of it, in its proportions, never enlarged. The others give the dimensions of the box, and enlarge a smaller
picture. cover: what overhangs is cut off. contain: all of it, between bars. exact: stretched.
"""

SAME = "same"
"""In place of a format: that of the original."""

Point = tuple[float, float]
"""A place in a picture: shares of its width and height, from the top left corner."""

CENTER: Point = (0.5, 0.5)

SMART = "smart"
"""In place of a focus: what has the most detail."""

KEPT = ("copyright", "artist")
"""What may be kept of an original's metadata."""

MIN_QUALITY, MAX_QUALITY = 1, 95

AUTO = "auto"
"""In place of a quality: the lowest at which a picture still looks like itself."""

SIMILARITY = 0.96
"""What AUTO keeps without another wish: the structural similarity (SSIM) of the part with the most detail."""

Quality = int | str
"""A number from MIN_QUALITY to MAX_QUALITY, or AUTO."""

MAX_PIXELS = 8192 * 6144
"""Width times height: what "50 megapixel" cameras make."""

MAX_ANIMATED_PIXELS = 16_000_000
"""Of all frames that are written of one picture. Measured, a megapixel takes 0.06 s of CPU time, of noise 0.2."""

_ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    # A JPEG followed by more pictures, as stereo cameras and phones write.
    "image/mpo": "image/jpeg",
    "image/x-png": "image/png",
    # An animated PNG.
    "image/apng": "image/png",
    "image/x-webp": "image/webp",
    # A HEIF file names its codec in its content: those with HEVC are HEIC, and almost all are.
    "image/heif": "image/heic",
    "image/heic-sequence": "image/heic",
    "image/heif-sequence": "image/heic",
    "image/avif-sequence": "image/avif",
}


def normalize_media_type(declared_type: str) -> str:
    """A declared media type without parameters, in lower case, and with aliases replaced."""
    plain = declared_type.partition(";")[0].strip().lower()
    return _ALIASES.get(plain, plain)


@dataclass(frozen=True)
class Size:
    """A named box, in pixels, into which a picture goes."""

    name: str
    width: int | None
    """None for any; `inside` alone may lack a side."""

    height: int | None
    fit: str = "inside"
    """One of FITS."""

    focus: Point | str = CENTER
    """What `cover` keeps: a place, or SMART."""

    def __post_init__(self) -> None:
        sides = [side for side in (self.width, self.height) if side is not None]
        if min(sides, default=0) < 1:
            raise ValueError(f"size {self.name!r} must be at least one pixel wide and high")
        if self.fit not in FITS:
            raise ValueError(f"fit must be one of {', '.join(FITS)}")
        if self.fit != "inside" and len(sides) < 2:
            raise ValueError(f"size {self.name!r} needs a width and a height for {self.fit}")


_DEFAULT_NAMES = ("small", "medium", "large")
_DIMENSIONS = re.compile(r"(?:(?P<name>[A-Za-z0-9_]{1,32})=)?(?P<width>\d{1,5})x(?P<height>\d{1,5})")


def parse_sizes(text: str) -> tuple[Size, ...]:
    """Parses `small=800x600,…`; sizes without a name are small, medium and large, in that order.

    Raises:
        ValueError: the text cannot be read, or names a size twice.
    """
    parsed: list[Size] = []
    for place, part in enumerate(each.strip() for each in text.split(",")):
        parts = _DIMENSIONS.fullmatch(part)
        default_name = _DEFAULT_NAMES[place] if place < len(_DEFAULT_NAMES) else None
        name = parts and (parts["name"] or default_name)
        if not parts or not name:
            raise ValueError(f"{part!r} is not name=WIDTHxHEIGHT")
        parsed.append(Size(name, int(parts["width"]), int(parts["height"])))
    if len({size.name for size in parsed}) < len(parsed):
        raise ValueError("two sizes have the same name")
    return tuple(parsed)


def parse_color(text: str) -> tuple[int, int, int]:
    """The red, green and blue of #RGB or #RRGGBB, each 0 to 255.

    Raises:
        ValueError: it is no such color.
    """
    if not re.fullmatch("#([0-9A-Fa-f]{3}){1,2}", text):
        raise ValueError("color must be #RGB or #RRGGBB")
    digits = text.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)
