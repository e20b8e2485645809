"""What the stage makes of an image: sizes, formats, quality and watermark, read from its settings."""

import functools
import re

from chalicelib import imaging
from chalicelib.core import config, log
from chalicelib.core.aws import objects
from chalicelib.imaging import Mark, Recipe, Size
from chalicelib.imaging.values import POSITIONS

# Small enough for the image's row, where it stands as a data URI.
PLACEHOLDER = Size("placeholder", 24, 24)


def recipe(mark: Mark | None = None) -> Recipe:
    return Recipe(
        sizes=(*parse_sizes(config.get("RESIZE_DIMENSIONS")), PLACEHOLDER),
        formats=tuple(config.words("OUTPUT_FORMATS")),
        quality=config.integer("QUALITY_SETTING"),
        mark=mark,
    )


_DEFAULT_NAMES = ("small", "medium", "large")
_DIMENSIONS = re.compile(r"(?:(?P<name>[A-Za-z0-9_]{1,32})=)?(?P<width>\d{1,5})x(?P<height>\d{1,5})")


def parse_sizes(setting: str) -> tuple[Size, ...]:
    """Parses `small=800x600,…`; sizes without a name are small, medium and large, in that order.

    Raises:
        ValueError: the setting cannot be read.
    """
    parsed: list[Size] = []
    for place, text in enumerate(part.strip() for part in setting.split(",")):
        parts = _DIMENSIONS.fullmatch(text)
        if parts is None or (parts["name"] is None and place >= len(_DEFAULT_NAMES)):
            raise ValueError(f"RESIZE_DIMENSIONS: {text!r} is not name=WIDTHxHEIGHT")
        parsed.append(Size(parts["name"] or _DEFAULT_NAMES[place], int(parts["width"]), int(parts["height"])))
    return tuple(parsed)


def watermark() -> Mark:
    """The stage's watermark. Characters of its text that the font lacks are logged once.

    Raises:
        InvalidSettingError: a setting names an unknown font or position.
    """
    key = config.get("WATERMARK_IMAGE_KEY")
    mark = Mark(
        text=config.get("WATERMARK_TEXT"),
        font=config.choice("WATERMARK_FONT", imaging.FONTS),
        color=config.get("WATERMARK_COLOR"),
        position=config.choice("WATERMARK_POSITION", POSITIONS),
        opacity=config.number("WATERMARK_OPACITY"),
        image=objects.read(config.get("S3_OUTPUT_BUCKET"), key) if key else None,
    )
    _log_undrawable(mark)
    return mark


@functools.lru_cache(maxsize=16)
def _log_undrawable(mark: Mark) -> None:
    """Logs the characters that the font lacks, once a container: each image of the stage has the same watermark."""
    missing = imaging.undrawable(mark)
    if missing:
        characters = [f"U+{ord(character):04X}" for character in missing]
        log.warning("WATERMARK_TEXT_UNDRAWABLE", setting="WATERMARK_TEXT", font=mark.font, characters=characters)
