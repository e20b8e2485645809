"""The values that go into the imaging functions and come out of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum

MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
}

# Output format → (media type, file extension).
OUTPUTS = {
    "jpeg": ("image/jpeg", "jpg"),
    "png": ("image/png", "png"),
    "webp": ("image/webp", "webp"),
    "avif": ("image/avif", "avif"),
}

# Names of fonts → the bundled file that draws them. Liberation Sans 2 is made of Arimo's outlines, and both have the
# widths of Arial (docs of Liberation Fonts); other families have other shapes, and would be drawn wrongly by it.
_LIBERATION_SANS = "LiberationSans-Regular.ttf"
FONTS = {"Arial": _LIBERATION_SANS, "Arimo": _LIBERATION_SANS, "Liberation Sans": _LIBERATION_SANS}

POSITIONS = ("bottom-right", "bottom-left", "top-right", "top-left", "center")

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What a file may claim, and what decoding it may cost."""

    max_bytes: int = 10 * MEBIBYTE
    """Bytes of the file."""

    max_pixels: int = 8192 * 6144
    """Width times height of the canvas, and of the first frame. What "50 megapixel" cameras make."""

    allowed_types: frozenset[str] = frozenset(MEDIA_TYPES.values())
    """Media types, lower case."""

    max_scans: int = 64
    """Scans of a JPEG. Encoders write 1 to 20; every scan walks the whole picture again."""

    max_segments: int = 1_000
    """Segments of a JPEG that are read or decoded. A large profile takes some dozens, 64 scans
    with tables of their own some hundreds."""

    max_chunks: int = 100_000
    """Chunks of a PNG that are read or decoded. Of pixels encoders write one for 8 KiB or more."""

    max_metadata_bytes: int = 4 * MEBIBYTE
    """Bytes of EXIF and of a profile, packed or unpacked. Other metadata is not read."""

    max_pixels_per_byte: int = 2_000
    """Pixels for a byte of the file. One flat colour gives 170 as a JPEG and 1,240 as a GIF."""

    small_pixels: int = 4_000_000
    """Pixels up to which the ratio is not looked at: tens of milliseconds, whatever they hold."""

    memory_bytes: int = 1024 * MEBIBYTE
    """Address space of the decoding child beyond what its parent occupies at the fork.

    What 50 megapixels need: 128 MiB as a JPEG that is shrunk, 450 as a progressive one, 640 as a
    PNG and 1,000 as a WebP, each of the costliest kind.
    """

    cpu_seconds: int = 30
    """CPU time of the child, whole seconds; the kernel counts less than one as one."""

    wall_seconds: float = 45.0
    """Time from the fork to the child's end."""


@dataclass(frozen=True)
class ImageInfo:
    """What a picture is, as its headers say."""

    width: int
    """Pixels, upright: after the EXIF orientation is applied."""

    height: int
    format: str
    """JPEG, PNG, GIF or WEBP."""

    media_type: str
    color_space: str
    """sRGB, AdobeRGB, Gray, CMYK, or another name of what the samples are.

    Of RGB it is sRGB or AdobeRGB where curves and primaries are those, whatever the profile is
    called; otherwise the profile's own name, or `ICC` where it has none. Where a PNG says it without
    a profile: the name of its code points (`Display P3`, `BT.2020`, …), or `RGB gamma 1.00`, or
    `RGB` where it gives primaries alone.
    """

    has_alpha: bool
    frames: int
    orientation: int
    """The EXIF orientation, 1 to 8; 1 where there is none."""


@dataclass(frozen=True)
class Size:
    """A named box, in pixels, which a picture is shrunk to fit inside."""

    name: str
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"size {self.name!r} must be at least one pixel wide and high")


@dataclass(frozen=True)
class Mark:
    """A watermark: a line of text, or a picture instead of it."""

    text: str = ""
    font: str = "Arial"
    """One of FONTS."""

    color: str = "#FFFFFF"
    """Of the text, as #RGB or #RRGGBB."""

    position: str = "bottom-right"
    opacity: float = 0.5
    """0 (invisible) to 1."""

    image: bytes | None = None
    """A PNG, JPEG, GIF or WebP of the operator's own; its transparency is kept."""

    def __post_init__(self) -> None:
        if self.font not in FONTS:
            raise ValueError(f"font must be one of {', '.join(FONTS)}")
        if self.position not in POSITIONS:
            raise ValueError(f"position must be one of {', '.join(POSITIONS)}")
        if not 0 <= self.opacity <= 1:
            raise ValueError("opacity must lie between 0 and 1")
        digits = self.color.removeprefix("#")
        if len(digits) not in (3, 6) or digits == self.color or not _is_hex(digits):
            raise ValueError("color must be #RGB or #RRGGBB")

    @property
    def rgb(self) -> tuple[int, int, int]:
        """The color as three numbers from 0 to 255."""
        digits = self.color.removeprefix("#")
        if len(digits) == 3:
            digits = "".join(digit * 2 for digit in digits)
        return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


