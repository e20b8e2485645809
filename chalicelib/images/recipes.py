"""The recipe of an image: what its preset, and its focal point, make of it."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from chalicelib import imaging
from chalicelib.core import log
from chalicelib.core.aws import objects
from chalicelib.core.image_values import Point, is_font_file
from chalicelib.core.presets.values import DEFAULT, Preset
from chalicelib.core.settings import Settings
from chalicelib.imaging import Mark, Recipe, Size

# Small enough for the image's row, where it stands as a data URI.
PLACEHOLDER = Size("placeholder", 24, 24)

# A font of all Chinese characters in daily use has 2 to 10 MB.
_MAX_FONT_BYTES = 24 * 1024 * 1024


def recipe(preset: Preset, focal_point: Point | None = None) -> Recipe:
    """Without marks: only one step reads what they are made of. The owner's focal point counts more than the preset's.

    The placeholder is the last size.
    """
    return Recipe(
        sizes=(*(_focused(size, focal_point) for size in preset.sizes), PLACEHOLDER),
        formats=preset.formats,
        quality=preset.quality,
        qualities=preset.qualities,
        similarity=preset.similarity,
        background=preset.background,
        keep=preset.keep,
        animation=preset.animation,
    )


def _focused(size: Size, focal_point: Point | None) -> Size:
    return size if focal_point is None or size.fit != "cover" else replace(size, focus=focal_point)


def marks(preset: Preset) -> tuple[Mark, ...]:
    """The marks of a preset, with their pictures and fonts. Characters that a font lacks are logged once."""
    made = tuple(_mark(described) for described in _described_marks(preset))
    for each in made:
        _log_undrawable(each)
    return made


def _described_marks(preset: Preset) -> Iterator[Mapping[str, Any]]:
    if preset.name != DEFAULT:
        yield from preset.marks
        return
    yield {
        "text": Settings.WATERMARK_TEXT.get(),
        "font": Settings.WATERMARK_FONT.get(),
        "color": Settings.WATERMARK_COLOR.get(),
        "position": Settings.WATERMARK_POSITION.get(),
        "opacity": Settings.WATERMARK_OPACITY.get(),
        "image": Settings.WATERMARK_IMAGE_KEY.get(),
    }


def _mark(described: Mapping[str, Any]) -> Mark:
    bucket, key, font = Settings.S3_OUTPUT_BUCKET.get(), described.get("image"), described.get("font", "")
    if key:
        return Mark(**{**described, "image": objects.read(bucket, key)})
    return Mark(**{**described, "image": None, "font_file": _font_file(bucket, font) if is_font_file(font) else None})


@functools.lru_cache(maxsize=4)
def _font_file(bucket: str, key: str) -> bytes:
    """Read once in a container's life."""
    return objects.read(bucket, key, at_most=_MAX_FONT_BYTES)


@functools.lru_cache(maxsize=16)
def _log_undrawable(mark: Mark) -> None:
    """Logs the characters that the font lacks, once a container: each image of a preset has the same watermark."""
    missing = imaging.undrawable(mark)
    if missing:
        characters = [f"U+{ord(character):04X}" for character in missing]
        log.warning("WATERMARK_TEXT_UNDRAWABLE", setting="WATERMARK_TEXT", font=mark.font, characters=characters)


def stored(preset: Preset, whole: Recipe) -> str:
    """What an image's row says about how its variants were made: the preset's name and the recipe's fingerprint.

    For `default` the fingerprint alone, as in rows from before there were others.
    """
    return whole.fingerprint if preset.name == DEFAULT else f"{preset.name}/{whole.fingerprint}"
