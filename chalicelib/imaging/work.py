"""What the steps of the pipeline work on."""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO, NamedTuple, Self

from PIL import Image

from chalicelib.core.image_values import CENTER, SIMILARITY, Point, Quality
from chalicelib.imaging.files import Files
from chalicelib.imaging.probe.header import Dimensions, Header
from chalicelib.imaging.recipe import Mark
from chalicelib.imaging.values import Limits

Shares = tuple[float, float]
"""The share of the width, and of the height, that a crop leaves; up to 1."""

UNCROPPED: Shares = (1.0, 1.0)

WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Encoding:
    """How files are written."""

    qualities: Mapping[str, Quality]
    """Of each format, on its own scale; PNG has none."""

    ground: tuple[int, int, int] = WHITE
    """What a JPEG has in place of transparency."""

    similarity: float = SIMILARITY
    """What AUTO keeps."""

    exif: bytes = b""
    """The EXIF block that every file gets; empty for none."""


class Plane(NamedTuple):
    """Decoded samples. They may be fewer than the original's."""

    image: Image.Image
    box: tuple[float, float, float, float]
    """What is used of `image`, in its pixels. After the decode, the whole picture: libjpeg rounds dimensions up."""

    scale: int = 1
    """How many pixels of a side of the original are one."""


class Bars(NamedTuple):
    """What a picture is put into, where that is larger."""

    dimensions: Dimensions
    color: tuple[int, int, int] | None
    """None for transparent ones."""


class Detail(NamedTuple):
    """How much detail a picture has, in equal steps from left to right, and from top to bottom."""

    across: Sequence[float]
    down: Sequence[float]


@dataclass
class Work:
    """One picture on its way through the steps."""

    data: bytes = field(repr=False)
    """The file, as `Header.strip` gives it."""

    header: Header
    size: Dimensions
    """What to shrink to, in the orientation that the planes have before `shrink`."""

    limits: Limits = field(repr=False)
    crop: Shares = UNCROPPED
    """In the same orientation as `size`."""

    focus: Point | str = CENTER
    """What a crop keeps, in the same orientation; or SMART."""

    bars: Bars | None = None
    formats: tuple[str, ...] = ()
    encoding: Encoding = Encoding({})
    marks: tuple[Mark, ...] = ()
    all_frames: bytes = field(default=b"", repr=False)
    """The whole file, of an animation that stays one."""

    files: Files = field(default_factory=lambda: Files(io.BytesIO()), repr=False)
    """Where `encode` writes the files."""

    planes: tuple[Plane, ...] = ()
    """The picture in one plane; or, between `decode` and `shrink`, in three: Y, Cb and Cr."""

    detail: Detail | None = None
    """Of the decoded picture, where a crop needs it."""

    def to(self, output: BinaryIO) -> Self:
        """The same work, which has written nothing yet."""
        return replace(self, files=Files(output))

    @property
    def image(self) -> Image.Image:
        """The picture; of Y, Cb and Cr, the first."""
        return self.planes[0].image

    @image.setter
    def image(self, image: Image.Image) -> None:
        self.planes = (Plane(image, (0, 0, *image.size)),)

    @property
    def keeps_ycc(self) -> bool:
        """Whether the JPEG encoder gets YCbCr, without a detour by RGB."""
        return "jpeg" in self.formats and self.header.profile is None


Step = Callable[[Work], None]


def run(steps: Iterable[Step], work: Work) -> None:
    for step in steps:
        step(work)
