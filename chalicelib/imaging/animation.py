"""Animations, for the inside of the guarded child: their frames as whole canvases, and how long each is shown.

A GIF's frames are decoded one by one, each as a file of its own, and put together here as browsers do it: what is
cleared becomes transparent. (Pillow would fill it with the background color, which browsers ignore.) A WebP's decoder
does the same by itself.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image

from chalicelib.imaging.decode import open_image
from chalicelib.imaging.probe.gif import TRAILER
from chalicelib.imaging.probe.header import Frame, Header, Motion
from chalicelib.imaging.rejection import ImageRejectedError

_CLEAR = (0, 0, 0, 0)
_CLEARED, _TAKEN_BACK = 2, 3
# Where a GIF has the dimensions of its canvas, and an image block the place of its frame.
_CANVAS_AT, _PLACE_AT = slice(6, 10), slice(1, 5)


class Shown(NamedTuple):
    """A frame in mode RGBA, as large as the canvas."""

    image: Image.Image
    milliseconds: int


class Timing(NamedTuple):
    """When the frames of an animation are shown. `loops` is 0 for ever."""

    milliseconds: list[int]
    loops: int


def read_frames(data: bytes, header: Header) -> Iterator[Shown]:
    """The frames of an animation, in their order. `data` is the whole file; raises whatever decoders do."""
    if header.format == "GIF" and header.motion is not None:
        return _gif_frames(data, header, header.motion)
    return webp_frames(header.strip(data), header.frames)


def loops(data: bytes, header: Header) -> int:
    """How often the animation plays; 0 for ever."""
    if header.format == "GIF" and header.motion is not None:
        return header.motion.loops
    return webp_loops(header.strip(data))


def webp_frames(data: bytes, count: int) -> Iterator[Shown]:
    image = open_image(data, "WEBP")
    if getattr(image, "n_frames", 1) != count:
        raise ImageRejectedError("corrupt")
    for at in range(count):
        image.seek(at)
        image.load()
        yield Shown(image.convert("RGBA"), int(image.info["duration"]))


def webp_loops(data: bytes) -> int:
    return int(open_image(data, "WEBP").info.get("loop", 0))


def _gif_frames(data: bytes, header: Header, motion: Motion) -> Iterator[Shown]:
    canvas = Image.new("RGBA", (header.width, header.height), _CLEAR)
    for frame in motion.frames:
        before = canvas.copy() if frame.clears == _TAKEN_BACK else canvas
        patch = _decode_patch(data, motion.head_end, frame)
        if patch is not None:
            canvas.alpha_composite(patch, frame.box[:2])
        yield Shown(canvas.copy(), frame.milliseconds)
        if frame.clears == _CLEARED:
            canvas.paste(_CLEAR, frame.box)
        canvas = before


def _decode_patch(data: bytes, head_end: int, frame: Frame) -> Image.Image | None:
    """What a frame draws into its box; None if the box is empty."""
    left, top, right, bottom = frame.box
    if left == right or top == bottom:
        return None
    head, *control, block = data[:head_end], *(bytearray(data[start:end]) for start, end in frame.spans)
    alone = bytearray(head)
    alone[_CANVAS_AT] = struct.pack("<HH", right - left, bottom - top)
    block[_PLACE_AT] = bytes(4)
    image = open_image(b"".join([alone, *control, block, TRAILER]), "GIF")
    image.load()
    return image.convert("RGBA")
