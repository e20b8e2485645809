"""Pictures that break a rule, but are accepted, since browsers show them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from PIL import Image

from chalicelib.imaging import ImageInfo, ImageRejectedError, Limits, Recipe, Size, check, render
from tests import pictures
from tests.breadth import mostly_slow

RECIPE = Recipe((Size("box", 320, 320),))


def taken(data: bytes, like: bytes) -> ImageInfo:
    """The result of `check`, after `render` has made the same of `data` as of `like`."""
    info = check(data, "")
    assert [made.data for made in render(data, RECIPE)] == [made.data for made in render(like, RECIPE)]
    return info


def reasons(data: bytes) -> set[str]:
    """The reasons with which `check` and `render` reject."""
    found = set()
    for operation in (lambda: check(data, ""), lambda: render(data, RECIPE)):
        with pytest.raises(ImageRejectedError) as caught:
            operation()
        found.add(caught.value.reason)
    return found


# --- no end marker, or truncated------------------------------------------------------------


def smooth(**options: object) -> bytes:
    slopes = [Image.linear_gradient("L").resize((203, 151)), Image.radial_gradient("L").resize((203, 151))]
    return pictures.encoded(
        Image.merge("RGB", [*slopes, slopes[0].transpose(Image.Transpose.FLIP_LEFT_RIGHT)]), "JPEG", **options
    )


JPEGS: dict[str, Callable[[], bytes]] = {
    "4:2:0": lambda: pictures.jpeg(203, 151),
    "4:4:4, optimized": lambda: pictures.jpeg(203, 151, quality=98, subsampling=0, optimize=True),
    "restart markers": lambda: pictures.jpeg(203, 151, restart_marker_blocks=7),
    "progressive": lambda: pictures.jpeg(203, 151, progressive=True),
    "progressive, smooth": lambda: smooth(progressive=True, quality=90),
    "progressive, restart markers": lambda: pictures.jpeg(203, 151, progressive=True, restart_marker_blocks=9),
    "gray": lambda: pictures.encoded(pictures.photo(203, 151).convert("L"), "JPEG"),
    "CMYK": lambda: pictures.cmyk_jpeg(pictures.photo(203, 151)),
    "one gray": lambda: pictures.encoded(Image.new("L", (203, 151), 128), "JPEG"),
    "RGB": lambda: pictures.encoded(pictures.photo(203, 151), "JPEG", keep_rgb=True),
}

TRAILERS = {
    "nothing": b"",
    "zeros": b"\0" * 3_000,
    "text": b"SEFHd\0\0\0 written by a phone SEFT",
    "half of a marker": b"\xff",
    "half of a segment": b"\xff\xe1\x40\0Exif",
    "another picture": pictures.jpeg(32, 32),
}


@pytest.mark.parametrize("trailer", TRAILERS)
def test_a_jpeg_may_lack_its_end_marker(trailer: str) -> None:
    data = pictures.jpeg(203, 151)
    taken(data[:-2] + TRAILERS[trailer], data)


@pytest.mark.parametrize("kind", mostly_slow(JPEGS, quick=1))
def test_a_jpeg_that_lacks_one_code_is_truncated(kind: str) -> None:
    data = JPEGS[kind]()
    taken(data[:-2], data)
    scan = data.index(b"\xff\xda") + 20
    for end in (len(data) - 3, len(data) - 5, len(data) - 9, len(data) - 40, (scan + len(data)) // 2, scan):
        assert reasons(data[:end]) == {"truncated"}, f"{len(data) - end} bytes are missing"
    # Interrupted writes often leave zeros, which a decoder reads as codes.
    half = (scan + len(data)) // 2
    assert reasons(data[:half].ljust(len(data) * 3, b"\0")) == {"truncated"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_that_ends_anywhere_early_is_truncated(kind: str) -> None:
    data = JPEGS[kind]()
    scan = data.index(b"\xff\xda") + 20
    for end in {*range(len(data) - 60, len(data) - 2), *range(scan, len(data) - 2, len(data) // 30)}:
        with pytest.raises(ImageRejectedError, match="truncated"):
            check(data[:end], "")


def test_a_jpeg_that_ends_between_two_scans_is_truncated() -> None:
    data = pictures.jpeg(203, 151, progressive=True)
    start = data.rindex(b"\xff\xc4")
    assert start > data.index(b"\xff\xda"), "the last scan has a table of its own"
    assert reasons(data[:start]) == {"truncated"}


def test_the_first_of_several_pictures_in_a_jpeg_is_used() -> None:
    data = pictures.two_jpegs()
    assert check(data, "image/mpo").format == "JPEG"
    [made] = render(data, RECIPE)
    assert pictures.decoded(made.data).getpixel((20, 20)) == pytest.approx(pictures.RED, abs=12)


def test_a_png_may_lack_its_end() -> None:
    data = pictures.png()
    taken(data[:-12], data)
    taken(data[:-4], data)
    taken(data[:-12] + b"something else in its place", data)
    taken(pictures.with_damage(data, b"IEND"), data)


def test_a_png_with_incomplete_rows_is_truncated() -> None:
    data = pictures.png()
    second = data.index(b"IDAT", data.index(b"IDAT") + 4) - 4
    for end in (second, second + 8, second + 500, len(data) // 2, len(data) - 200):
        assert reasons(data[:end]) == {"truncated"}


def test_a_gif_may_lack_its_trailer() -> None:
    data = pictures.gif(3)
    for end in (b"", b"a word in its place", b"\0" * 50):
        assert taken(data[:-1] + end, data).frames == 3


# --- what is only skipped ------------------------------------------------------------------


def test_metadata_that_is_not_read_may_be_long() -> None:
    data = pictures.extended_xmp_jpeg()
    assert len(data) > 5_000_000
    taken(data, pictures.extended_xmp_jpeg(0))
    data = pictures.png()
    taken(pictures.with_chunk(data, b"tEXt", b"Comment\0" + b"x" * 6_000_000), data)
    data = pictures.gif()
    comment = b"\x21\xfe" + (b"\xff" + b"x" * 255) * 20_000 + b"\0"
    assert check(data[:-1] + comment + b";", "").frames == 1
    data = pictures.webp()
    note = b"NOTE" + (6_000_000).to_bytes(4, "little") + b"x" * 6_000_000
    body = data[8:] + note
    taken(b"RIFF" + len(body).to_bytes(4, "little") + body, data)


def test_skipped_segments_and_chunks_may_be_many() -> None:
    taken(pictures.many_segments_jpeg(200_000), pictures.jpeg())
    taken(pictures.with_chunk(pictures.png(), b"prVt", b"", times=200_000), pictures.png())
    taken(pictures.with_chunk(pictures.png(), b"prVt", b"", sound=False), pictures.png())
    assert taken(pictures.many_frames_gif(5_000), pictures.gif()).frames == 5_000


# --- checksums -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [b"tEXt", b"prVt", b"eXIf", b"iCCP"])
def test_a_wrong_checksum_of_metadata_is_ignored(kind: bytes) -> None:
    data = pictures.png()
    # Its content is ignored: it would turn the picture.
    body = b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0" if kind == b"eXIf" else b"x\0\0y"
    assert taken(pictures.with_chunk(data, kind, body, sound=False), data).orientation == 1
    if kind == b"eXIf":
        assert check(pictures.with_chunk(data, kind, body), "").orientation == 6


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE", b"tRNS", b"IDAT"])
def test_a_wrong_checksum_of_a_drawing_chunk_is_damage(kind: bytes) -> None:
    data = pictures.encoded(pictures.corners().quantize(16), "PNG", transparency=0)
    assert check(data, "").has_alpha
    assert reasons(pictures.with_damage(data, kind)) == {"corrupt"}


# --- memory --------------------------------------------------------------------------------

CHECKS = """
import re, resource, sys
from pathlib import Path
from chalicelib.imaging import check
check(sys.stdin.buffer.read(), "")
# ru_maxrss of this process would include the process that started it.
own = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, own)
"""


def test_no_more_of_a_png_is_inflated_than_its_rows_need() -> None:
    data = pictures.overlong_png()
    done = subprocess.run([sys.executable, "-c", CHECKS], input=data, capture_output=True, check=True)
    child, parent = map(int, done.stdout.split())
    assert max(child, parent) < 200 * 1024, "kilobytes"
    assert check(data, "", Limits(memory_bytes=24 * 1024 * 1024)).width == 64
    taken(data, pictures.overlong_png(0))


# --- markers of the color space ------------------------------------------------------------


def adobe(transform: int, length: int = 12) -> tuple[int, bytes]:
    return 0xEE, (b"Adobe\0\x64\0\0\0\0" + bytes([transform])).ljust(length, b"\0")[:length]


@pytest.mark.parametrize(
    ("segments", "is_ycc"),
    mostly_slow(
        [
            ([], True),
            ([adobe(0)], False),
            ([adobe(1)], True),
            ([adobe(0), adobe(1)], True),
            ([adobe(1), adobe(0)], False),
            ([adobe(0), adobe(1, 11)], False),
            ([adobe(0), adobe(1, 6), (0xEE, b"Adobe"), (0xEE, b"Adob")], False),
            ([adobe(0), (0xE0, b"JFIF\0")], False),
            ([adobe(0), (0xE0, b"JFIF\0\1\1"), (0xE0, b"J")], False),
            ([adobe(0), (0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")], True),
        ],
        quick=4,
    ),
)
def test_color_space_markers_count_as_for_libjpeg(segments: list[tuple[int, bytes]], is_ycc: bool) -> None:
    coded = pictures.encoded(pictures.corners(), "JPEG", quality=95, keep_rgb=not is_ycc)
    # Without the encoder's own marker, and with neutral component names.
    coded = coded[:2] + coded[coded.index(b"\xff\xdb") :]
    coded = coded.replace(b"R\x11\0G\x11\0B\x11", b"\1\x11\0\2\x11\0\3\x11").replace(b"R\0G\0B\0", b"\1\0\2\0\3\0")
    data = pictures.with_segments(coded, *segments)
    check(data, "")
    [made] = render(data, RECIPE)
    assert pictures.decoded(made.data).getpixel((20, 20)) == pytest.approx(pictures.RED, abs=12)
    # After the first scan, markers change nothing.
    late = pictures.with_segments(b"\xff\xd8", adobe(1 if not is_ycc else 0))[2:]
    taken(data[:-2] + late + data[-2:], data)
