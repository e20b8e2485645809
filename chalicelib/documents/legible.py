"""Text that shows all it holds: what has no shape of its own, or reorders its neighbours, is spelled out."""

from __future__ import annotations

import re

# Control characters but tab and line feed, separators of lines, embeddings, overrides and isolates,
# halves of surrogate pairs, and code points that never are characters. Joiners and the marks of
# direction stay: real words and emoji need them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
_LINE_ENDS = re.compile("\r\n?|[\x85\u2028\u2029]")


def legible(text: str) -> str:
    """`text` with one kind of line end (LF), and `[U+202E]` for each character that nobody would see."""
    if text.isascii() and text.isprintable():
        return text
    return _UNSEEN.sub(lambda found: spelled(found[0]), _LINE_ENDS.sub("\n", text))


def spelled(character: str) -> str:
    """`[U+202E]`."""
    return f"[U+{ord(character):04X}]"
