"""Arguments and results of the imaging functions."""

from dataclasses import dataclass, field
from enum import StrEnum

from chalicelib.core.image_values import MAX_PIXELS, MAX_QUALITY, MEDIA_TYPES, MIN_QUALITY, OUTPUTS

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What a file may claim, and what decoding it may cost."""

    max_bytes: int = 10 * MEBIBYTE
    """Bytes of the file."""

    max_pixels: int = MAX_PIXELS
    """Width times height of the canvas, and of the first frame."""

    allowed_types: frozenset[str] = frozenset(MEDIA_TYPES.values())
    """Media types, lower case."""

    max_scans: int = 64
    """Scans of a JPEG. Encoders write 1 to 20; every scan goes over the whole picture again."""

    max_segments: int = 1_000
    """Segments of a JPEG that are read or decoded. A large profile takes some dozens, 64 scans
    with tables of their own some hundreds."""

    max_chunks: int = 100_000
    """Chunks of a PNG that are read or decoded. Encoders write one for 8 KiB of pixels or more."""

    max_boxes: int = 20_000
    """Boxes, items, places, references and units of pixel data of a HEIC or AVIF. Phones write up to about 1,000."""

    max_tiles: int = 1_000
    """Tiles of a HEIC or AVIF, each of which costs a decoder. Phones write up to 192."""

    max_metadata_bytes: int = 4 * MEBIBYTE
    """Bytes of EXIF and of a profile, compressed or not. Other metadata is not read."""

    max_pixels_per_byte: int = 2_000
    """Pixels for a byte of the file. A flat color has 170 as a JPEG and 1,240 as a GIF."""

    small_pixels: int = 4_000_000
    """Up to so many pixels the ratio is not checked: they decode in tens of milliseconds."""

    memory_bytes: int = 1024 * MEBIBYTE
    """Address space of the decoding child beyond what its parent occupies at the fork.

    50 megapixels of the costliest kind need 128 MiB as a JPEG that is shrunk, 450 as a progressive
    one, 470 as a HEIC or AVIF, 640 as a PNG and 1,000 as a WebP.
    """

    cpu_seconds: int = 30
    """CPU time of the child, in whole seconds; less than one counts as one."""

    wall_seconds: float = 45.0
    """Time from the fork to the child's end."""


@dataclass(frozen=True)
class ImageInfo:
    """What the headers of a picture say."""

    width: int
    """Pixels, upright: after the EXIF orientation is applied."""

    height: int
    format: str
    """JPEG, PNG, GIF, WEBP, AVIF or HEIC."""

    media_type: str
    color_space: str
    """sRGB, AdobeRGB, Gray, CMYK, or the name of another RGB space.

    sRGB and AdobeRGB are recognized by their curves and primaries, not by the profile's name. Others
    have the profile's name, or `ICC` if it has none. For a PNG without a profile, the name of its
    code points (`Display P3`, `BT.2020`, …), or `RGB gamma 1.00`, or `RGB` if it only gives primaries.
    """

    has_alpha: bool
    frames: int
    orientation: int
    """The EXIF orientation, 1 to 8; 1 where there is none."""


class Fit(StrEnum):
    """How a picture goes into a box, in the words of CSS's `object-fit`."""

    CONTAIN = "contain"
    """All of it, in its proportions, inside the box; never enlarged, and no bars are added."""

    COVER = "cover"
    """In its proportions, covers the box; what overhangs is cut off, farthest from the focus first."""

    FILL = "fill"
    """All of it, stretched to the box; distorted where the proportions differ."""


MAX_SIDE = 8_000
"""The longest side that a caller may request, in pixels."""

FORMATS = tuple(OUTPUTS)
FITS = tuple(fit.value for fit in Fit)


@dataclass(frozen=True)
class Transform:
    """The options of a transform. Without a box the picture keeps its dimensions."""

    width: int | None = None
    """Pixels, 1 to MAX_SIDE. With only one side given, the other follows in proportion."""

    height: int | None = None
    fit: Fit = Fit.CONTAIN
    """COVER and FILL enlarge a picture that is smaller than its box."""

    format: str | None = None
    """One of FORMATS; None for the original's own. For a GIF that is PNG, for a HEIC JPEG, or PNG if it has alpha."""

    quality: int = 85
    """1 to MAX_QUALITY, on the format's own scale; PNG is lossless."""

    focus: tuple[float, float] = (0.5, 0.5)
    """What COVER keeps: shares of the width and height of the upright picture, from the top left corner."""

    def __post_init__(self) -> None:
        if not all(1 <= side <= MAX_SIDE for side in (self.width, self.height) if side is not None):
            raise ValueError(f"a side must lie between 1 and {MAX_SIDE} pixels")
        if self.fit not in FITS:
            raise ValueError(f"fit must be one of {', '.join(FITS)}")
        if self.format is not None and self.format not in FORMATS:
            raise ValueError(f"format must be one of {', '.join(FORMATS)}")
        if not MIN_QUALITY <= self.quality <= MAX_QUALITY:
            raise ValueError(f"quality must lie between {MIN_QUALITY} and {MAX_QUALITY}")
        if not all(0 <= share <= 1 for share in self.focus):
            raise ValueError("the focus must lie between 0 and 1")


@dataclass(frozen=True)
class Transformed:
    """The result of a transform."""

    data: bytes = field(repr=False)
    format: str
    """One of FORMATS."""

    media_type: str
    width: int
    height: int
    extension: str
    """Without a dot."""

    is_first_frame: bool
    """Whether the original is animated: this is its first frame."""


@dataclass(frozen=True)
class Glimpse:
    """What stands for a picture before it is loaded."""

    thumb_hash: str
    """Its ThumbHash, in base64."""

    dominant_color: str | None
    """#rrggbb, the most common of its main colors; None if it is transparent."""
