"""The result of an analysis, and its JSON."""

from dataclasses import dataclass
from typing import Any

BINS = 32
"""Bins of a histogram: each has eight of the 256 values, the darkest first."""

MAX_COLORS = 5


@dataclass(frozen=True)
class Capture:
    """How a picture was taken, as its EXIF claims: anybody can write there.

    Texts have at most 100 printable characters. The location is never read.
    """

    camera_make: str | None = None
    camera_model: str | None = None
    lens: str | None = None
    taken_at: str | None = None
    """ISO 8601; local time without an offset where the camera wrote none."""

    software: str | None = None
    has_location: bool = False
    """Whether the EXIF holds a location."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "cameraMake": self.camera_make,
            "cameraModel": self.camera_model,
            "lens": self.lens,
            "takenAt": self.taken_at,
            "software": self.software,
            "hasLocation": self.has_location,
        }


@dataclass(frozen=True)
class Color:
    """One of the main colors of a picture."""

    hex: str
    """#rrggbb, sRGB."""

    share: float
    """Of the pixels, 0 to 1."""


@dataclass(frozen=True)
class Histogram:
    """For each channel the shares of the pixels in BINS bins; they add up to 1, apart from rounding."""

    red: tuple[float, ...]
    green: tuple[float, ...]
    blue: tuple[float, ...]
    luminance: tuple[float, ...]
    """The luma of ITU-R BT.601."""

    def to_dict(self) -> dict[str, Any]:
        return {name: list(shares) for name, shares in vars(self).items()}


@dataclass(frozen=True)
class Tones:
    """Brightness and contrast of a picture."""

    average_color: str
    """#rrggbb: the mean of the sRGB values."""

    brightness: float
    """Mean luma, from 0 (black) to 1."""

    contrast: float
    """Standard deviation of luma (Peli 1990, "RMS contrast"), from 0 to 0.5."""

    histogram: Histogram


@dataclass(frozen=True)
class Analysis:
    """Of an animation, colors and measures are those of its first frame."""

    width: int
    """Pixels, upright: after the EXIF orientation is applied."""

    height: int
    format: str
    """jpeg, png, gif, webp, avif or heic."""

    media_type: str
    size: int
    """Bytes of the file."""

    color_space: str
    """sRGB, AdobeRGB, Gray, CMYK, or the name of the embedded profile."""

    has_transparency: bool
    """Whether any pixel is less than opaque; not just whether the file has an alpha channel."""

    frames: int
    orientation: int
    """The EXIF orientation, 1 to 8; 1 where there is none."""

    colors: tuple[Color, ...]
    """Up to MAX_COLORS, each with 2 % or more, the most common first; none if the whole picture is transparent."""

    tones: Tones | None
    """None if the whole picture is transparent."""

    sharpness: float
    """Variance of the Laplacian (Pech-Pacheco et al. 2000) of the luma, shrunk to 1,024 pixels.

    Only for comparing similar pictures: flat subjects are low by nature, so no threshold fits all.
    """

    capture: Capture

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
            "metadata": self.capture.to_dict(),
        }
