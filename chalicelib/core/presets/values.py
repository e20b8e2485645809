"""What a preset is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core.image_values import MAX_ANIMATED_PIXELS, SIMILARITY, Quality, Size

DEFAULT = "default"
"""The preset that settings make: RESIZE_DIMENSIONS, OUTPUT_FORMATS, QUALITY_SETTING, WATERMARK_… ."""

NAME_PATTERN = "[a-z0-9][a-z0-9_-]{0,31}"


@dataclass(frozen=True)
class Animation:
    """Up to what an animation stays one; a larger one becomes its first frame.

    Of the sizes, the smallest come first: each is animated as long as the pixels of all of them are within `pixels`.
    """

    frames: int = 200
    seconds: float = 60.0
    """How long it plays once."""

    pixels: int = MAX_ANIMATED_PIXELS
    """Of all frames that are written, up to MAX_ANIMATED_PIXELS."""


@dataclass(frozen=True)
class Preset:
    """What is made of a picture: every size in every format, plain and, if there are marks, marked."""

    name: str
    sizes: tuple[Size, ...]
    description: str = ""
    formats: tuple[str, ...] = ("jpeg",)
    quality: Quality = 85
    qualities: Mapping[str, Quality] = field(default_factory=dict, hash=False)
    """Of single formats, instead of `quality`."""

    similarity: float = SIMILARITY
    """What the quality AUTO keeps."""

    marks: tuple[Mapping[str, Any], ...] = ()
    """The arguments of `imaging.Mark`; but `image`, and a `font` that is a file, are keys in the output bucket."""

    background: str | None = "#FFFFFF"
    """None for transparent."""

    keep: tuple[str, ...] = ()
    animation: Animation | None = None
