"""The fonts of a document: the bundled one, and further ones for the characters that it lacks."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from functools import cache

from chalicelib.documents.truetype import Font, bundled_font

# Drawn for a character that no font has.
REPLACEMENT = "□"

# Joiners and direction marks: they shape and order other characters, and are not drawn themselves.
NOT_DRAWN = "\u200c\u200d\u200e\u200f\u061c"

_EM = 1000.0


class Fonts:
    """For one document. `load_more` is called when a character first needs it.

    `missing` collects the characters that no font has.
    """

    def __init__(self, load_more: Callable[[], Sequence[Font]] = tuple) -> None:
        self.missing: set[str] = set()
        self.widths = _Widths(self)
        self._load_more: Callable[[], Sequence[Font]] | None = load_more
        self._fonts = [bundled_font()]

    def find(self, character: str) -> Font | None:
        """The first font that has the character."""
        if character in self._fonts[0].glyphs:
            return self._fonts[0]
        if self._load_more is not None:
            load_more, self._load_more = self._load_more, None
            self._fonts += load_more()
        return next((font for font in self._fonts if character in font.glyphs), None)

    def are_bundled(self, text: str) -> bool:
        """Whether the bundled font has every character of `text`."""
        return self._fonts[0].glyphs.keys() >= set(text)

    def can_draw(self, character: str) -> bool:
        return character in NOT_DRAWN or self.find(character) is not None

    def width(self, text: str, size: float) -> float:
        """The width of a line of text, in the unit of `size`."""
        return sum(map(self.widths.__getitem__, text)) * size / _EM

    def truncate(self, text: str, size: float, width: float) -> str:
        """`text` if it fits into `width`; else as much as fits, and an ellipsis."""
        if len(text) <= width and self.width(text, size) <= width:
            return text
        # Hardly a character is narrower than one unit, so text beyond `width` characters is not measured.
        low, high = 0, min(len(text), int(width))
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.width(text[:middle] + "…", size) <= width else (low, middle - 1)
        return text[:low].rstrip() + "…"


class _Widths(dict[str, float]):
    """By character, in thousandths of the font size."""

    def __init__(self, fonts: Fonts) -> None:
        super().__init__(dict.fromkeys(NOT_DRAWN, 0.0))
        self._fonts = fonts

    def __missing__(self, character: str) -> float:
        font = self._fonts.find(character)
        if font is not None:
            width = self[character] = font.width(character)
            return width
        # An HTML page is shown in a font that has it. Not kept: any text may come here.
        return _EM if unicodedata.east_asian_width(character) in "WF" else self[REPLACEMENT]


@cache
def bundled_fonts() -> Fonts:
    """The bundled font alone, to measure text with."""
    return Fonts()
