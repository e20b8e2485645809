"""The header of a GIF, read from its blocks (GIF89a specification)."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from chalicelib.imaging.header import Box, Budget, Header, corrupt, joined, part_of, truncated

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
    """The graphic control block that goes with the first image."""

    transparent: bool = False
    drawn: Box | None = None
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
    # Many GIFs lack the trailer, or have something else in its place: a whole first frame is
    # what counts.
    findings.frames += _frames_from(data, position)
    return Header(
        format="GIF",
        width=findings.width,
        height=findings.height,
        space="RGB",
        spans=findings.spans,
        has_alpha=findings.transparent or findings.drawn is not None,
        drawn=findings.drawn,
        frames=findings.frames,
        tail=bytes([_TRAILER]),
    )


def _read_block(data: bytes, position: int, findings: _Findings, budget: Budget) -> int:
    """Reads one block; returns where the next one begins."""
    kind = data[position]
    if kind == _PADDING:
        return _past_padding(data, position)
    if kind == _EXTENSION:
        return _read_extension(data, position, findings)
    return _read_image(data, position, findings, budget)


def _frames_from(data: bytes, position: int) -> int:
    """Counts the frames from there on; none of them is decoded, and a file may hold a million."""
    frames = 0
    while position < len(data) and (kind := data[position]) in _BLOCKS:
        if kind == _IMAGE:
            frames += 1
            position = _end_of_blocks(data, position + 11 + _palette_bytes(data[position + 9]))
        elif kind == _EXTENSION:
            position = _end_of_blocks(data, position + 2)
        else:
            position = _past_padding(data, position)
    return frames


def _past_padding(data: bytes, position: int) -> int:
    found = _CONTENT.search(data, position)
    return found.start() if found else len(data)


def _read_extension(data: bytes, position: int, findings: _Findings) -> int:
    end = _end_of_blocks(data, position + 2)
    if data[position + 1] == _GRAPHIC_CONTROL:
        findings.control = position, end
    return end


def _read_image(data: bytes, position: int, findings: _Findings, budget: Budget) -> int:
    left, top, width, height, flags = struct.unpack_from("<HHHHB", data, position + 1)
    end = _end_of_blocks(data, position + 11 + _palette_bytes(flags))
    budget.pixels(width, height)
    # Decoders widen the canvas when the first frame reaches over its edge.
    findings.width = max(findings.width, left + width)
    findings.height = max(findings.height, top + height)
    budget.pixels(findings.width, findings.height)
    findings.drawn = part_of(findings.width, findings.height, (left, top, left + width, top + height))
    control = [findings.control] if findings.control else []
    findings.spans = joined([(0, findings.palette_end), *control, (position, end)])
    # The block's fourth byte holds its flags; the lowest says that one index is clear.
    findings.transparent = any(data[start + 3] & 1 for start, _ in control)
    findings.frames = 1
    return end


def _end_of_blocks(data: bytes, position: int) -> int:
    """Steps over a run of sub-blocks, each led by its length, that ends with an empty one."""
    while length := data[position]:
        position += 1 + length
    return position + 1


def _palette_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
