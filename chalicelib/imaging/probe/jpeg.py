"""The header of a JPEG, read from its markers (ITU-T T.81, annex B)."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from chalicelib.imaging.probe.exif import orientation
from chalicelib.imaging.probe.header import METADATA, SCANS, SEGMENTS, Budget, Header, corrupt, merge_spans, truncated
from chalicelib.imaging.rejection import ImageRejectedError

_START, _END, _SCAN, _ADOBE, _JFIF, _COMMENT = 0xD8, 0xD9, 0xDA, 0xEE, 0xE0, 0xFE
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
# Baseline, extended and progressive, with Huffman or arithmetic codes. Libjpeg does not read the
# others (lossless, hierarchical).
_DECODABLE = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
_PROGRESSIVE, _ARITHMETIC = frozenset({0xC2, 0xCA}), frozenset({0xC9, 0xCA})

_APPLICATION = frozenset({*range(0xE0, 0xF0), _COMMENT})
# The application segments that are read here begin with these; all others are skipped.
_READ = frozenset({b"JFIF\0", b"Adobe", b"Exif\0", b"ICC_P"})
# Libjpeg ignores segments with a shorter body (jdmarker.c).
_MIN_JFIF, _MIN_ADOBE = 14, 12

# Bytes between two segments that belong to none. Cameras write a few; the decoder would skip
# many of them one by one.
_MAX_PADDING = 1024

# Zeros at the end of a file that may be data. More of them are what an interrupted download, or a
# failed memory card, leaves in place of the rest.
_MAX_ZEROS = 4

_COEFFICIENTS = 64

_MARKER = re.compile(rb"\xff[^\x00\xff]", re.DOTALL)
_AFTER_SCAN = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]", re.DOTALL)


@dataclass(frozen=True)
class _Segment:
    marker: int
    start: int
    """At the 0xFF before the marker."""

    body: int
    stop: int
    """The end of the body; a scan's compressed data goes on to `end`."""

    end: int


@dataclass
class _Findings:
    frame: tuple[int, int, bytes] | None = None
    """Width, height, and the identifiers of the components."""

    kind: int = 0
    """The marker of the frame."""

    spans: list[tuple[int, int]] = field(default_factory=lambda: [(0, 2)])
    exif: bytes = b""
    adobe_transform: int | None = None
    has_jfif: bool = False
    profile: dict[int, bytes] = field(default_factory=dict)
    profile_parts: int = 0
    open_bits: dict[int, list[int]] = field(default_factory=dict)
    """Component → how many low bits of each coefficient the scans so far lack."""

    is_ended: bool = False


def read(data: bytes, budget: Budget) -> Header:
    """The header of `data`, which begins as a JPEG does."""
    findings = _Findings()
    for segment in _segments(data, budget):
        if segment.marker in _FRAMES:
            _read_frame(data, segment, findings, budget)
        elif segment.marker == _SCAN:
            _read_scan(data, segment, findings)
        elif segment.marker in _APPLICATION:
            _read_application(data, segment, findings, budget)
        elif segment.marker == _END:
            findings.is_ended = True
        if _draws(data, segment, findings):
            findings.spans.append((segment.start, segment.end))
    return _header(findings)


def _segments(data: bytes, budget: Budget) -> Iterator[_Segment]:
    """The segments that are read or draw, up to the end marker or what stands in its place.

    Some cameras and editors leave the end marker out, or write a block of their own instead. So
    after pixel data, whatever is no segment ends the picture.
    """
    position, scans = 2, 0
    while True:
        position = _skip_unread(data, position)
        budget.count(SEGMENTS)
        try:
            segment = _segment(data, _next_marker(data, position))
        except (ImageRejectedError, struct.error):
            if scans:
                return
            raise
        if segment.marker == _END and not scans:
            raise truncated("its headers: there is no pixel data")
        if segment.marker == _START and scans:
            # The next picture of the file.
            return
        if segment.marker == _SCAN:
            scans += 1
            budget.count(SCANS)
        if segment.marker not in _ALONE:
            yield segment
        if segment.marker == _END:
            return
        position = segment.end


def _skip_unread(data: bytes, position: int) -> int:
    """Skips application segments that are not read here: a file may hold millions."""
    last = len(data) - 9
    while position < last and data[position] == 0xFF and data[position + 1] in _APPLICATION:
        length = data[position + 2] << 8 | data[position + 3]
        stop = position + 2 + length
        if length < 2 or stop > len(data) or (length >= 7 and data[position + 4 : position + 9] in _READ):
            break
        position = stop
    return position


