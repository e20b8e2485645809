"""Makes invisible characters visible: those without a shape, and those that reorder the text around them."""

from __future__ import annotations

import re

# Control characters except tab and line feed, line separators, bidirectional embeddings, overrides and isolates,
# surrogates and noncharacters. Joiners and direction marks are kept: words and emoji need them.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
_LINE_ENDS = re.compile("\r\n?|[\x85\u2028\u2029]")


def escape_invisible(text: str) -> str:
    """`text` with LF as its only line end, and each invisible character as `[U+202E]`."""
    if text.isascii() and text.isprintable():
        return text
    return _INVISIBLE.sub(lambda match: code_point(match[0]), _LINE_ENDS.sub("\n", text))


def code_point(character: str) -> str:
    """`[U+202E]`."""
    return f"[U+{ord(character):04X}]"
