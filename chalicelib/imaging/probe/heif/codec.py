"""What the readers of the two codecs find out."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Coded:
    """One coded picture: its largest dimensions in memory, its samples, and its data for the decoder."""

    width: int
    height: int
    is_gray: bool
    depth: int
    """Bits of a sample."""

    config: bytes
    """The body of its configuration box (`hvcC`, `av1C`), with no more than the decoder needs."""

    payload: bytes
    """Its data, with no more than the decoder needs."""

    colors: bytes = b""
    """Its CICP code points: primaries, transfer, matrix, range; empty where its data has none."""

    pictures: int = 1
    """How many are decoded for the one that is shown."""
