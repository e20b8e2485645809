"""The forms in which texts about images are stored and compared: Unicode has several for what reads the same."""

import unicodedata


def to_line(text: str) -> str:
    """Composed characters (NFC), no spaces at the ends, and one space between words."""
    return unicodedata.normalize("NFC", " ".join(text.split()))


def to_tag(text: str) -> str:
    """A tag: a line in lower case."""
    return to_line(to_line(text).lower())


def to_caseless(text: str) -> str:
    """What is compared where case does not count. Spaces stay: they are part of a prefix."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
