"""What the keys of a preset may be: a function for each, which returns the value or raises ValueError.

Its message completes "must be …".
"""

import re
from collections.abc import Callable, Collection
from typing import Any

from chalicelib.core.image_values import (
    AUTO,
    FITS,
    FONTS,
    KEPT,
    MAX_ANIMATED_PIXELS,
    MAX_QUALITY,
    MIN_QUALITY,
    OUTPUTS,
    POSITIONS,
    SAME,
    SMART,
    Quality,
    is_font_file,
    parse_color,
)

Field = Callable[[Any], Any]

# The longest side of a file that a preset makes, and what a key and a text may have.
MAX_SIDE = 8_000
_MAX_TEXT, _MAX_KEY = 200, 1024
_SIZE_NAME = re.compile(r"[A-Za-z0-9_]{1,32}")
# In the rows of images it has this name, and is no variant.
_RESERVED = "placeholder"


def text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _MAX_TEXT:
        raise ValueError(f"a text of up to {_MAX_TEXT} characters")
    return value


def size_name(value: Any) -> str:
    if not isinstance(value, str) or not _SIZE_NAME.fullmatch(value) or value == _RESERVED:
        raise ValueError(f"up to 32 letters, digits and underscores, and not {_RESERVED}")
    return value


def whole(at_least: int, at_most: int) -> Field:
    def field(value: Any) -> int:
        if type(value) is not int or not at_least <= value <= at_most:
            raise ValueError(f"a whole number from {at_least:,} to {at_most:,}")
        return value

    return field


def number(at_least: float, at_most: float) -> Field:
    def field(value: Any) -> float:
        if type(value) not in (int, float) or not at_least <= value <= at_most:
            raise ValueError(f"a number from {at_least:g} to {at_most:g}")
        return float(value)

    return field


def pair(at_least: float, at_most: float) -> Field:
    each = number(at_least, at_most)

    def field(value: Any) -> tuple[float, float]:
        try:
            across, down = value
            return each(across), each(down)
        except (TypeError, ValueError):
            raise ValueError(f"two numbers from {at_least:g} to {at_most:g}, like [0.5, 0.33]") from None

    return field


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def one_of(known: Collection[str]) -> Field:
    def field(value: Any) -> str:
        if not isinstance(value, str) or value not in known:
            raise ValueError(f"one of {', '.join(known)}")
        return value

    return field


def some_of(known: Collection[str]) -> Field:
    def field(value: Any) -> tuple[str, ...]:
        rule = f"a list of {', '.join(known)}, each once"
        if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
            raise ValueError(rule)
        if len(set(value)) < len(value) or not set(value) <= set(known):
            raise ValueError(rule)
        return tuple(value)

    return field


def color(value: Any) -> str:
    try:
        parse_color(value)
    except (TypeError, ValueError):
        raise ValueError("a color, #RGB or #RRGGBB") from None
    return str(value)


def background(value: Any) -> str | None:
    try:
        return None if value == "transparent" else color(value)
    except ValueError as error:
        raise ValueError(f"{error}, or transparent") from None


def key(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_KEY:
        raise ValueError("the key of a file in the output bucket")
    return value


def font(value: Any) -> str:
    known = {each.casefold(): each for each in FONTS}
    if isinstance(value, str) and value.casefold() in known:
        return known[value.casefold()]
    if isinstance(value, str) and is_font_file(value) and len(value) <= _MAX_KEY:
        return value
    raise ValueError(f"one of {', '.join(FONTS)}, or the key of a .ttf or .otf file in the output bucket")


def focus(value: Any) -> tuple[float, float] | str:
    if value == SMART:
        return SMART
    try:
        place: tuple[float, float] = pair(0, 1)(value)
    except ValueError:
        raise ValueError('"smart", or two numbers from 0 to 1, like [0.5, 0.33]') from None
    return place


def quality(value: Any) -> Quality:
    if value == AUTO:
        return AUTO
    try:
        number_: int = whole(MIN_QUALITY, MAX_QUALITY)(value)
    except ValueError as error:
        raise ValueError(f'{error}, or "{AUTO}"') from None
    return number_


SIZE: dict[str, Field] = {
    "name": size_name,
    "width": whole(1, MAX_SIDE),
    "height": whole(1, MAX_SIDE),
    "fit": one_of(FITS),
    "focus": focus,
}
QUALITY: dict[str, Field] = {name: quality for name in OUTPUTS if name != "png"}
MARK: dict[str, Field] = {
    "text": text,
    "image": key,
    "font": font,
    "color": color,
    "position": one_of(POSITIONS),
    "opacity": number(0, 1),
    "size": number(0.01, 1),
    "margin": number(0, 0.5),
    "offset": pair(-1, 1),
    "rotation": number(-360, 360),
    "stroke": number(0, 0.25),
    "stroke_color": color,
    "shadow": flag,
    "tile": flag,
    "gap": number(0, 10),
}
ANIMATION: dict[str, Field] = {
    "frames": whole(2, 1_000),
    "seconds": number(0.1, 600),
    "pixels": whole(1, MAX_ANIMATED_PIXELS),
}
# Beside `sizes`, `quality`, `marks` and `animation`, which are tables.
PRESET: dict[str, Field] = {
    "description": text,
    "formats": some_of([*OUTPUTS, SAME]),
    "background": background,
    "keep": some_of(KEPT),
    "similarity": number(0.8, 0.999),
}
