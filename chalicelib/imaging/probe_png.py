"""The header of a PNG, read from its chunks, each with its checksum (W3C PNG, third edition)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from chalicelib.imaging import png_color
from chalicelib.imaging.exif import orientation
from chalicelib.imaging.header import Budget, Header, corrupt, joined, truncated

SIGNATURE = b"\x89PNG\r\n\x1a\n"

# Color type → samples a pixel, and the depths that it may have.
_COLORS = {0: (1, {1, 2, 4, 8, 16}), 2: (3, {8, 16}), 3: (1, {1, 2, 4, 8}), 4: (2, {8, 16}),
           6: (4, {8, 16})}  # fmt: skip
_GRAY, _RGB, _PALETTE = (0, 4), 2, 3
_WITH_ALPHA = (4, 6)

# Adam7's passes: first column, first row, and the steps between columns and rows.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
           (0, 1, 1, 2))  # fmt: skip

# Deflate can make at most 1,032 bytes of one (zlib's technical notes), plus its first block.
_MOST_INFLATION = 1032

_DRAWING = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
# What says something of color comes before these, or is not read by others either.
_AFTER_COLOR = frozenset({b"PLTE", b"IDAT"})
_ANIMATION = frozenset({b"acTL", b"fcTL", b"fdAT"})

_Chunk = tuple[bytes, int, int]


@dataclass
class _Findings:
    width: int = 0
    height: int = 0
    depth: int = 0
    color: int = -1
    key: bytes = b""
    inflated_bytes: int = 0
    kinds: set[bytes] = field(default_factory=set)
    last: bytes = b""
    spans: list[tuple[int, int]] = field(default_factory=lambda: [(0, len(SIGNATURE))])
    packed_bytes: int = 0
    frames: int = 1
    exif: bytes = b""
    color_chunks: dict[bytes, bytes] = field(default_factory=dict)


def read(data: bytes, budget: Budget, most_metadata: int) -> Header:
    """The header of `data`, which begins as a PNG does."""
    findings = _Findings()
    for kind, start, stop in _chunks(data, budget):
        _check_order(kind, findings)
        if kind == b"IHDR":
            _read_dimensions(data[start:stop], findings, budget)
        elif kind == b"IDAT":
            findings.packed_bytes += stop - start
        elif kind == b"acTL":
            findings.frames = max(1, struct.unpack_from(">I", data, start)[0])
            budget.frame(findings.frames)
        elif kind not in _DRAWING | _ANIMATION:
            budget.metadata(stop - start)
            _read_metadata(kind, data[start:stop], findings)
        if kind == b"tRNS" and findings.color != _PALETTE:
            # Left out of what decoders see: Pillow compares it only where a sample is a byte.
            findings.key = data[start:stop]
        elif kind in _DRAWING:
            findings.spans.append((start - 8, stop + 4))
        findings.kinds.add(kind)
        findings.last = kind
    return _header(findings, most_metadata)


def pixel_chunks(picture: bytes) -> Iterator[bytes]:
    """The packed pixel data of a PNG that `read` has accepted, chunk by chunk."""
    position = len(SIGNATURE)
    while position < len(picture):
        length, kind = struct.unpack_from(">I4s", picture, position)
        if kind == b"IDAT":
            yield picture[position + 8 : position + 8 + length]
        position += 12 + length


def _chunks(data: bytes, budget: Budget) -> Iterator[_Chunk]:
    """Kind, and first and last offset of the body, of each chunk up to IEND."""
    position, kind, view = len(SIGNATURE), b"", memoryview(data)
    while kind != b"IEND":
        if position + 12 > len(data):
            raise truncated("its chunks")
        length, kind = struct.unpack_from(">I4s", data, position)
        start, stop = position + 8, position + 8 + length
        if not kind.isalpha():
            raise corrupt("one of its chunks has no valid name")
        if stop + 4 > len(data):
            raise truncated(f"a chunk ({kind.decode()})")
        (checksum,) = struct.unpack_from(">I", data, stop)
        if zlib.crc32(view[position + 4 : stop]) != checksum:
            raise corrupt(f"the checksum of a chunk ({kind.decode()}) is wrong")
        budget.chunk()
        yield kind, start, stop
        position = stop + 4


def _check_order(kind: bytes, findings: _Findings) -> None:
    if (kind == b"IHDR") != (not findings.kinds):
        raise corrupt("its header is not its first chunk, or comes twice")
    if kind == b"IDAT" and kind in findings.kinds and findings.last != kind:
        raise corrupt("its pixel data is interrupted")
    if kind in (b"PLTE", b"tRNS") and (kind in findings.kinds or b"IDAT" in findings.kinds):
        raise corrupt(f"a chunk ({kind.decode()}) comes twice or too late")
    if kind[:1].isupper() and kind not in _DRAWING:
        raise corrupt(f"it needs a chunk ({kind.decode()}) that is unknown")


def _read_dimensions(body: bytes, findings: _Findings, budget: Budget) -> None:
    if len(body) != 13:
        raise corrupt("its header has the wrong length")
    width, height, depth, color, packing, filtering, interlace = struct.unpack(">IIBBBBB", body)
    samples, depths = _COLORS.get(color, (0, set()))
    if depth not in depths or packing or filtering or interlace > 1:
        raise corrupt("its header asks for what no PNG has")
    budget.pixels(width, height)
    findings.width, findings.height, findings.depth, findings.color = width, height, depth, color
    findings.inflated_bytes = _inflated_bytes(width, height, samples * depth, bool(interlace))


def _inflated_bytes(width: int, height: int, bits: int, interlaced: bool) -> int:
    """Bytes of all rows, each with the byte that names its filter."""
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    total = 0
    for column, row, column_step, row_step in passes:
        columns = (width - column + column_step - 1) // column_step
        rows = (height - row + row_step - 1) // row_step
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total


def _read_metadata(kind: bytes, body: bytes, findings: _Findings) -> None:
    if kind == b"eXIf":
        findings.exif = body
    elif kind in png_color.CHUNKS and not findings.kinds & _AFTER_COLOR:
        findings.color_chunks.setdefault(kind, body)


def _key(findings: _Findings) -> tuple[int, ...]:
    """The samples of a tRNS chunk; none where it has not as many as a pixel has, or alpha is there."""
    samples = {_GRAY[0]: 1, _RGB: 3}.get(findings.color)
    if samples is None or len(findings.key) != 2 * samples:
        return ()
    # Of fewer bits than 16, those above count for nothing.
    return tuple(sample & (2**findings.depth - 1) for sample in struct.unpack(f">{samples}H", findings.key))


def _header(findings: _Findings, most_metadata: int) -> Header:
    if b"IDAT" not in findings.kinds:
        raise corrupt("it has no pixel data")
    if findings.color == _PALETTE and b"PLTE" not in findings.kinds:
        raise corrupt("it has no palette")
    if findings.inflated_bytes > _MOST_INFLATION * (findings.packed_bytes + 1):
        raise truncated("its pixel data")
    space, key = "Gray" if findings.color in _GRAY else "RGB", _key(findings)
    has_palette_alpha = findings.color == _PALETTE and b"tRNS" in findings.kinds
    return Header(
        format="PNG",
        width=findings.width,
        height=findings.height,
        space=space,
        spans=joined(findings.spans),
        has_alpha=findings.color in _WITH_ALPHA or bool(key) or has_palette_alpha,
        frames=findings.frames,
        orientation=orientation(findings.exif),
        exif=findings.exif,
        profile=png_color.profile(findings.color_chunks, space, most_metadata),
        depth=findings.depth,
        key=key,
        inflated_bytes=findings.inflated_bytes,
    )
