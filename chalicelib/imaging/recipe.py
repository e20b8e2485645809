"""What is made of an original: recipes, their marks and animations, and the files that come out.

A recipe, and each of its files, has a fingerprint that is stored with images. A field that was added later counts in
it only where it differs from its default, so what was stored before stays equal.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from chalicelib.core.image_values import (
    AUTO,
    FONTS,
    KEPT,
    MAX_QUALITY,
    MIN_QUALITY,
    OUTPUTS,
    POSITIONS,
    SAME,
    SIMILARITY,
    Quality,
    Size,
    parse_color,
)
from chalicelib.core.presets.values import Animation

# In the fingerprint of files, so that a change of how they are made can make them differ.
_MADE_LIKE = 1


@dataclass(frozen=True)
class Mark:
    """A watermark: a line of text, or a picture instead of it."""

    text: str = ""
    font: str = "Arial"
    """One of FONTS; or, with `font_file`, what the file is called."""

    color: str = "#FFFFFF"
    """Of the text, as #RGB or #RRGGBB."""

    position: str = "bottom-right"
    opacity: float = 0.5
    """0 (invisible) to 1."""

    image: bytes | None = None
    """The operator's PNG, JPEG, GIF or WebP; its transparency is kept."""

    font_file: bytes | None = field(default=None, repr=False)
    """The operator's TrueType or OpenType font."""

    size: float | None = None
    """The mark's width as a share of the picture's.

    Without it a text grows with the picture's area, and a picture keeps its size, or takes a fifth of a side if it is
    larger.
    """

    margin: float = 0.02
    """The distance from the edges, as a share of the picture's shorter side."""

    offset: tuple[float, float] = (0.0, 0.0)
    """How far it is moved to the right and down, as shares of the picture's sides."""

    rotation: float = 0.0
    """Degrees, clockwise."""

    stroke: float = 0.0
    """The width of the letters' outline, as a share of the font's size."""

    stroke_color: str | None = None
    """None for black around light colors, and white around dark ones."""

    shadow: bool = True
    """Whether a text has a soft edge in black or white, by which it is legible on any ground."""

    tile: bool = False
    """Whether it is repeated over the whole picture."""

    gap: float = 1.0
    """Between repetitions, as a share of the mark's own sides."""

    def __post_init__(self) -> None:
        if self.image is None and self.font_file is None and self.font not in FONTS:
            raise ValueError(f"font must be one of {', '.join(FONTS)}")
        if self.position not in POSITIONS:
            raise ValueError(f"position must be one of {', '.join(POSITIONS)}")
        if not 0 <= self.opacity <= 1:
            raise ValueError("opacity must lie between 0 and 1")
        for color in (self.color, self.stroke_color):
            if color is not None:
                parse_color(color)

    @property
    def rgb(self) -> tuple[int, int, int]:
        """The color as three numbers from 0 to 255."""
        return parse_color(self.color)


@dataclass(frozen=True)
class Recipe:
    """Which variants of an original to make: every size in every format, plain and, with marks, marked."""

    sizes: tuple[Size, ...]
    formats: tuple[str, ...] = ("jpeg",)
    """Of OUTPUTS, or SAME."""

    quality: Quality = 85
    """1 to 95 or AUTO, for JPEG, WebP and AVIF; PNG is lossless."""

    marks: tuple[Mark, ...] = ()
    """Drawn one after the other."""

    qualities: Mapping[str, Quality] = field(default_factory=dict, hash=False)
    """The quality of single formats, instead of `quality`."""

    similarity: float = SIMILARITY
    """What AUTO keeps, up to 1."""

    background: str | None = "#FFFFFF"
    """What stands in the bars of `contain`, and behind transparency in a JPEG. None for transparent bars."""

    keep: tuple[str, ...] = ()
    """What is kept of the original's EXIF: of KEPT."""

    animation: Animation | None = None
    """Without it, the first frame."""

    def __post_init__(self) -> None:
        names = [size.name for size in self.sizes]
        if not names or len(set(names)) != len(names):
            raise ValueError("a recipe needs sizes, each with a name of its own")
        if not self.formats or len(set(self.formats)) != len(self.formats):
            raise ValueError("a recipe needs formats, each named once")
        if unknown := set(self.formats) - OUTPUTS.keys() - {SAME}:
            raise ValueError(f"unknown output formats: {', '.join(sorted(unknown))}")
        if not all(map(_is_quality, (self.quality, *self.qualities.values()))):
            raise ValueError(f"quality must lie between {MIN_QUALITY} and {MAX_QUALITY}, or be {AUTO}")
        if unknown := set(self.keep) - set(KEPT):
            raise ValueError(f"only {', '.join(KEPT)} can be kept")
        if self.background is not None:
            parse_color(self.background)

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits that are equal exactly for equal recipes."""
        first, *others = self.marks or (None,)
        described = _described(replace(self, marks=()))
        return _hash(described | {"mark": _described(first)} | ({"marks": _described(others)} if others else {}))

    def quality_of(self, format_: str) -> Quality:
        return self.qualities.get(format_, self.quality)

    def _quality_made(self, format_: str) -> object:
        quality = self.quality_of(format_)
        return [AUTO, self.similarity] if quality == AUTO else quality

    def file_fingerprint(self, size: Size, format_: str, *, watermarked: bool) -> str:
        """Of one file, in its resolved format: equal for files that come out equal of the same original."""
        made = {
            "like": _MADE_LIKE,
            "size": size,
            "format": format_,
            "quality": None if format_ == "png" else self._quality_made(format_),
            "background": self.background if format_ == "jpeg" or size.fit == "contain" else None,
            "keep": sorted(self.keep),
            "animation": self.animation if format_ == "webp" else None,
            "marks": self.marks if watermarked else (),
        }
        return _hash(_described(made))


@dataclass(frozen=True)
class Rendition:
    """One finished file."""

    name: str
    """The name of its size."""

    format: str
    media_type: str
    extension: str
    """Without a dot."""

    width: int
    height: int
    watermarked: bool
    data: bytes = field(repr=False)
    frames: int = 1
    quality: int | None = None
    """What AUTO found."""
    """More than 1 if it is animated; those of the original that look alike are one."""


def _is_quality(value: Quality) -> bool:
    return value == AUTO if isinstance(value, str) else MIN_QUALITY <= value <= MAX_QUALITY


# The fields of the first release, which count in a fingerprint whatever their values.
_ALWAYS = {
    Size: {"name", "width", "height"},
    Mark: {"text", "font", "color", "position", "opacity", "image"},
    Recipe: {"sizes", "formats", "quality"},
}


def _described(value: Any) -> Any:
    """What a fingerprint is made of, as JSON can hold it."""
    if is_dataclass(value) and not isinstance(value, type):
        always = _ALWAYS.get(type(value), set())
        described = {each.name: getattr(value, each.name) for each in fields(value)}
        return {
            each.name: _described(described[each.name])
            for each in fields(value)
            if each.name in always or described[each.name] != _default(each)
        }
    if isinstance(value, Mapping):
        return {name: _described(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [_described(each) for each in value]
    return hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else value


def _default(of: Any) -> Any:
    return of.default_factory() if callable(of.default_factory) else of.default


def _hash(described: Any) -> str:
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:12]
