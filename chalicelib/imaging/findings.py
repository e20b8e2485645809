"""What an analysis finds out about a picture, and how it is told as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

BINS = 32
"""Of a histogram: each holds eight of the 256 values, the darkest first."""

MOST_COLORS = 5


@dataclass(frozen=True)
class Shot:
    """How a picture was taken, as its EXIF says: a claim, since anybody can write there.

    Texts have at most 100 printable letters. Where the picture was taken is never read.
    """

    camera_make: str | None = None
    camera_model: str | None = None
    lens: str | None = None
    taken_at: str | None = None
    """ISO 8601; local time without an offset where the camera wrote none."""

    software: str | None = None
    has_place: bool = False
    """Whether the EXIF says where it was taken."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "cameraMake": self.camera_make,
            "cameraModel": self.camera_model,
            "lens": self.lens,
            "takenAt": self.taken_at,
            "software": self.software,
            "hasLocation": self.has_place,
        }


@dataclass(frozen=True)
class Color:
    """One of the colors that a picture mostly has."""

    hex: str
    """#rrggbb, sRGB."""

    share: float
    """Of the pixels, 0 to 1."""


@dataclass(frozen=True)
class Histogram:
    """Shares of the pixels, BINS for a channel, which add up to 1 but for rounding."""

    red: tuple[float, ...]
    green: tuple[float, ...]
    blue: tuple[float, ...]
    luminance: tuple[float, ...]
    """The luma of ITU-R BT.601."""

    def to_dict(self) -> dict[str, Any]:
        channels = {"red": self.red, "green": self.green, "blue": self.blue, "luminance": self.luminance}
        return {name: list(shares) for name, shares in channels.items()}


@dataclass(frozen=True)
class Tones:
    """How light and how varied a picture is."""

    average_color: str
    """#rrggbb: the mean of the sRGB values."""

    brightness: float
    """Mean luma, from 0 (black) to 1."""

    contrast: float
    """Standard deviation of luma (Peli 1990, "RMS contrast"), from 0 to 0.5."""

    histogram: Histogram


@dataclass(frozen=True)
class Analysis:
    """All of it. Of an animation, the colors and measures are those of its first frame."""

    width: int
    """Pixels, upright: after the EXIF orientation is applied."""

    height: int
    format: str
    """jpeg, png, gif or webp."""

    media_type: str
    size: int
    """Bytes of the file."""

    color_space: str
    """sRGB, AdobeRGB, Gray, CMYK, or the name of the embedded profile."""

    has_transparency: bool
    """Whether any pixel is less than opaque, not only whether it could be."""

    frames: int
    orientation: int
    """The EXIF orientation, 1 to 8; 1 where there is none."""

    colors: tuple[Color, ...]
    """Up to MOST_COLORS, each with 2 % or more, the commonest first; none where all of the picture is clear."""

    tones: Tones | None
    """None where all of the picture is clear."""

    sharpness: float
    """Variance of the Laplacian (Pech-Pacheco et al. 2000) of the luma, shrunk to 1,024 pixels.

    Compares pictures of one kind: flat ones are low by nature, so no threshold holds for all.
    """

    shot: Shot

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON: every number is finite."""
        tones = self.tones
        return {
            "width": self.width,
            "height": self.height,
            "format": self.format,
            "mediaType": self.media_type,
            "fileSize": self.size,
            "colorSpace": self.color_space,
            "hasTransparency": self.has_transparency,
            "isAnimated": self.frames > 1,
            "frames": self.frames,
            "orientation": self.orientation,
            "dominantColors": [{"color": color.hex, "share": color.share} for color in self.colors],
            "averageColor": tones.average_color if tones else None,
            "brightness": tones.brightness if tones else None,
            "contrast": tones.contrast if tones else None,
            "histogram": tones.histogram.to_dict() if tones else None,
            "sharpness": self.sharpness,
            "metadata": self.shot.to_dict(),
        }
