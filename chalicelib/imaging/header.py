"""What the header readers share: their result, and the bounds that they hold as they go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from chalicelib.imaging.rejection import ImageRejectedError
from chalicelib.imaging.values import Limits

Box = tuple[int, int, int, int]
"""Left, top, right and bottom, in pixels."""


@dataclass(frozen=True)
class Header:
    """What a file says about itself, in the orientation in which it is stored."""

    format: str
    width: int
    height: int
    space: str
    """What the samples are: RGB, Gray or CMYK."""

    spans: tuple[tuple[int, int], ...]
    """The stretches of the file that draw the first frame."""

    has_alpha: bool = False
    frames: int = 1
    orientation: int = 1
    profile: bytes | None = None
    """The ICC profile that the file embeds or describes; `probe.probe` leaves it where it can be used."""

    depth: int = 8
    """Bits of a sample."""

    key: tuple[int, ...] = ()
    """Of a PNG: the samples, as they are stored, of the one color that is clear."""

    drawn: Box | None = None
    """What the first frame fills, where that is not the whole canvas: the rest is clear."""

    exif: bytes = field(default=b"", repr=False)
    """The EXIF block as it stands in the file; empty where there is none."""

    is_ycc: bool = False
    """A JPEG that stores YCbCr, so that the decoder may hand it over as such."""

    inflated_bytes: int = 0
    """What the pixel data of a PNG must unpack to."""

    tail: bytes = b""
    """What must follow the spans to end the file."""

    may_be_cut: bool = False
    """A JPEG without its end marker: only the decoder can tell whether pixels are missing."""

    def picture(self, data: bytes) -> bytes:
        """The file without all that does not draw the first frame.

        Decoders see this and nothing else: metadata, later frames and trailing data are out
        of their reach, and cannot leak into what is made from it.
        """
        pieces = [data[start:end] for start, end in self.spans]
        return b"".join([*pieces, self.tail])


class Budget:
    """Counts what is read or decoded, and refuses the file as soon as a bound is passed.

    What is only stepped over is not counted: good files hold megabytes of it, and the readers
    pass it in a time that is linear in its bytes.
    """

    def __init__(self, limits: Limits, size: int) -> None:
        self._limits = limits
        self._size = size
        self._counts: dict[str, int] = {}

    def scan(self) -> None:
        """One more scan of a JPEG."""
        self._spend("scans", 1, self._limits.max_scans)

    def segment(self) -> None:
        """One more segment of a JPEG that is read or decoded."""
        self._spend("segments", 1, self._limits.max_segments)

    def chunk(self) -> None:
        """One more chunk of a PNG that is read or decoded."""
        self._spend("chunks that are read", 1, self._limits.max_chunks)

    def metadata(self, count: int) -> None:
        """`count` more bytes of EXIF or of a profile."""
        self._spend("bytes of metadata", count, self._limits.max_metadata_bytes)

    def pixels(self, width: int, height: int) -> None:
        """The dimensions of the canvas, or of the first frame."""
        if width < 1 or height < 1:
            raise ImageRejectedError("corrupt", "The picture has no width or no height.")
        pixels, most = width * height, self._limits.max_pixels
        if pixels > most:
            raise ImageRejectedError(
                "too_many_pixels",
                f"The picture has {pixels:,} pixels ({width} x {height}); at most {most:,} are accepted.",
            )
        ratio = self._limits.max_pixels_per_byte
        if pixels > self._limits.small_pixels and pixels > ratio * self._size:
            raise ImageRejectedError(
                "too_complex",
                f"The file claims {pixels:,} pixels in {self._size:,} bytes; "
                f"at most {ratio:,} pixels a byte are accepted.",
            )

    def _spend(self, what: str, count: int, most: int) -> None:
        total = self._counts.get(what, 0) + count
        self._counts[what] = total
        if total > most:
            raise ImageRejectedError("too_complex", f"The picture has more than {most:,} {what}.")


def truncated(what: str) -> ImageRejectedError:
    """The refusal of a file that ends inside `what`."""
    return ImageRejectedError("truncated", f"The file ends inside {what}.")


def corrupt(what: str) -> ImageRejectedError:
    """The refusal of a file whose structure is wrong; `what` is a clause that says how."""
    return ImageRejectedError("corrupt", f"The picture is damaged: {what}.")


def part_of(width: int, height: int, box: Box) -> Box | None:
    """The box, if it is less than the whole of a canvas."""
    return None if box == (0, 0, width, height) else box


def joined(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The same stretches, with those that touch made one."""
    result: list[tuple[int, int]] = []
    for start, end in spans:
        if result and result[-1][1] == start:
            result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return tuple(result)