@dataclass(frozen=True)
class Recipe:
    """What is made of an original: every size in every format, plain and marked."""

    sizes: tuple[Size, ...]
    formats: tuple[str, ...] = ("jpeg",)
    quality: int = 85
    """1 to 95, for JPEG, WebP and AVIF; PNG loses nothing."""

    mark: Mark | None = field(default=None)

    def __post_init__(self) -> None:
        names = [size.name for size in self.sizes]
        if not names or len(set(names)) != len(names):
            raise ValueError("a recipe needs sizes, each with a name of its own")
        if not self.formats or len(set(self.formats)) != len(self.formats):
            raise ValueError("a recipe needs formats, each named once")
        if unknown := set(self.formats) - OUTPUTS.keys():
            raise ValueError(f"unknown output formats: {', '.join(sorted(unknown))}")
        if not 1 <= self.quality <= 95:
            raise ValueError("quality must lie between 1 and 95")

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits that are equal exactly when two recipes ask for the same."""
        text = json.dumps(asdict(self), sort_keys=True, default=_digest)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Rendition:
    """One finished file."""

    name: str
    """Of the size that it was made for."""

    format: str
    media_type: str
    extension: str
    """Without a dot."""

    width: int
    height: int
    watermarked: bool
    data: bytes = field(repr=False)


class Fit(StrEnum):
    """How a picture goes into a box, in the words of CSS's `object-fit`."""

    CONTAIN = "contain"
    """All of it, in its proportions, inside the box; never enlarged, and no bars are added."""

    COVER = "cover"
    """In its proportions, all over the box; what overhangs on both sides is cut off."""

    FILL = "fill"
    """All of it, all over the box, and distorted where the proportions differ."""


MAX_SIDE = 8_000
"""Pixels of a side that may be asked for."""

MAX_QUALITY = 95
FORMATS = tuple(OUTPUTS)
FITS = tuple(fit.value for fit in Fit)


@dataclass(frozen=True)
class Transform:
    """What one picture is to become. Without a box it keeps its dimensions."""

    width: int | None = None
    """Pixels, 1 to MAX_SIDE. With only one side given, the other follows in proportion."""

    height: int | None = None
    fit: Fit = Fit.CONTAIN
    """COVER and FILL enlarge a picture that is smaller than its box."""

    format: str | None = None
    """One of FORMATS; None for the original's own, which for a GIF is PNG."""

    quality: int = 85
    """1 to MAX_QUALITY, each format on a scale of its own; PNG loses nothing."""

    def __post_init__(self) -> None:
        if not all(1 <= side <= MAX_SIDE for side in (self.width, self.height) if side is not None):
            raise ValueError(f"a side must lie between 1 and {MAX_SIDE} pixels")
        if self.fit not in FITS:
            raise ValueError(f"fit must be one of {', '.join(FITS)}")
        if self.format is not None and self.format not in FORMATS:
            raise ValueError(f"format must be one of {', '.join(FORMATS)}")
        if not 1 <= self.quality <= MAX_QUALITY:
            raise ValueError(f"quality must lie between 1 and {MAX_QUALITY}")


@dataclass(frozen=True)
class Transformed:
    """What became of a picture."""

    data: bytes = field(repr=False)
    format: str
    """One of FORMATS."""

    media_type: str
    width: int
    height: int
    extension: str
    """Without a dot."""

    is_first_frame: bool
    """Whether the original moves: this is then its first frame, and stands still."""


def _is_hex(digits: str) -> bool:
    return all(digit in "0123456789abcdefABCDEF" for digit in digits)


def _digest(value: object) -> str:
    if not isinstance(value, bytes):
        raise TypeError(f"{type(value).__name__} has no place in a recipe")
    return hashlib.sha256(value).hexdigest()
