"""The header of a WebP, read from its RIFF chunks (RFC 9649)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.imaging.probe.exif import orientation
from chalicelib.imaging.probe.header import (
    MAX_FRAMES,
    METADATA,
    Box,
    Budget,
    Header,
    Motion,
    corrupt,
    partial_box,
    truncated,
)

_ALPHA_FLAG, _ANIMATION_FLAG = 0x10, 0x02
_PIXELS = (b"VP8 ", b"VP8L")
_READ = frozenset({b"EXIF", b"ICCP"})


@dataclass
class _Findings:
    canvas: tuple[int, int] | None = None
    """From VP8X, the extended header."""

    picture: tuple[int, int] | None = None
    """From the pixel data of a still."""

    has_alpha: bool = False
    animated: bool = False
    frames: int = 0
    milliseconds: int = 0
    frame_box: Box | None = None
    exif: bytes = b""
    profile: bytes | None = None


def read(data: bytes, budget: Budget) -> Header:
    """The header of `data`, which begins as a WebP does."""
    (length,) = struct.unpack_from("<I", data, 4)
    end, findings = 8 + length, _Findings()
    for kind, start, stop in _chunks(data, min(end, len(data))):
        if kind == b"VP8X":
            _read_canvas(data, start, findings, budget)
        elif kind in _PIXELS:
            findings.picture = _read_picture(data, kind, start, findings)
            budget.check_pixels(*findings.picture)
        elif kind == b"ANMF":
            _read_frame(data, start, findings)
        elif kind in _READ:
            budget.count(METADATA, stop - start)
            _read_metadata(kind, data[start:stop], findings)
        # Dimensions are checked before the length of the data: a bomb is short.
        if stop > len(data):
            raise truncated("a chunk")
    if end > len(data):
        raise truncated("its chunks")
    return _header(findings, end)


def count_frames(data: bytes) -> int:
    """The frames of a file of our own; 1 for a still."""
    return max(1, sum(kind == b"ANMF" for kind, _, _ in _chunks(data, len(data))))


def _chunks(data: bytes, end: int) -> Iterator[tuple[bytes, int, int]]:
    position = 12
    while position + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, position)
        yield kind, position + 8, position + 8 + length
        position += 8 + length + (length & 1)


def _read_canvas(data: bytes, start: int, findings: _Findings, budget: Budget) -> None:
    findings.canvas = _uint24(data, start + 4) + 1, _uint24(data, start + 7) + 1
    findings.has_alpha = bool(data[start] & _ALPHA_FLAG)
    findings.animated = bool(data[start] & _ANIMATION_FLAG)
    budget.check_pixels(*findings.canvas)


def _read_picture(data: bytes, kind: bytes, start: int, findings: _Findings) -> tuple[int, int]:
    if findings.picture is not None:
        raise corrupt("it holds two pictures")
    if kind == b"VP8L":
        signature, bits = struct.unpack_from("<BI", data, start)
        if signature != 0x2F:
            raise corrupt("its pixel data does not begin as it must")
        if findings.canvas is None:
            findings.has_alpha = bool(bits >> 28 & 1)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    signature_bytes, width, height = struct.unpack_from("<3sHH", data, start + 3)
    if signature_bytes != b"\x9d\x01\x2a":
        raise corrupt("its pixel data does not begin as it must")
    return width & 0x3FFF, height & 0x3FFF


def _read_frame(data: bytes, start: int, findings: _Findings) -> None:
    if findings.canvas is None:
        raise corrupt("it is animated without saying so")
    left, top, width, height = (_uint24(data, start + 3 * field) for field in range(4))
    # Offsets are stored halved, dimensions less one.
    if 2 * left + width + 1 > findings.canvas[0] or 2 * top + height + 1 > findings.canvas[1]:
        raise corrupt("a frame reaches over the edge of the canvas")
    if not findings.frames:
        box = 2 * left, 2 * top, 2 * left + width + 1, 2 * top + height + 1
        findings.frame_box = partial_box(*findings.canvas, box)
    findings.frames += 1
    findings.milliseconds += _uint24(data, start + 12)


def _read_metadata(kind: bytes, body: bytes, findings: _Findings) -> None:
    if kind == b"EXIF":
        findings.exif = body
    elif kind == b"ICCP":
        findings.profile = body


def _header(findings: _Findings, end: int) -> Header:
    dimensions = findings.canvas or findings.picture
    if dimensions is None or (findings.picture is None and not findings.frames):
        raise corrupt("it has no pixel data")
    # The rule of libwebp and browsers; only a frame of an animation may be smaller.
    if not findings.animated and findings.picture not in (None, dimensions):
        raise corrupt("its picture does not fill its canvas")
    return Header(
        format="WEBP",
        width=dimensions[0],
        height=dimensions[1],
        space="RGB",
        spans=((0, end),),
        has_alpha=findings.has_alpha or findings.frame_box is not None,
        frames=max(1, findings.frames),
        motion=Motion(findings.milliseconds / 1000) if 1 < findings.frames <= MAX_FRAMES else None,
        orientation=orientation(findings.exif),
        exif=findings.exif,
        profile=findings.profile,
        frame_box=findings.frame_box,
    )


def _uint24(data: bytes, start: int) -> int:
    low, high = struct.unpack_from("<HB", data, start)
    return int(low | high << 16)
