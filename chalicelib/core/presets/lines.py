"""The line of a TOML file on which a value stands: `tomllib` does not tell it.

The lines are read again and again, one more each time, until the value is there. That is slow, and only done to name
what is wrong.
"""

import tomllib
from typing import Any

Path = tuple[str | int, ...]
"""Keys, and places in arrays."""

# What ends a value that goes over several lines.
_ENDS = ("", "]", "}", "}]", "]}", "]]", '"""', "'''")


def line_of(text: str, path: Path) -> int:
    """The number, from 1, of the line where the value begins; that of what holds it, if it has no line of its own."""
    lines = text.splitlines()
    while path:
        for end in range(1, len(lines) + 1):
            if _is_there("\n".join(lines[:end]), path):
                return end
        path = path[:-1]
    return 1


def _is_there(text: str, path: Path) -> bool:
    return any(_has(parsed, path) for end in _ENDS if (parsed := _parsed(f"{text}\n{end}")) is not None)


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _has(value: Any, path: Path) -> bool:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True
