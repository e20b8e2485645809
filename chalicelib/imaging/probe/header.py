"""What the header readers share: their result, and the bounds that they check while reading."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from chalicelib.imaging.rejection import ImageRejectedError
from chalicelib.imaging.values import Limits

Dimensions = tuple[int, int]
"""Width and height, in pixels."""

Box = tuple[int, int, int, int]
"""Left, top, right and bottom, in pixels."""


_Pair = TypeVar("_Pair", tuple[int, int], tuple[float, float])


Span = tuple[int, int]
"""Start and end of a part of the file."""


@dataclass(frozen=True)
class Frame:
    """A frame of a GIF."""

    box: Box
    spans: tuple[Span, ...]
    """What draws it, without the file's header."""

    milliseconds: int
    clears: int
    """What becomes of it before the next one: 2 is cleared, 3 taken back, others stay (GIF89a, "Disposal Method")."""


@dataclass(frozen=True)
class Motion:
    """An animation, as the headers of its frames tell it."""

    seconds: float
    """How long it plays once."""

    loops: int = 0
    """How often it plays, 0 for ever; of a GIF. Of a WebP the decoder tells it."""

    frames: tuple[Frame, ...] = ()
    """Of a GIF; its header is the first `head_end` bytes of the file."""

    head_end: int = 0


# An animation of more frames is not one that stays animated.
MAX_FRAMES = 1_000


@dataclass(frozen=True)
class Header:
    """What a file says about itself, in the orientation in which it is stored."""

    format: str
    width: int
    height: int
    space: str
    """What the samples are: RGB, Gray or CMYK."""

    spans: tuple[tuple[int, int], ...]
    """Start and end of the parts of the file that draw the first frame."""

    has_alpha: bool = False
    frames: int = 1
    orientation: int = 1
    motion: Motion | None = field(default=None, repr=False)
    """Of a GIF or a WebP with more than one frame, and no more than MAX_FRAMES."""

    profile: bytes | None = None
    """The ICC profile that the file embeds or describes; None after `read_header` where it is of no use."""

    depth: int = 8
    """Bits of a sample."""

    transparent_color: tuple[int, ...] = ()
    """Of a PNG: the samples, as they are stored, of the one color that is transparent."""

    frame_box: Box | None = None
    """What the first frame fills, if not the whole canvas: the rest is transparent."""

    exif: bytes = field(default=b"", repr=False)
    """The EXIF block as it stands in the file; empty where there is none."""

    is_ycc: bool = False
    """Whether a JPEG stores YCbCr, which the decoder can return without conversion."""

    inflated_bytes: int = 0
    """Bytes that the pixel data of a PNG must inflate to."""

    trailer: bytes = b""
    """What must follow the spans to end the file."""

    rewritten: bytes = field(default=b"", repr=False)
    """The file as decoders see it, where it is not made of spans."""

    aperture: Box | None = None
    """What is seen of the picture that the decoder gives, if not all: `width` and `height` are those of this box."""

    lacks_end: bool = False
    """A JPEG without its end marker: only the decoder can tell whether pixels are missing."""

    @property
    def upright(self) -> Dimensions:
        """Width and height as they are seen."""
        return self.turn((self.width, self.height))

    def turn(self, pair: _Pair) -> _Pair:
        """Upright width and height as they are stored, and the reverse: orientations 5 to 8 lie on their side."""
        return (pair[1], pair[0]) if self.orientation >= 5 else pair

    def turn_point(self, point: tuple[float, float]) -> tuple[float, float]:
        """A place in the upright picture, in shares of its sides, as it is in the stored one."""
        x, y = point
        mirrored = 1 - x if self.orientation in (2, 3, 6, 7) else x, 1 - y if self.orientation in (3, 4, 7, 8) else y
        return self.turn(mirrored)

    def strip(self, data: bytes) -> bytes:
        """The file with only what draws the first frame.

        Decoders see nothing else: metadata, later frames and trailing data cannot attack them, nor
        leak into results.
        """
        if self.rewritten:
            return self.rewritten
        return b"".join([*(data[start:end] for start, end in self.spans), self.trailer])


# What is counted, in the words of the errors: the first two in a JPEG, the third in a PNG, and the last three in a HEIC
# or AVIF.
SCANS, SEGMENTS, CHUNKS, METADATA = "scans", "segments", "chunks that are read", "bytes of metadata"
BOXES, TILES, DECODED = "boxes and parts of boxes", "tiles", "pixels to decode, with tiles and transparency"


# A flat color takes ten times as many bytes in a GIF as in an AVIF, which has 13,600 pixels of it in a byte.
_DENSE = 10

# Tiles reach over the edge of their picture: with 512 pixels a side, up to an eighth of 50 megapixels.
_OVERHANG = 1.25


class Budget:
    """Counts what is read or decoded, and rejects the file as soon as it exceeds a limit.

    What is skipped is not counted: good files hold megabytes of it, and skipping takes time linear in its bytes.
    """

    def __init__(self, limits: Limits, size: int) -> None:
        self._limits = limits
        self._size = size
        self._counts = Counter[str]()
        self._bounds = {
            SCANS: limits.max_scans,
            SEGMENTS: limits.max_segments,
            CHUNKS: limits.max_chunks,
            METADATA: limits.max_metadata_bytes,
            BOXES: limits.max_boxes,
            TILES: limits.max_tiles,
            DECODED: int(limits.max_pixels * _OVERHANG),
        }

    def count(self, what: str, number: int = 1) -> None:
        """Adds to the count of one of these."""
        self._counts[what] += number
        if self._counts[what] > self._bounds[what]:
            raise ImageRejectedError("too_complex", f"The picture has more than {self._bounds[what]:,} {what}.")

    def check_pixels(self, width: int, height: int, *, is_dense: bool = False) -> None:
        """The dimensions of the canvas, or of the first frame. `is_dense`: of a codec that needs almost no bytes."""
        if width < 1 or height < 1:
            raise ImageRejectedError("corrupt", "The picture has no width or no height.")
        pixels, limit = width * height, self._limits.max_pixels
        if pixels > limit:
            raise ImageRejectedError(
                "too_many_pixels",
                f"The picture has {pixels:,} pixels ({width} x {height}); at most {limit:,} are accepted.",
            )
        ratio = self._limits.max_pixels_per_byte * (_DENSE if is_dense else 1)
        if pixels > self._limits.small_pixels and pixels > ratio * self._size:
            raise ImageRejectedError(
                "too_complex",
                f"The file claims {pixels:,} pixels in {self._size:,} bytes; "
                f"at most {ratio:,} pixels a byte are accepted.",
            )


def truncated(what: str) -> ImageRejectedError:
    """The error for a file that ends inside `what`."""
    return ImageRejectedError("truncated", f"The file ends inside {what}.")


def corrupt(what: str) -> ImageRejectedError:
    """The error for a file of wrong structure; `what` is a clause that says what is wrong."""
    return ImageRejectedError("corrupt", f"The picture is damaged: {what}.")


def partial_box(width: int, height: int, box: Box) -> Box | None:
    """The box, if it is smaller than the canvas."""
    return None if box == (0, 0, width, height) else box


def merge_spans(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The same spans, with those that touch merged."""
    result: list[tuple[int, int]] = []
    for start, end in spans:
        if result and result[-1][1] == start:
            result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return tuple(result)
