"""The order in which a line is drawn: the Unicode Bidirectional Algorithm (UAX 9) by `python-bidi`.

That gives the order of the characters, but neither mirrors brackets nor keeps marks behind their letter (rules L3 and
L4). Both depend on the direction of the single character, which the library does not tell; a companion does: it is
placed behind the character, and comes out in front where the text runs from right to left.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from chalicelib.documents.fonts import NOT_DRAWN

Direction = Literal["L", "R"]

# What may make a line run from right to left: letters, numbers and marks of such scripts.
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]")

_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u08d3-\u08e1\u08e3-\u08ff\u20d0-\u20f0\ufb1e"
)
_PAIRS = "()[]{}<>«»‹›≤≥⟨⟩〈〉《》「」『』【】〔〕（）［］｛｝＜＞"
_MIRRORED = str.maketrans(_PAIRS, "".join(_PAIRS[place ^ 1] for place in range(len(_PAIRS))))
_BRACKET = f"[{re.escape(_PAIRS)}]"

_RIGHT_TO_LEFT_MARK = "\u200f"
# A variation selector: a mark that no line has, as `text.to_line` removes them.
_COMPANION = "\ufe00"
_WITH_COMPANION = re.compile(f"{_BRACKET}|[^{_MARKS}](?=[{_MARKS}])")
# Left to right it follows its character; right to left it is in front, and the marks in front of it.
_PLACED = re.compile(
    f"(?P<left>{_BRACKET}{_COMPANION}|[^{_MARKS}{_COMPANION}]{_COMPANION}(?=[{_MARKS}]))"
    f"|(?P<marks>[{_MARKS}]*){_COMPANION}(?P<right>.)"
)
_DRAWN = str.maketrans("", "", NOT_DRAWN + _COMPANION)


def base_direction(text: str) -> Direction:
    """That of the first character with a direction (rules P2 and P3)."""
    if not _RIGHT_TO_LEFT.search(text):
        return "L"
    classes = (unicodedata.bidirectional(character) for character in text)
    return "R" if next((each for each in classes if each in ("L", "R", "AL")), "L") != "L" else "L"


def visual_order(line: str, base: Direction) -> str:
    """The drawn characters of a line from left to right."""
    if base == "L" and not _RIGHT_TO_LEFT.search(line):
        return line if line.isascii() else line.translate(_DRAWN)
    # Imported late: most documents have no such line.
    from bidi import get_display

    # A line of numbers and signs alone is left as it is, even if it is part of a text from right to left: a mark of
    # that direction, which is not drawn, prevents that.
    line = _RIGHT_TO_LEFT_MARK + line if base == "R" else line
    shown = str(get_display(_WITH_COMPANION.sub(rf"\g<0>{_COMPANION}", line), base_dir=base))
    return _PLACED.sub(_place, shown).translate(_DRAWN)


def _place(match: re.Match[str]) -> str:
    if match["left"]:
        return match["left"]
    return match["right"].translate(_MIRRORED) + match["marks"][::-1]
