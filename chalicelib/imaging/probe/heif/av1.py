"""AV1 in an AVIF file: its open bitstream units (AV1 Bitstream & Decoding Process Specification, 5.3 to 5.5)."""

from collections.abc import Iterator

from chalicelib.imaging.probe.header import BOXES, Budget, corrupt, truncated
from chalicelib.imaging.probe.heif.bits import Bits
from chalicelib.imaging.probe.heif.codec import Coded

_SEQUENCE, _FRAME_HEADER, _TILES, _FRAME, _REPEATED_HEADER = 1, 3, 4, 6, 7
_DECODED = frozenset({_SEQUENCE, _FRAME_HEADER, _TILES, _FRAME, _REPEATED_HEADER})
_FRAMES = frozenset({_FRAME_HEADER, _FRAME})

# The configuration record up to its units (AV1 in ISOBMFF, 2.3.3); those are in the data, too.
_RECORD_BYTES = 4
# AVIF, 2.1 and 4: one frame for each layer, and AV1 has at most four.
_MAX_FRAMES = 4
_MAX_LENGTH_BYTES = 8
# What is read of a sequence header stands in fewer bytes.
_MAX_READ = 1_024

_BT709, _SRGB, _IDENTITY = 1, 13, 0


def read(config: bytes, payload: bytes, budget: Budget) -> Coded:
    """A coded picture, from its configuration record and its data."""
    if len(config) < _RECORD_BYTES:
        raise corrupt("the configuration of its pixel data ends early")
    units = [each for each in _units(payload, budget) if each[0] in _DECODED]
    sequences = [payload[body:end] for kind, _start, body, end in units if kind == _SEQUENCE]
    frames = sum(kind in _FRAMES for kind, *_ in units)
    if len(set(sequences)) != 1:
        raise corrupt("its pixel data does not give its dimensions once")
    if not 1 <= frames <= _MAX_FRAMES:
        raise corrupt("its pixel data does not hold one picture")
    width, height, is_gray, depth, colors = _read_sequence(Bits(sequences[0][:_MAX_READ]))
    decoded = b"".join(payload[start:end] for _kind, start, _body, end in units)
    return Coded(width, height, is_gray, depth, config[:_RECORD_BYTES], decoded, colors, frames)


def _units(payload: bytes, budget: Budget) -> Iterator[tuple[int, int, int, int]]:
    """Type of each unit, where it begins, where its body begins, and where it ends."""
    start = 0
    while start < len(payload):
        budget.count(BOXES)
        head = payload[start]
        body = start + 1 + (head >> 2 & 1)
        end = len(payload)
        if head >> 1 & 1:
            length, body = _read_length(payload, body)
            end = body + length
        if end > len(payload) or body > end:
            raise truncated("its pixel data")
        yield head >> 3 & 15, start, body, end
        start = end


def _read_length(payload: bytes, position: int) -> tuple[int, int]:
    """A number as leb128() writes it (4.10.5), and where it ends."""
    value = 0
    for index in range(_MAX_LENGTH_BYTES):
        byte = payload[position + index]
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, position + index + 1
    raise corrupt("a length in its pixel data is too long")


def _read_sequence(bits: Bits) -> tuple[int, int, bool, int, bytes]:
    """Largest width and height, whether it is gray, bits of a sample, and code points (5.5.1)."""
    profile, _is_still, is_reduced = bits.uint(3), bits.flag(), bits.flag()
    if is_reduced:
        bits.uint(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.uint(4) + 1, bits.uint(4) + 1
    width, height = bits.uint(width_bits) + 1, bits.uint(height_bits) + 1
    if not is_reduced and bits.flag():
        bits.uint(7)
    bits.uint(3)
    if not is_reduced:
        _skip_tools(bits)
    bits.uint(3)
    return width, height, *_read_colors(bits, profile)


def _skip_operating_points(bits: Bits) -> None:
    delay_bits = 0
    if bits.flag():
        bits.uint(64)
        if bits.flag():
            bits.exp_golomb()
        if bits.flag():
            delay_bits = bits.uint(5) + 1
            bits.uint(42)
    has_delays = bits.flag()
    for _point in range(bits.uint(5) + 1):
        bits.uint(12)
        if bits.uint(5) > 7:
            bits.uint(1)
        if delay_bits and bits.flag():
            bits.uint(2 * delay_bits + 1)
        if has_delays and bits.flag():
            bits.uint(4)


def _skip_tools(bits: Bits) -> None:
    bits.uint(4)
    has_order = bits.flag()
    if has_order:
        bits.uint(2)
    # Either flag says that the picture chooses; else one bit is the choice itself.
    uses_screen_tools = bits.flag() or bits.flag()
    if uses_screen_tools and not bits.flag():
        bits.uint(1)
    if has_order:
        bits.uint(3)


def _read_colors(bits: Bits, profile: int) -> tuple[bool, int, bytes]:
    """Whether it is gray, bits of a sample, and code points, of color_config (5.5.2)."""
    depth = 8
    if bits.flag():
        depth = 12 if profile == 2 and bits.flag() else 10
    is_gray = profile != 1 and bits.flag()
    if not bits.flag():
        return is_gray, depth, b""
    primaries, transfer, matrix = bits.uint(8), bits.uint(8), bits.uint(8)
    is_srgb = not is_gray and (primaries, transfer, matrix) == (_BT709, _SRGB, _IDENTITY)
    return is_gray, depth, bytes([primaries, transfer, matrix, 1 if is_srgb else bits.uint(1)])
