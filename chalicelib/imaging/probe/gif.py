"""The header of a GIF, read from its blocks (GIF89a specification)."""

import re
import struct
from dataclasses import dataclass, field

from chalicelib.imaging.probe.header import (
    MAX_FRAMES,
    Budget,
    Frame,
    Header,
    Motion,
    Span,
    corrupt,
    merge_spans,
    partial_box,
    truncated,
)

_EXTENSION, _IMAGE, _TRAILER, _PADDING = 0x21, 0x2C, 0x3B, 0x00
_BLOCKS = frozenset({_EXTENSION, _IMAGE, _PADDING})
_GRAPHIC_CONTROL, _APPLICATION = 0xF9, 0xFF
# The loops of an animation: Netscape's extension, which is no part of the specification.
_LOOPS = re.compile(rb"\x0b(?:NETSCAPE2\.0|ANIMEXTS1\.0)\x03\x01(..)", re.DOTALL)
# Browsers show a frame of up to 10 ms for 100, since old players could not show it shorter.
_TOO_SHORT, _INSTEAD = 10, 100
_HEADER_BYTES = 13
TRAILER = bytes([_TRAILER])

_CONTENT = re.compile(rb"[^\0]")


@dataclass
class _Findings:
    width: int
    height: int
    palette_end: int
    count: int = 0
    control: Span | None = None
    """Start and end of the graphic control block of the next frame."""

    first: Frame | None = None
    frames: list[Frame] = field(default_factory=list)
    """Up to MAX_FRAMES."""

    loops: int | None = None


def read(data: bytes, budget: Budget) -> Header:
    """The header of `data`, which begins as a GIF does."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    findings = _Findings(width, height, _HEADER_BYTES + _palette_bytes(flags))
    position = findings.palette_end
    while position < len(data) and data[position] in _BLOCKS and not findings.count:
        position = _read_block(data, position, findings, budget)
    first = findings.first
    if first is None:
        if position < len(data) and data[position] != _TRAILER:
            raise corrupt("there is no block where one must begin")
        raise truncated("its headers: there is no frame")
    # Many GIFs lack the trailer, or have something else in its place: a complete first frame is enough.
    _read_other_frames(data, position, findings)
    frame_box = partial_box(findings.width, findings.height, first.box)
    return Header(
        format="GIF",
        width=findings.width,
        height=findings.height,
        space="RGB",
        spans=merge_spans([(0, findings.palette_end), *first.spans]),
        has_alpha=_is_transparent(data, first) or frame_box is not None,
        frame_box=frame_box,
        frames=findings.count,
        motion=_motion(findings),
        trailer=TRAILER,
    )


def _read_block(data: bytes, position: int, findings: _Findings, budget: Budget) -> int:
    """Reads one block; returns where the next one begins."""
    kind = data[position]
    if kind == _PADDING:
        return _skip_padding(data, position)
    if kind == _EXTENSION:
        return _read_extension(data, position, findings)
    end = _read_image(data, position, findings)
    if findings.first is not None:
        left, top, right, bottom = findings.first.box
        budget.check_pixels(right - left, bottom - top)
        # Decoders widen the canvas when the first frame reaches over its edge.
        findings.width, findings.height = max(findings.width, right), max(findings.height, bottom)
        budget.check_pixels(findings.width, findings.height)
    return end


def _read_other_frames(data: bytes, position: int, findings: _Findings) -> None:
    """Counts the frames from `position` on. None is decoded; a file may hold a million."""
    while position < len(data) and (kind := data[position]) in _BLOCKS:
        if kind == _IMAGE:
            position = _read_image(data, position, findings)
        elif kind == _EXTENSION:
            position = _read_extension(data, position, findings)
        else:
            position = _skip_padding(data, position)


def _motion(findings: _Findings) -> Motion | None:
    """None for a still, for too many frames, and if one reaches over the edge: decoders would widen the canvas."""
    is_inside = all(each.box[2] <= findings.width and each.box[3] <= findings.height for each in findings.frames)
    if not 1 < findings.count <= MAX_FRAMES or not is_inside:
        return None
    seconds = sum(each.milliseconds for each in findings.frames) / 1000
    return Motion(seconds, _loops(findings.loops), tuple(findings.frames), findings.palette_end)


def _loops(stored: int | None) -> int:
    """How often it plays: the extension says how often again, and 0 for ever; without it, once."""
    return 1 if stored is None else stored and stored + 1


def _skip_padding(data: bytes, position: int) -> int:
    match = _CONTENT.search(data, position)
    return match.start() if match else len(data)


def _read_extension(data: bytes, position: int, findings: _Findings) -> int:
    end = _skip_blocks(data, position + 2)
    label = data[position + 1]
    if label == _GRAPHIC_CONTROL:
        findings.control = position, end
    elif label == _APPLICATION and (loops := _LOOPS.match(data, position + 2)):
        (findings.loops,) = struct.unpack("<H", loops[1])
    return end


def _read_image(data: bytes, position: int, findings: _Findings) -> int:
    left, top, width, height, flags = struct.unpack_from("<HHHHB", data, position + 1)
    end = _skip_blocks(data, position + 11 + _palette_bytes(flags))
    findings.count += 1
    if findings.count > MAX_FRAMES:
        return end
    control, findings.control = findings.control, None
    spans = ((position, end),) if control is None else (control, (position, end))
    milliseconds, clears = _INSTEAD, 0
    if control is not None:
        # The block's fourth byte holds its flags, and the next two the time in hundredths of a second.
        packed, hundredths = struct.unpack_from("<BH", data, control[0] + 3)
        milliseconds, clears = 10 * hundredths, packed >> 2 & 7
    if milliseconds <= _TOO_SHORT:
        milliseconds = _INSTEAD
    frame = Frame((left, top, left + width, top + height), spans, milliseconds, clears)
    findings.first = findings.first or frame
    findings.frames.append(frame)
    return end


def _is_transparent(data: bytes, frame: Frame) -> bool:
    """Whether the flags of its control block say that one index is transparent."""
    *control, _ = frame.spans
    return any(data[start + 3] & 1 for start, _ in control)


def _skip_blocks(data: bytes, position: int) -> int:
    """Skips sub-blocks, each with its length before it, up to an empty one; returns where they end."""
    while length := data[position]:
        position += 1 + length
    return position + 1


def _palette_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
