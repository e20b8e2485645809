"""The header of a PNG, read from its chunks (W3C PNG, third edition)."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from chalicelib.imaging.probe.exif import orientation
from chalicelib.imaging.probe.header import CHUNKS, METADATA, Budget, Header, corrupt, merge_spans, truncated
from chalicelib.imaging.profiles import png as png_color
from chalicelib.imaging.rejection import ImageRejectedError

SIGNATURE = b"\x89PNG\r\n\x1a\n"

# Color type → samples a pixel, and the depths that it may have.
_COLORS = {0: (1, {1, 2, 4, 8, 16}), 2: (3, {8, 16}), 3: (1, {1, 2, 4, 8}), 4: (2, {8, 16}),
           6: (4, {8, 16})}  # fmt: skip
_GRAY, _RGB, _PALETTE = (0, 4), 2, 3
_WITH_ALPHA = (4, 6)

# Adam7's passes: first column, first row, and the steps between columns and rows.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
           (0, 1, 1, 2))  # fmt: skip

# One byte inflates to at most 1,032 (zlib's technical notes), plus its first block.
_MAX_INFLATION = 1032

_DRAWING = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT"})
# Chunks that are read beside these. All others are skipped, with their checksums.
_ANCILLARY = frozenset({b"acTL", b"eXIf", *png_color.CHUNKS})
# Color chunks must come before these; other readers ignore later ones, too.
_AFTER_COLOR = frozenset({b"PLTE", b"IDAT"})

_END = b"\0\0\0\0IEND\xae\x42\x60\x82"
_HEAD = struct.Struct(">I4s")

_Chunk = tuple[bytes, int, int]


@dataclass
class _Findings:
    width: int = 0
    height: int = 0
    depth: int = 0
    color: int = -1
    transparency: bytes = b""
    inflated_bytes: int = 0
    kinds: set[bytes] = field(default_factory=set)
    pixels_end: int = 0
    """The end of the last chunk of pixel data so far."""

    spans: list[tuple[int, int]] = field(default_factory=lambda: [(0, len(SIGNATURE))])
    compressed_bytes: int = 0
    frames: int = 1
    exif: bytes = b""
    color_chunks: dict[bytes, bytes] = field(default_factory=dict)


def read(data: bytes, budget: Budget, max_metadata: int) -> Header:
    """The header of `data`, which begins as a PNG does."""
    findings = _Findings()
    for kind, start, stop in _chunks(data, budget):
        _check_order(kind, start, findings)
        if kind in _DRAWING:
            if not _is_sound(data, start, stop):
                raise corrupt(f"the checksum of a chunk ({kind.decode()}) is wrong")
            if kind == b"tRNS" and findings.color != _PALETTE:
                # Hidden from Pillow, which only compares samples of one byte.
                findings.transparency = data[start:stop]
            else:
                findings.spans.append((start - 8, stop + 4))
        if kind == b"IHDR":
            _read_dimensions(data[start:stop], findings, budget)
        elif kind == b"IDAT":
            findings.compressed_bytes += stop - start
            findings.pixels_end = stop + 4
        # Damaged metadata is ignored, as decoders do.
        elif kind in _ANCILLARY and kind not in findings.kinds and _is_sound(data, start, stop):
            budget.count(METADATA, stop - start)
            _read_metadata(kind, data[start:stop], findings)
        findings.kinds.add(kind)
    return _header(findings, max_metadata)


def pixel_chunks(picture: bytes) -> Iterator[bytes]:
    """The compressed pixel data of a PNG that `read` has accepted, chunk by chunk."""
    position = len(SIGNATURE)
    while position < len(picture):
        length, kind = struct.unpack_from(">I4s", picture, position)
        if kind == b"IDAT":
            yield picture[position + 8 : position + 8 + length]
        position += 12 + length


def _chunks(data: bytes, budget: Budget) -> Iterator[_Chunk]:
    """Kind, and first and last offset of the body, of each chunk that draws or is read, up to IEND.

    Some writers leave IEND out, or write something else in its place. So after pixel data, whatever
    is no chunk ends the picture; inflating shows whether all rows are there.
    """
    position, kind, has_pixels = len(SIGNATURE), b"", False
    while kind != b"IEND":
        position = _skip_unread(data, position)
        try:
            kind, start, stop = _chunk(data, position)
        except ImageRejectedError:
            if has_pixels:
                return
            raise
        budget.count(CHUNKS)
        yield kind, start, stop
        has_pixels = has_pixels or kind == b"IDAT"
        position = stop + 4


def _skip_unread(data: bytes, position: int) -> int:
    """Skips chunks that are not read here: a file may hold hundreds of thousands."""
    # The first chunk is never skipped: it must be the header.
    while len(SIGNATURE) < position <= len(data) - 12:
        length, kind = _HEAD.unpack_from(data, position)
        stop = position + 12 + length
        # A first letter in lower case means that the picture does not need the chunk.
        if kind in _ANCILLARY or kind in _DRAWING or stop > len(data) or not (kind.isalpha() and kind[0] & 0x20):
            break
        position = stop
    return position


def _chunk(data: bytes, position: int) -> _Chunk:
    if position + 12 > len(data):
        raise truncated("its chunks")
    length, kind = _HEAD.unpack_from(data, position)
    start, stop = position + 8, position + 8 + length
    if not kind.isalpha():
        raise corrupt("one of its chunks has no valid name")
    if stop + 4 > len(data):
        raise truncated(f"a chunk ({kind.decode()})")
    return kind, start, stop


def _is_sound(data: bytes, start: int, stop: int) -> bool:
    """Whether the checksum of a chunk is that of its name and body."""
    return data[stop : stop + 4] == zlib.crc32(memoryview(data)[start - 4 : stop]).to_bytes(4, "big")


def _check_order(kind: bytes, start: int, findings: _Findings) -> None:
    if (kind == b"IHDR") != (not findings.kinds):
        raise corrupt("its header is not its first chunk, or comes twice")
    if kind == b"IDAT" and findings.pixels_end not in (0, start - 8):
        raise corrupt("its pixel data is interrupted")
    if kind in (b"PLTE", b"tRNS") and (kind in findings.kinds or b"IDAT" in findings.kinds):
        raise corrupt(f"a chunk ({kind.decode()}) comes twice or too late")
    if kind[:1].isupper() and kind not in _DRAWING and kind != b"IEND":
        raise corrupt(f"it needs a chunk ({kind.decode()}) that is unknown")


def _read_dimensions(body: bytes, findings: _Findings, budget: Budget) -> None:
    if len(body) != 13:
        raise corrupt("its header has the wrong length")
    width, height, depth, color, packing, filtering, interlace = struct.unpack(">IIBBBBB", body)
    samples, depths = _COLORS.get(color, (0, set()))
    if depth not in depths or packing or filtering or interlace > 1:
        raise corrupt("its header asks for what no PNG has")
    budget.check_pixels(width, height)
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
    if kind == b"acTL" and len(body) >= 4:
        findings.frames = max(1, struct.unpack_from(">I", body)[0])
    elif kind == b"eXIf":
        findings.exif = body
    elif kind in png_color.CHUNKS and not findings.kinds & _AFTER_COLOR:
        findings.color_chunks[kind] = body


def _transparent_color(findings: _Findings) -> tuple[int, ...]:
    """The samples of a tRNS chunk; none where the picture has alpha, or their number is not that of a pixel."""
    samples = {_GRAY[0]: 1, _RGB: 3}.get(findings.color)
    if samples is None or len(findings.transparency) != 2 * samples:
        return ()
    # With a depth below 16, the upper bits do not count.
    return tuple(sample & (2**findings.depth - 1) for sample in struct.unpack(f">{samples}H", findings.transparency))


def _header(findings: _Findings, max_metadata: int) -> Header:
    if b"IDAT" not in findings.kinds:
        raise corrupt("it has no pixel data")
    if findings.color == _PALETTE and b"PLTE" not in findings.kinds:
        raise corrupt("it has no palette")
    if findings.inflated_bytes > _MAX_INFLATION * (findings.compressed_bytes + 1):
        raise truncated("its pixel data")
    space, transparent_color = "Gray" if findings.color in _GRAY else "RGB", _transparent_color(findings)
    has_palette_alpha = findings.color == _PALETTE and b"tRNS" in findings.kinds
    return Header(
        format="PNG",
        width=findings.width,
        height=findings.height,
        space=space,
        spans=merge_spans(findings.spans),
        has_alpha=findings.color in _WITH_ALPHA or bool(transparent_color) or has_palette_alpha,
        frames=findings.frames,
        orientation=orientation(findings.exif),
        exif=findings.exif,
        profile=png_color.profile(findings.color_chunks, space, max_metadata),
        depth=findings.depth,
        transparent_color=transparent_color,
        inflated_bytes=findings.inflated_bytes,
        trailer=_END,
    )
