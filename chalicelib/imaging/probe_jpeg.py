"""The header of a JPEG, read from its markers (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from chalicelib.imaging.exif import orientation
from chalicelib.imaging.header import Budget, Header, corrupt, joined, truncated

_START, _END, _SCAN, _ADOBE, _JFIF, _COMMENT = 0xD8, 0xD9, 0xDA, 0xEE, 0xE0, 0xFE
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
# Baseline, extended and progressive, by Huffman or arithmetic codes. The others (lossless,
# hierarchical) are no pictures for libjpeg.
_DECODABLE = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})

# Bytes between two segments that belong to none. Cameras pad a little; much of it would be
# skipped by the decoder one byte at a time.
_MOST_PADDING = 1024

_MARKER = re.compile(rb"\xff[^\x00\xff]", re.DOTALL)
_AFTER_SCAN = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]", re.DOTALL)


@dataclass(frozen=True)
class _Segment:
    marker: int
    start: int
    """Of the 0xFF before the marker."""

    body: int
    stop: int
    """Of the body; a scan's compressed data goes on to `end`."""

    end: int


@dataclass
class _Findings:
    frame: tuple[int, int, bytes] | None = None
    """Width, height, and the identifiers of the components."""

    spans: list[tuple[int, int]] = field(default_factory=lambda: [(0, 2)])
    exif: bytes = b""
    adobe_transform: int | None = None
    has_jfif: bool = False
    profile: dict[int, bytes] = field(default_factory=dict)
    profile_parts: int = 0


def read(data: bytes, budget: Budget) -> Header:
    """The header of `data`, which begins as a JPEG does."""
    findings = _Findings()
    for segment in _segments(data, budget):
        if segment.marker in _FRAMES:
            _read_frame(data, segment, findings, budget)
        elif segment.marker == _SCAN and findings.frame is None:
            raise corrupt("its first scan comes before its dimensions")
        if 0xE0 <= segment.marker <= 0xEF or segment.marker == _COMMENT:
            budget.metadata(segment.end - segment.start)
            _read_application(data, segment, findings)
        if _draws(data, segment):
            findings.spans.append((segment.start, segment.end))
    return _header(findings)


def _segments(data: bytes, budget: Budget) -> Iterator[_Segment]:
    position, scans = 2, 0
    while True:
        budget.segment()
        start = _next_marker(data, position)
        marker = data[start + 1]
        if marker == _END:
            break
        if marker in _ALONE:
            position = start + 2
            continue
        segment = _segment(data, marker, start)
        if marker == _SCAN:
            scans += 1
            budget.scan()
        yield segment
        position = segment.end
    if not scans:
        raise truncated("its headers: there is no pixel data")
    yield _Segment(_END, start, start + 2, start + 2, start + 2)


def _segment(data: bytes, marker: int, start: int) -> _Segment:
    body = start + 4
    (length,) = struct.unpack_from(">H", data, start + 2)
    stop = start + 2 + length
    if length < 2:
        raise corrupt("a segment is shorter than its own length field")
    if stop > len(data):
        raise truncated("a segment")
    end = _end_of_scan(data, stop) if marker == _SCAN else stop
    return _Segment(marker, start, body, stop, end)


def _next_marker(data: bytes, position: int) -> int:
    found = _MARKER.search(data, position, position + _MOST_PADDING + 2)
    if found:
        return found.start()
    if len(data) - position <= _MOST_PADDING:
        raise truncated("its headers")
    raise corrupt("there is no segment where one must begin")


def _end_of_scan(data: bytes, position: int) -> int:
    found = _AFTER_SCAN.search(data, position)
    if not found:
        raise truncated("its pixel data")
    return found.start()


def _read_frame(data: bytes, segment: _Segment, findings: _Findings, budget: Budget) -> None:
    if findings.frame is not None:
        raise corrupt("it gives its dimensions twice")
    precision, height, width, count = struct.unpack_from(">BHHB", data, segment.body)
    ids = data[segment.body + 6 : segment.stop : 3]
    if segment.marker not in _DECODABLE or precision != 8 or count not in (1, 3, 4):
        raise corrupt("it is of a rare kind of JPEG that cannot be read here")
    if len(ids) != count:
        raise corrupt("its components are not those that it announces")
    budget.pixels(width, height)
    findings.frame = width, height, ids


def _read_application(data: bytes, segment: _Segment, findings: _Findings) -> None:
    body = data[segment.body : segment.stop]
    if segment.marker == 0xE1 and body.startswith(b"Exif\0\0") and not findings.exif:
        findings.exif = body
    elif segment.marker == 0xE2 and body.startswith(b"ICC_PROFILE\0") and len(body) > 14:
        findings.profile.setdefault(body[12], body[14:])
        findings.profile_parts = body[13]
    elif segment.marker == _ADOBE and body.startswith(b"Adobe") and len(body) >= 12:
        findings.adobe_transform = body[11]
    elif segment.marker == _JFIF and body.startswith(b"JFIF\0"):
        findings.has_jfif = True


def _draws(data: bytes, segment: _Segment) -> bool:
    """Of the application segments only two change the picture: they name its color space."""
    if segment.marker == _JFIF:
        return data.startswith(b"JFIF\0", segment.body)
    if segment.marker == _ADOBE:
        return data.startswith(b"Adobe", segment.body)
    return segment.marker != _COMMENT and not 0xE0 <= segment.marker <= 0xEF


def _header(findings: _Findings) -> Header:
    if findings.frame is None:
        raise corrupt("it gives no dimensions")
    width, height, ids = findings.frame
    return Header(
        format="JPEG",
        width=width,
        height=height,
        space={1: "Gray", 3: "RGB", 4: "CMYK"}[len(ids)],
        spans=joined(findings.spans),
        orientation=orientation(findings.exif),
        exif=findings.exif,
        profile=_profile(findings),
        is_ycc=_is_ycc(ids, findings),
    )


def _profile(findings: _Findings) -> bytes | None:
    """The profile, put together from its parts, or None where one is missing."""
    numbers = range(1, findings.profile_parts + 1)
    if not numbers or any(number not in findings.profile for number in numbers):
        return None
    return b"".join(findings.profile[number] for number in numbers)


def _is_ycc(ids: bytes, findings: _Findings) -> bool:
    """Libjpeg's own rule (default_decompress_parms): JFIF, then Adobe, then identifiers."""
    if len(ids) != 3:
        return False
    if findings.has_jfif:
        return True
    if findings.adobe_transform is not None:
        return findings.adobe_transform != 0
    return ids != b"RGB"
