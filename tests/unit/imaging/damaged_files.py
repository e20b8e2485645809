"""Small pictures of every kind with random damage, and what an operation on them comes to."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from hypothesis import strategies as st

from chalicelib.imaging import ImageRejectedError
from tests import pictures


def colored_png() -> bytes:
    """With a transparent color of 16 bits, and three color chunks."""
    keyed = pictures.samples_png((1, 2, 3), (4, 5, 6), 16, trns=b"\0\1\0\2\0\3")
    chunks = (b"cICP", b"\x0c\x0d\0\1"), (b"gAMA", b"\0\1\x86\xa0"), (b"cHRM", bytes(32))
    return pictures.with_chunks(keyed, *chunks)


@cache
def samples() -> tuple[bytes, ...]:
    # Small ones, so that a random position often falls into the structure.
    exif_and_profile = pictures.oriented_jpeg(6)
    return (
        exif_and_profile,
        pictures.jpeg(48, 32, progressive=True),
        pictures.jpeg(48, 32, icc_profile=pictures.adobe_rgb_profile()),
        pictures.alpha_png(48, 32),
        pictures.interlaced_png(),
        colored_png(),
        pictures.apng(3),
        pictures.gif(3, 48, 32),
        pictures.webp(),
        pictures.alpha_webp(),
        pictures.animated_webp(3),
        pictures.bare_webp(),
        pictures.bare_gif(),
    )


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(samples())))
    for _ in range(draw(st.integers(1, 4))):
        # Headers are short and pixels are many: half of the damage goes to the headers.
        reach = draw(st.sampled_from([min(len(data), 200), len(data)]))
        at = draw(st.integers(0, reach - 1))
        piece = draw(st.binary(max_size=6))
        if draw(st.booleans()):
            data[at : at + len(piece)] = piece
        else:
            data[at:at] = piece
    end = draw(st.one_of(st.none(), st.integers(0, len(data))))
    return bytes(data[:end])


def outcome(answer: Callable[[], object]) -> object:
    """The result, or the reason of the rejection."""
    try:
        return answer()
    except ImageRejectedError as rejection:
        return rejection.reason
