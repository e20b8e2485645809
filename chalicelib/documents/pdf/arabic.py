"""Arabic letters joined: each becomes the presentation form that fits its neighbours (Unicode, chapter 9.2).

The forms are characters themselves, and Unicode's data says which letter and form each of them is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from operator import attrgetter
from typing import NamedTuple

_PRESENTATION_FORMS = (*range(0xFB50, 0xFE00), *range(0xFE70, 0xFEFD))
# They join on both sides and have no forms: the stretching stroke and the joiner.
_JOINING = "\u0640\u200d"
_LAM = "\u0644"
_ARABIC = re.compile("[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc]")


class _Forms(NamedTuple):
    """By letter, or by the two letters of a ligature."""

    isolated: dict[str, str]
    initial: dict[str, str]
    medial: dict[str, str]
    final: dict[str, str]


# By whether a letter is joined to the one before and to the one after it.
_PLACES = {
    (False, False): attrgetter("isolated"),
    (False, True): attrgetter("initial"),
    (True, True): attrgetter("medial"),
    (True, False): attrgetter("final"),
}


def join(text: str, can_draw: Callable[[str], bool]) -> str:
    """`text` in logical order with the forms that can be drawn; lam and alef become one character."""
    return "".join(_joined(text, can_draw)) if _has_arabic(text) else text


def separate(text: str) -> str:
    """`text` with letters instead of presentation forms."""
    if not _has_arabic(text):
        return text
    forms = _letters()
    return "".join(forms.get(character, character) for character in text)


def _has_arabic(text: str) -> bool:
    return not text.isascii() and _ARABIC.search(text) is not None


def _joined(text: str, can_draw: Callable[[str], bool]) -> Iterator[str]:
    forms = _forms()
    at, joins_before = 0, False
    while at < len(text):
        letter, end = text[at], _after_marks(text, at + 1)
        marks = text[at + 1 : end]
        if letter == _LAM and end < len(text) and (ligature := letter + text[end]) in forms.isolated:
            drawn = (forms.final if joins_before else forms.isolated)[ligature]
            if can_draw(drawn):
                # An alef does not join what follows.
                yield drawn + marks
                at, joins_before = end + 1, False
                continue
        joins_after = _joins_next(letter) and end < len(text) and _joins_previous(text[end])
        shapes = _PLACES[joins_before and _joins_previous(letter), joins_after](forms)
        form = shapes.get(letter, letter)
        yield (form if can_draw(form) else letter) + marks
        at, joins_before = end, joins_after


def _after_marks(text: str, at: int) -> int:
    """The first position from `at` on that is no mark: marks do not part letters."""
    while at < len(text) and unicodedata.category(text[at]) in ("Mn", "Me"):
        at += 1
    return at


def _joins_next(letter: str) -> bool:
    return letter in _JOINING or letter in _forms().initial


def _joins_previous(letter: str) -> bool:
    return letter in _JOINING or letter in _forms().final


@cache
def _forms() -> _Forms:
    forms = _Forms({}, {}, {}, {})
    for code in _PRESENTATION_FORMS:
        kind, *letters = unicodedata.decomposition(chr(code)).split() or [""]
        letter = "".join(chr(int(each, 16)) for each in letters)
        # Of the ligatures only lam with alef is a must; others are a matter of style.
        if kind.strip("<>") in forms._fields and (len(letter) == 1 or (len(letter) == 2 and _is_lam_alef(letter))):
            getattr(forms, kind.strip("<>")).setdefault(letter, chr(code))
    return forms


def _is_lam_alef(letters: str) -> bool:
    return letters[0] == _LAM and letters[1] in "\u0622\u0623\u0625\u0627"


@cache
def _letters() -> dict[str, str]:
    return {form: letter for shapes in _forms() for letter, form in shapes.items()}
