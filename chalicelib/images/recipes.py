"""What the stage makes of an image: sizes, formats, quality and watermark, read from its settings."""

import functools

from chalicelib import imaging
from chalicelib.core import log
from chalicelib.core.aws import objects
from chalicelib.core.settings import Settings
from chalicelib.imaging import Mark, Recipe, Size

# Small enough for the image's row, where it stands as a data URI.
PLACEHOLDER = Size("placeholder", 24, 24)


def recipe(*marks: Mark) -> Recipe:
    return Recipe(
        sizes=(*Settings.RESIZE_DIMENSIONS.get(), PLACEHOLDER),
        formats=Settings.OUTPUT_FORMATS.get(),
        quality=Settings.QUALITY_SETTING.get(),
        marks=marks,
    )


def watermark() -> Mark:
    """The stage's watermark. Characters of its text that the font lacks are logged once."""
    key = Settings.WATERMARK_IMAGE_KEY.get()
    mark = Mark(
        text=Settings.WATERMARK_TEXT.get(),
        font=Settings.WATERMARK_FONT.get(),
        color=Settings.WATERMARK_COLOR.get(),
        position=Settings.WATERMARK_POSITION.get(),
        opacity=Settings.WATERMARK_OPACITY.get(),
        image=objects.read(Settings.S3_OUTPUT_BUCKET.get(), key) if key else None,
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
