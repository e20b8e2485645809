"""The types of settings: what a text must be, in words, and the value that it stands for.

Plain classes: every cold start makes them, and a dataclass takes a millisecond to make.
"""

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from chalicelib.core import image_values
from chalicelib.core.image_values import FONTS, Size

if TYPE_CHECKING:
    from chalicelib.core.presets.values import Preset

# All that is deployed beside app.py.
_CHALICELIB = Path(__file__).resolve().parents[2]

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Kind(Protocol[T_co]):
    """A type of settings. `rule` completes "must be …" ("1 to 95")."""

    @property
    def rule(self) -> str: ...

    def parse(self, text: str) -> T_co:
        """The value. Raises ValueError; its message completes "must be …"."""
        ...


class Text:
    """A text of at least one character."""

    def __init__(self, rule: str = "a text") -> None:
        self.rule = rule

    def parse(self, text: str) -> str:
        if not text.strip():
            raise ValueError(self.rule)
        return text


class Matching:
    """A text of a certain form; blanks around it do not count."""

    def __init__(self, pattern: str, rule: str) -> None:
        self.pattern, self.rule = pattern, rule

    def parse(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text.strip()):
            raise ValueError(self.rule)
        return text.strip()


EMAIL = Matching(r"[^@\s<>,]+@[^@\s<>,]+\.[^@\s<>,]+", "an e-mail address like photos@example.com")
DOMAIN = Matching(r"(?i)[a-z0-9-]+(\.[a-z0-9-]+)+", "a domain like example.com")
ORIGIN = Matching(r"(?i)\*|https?://[^/\s?#@,]+", "* or an origin like https://photos.example.com")
PREFIX = Matching(r"([\w.-]+/)+", "the beginning of keys, like fonts/")
URL = Matching(r"(?i)https?://[^/\s]\S*", "an address that begins with http:// or https://")


class Color:
    """A color of CSS, kept as its text."""

    rule = "a color, #RGB or #RRGGBB"

    def parse(self, text: str) -> str:
        try:
            image_values.parse_color(text.strip())
        except ValueError:
            raise ValueError(self.rule) from None
        return text.strip()


class Whole:
    """A whole number."""

    def __init__(self, at_least: int, at_most: int | None = None) -> None:
        self.at_least, self.at_most = at_least, at_most
        self.rule = _range("a whole number", at_least, at_most, ",")

    def parse(self, text: str) -> int:
        _parse_in_range(text, self)
        try:
            return int(text)
        except ValueError:
            raise ValueError("a whole number") from None


class Number:
    """A number, with or without a fraction."""

    def __init__(self, at_least: float, at_most: float | None = None) -> None:
        self.at_least, self.at_most = at_least, at_most
        self.rule = _range("a number", at_least, at_most, "g")

    def parse(self, text: str) -> float:
        return _parse_in_range(text, self)


def _range(what: str, at_least: float, at_most: float | None, form: str) -> str:
    """The rule in words. `form` is the format of its numbers."""
    if at_most is None:
        return f"{what}, {at_least:{form}} or more"
    return f"{at_least:{form}} to {at_most:{form}}"


def _parse_in_range(text: str, kind: Whole | Number) -> float:
    """Raises ValueError: it is no number, or out of the range, as NaN always is. `inf` is a number: no limit."""
    try:
        number = float(text)
    except ValueError:
        raise ValueError(kind.rule) from None
    is_in_range = number >= kind.at_least and (kind.at_most is None or number <= kind.at_most)
    if not is_in_range:
        raise ValueError(kind.rule)
    return number


class Flag:
    """On or off. Nothing at all is off."""

    rule = "true or false"

    def parse(self, text: str) -> bool:
        word = text.strip().lower()
        if word not in {"true", "1", "yes", "on", "false", "0", "no", "off", ""}:
            raise ValueError(self.rule)
        return word in {"true", "1", "yes", "on"}


class Choice:
    """One of some names, ignoring case and blanks around it. `spell` turns other spellings into the known ones."""

    def __init__(self, known: Collection[str], spell: Callable[[str], str] = str.strip) -> None:
        self.known, self.spell = known, spell
        self.rule = f"one of {', '.join(known)}"

    def parse(self, text: str) -> str:
        by_name = {each.casefold(): each for each in self.known}
        try:
            return by_name[self.spell(text).casefold()]
        except KeyError:
            raise ValueError(self.rule) from None


class ListOf(Generic[T]):
    """Values between commas; empty ones do not count, nor does a second one. At least one, or the setting is empty."""

    def __init__(self, each: Kind[T]) -> None:
        self.each = each
        self.rule = f"a list with commas, each {each.rule}"

    def parse(self, text: str) -> tuple[T, ...]:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if not parts:
            raise ValueError(self.rule)
        try:
            return tuple(dict.fromkeys(self.each.parse(part) for part in parts))
        except ValueError:
            raise ValueError(self.rule) from None


class Font:
    """A font that is bundled, by its name in any case, or the key of a file of one."""

    rule = f"one of {', '.join(FONTS)}, or the key of a .ttf or .otf file in the output bucket"

    def parse(self, text: str) -> str:
        if image_values.is_font_file(text.strip()):
            return text.strip()
        try:
            return Choice(FONTS).parse(text)
        except ValueError:
            raise ValueError(self.rule) from None


class PresetsFile:
    """The presets of a file, by their names. Raises FaultyFileError, which names the lines of its faults."""

    rule = "the name of a .toml file in chalicelib/"

    def parse(self, text: str) -> "Mapping[str, Preset]":
        name = text.strip()
        if not re.fullmatch(r"[\w-][\w.-]*\.toml", name, re.ASCII):
            raise ValueError(self.rule)
        # Imported late: few functions read presets.
        from chalicelib.core.presets.reading import read_file

        try:
            return read_file(_CHALICELIB / name)
        except FileNotFoundError:
            raise ValueError(f"{self.rule}; there is no such file") from None


class Sizes:
    """Named boxes in pixels."""

    rule = "sizes like small=800x600,large=1920x1080, each with a name of its own"

    def parse(self, text: str) -> tuple[Size, ...]:
        try:
            return image_values.parse_sizes(text)
        except ValueError:
            raise ValueError(self.rule) from None
