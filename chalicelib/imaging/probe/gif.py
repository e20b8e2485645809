"""The header of a GIF, read from its blocks (GIF89a specification)."""

import re
import struct
from dataclasses import dataclass

from chalicelib.imaging.probe.header import Box, Budget, Header, corrupt, merge_spans, partial_box, truncated

_EXTENSION, _IMAGE, _TRAILER, _PADDING = 0x21, 0x2C, 0x3B, 0x00
_BLOCKS = frozenset({_EXTENSION, _IMAGE, _PADDING})
_GRAPHIC_CONTROL = 0xF9
_HEADER_BYTES = 13

_CONTENT = re.compile(rb"[^\0]")


@dataclass
class _Findings:
    width: int
    height: int
    palette_end: int
    frames: int = 0
    control: tuple[int, int] | None = None
    """Start and end of the graphic control block of the first image."""

    transparent: bool = False
    frame_box: Box | None = None
    spans: tuple[tuple[int, int], ...] = ()


def read(data: bytes, budget: Budget) -> Header:
    """The header of `data`, which begins as a GIF does."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    findings = _Findings(width, height, _HEADER_BYTES + _palette_bytes(flags))
    position = findings.palette_end
    while position < len(data) and data[position] in _BLOCKS and not findings.frames:
        position = _read_block(data, position, findings, budget)
    if not findings.frames:
        if position < len(data) and data[position] != _TRAILER:
            raise corrupt("there is no block where one must begin")
        raise truncated("its headers: there is no frame")
    # Many GIFs lack the trailer, or have something else in its place: a complete first frame is enough.
    findings.frames += _count_frames(data, position)
    return Header(
        format="GIF",
        width=findings.width,
        height=findings.height,
        space="RGB",
        spans=findings.spans,
        has_alpha=findings.transparent or findings.frame_box is not None,
        frame_box=findings.frame_box,
        frames=findings.frames,
        trailer=bytes([_TRAILER]),
    )


def _read_block(data: bytes, position: int, findings: _Findings, budget: Budget) -> int:
    """Reads one block; returns where the next one begins."""
    kind = data[position]
    if kind == _PADDING:
        return _skip_padding(data, position)
    if kind == _EXTENSION:
        return _read_extension(data, position, findings)
    return _read_image(data, position, findings, budget)


def _count_frames(data: bytes, position: int) -> int:
    """Counts the frames from `position` on. None is decoded; a file may hold a million."""
    frames = 0
    while position < len(data) and (kind := data[position]) in _BLOCKS:
        if kind == _IMAGE:
            frames += 1
            position = _skip_blocks(data, position + 11 + _palette_bytes(data[position + 9]))
        elif kind == _EXTENSION:
            position = _skip_blocks(data, position + 2)
        else:
            position = _skip_padding(data, position)
    return frames


def _skip_padding(data: bytes, position: int) -> int:
    match = _CONTENT.search(data, position)
    return match.start() if match else len(data)


def _read_extension(data: bytes, position: int, findings: _Findings) -> int:
    end = _skip_blocks(data, position + 2)
    if data[position + 1] == _GRAPHIC_CONTROL:
        findings.control = position, end
    return end


def _read_image(data: bytes, position: int, findings: _Findings, budget: Budget) -> int:
    left, top, width, height, flags = struct.unpack_from("<HHHHB", data, position + 1)
    end = _skip_blocks(data, position + 11 + _palette_bytes(flags))
    budget.check_pixels(width, height)
    # Decoders widen the canvas when the first frame reaches over its edge.
    findings.width = max(findings.width, left + width)
    findings.height = max(findings.height, top + height)
    budget.check_pixels(findings.width, findings.height)
    findings.frame_box = partial_box(findings.width, findings.height, (left, top, left + width, top + height))
    control = [findings.control] if findings.control else []
    findings.spans = merge_spans([(0, findings.palette_end), *control, (position, end)])
    # The block's fourth byte holds its flags; the lowest says that one index is transparent.
    findings.transparent = any(data[start + 3] & 1 for start, _ in control)
    findings.frames = 1
    return end


def _skip_blocks(data: bytes, position: int) -> int:
    """Skips sub-blocks, each with its length before it, up to an empty one; returns where they end."""
    while length := data[position]:
        position += 1 + length
    return position + 1


def _palette_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
