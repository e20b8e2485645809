"""Text for the pages of a PDF: only characters that can be drawn, wrapped to lines, each line in visual order."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from chalicelib.documents.fonts import REPLACEMENT, Fonts
from chalicelib.documents.invisible_characters import code_point, escape_invisible
from chalicelib.documents.pdf.arabic import join
from chalicelib.documents.pdf.bidi import base_direction, visual_order

# Enough for the few lines of a cell.
_MAX_CHARACTERS = 1_000

# Variants and skin tones of emoji; they and the joiner are drawn by none of our fonts.
_VARIANTS = "\ufe00-\ufe0f\U0001f3fb-\U0001f3ff"
_VARIANT = re.compile(f"[{_VARIANTS}\u200d]")
# A character, or an emoji of several.
_CLUSTER = re.compile(f".(?:[{_VARIANTS}]|\u200d.)*", re.DOTALL)


class Line(NamedTuple):
    """A line in logical order, as it is read, and in visual order, as it is drawn from left to right."""

    text: str
    drawn: str

    @property
    def is_reordered(self) -> bool:
        return self.text != self.drawn


def wrap(text: str, fonts: Fonts, size: float, width: float, max_lines: int = 1) -> list[Line]:
    """Up to `max_lines` lines, broken at spaces if possible; an ellipsis marks what is cut off.

    Lines are broken in logical order, and each is then put into visual order, in the direction of the whole text.
    """
    text = to_line(text, fonts)
    if text.isascii() and fonts.width(text, size) <= width:
        return [Line(text, text)]
    base = base_direction(text)
    lines: list[str] = []
    while len(lines) < max_lines - 1 and fonts.width(text, size) > width:
        end = _line_length(text, fonts, size, width)
        lines.append(text[:end].rstrip())
        text = text[end:].lstrip()
    return [Line(each, visual_order(each, base)) for each in (*lines, fonts.truncate(text, size, width))]


def to_line(text: str, fonts: Fonts) -> str:
    """One line that can be drawn, in logical order: `¶` for a line end, □ for a missing character, Arabic joined."""
    text = text[:_MAX_CHARACTERS]
    is_plain = text.isprintable() and (text.isascii() or fonts.are_bundled(text))
    if is_plain and unicodedata.is_normalized("NFC", text):
        return text
    text = unicodedata.normalize("NFC", escape_invisible(text))
    text = " ¶ ".join(part.strip() for part in text.strip().split("\n"))
    text = "".join(" " if character.isspace() else character for character in text)
    text = join(text, fonts.can_draw)
    return _CLUSTER.sub(lambda cluster: _drawable(cluster[0], fonts), text)


def _drawable(cluster: str, fonts: Fonts) -> str:
    if len(cluster) > 1:
        characters = _VARIANT.sub("", cluster[1:])
        if cluster[0].isprintable() and not fonts.can_draw(cluster[0]):
            fonts.missing.update(each for each in characters if not fonts.can_draw(each))
            characters = ""
        return "".join(_drawable(each, fonts) for each in cluster[0] + characters)
    if fonts.can_draw(cluster):
        return "" if _VARIANT.match(cluster) else cluster
    if not cluster.isprintable():
        return code_point(cluster)
    fonts.missing.add(cluster)
    return REPLACEMENT


def _line_length(text: str, fonts: Fonts, size: float, width: float) -> int:
    """How many characters the line takes; one at least."""
    widths, used = fonts.widths, 0.0
    for end, character in enumerate(text):
        used += widths[character] * size / 1000
        if used > width:
            space = text.rfind(" ", 0, end + 1)
            return space if space > end // 2 else max(1, end)
    return len(text)
