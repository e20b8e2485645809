"""Text as the pages of a PDF show it: characters that the font has, in lines that fit, in the order of reading."""

from __future__ import annotations

import re
import unicodedata

from chalicelib.documents.charts import fitted
from chalicelib.documents.legible import legible
from chalicelib.documents.truetype import font

# No cell holds more than a few lines; the rest of a long text need not be looked at.
_LONGEST = 1_000

# Hebrew letters, and what stands between two of them unless it is a letter of another script.
_HEBREW = "[\u0590-\u05ff\ufb1d-\ufb4f]"
_NEUTRAL = "[^A-Za-z\u00c0-\u1fff\u2c00-\ufb4f]"
_RIGHT_TO_LEFT = re.compile(rf"{_HEBREW}+(?:{_NEUTRAL}+{_HEBREW}+)*[)\]}}]?")
# Digits keep their order, and marks stay behind the letter that they belong to.
_KEPT_TOGETHER = re.compile(
    "[0-9]+(?:[.,:/-][0-9]+)*|.[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\ufb1e\u0300-\u036f]*"
)
_MIRRORED = str.maketrans("()[]{}<>«»", ")(][}{><»«")


def printed(text: str) -> str:
    """One line of characters that the font has; `¶` stands for the end of a line, □ for what is lacking."""
    text = text[:_LONGEST]
    if text.isprintable() and (text.isascii() or font().draws(text)) and unicodedata.is_normalized("NFC", text):
        return text
    text = unicodedata.normalize("NFC", legible(text))
    text = " ¶ ".join(part.strip() for part in text.strip().split("\n"))
    text = "".join(" " if character.isspace() else character for character in text)
    return font().drawable(text)


def wrapped(text: str, size: float, room: float, most: int) -> list[str]:
    """Up to `most` lines, broken at blanks where there are some; the last ends in an ellipsis if text is left."""
    if font().width(text, size) <= room:
        return [text]
    lines: list[str] = []
    while len(lines) < most - 1 and font().width(text, size) > room:
        end = _break(text, size, room)
        lines.append(text[:end].rstrip())
        text = text[end:].lstrip()
    return [*lines, fitted(text, size, room)]


def in_order_of_drawing(text: str) -> str:
    """`text` from left to right, as a line that begins on the left: runs of Hebrew are turned around."""
    return text if text.isascii() else _RIGHT_TO_LEFT.sub(_turned, text)


def _break(text: str, size: float, room: float) -> int:
    """How many characters the line takes; one at least."""
    widths, width = font().widths, 0.0
    for end, character in enumerate(text):
        width += widths[character] * size / 1000
        if width > room:
            blank = text.rfind(" ", 0, end + 1)
            return blank if blank > end // 2 else max(1, end)
    return len(text)


def _turned(found: re.Match[str]) -> str:
    run = found[0]
    # A bracket behind the last letter belongs to the run that opened it, else to what surrounds it.
    outside = run[-1] if run[-1] in ")]}" and run[-1].translate(_MIRRORED) not in run else ""
    run = run.removesuffix(outside).translate(_MIRRORED)
    return "".join(reversed(_KEPT_TOGETHER.findall(run))) + outside
