"""What a command prints: its answer on stdout, as text or one JSON document, and all else on stderr."""

import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

# Columns of numbers stand to the right.
_RIGHT = frozenset({"size", "bytes", "requests", "failures", "dollars", "records", "created", "updated", "number"})


class Output:
    """The terminal of one command. `as_json`: the answer is one JSON document."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        # A line that is written over again and again is for people who look at it.
        self.is_live = sys.stderr.isatty() and not as_json and os.environ.get("TERM") != "dumb"
        self._status = ""

    def answer(self, document: Any, text: str) -> None:
        """Print the answer."""
        self.clear_status()
        if self.as_json:
            print(json.dumps(document, indent=2, ensure_ascii=False))
        elif text:
            print(text)

    def note(self, text: str) -> None:
        """Print a message that is not the answer."""
        self.clear_status()
        print(printable(text), file=sys.stderr, flush=True)

    def status(self, text: str) -> None:
        """Show in the last line what is under way; only a terminal gets it."""
        if self.is_live and text != self._status:
            width = _terminal_width() - 1
            print(f"\r\x1b[K{printable(text)[:width]}", end="", file=sys.stderr, flush=True)
            self._status = text

    def clear_status(self) -> None:
        if self._status:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._status = ""


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]], nothing: str = "") -> str:
    """Rows under their headings in columns, or the sentence for no rows."""
    cells = [[printable("" if cell is None else str(cell), lines=False) for cell in row] for row in rows]
    if not cells:
        return nothing
    widths = [max(_width(row[place]) for row in [list(headings), *cells]) for place in range(len(headings))]
    lines = [
        "  ".join(
            _padded(cell, width, to_right=heading in _RIGHT)
            for cell, width, heading in zip(row, widths, headings, strict=True)
        ).rstrip()
        for row in [list(headings), *cells]
    ]
    return "\n".join(lines)


def printable(text: str, *, lines: bool = True) -> str:
    """The text without what would steer the terminal: names of files come from other people.

    `lines`: it may have several.
    """
    kept = "\n" if lines else ""
    return "".join(each if each in kept or unicodedata.category(each)[0] != "C" else "\ufffd" for each in text)


def counted(number: int, what: str) -> str:
    """ "1 file", "2 files"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def bytes_in_words(size: int | None) -> str:
    """A size as people read it, such as "1.8 MB" (of 1,000 KB)."""
    if size is None:
        return ""
    amount = float(size)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError("the last unit returns")


def time_in_words(time: str | None) -> str:
    """A time of the API to the minute, in UTC."""
    return "" if time is None else time[:16].replace("T", " ")


def _terminal_width() -> int:
    try:
        # A terminal that does not know its width says 0.
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80


def _padded(cell: str, width: int, *, to_right: bool) -> str:
    gap = " " * (width - _width(cell))
    return gap + cell if to_right else cell + gap


def _width(text: str) -> int:
    """Columns of a terminal that a text takes: wide letters take two, marks above letters none."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text
    )
