"""Text for the pages of a PDF: only characters that the font has, wrapped to lines, Hebrew from right to left."""

from __future__ import annotations

import re
import unicodedata

from chalicelib.documents.invisible_characters import escape_invisible
from chalicelib.documents.truetype import bundled_font

# Enough for the few lines of a cell.
_MAX_CHARACTERS = 1_000

# Hebrew letters, and what may be between them: anything except letters of another script.
_HEBREW = "[\u0590-\u05ff\ufb1d-\ufb4f]"
_NEUTRAL = "[^A-Za-z\u00c0-\u1fff\u2c00-\ufb4f]"
_RIGHT_TO_LEFT = re.compile(rf"{_HEBREW}+(?:{_NEUTRAL}+{_HEBREW}+)*[)\]}}]?")
# Numbers keep their order, and marks stay after their letter.
_UNIT = re.compile("[0-9]+(?:[.,:/-][0-9]+)*|.[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\ufb1e\u0300-\u036f]*")
_MIRRORED = str.maketrans("()[]{}<>«»", ")(][}{><»«")


def to_line(text: str) -> str:
    """One line of characters that the font has: `¶` for a line end, □ for a missing character."""
    text, font = text[:_MAX_CHARACTERS], bundled_font()
    if text.isprintable() and (text.isascii() or font.has_all(text)) and unicodedata.is_normalized("NFC", text):
        return text
    text = unicodedata.normalize("NFC", escape_invisible(text))
    text = " ¶ ".join(part.strip() for part in text.strip().split("\n"))
    text = "".join(" " if character.isspace() else character for character in text)
    return font.replace_missing(text)


def wrap(text: str, size: float, width: float, max_lines: int) -> list[str]:
    """Up to `max_lines` lines, broken at spaces if possible; an ellipsis marks what is cut off."""
    font = bundled_font()
    if font.width(text, size) <= width:
        return [text]
    lines: list[str] = []
    while len(lines) < max_lines - 1 and font.width(text, size) > width:
        end = _line_length(text, size, width)
        lines.append(text[:end].rstrip())
        text = text[end:].lstrip()
    return [*lines, font.truncate(text, size, width)]


def visual_order(text: str) -> str:
    """`text` as it is drawn from left to right: runs of Hebrew are reversed."""
    return text if text.isascii() else _RIGHT_TO_LEFT.sub(_reverse, text)


def _line_length(text: str, size: float, width: float) -> int:
    """How many characters the line takes; one at least."""
    widths, used = bundled_font().widths, 0.0
    for end, character in enumerate(text):
        used += widths[character] * size / 1000
        if used > width:
            space = text.rfind(" ", 0, end + 1)
            return space if space > end // 2 else max(1, end)
    return len(text)


def _reverse(match: re.Match[str]) -> str:
    run = match[0]
    # A closing bracket after the last letter belongs to the run only if the run has its opening bracket.
    outside = run[-1] if run[-1] in ")]}" and run[-1].translate(_MIRRORED) not in run else ""
    run = run.removesuffix(outside).translate(_MIRRORED)
    return "".join(reversed(_UNIT.findall(run))) + outside
