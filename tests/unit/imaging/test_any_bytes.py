"""Arbitrary bytes give a result or an ImageRejectedError, never another error."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.imaging import (
    REASONS,
    ImageInfo,
    ImageRejectedError,
    Limits,
    Recipe,
    Size,
    check,
    render,
)
from chalicelib.imaging.probe import read_header
from chalicelib.imaging.probe.header import Header
from tests import pictures

RECIPE = Recipe((Size("box", 32, 32),))
STARTS = (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\xff\0\0\0WEBPVP8X",
          b"RIFF\xff\0\0\0WEBPVP8L", b"RIFF\xff\0\0\0WEBPVP8 ")  # fmt: skip


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


def assert_probe_answers(data: bytes) -> None:
    found = outcome(lambda: read_header(data, "", Limits()))
    assert isinstance(found, Header) or found in REASONS


@settings(max_examples=1500, deadline=None)
@given(st.builds(bytes.__add__, st.sampled_from(STARTS), st.binary(max_size=300)))
def test_headers_of_arbitrary_bytes(data: bytes) -> None:
    assert_probe_answers(data)


@settings(max_examples=3000, deadline=None)
@given(damaged())
def test_headers_of_damaged_pictures(data: bytes) -> None:
    assert_probe_answers(data)


@settings(max_examples=250, deadline=None)
@given(damaged(), st.sampled_from(["", "image/jpeg", "image/png"]))
def test_check_of_damaged_pictures(data: bytes, declared: str) -> None:
    found = outcome(lambda: check(data, declared))
    assert isinstance(found, ImageInfo) or found in REASONS


@settings(max_examples=250, deadline=None)
@given(damaged())
def test_render_of_damaged_pictures(data: bytes) -> None:
    found = outcome(lambda: render(data, RECIPE))
    if isinstance(found, list):
        [rendition] = found
        assert pictures.decoded(rendition.data).size == (rendition.width, rendition.height)
    else:
        assert found in REASONS


def test_every_truncation_of_a_header() -> None:
    for data in samples():
        for end in range(0, min(len(data), 400)):
            assert_probe_answers(data[:end])
