"""HEVC in a HEIF file: the configuration record (ISO/IEC 14496-15, 8.3.3), and NAL units (ITU-T H.265, 7.3)."""

from collections.abc import Iterator

from chalicelib.imaging.probe.header import BOXES, Budget, corrupt
from chalicelib.imaging.probe.heif.bits import Bits
from chalicelib.imaging.probe.heif.boxes import Fields
from chalicelib.imaging.probe.heif.codec import Coded

_PARAMETERS = (32, 33, 34)
"""Video, sequence and picture parameter sets."""

_SEQUENCE = 33
# Slices of pictures that need no other one (IRAP), without the reserved types.
_SLICES = range(16, 22)
_INTER_SLICES = range(0, 16)

# The configuration record up to its arrays, and where in it the size of a length is.
_RECORD_BYTES, _LENGTH_SIZE_AT = 22, 21
_NAL_HEAD = 2
# What is read of a set of parameters stands in fewer bytes.
_MAX_READ = 512
_SPECIAL_CHROMA = 3
_MAX_DEPTH = 16
_MAX_SUB_LAYERS = 6


def read(config: bytes, payload: bytes, budget: Budget) -> Coded:
    """A coded picture, from its configuration record and its data."""
    record, nals = _read_config(config, budget)
    sequences = [_read_sequence(nal) for kind, nal in nals if kind == _SEQUENCE]
    if not sequences:
        raise corrupt("its dimensions are missing from its pixel data")
    # A picture chooses one of them.
    width, height = (max(sizes) for sizes in zip(*((each[0], each[1]) for each in sequences), strict=True))
    size = (config[_LENGTH_SIZE_AT] & 3) + 1
    slices = b"".join(_slices(payload, size, budget))
    return Coded(
        width=width,
        height=height,
        is_gray=sequences[0][2] == 0,
        depth=max(each[3] for each in sequences),
        config=record + _arrays(nals),
        payload=slices,
    )


def _read_config(config: bytes, budget: Budget) -> tuple[bytes, list[tuple[int, bytes]]]:
    """The record up to its arrays, and the parameter sets in them; other NAL units are left out."""
    fields = Fields(config, 0, len(config))
    record, nals = fields.take(_RECORD_BYTES), list[tuple[int, bytes]]()
    for _array in range(fields.uint(1)):
        kind = fields.uint(1) & 63
        for _nal in range(fields.uint(2)):
            budget.count(BOXES)
            nal = fields.take(fields.uint(2))
            if kind in _PARAMETERS and _kind(nal) == kind:
                nals.append((kind, nal))
    return record, nals


def _arrays(nals: list[tuple[int, bytes]]) -> bytes:
    written = []
    for kind in _PARAMETERS:
        units = [nal for each, nal in nals if each == kind]
        # The upper bit says that no others are in the data.
        head = bytes([0x80 | kind]) + len(units).to_bytes(2, "big")
        written.append(head + b"".join(len(nal).to_bytes(2, "big") + nal for nal in units))
    return bytes([len(written)]) + b"".join(written)


def _read_sequence(nal: bytes) -> tuple[int, int, int, int]:
    """Width and height in memory, the chroma format and the bits of a sample of a sequence parameter set (7.3.2.2)."""
    bits = Bits(nal[_NAL_HEAD:_MAX_READ].replace(b"\0\0\3", b"\0\0"))
    bits.uint(4)
    sub_layers = bits.uint(3)
    bits.uint(1)
    _skip_profile(bits, sub_layers)
    bits.exp_golomb()
    chroma = bits.exp_golomb()
    if chroma > _SPECIAL_CHROMA:
        raise corrupt("its pixel data is of no known chroma format")
    if chroma == _SPECIAL_CHROMA:
        bits.uint(1)
    width, height = bits.exp_golomb(), bits.exp_golomb()
    if bits.flag():
        for _edge in range(4):
            bits.exp_golomb()
    depth = 8 + max(bits.exp_golomb(), bits.exp_golomb())
    if depth > _MAX_DEPTH:
        raise corrupt("its samples have too many bits")
    return width, height, chroma, depth


def _skip_profile(bits: Bits, sub_layers: int) -> None:
    """Skips profile_tier_level (7.3.3)."""
    if sub_layers > _MAX_SUB_LAYERS:
        raise corrupt("its pixel data has too many layers")
    bits.uint(96)
    present = [(bits.flag(), bits.flag()) for _layer in range(sub_layers)]
    if sub_layers:
        bits.uint(2 * (8 - sub_layers))
    for has_profile, has_level in present:
        bits.uint(88 * has_profile + 8 * has_level)


def _slices(payload: bytes, size: int, budget: Budget) -> Iterator[bytes]:
    """The slices of the one picture in the data, each with its length before it."""
    pictures = 0
    fields = Fields(payload, 0, len(payload))
    while not fields.is_at_end:
        budget.count(BOXES)
        length = fields.uint(size)
        nal = fields.take(length)
        kind = _kind(nal)
        if kind in _INTER_SLICES:
            raise corrupt("its pixel data needs another picture")
        if kind not in _SLICES:
            continue
        # The first bit behind the head says that a picture begins.
        pictures += nal[_NAL_HEAD] >> 7 if length > _NAL_HEAD else 0
        yield length.to_bytes(size, "big") + nal
    if pictures != 1:
        raise corrupt("its pixel data does not hold one picture")


def _kind(nal: bytes) -> int:
    """The type of a NAL unit; -1 of one that is too short, or of another layer."""
    if len(nal) < _NAL_HEAD:
        return -1
    layer = (nal[0] & 1) << 5 | nal[1] >> 3
    return nal[0] >> 1 & 63 if layer == 0 else -1