def _segment(data: bytes, start: int) -> _Segment:
    marker = data[start + 1]
    if marker in _ALONE or marker == _END:
        return _Segment(marker, start, start + 2, start + 2, start + 2)
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
    match = _MARKER.search(data, position, position + _MAX_PADDING + 2)
    if match:
        return match.start()
    if len(data) - position <= _MAX_PADDING:
        raise truncated("its headers")
    raise corrupt("there is no segment where one must begin")


def _end_of_scan(data: bytes, position: int) -> int:
    """The end of the compressed data: at the next marker, or where the file ends."""
    match = _AFTER_SCAN.search(data, position)
    if match:
        return match.start()
    return max(position, min(len(data), len(data.rstrip(b"\0")) + _MAX_ZEROS))


def _read_scan(data: bytes, segment: _Segment, findings: _Findings) -> None:
    """Records which coefficients of which components the scan has (T.81, B.2.3 and G.1.1.1)."""
    if findings.frame is None:
        raise corrupt("its first scan comes before its dimensions")
    count = data[segment.body]
    first, last, approximation = data[segment.stop - 3 : segment.stop]
    if findings.kind not in _PROGRESSIVE:
        first, last, approximation = 0, _COEFFICIENTS - 1, 0
    for component in data[segment.body + 1 : segment.body + 1 + 2 * count : 2]:
        bits = findings.open_bits.setdefault(component, [16] * _COEFFICIENTS)
        for index in range(first, min(last + 1, _COEFFICIENTS)):
            bits[index] = approximation & 15


def _read_frame(data: bytes, segment: _Segment, findings: _Findings, budget: Budget) -> None:
    if findings.frame is not None:
        raise corrupt("it gives its dimensions twice")
    precision, height, width, count = struct.unpack_from(">BHHB", data, segment.body)
    ids = data[segment.body + 6 : segment.stop : 3]
    if segment.marker not in _DECODABLE or precision != 8 or count not in (1, 3, 4):
        raise corrupt("it is of a rare kind of JPEG that cannot be read here")
    if len(ids) != count:
        raise corrupt("its components are not those that it announces")
    budget.check_pixels(width, height)
    findings.frame, findings.kind = (width, height, ids), segment.marker


def _read_application(data: bytes, segment: _Segment, findings: _Findings, budget: Budget) -> None:
    body = data[segment.body : segment.stop]
    if segment.marker == 0xE1 and body.startswith(b"Exif\0\0") and not findings.exif:
        budget.count(METADATA, len(body))
        findings.exif = body
    elif segment.marker == 0xE2 and body.startswith(b"ICC_PROFILE\0") and len(body) > 14:
        budget.count(METADATA, len(body))
        findings.profile.setdefault(body[12], body[14:])
        findings.profile_parts = body[13]
    elif not _draws(data, segment, findings):
        return
    elif segment.marker == _ADOBE:
        findings.adobe_transform = body[11]
    else:
        findings.has_jfif = True


def _draws(data: bytes, segment: _Segment, findings: _Findings) -> bool:
    """Whether decoders need the segment. Of application segments, two name the color space.

    Libjpeg only reads them before the first scan, and the last of each counts. Pillow would fail on one that is too
    short for libjpeg.
    """
    if segment.marker not in _APPLICATION:
        return True
    if findings.open_bits:
        return False
    length = segment.stop - segment.body
    if segment.marker == _JFIF:
        return length >= _MIN_JFIF and data.startswith(b"JFIF\0", segment.body)
    return segment.marker == _ADOBE and length >= _MIN_ADOBE and data.startswith(b"Adobe", segment.body)


def _header(findings: _Findings) -> Header:
    if findings.frame is None:
        raise corrupt("it gives no dimensions")
    width, height, ids = findings.frame
    if not findings.is_ended:
        _check_scans(ids, findings)
    return Header(
        format="JPEG",
        width=width,
        height=height,
        space={1: "Gray", 3: "RGB", 4: "CMYK"}[len(ids)],
        spans=merge_spans(findings.spans),
        orientation=orientation(findings.exif),
        exif=findings.exif,
        profile=_profile(findings),
        is_ycc=_is_ycc(ids, findings),
        trailer=b"" if findings.is_ended else bytes([0xFF, _END]),
        lacks_end=not findings.is_ended,
    )


def _check_scans(ids: bytes, findings: _Findings) -> None:
    """Rejects a file without an end marker that lacks whole scans.

    Whether the last scan is complete, only the decoder can tell (`jpeg_end`). With arithmetic
    codes not even the decoder can, since their encoder leaves out zeros at the end.
    """
    bits = [findings.open_bits.get(component, [16]) for component in ids]
    if findings.kind in _ARITHMETIC or any(any(each) for each in bits):
        raise truncated("its pixel data")


def _profile(findings: _Findings) -> bytes | None:
    """The profile, joined from its parts, or None where one is missing."""
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
