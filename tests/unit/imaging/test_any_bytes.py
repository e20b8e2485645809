"""Arbitrary bytes give a result or an ImageRejectedError, never another error."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.imaging import (
    REASONS,
    Animation,
    ImageInfo,
    Limits,
    Recipe,
    Size,
    check,
    render,
)
from chalicelib.imaging.probe import read_header
from chalicelib.imaging.probe.header import Header
from tests import pictures
from tests.breadth import examples
from tests.unit.imaging.damaged_files import damaged, outcome, samples

RECIPE = Recipe((Size("box", 32, 24, "cover", "smart"),), ("same",), keep=("artist",), animation=Animation())
STARTS = (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\xff\0\0\0WEBPVP8X",
          b"RIFF\xff\0\0\0WEBPVP8L", b"RIFF\xff\0\0\0WEBPVP8 ")  # fmt: skip


def assert_probe_answers(data: bytes) -> None:
    found = outcome(lambda: read_header(data, "", Limits()))
    assert isinstance(found, Header) or found in REASONS


@examples(1500)
@given(st.builds(bytes.__add__, st.sampled_from(STARTS), st.binary(max_size=300)))
def test_headers_of_arbitrary_bytes(data: bytes) -> None:
    assert_probe_answers(data)


@examples(3000)
@given(damaged())
def test_headers_of_damaged_pictures(data: bytes) -> None:
    assert_probe_answers(data)


@examples(250)
@given(damaged(), st.sampled_from(["", "image/jpeg", "image/png"]))
def test_check_of_damaged_pictures(data: bytes, declared: str) -> None:
    found = outcome(lambda: check(data, declared))
    assert isinstance(found, ImageInfo) or found in REASONS


@examples(250)
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
