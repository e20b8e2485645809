"""The guarded decode: hostile bytes meet a decoder only in a child that may die of them.

The child is a plain fork: no lock, queue or pool, since Lambda has no /dev/shm for them. What
it makes comes back in an anonymous file, and its verdict as one JSON message on a pipe; a
pickle would let a decoder that was taken over run code in the parent.
"""

from __future__ import annotations

import errno
import gc
import io
import json
import math
import os
import resource
import select
import signal
import tempfile
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, NoReturn, cast

from PIL import GifImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from chalicelib.core.observing import memory
from chalicelib.imaging import endings, probe_png
from chalicelib.imaging.header import Header
from chalicelib.imaging.rejection import REASONS, ImageRejectedError
from chalicelib.imaging.values import Limits

# Image.open finds these by name; importing them here lets no child pay for it.
_DECODERS = (GifImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin)

Work = Callable[[BinaryIO], list[int]]
"""Writes files one after the other, and returns how many bytes each has."""

# A message is a few numbers or a sentence. It must fit a pipe's buffer, so that a child
# can always write it and go.
_MOST_MESSAGE = 60_000

# Bytes that are inflated at once: packed ones, and what they may become.
_PACKED_STEP, _INFLATE_STEP = 1 << 16, 1 << 20

# What a write fails with at RLIMIT_FSIZE, and for want of memory.
_NO_ROOM = (errno.EFBIG, errno.ENOMEM)

# Measured: a WebP with transparency, whose decoder keeps two canvases beside the result.
MOST_BYTES_PER_PIXEL = 20


def guarded(work: Work, limits: Limits) -> list[bytes]:
    """Runs `work` in a child process and returns the files that it wrote.

    Raises ImageRejectedError as `work` raised it, or with the reason resource_limit where the
    child ran out of memory or time, or was killed; RuntimeError where `work` failed for a
    reason that is not the picture's; OSError where no child can be had at all. The last two
    may pass.
    """
    with _scratch_file() as files:
        message = _ask_child(work, files, limits)
        return _cut(files, _lengths(message))


def verify(data: bytes, header: Header, limits: Limits) -> None:
    """Decodes, in a child, as much of `data` as shows that it is whole.

    That finds truncation and broken structure, not flipped bits that still decode. Raises
    like `guarded`.
    """
    picture = header.picture(data)
    guarded(lambda _files: verify_picture(picture, header, limits), limits)


def verify_picture(picture: bytes, header: Header, limits: Limits) -> list[int]:
    """What `verify` does in the child; writes no file. Raises ImageRejectedError."""
    with decoding(is_vast=is_vast(header, limits)):
        if header.format == "PNG":
            _inflate(picture, header.inflated_bytes)
            return []
        endings.check(picture, header)
        image = opened(picture, header.format)
        if header.format == "JPEG":
            # An eighth finds the same damage as the whole: all of the codes are read anyway.
            eighth = max(1, header.width // 8), max(1, header.height // 8)
            image.draft("L" if header.is_ycc else None, eighth)
        image.load()
    return []


@contextmanager
def decoding(*, is_vast: bool = False) -> Iterator[None]:
    """Turns all that a decoder may raise into an ImageRejectedError.

    All of Exception, because damaged files make Pillow raise IndexError, TypeError,
    struct.error and more. Libjpeg and libwebp report a lack of memory as damage: what a
    picture that is vast for its budget dies of is taken for that.
    """
    try:
        yield
    except ImageRejectedError:
        raise
    except MemoryError:
        raise ImageRejectedError("resource_limit") from None
    except Exception as error:
        raise ImageRejectedError(_reason(error, is_vast)) from None


def is_vast(header: Header, limits: Limits) -> bool:
    """Whether the worst kind of picture of these dimensions could exceed the memory."""
    return header.width * header.height * MOST_BYTES_PER_PIXEL > limits.memory_bytes


def opened(picture: bytes, *formats: str) -> Image.Image:
    """The image, not decoded yet, if it is of one of `formats`, in Pillow's names."""
    return Image.open(io.BytesIO(picture), formats=formats)


def _reason(error: Exception, is_vast: bool) -> str:
    if is_vast:
        return "resource_limit"
    ended_early = isinstance(error, EOFError) or "truncated" in str(error).lower()
    return "truncated" if ended_early else "corrupt"


def _inflate(picture: bytes, expected: int) -> None:
    """Unpacks a PNG's rows without keeping them; their checksums were compared already.

    No more than that: what may follow them in the same stream is never drawn, and may be a bomb.
    """
    engine, missing = zlib.decompressobj(), expected
    for chunk in probe_png.pixel_chunks(picture):
        for start in range(0, len(chunk), _PACKED_STEP):
            missing -= _unpacked_bytes(engine, chunk[start : start + _PACKED_STEP], missing)
            if missing <= 0:
                return
    raise ImageRejectedError("truncated")


def _unpacked_bytes(engine: zlib._Decompress, packed: bytes, most: int) -> int:
    """How many bytes `packed` becomes; stops soon after `most`."""
    total = 0
    while total < most:
        made = len(engine.decompress(packed, _INFLATE_STEP))
        total += made
        packed = engine.unconsumed_tail
        # The engine may hold back what did not fit into the step, with nothing left to feed it.
        if made < _INFLATE_STEP and not packed:
            break
    return total


def _scratch_file() -> BinaryIO:
    """An unnamed file; unbuffered, since parent and child share its position."""
    if hasattr(os, "memfd_create"):
        return cast(BinaryIO, os.fdopen(os.memfd_create("renditions"), "w+b", buffering=0))
    return cast(BinaryIO, tempfile.TemporaryFile(buffering=0))


def _ask_child(work: Work, files: BinaryIO, limits: Limits) -> bytes:
    reader, writer = os.pipe()
    apart = memory.mapped_bytes()
    try:
        child = os.fork()
        if child == 0:
            _be_the_child(work, files, writer, limits)
    except OSError:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    try:
        return _received(reader, limits.wall_seconds)
    finally:
        os.close(reader)
        _end(child, apart)


def _received(reader: int, seconds: float) -> bytes:
    """All that the child sent when it closed its end, which at the latest its death does."""
    deadline = time.monotonic() + seconds
    poller = select.poll()
    poller.register(reader, select.POLLIN)
    received = b""
    while len(received) <= _MOST_MESSAGE:
        left = deadline - time.monotonic()
        if left <= 0 or not poller.poll(math.ceil(left * 1000)):
            raise ImageRejectedError("resource_limit", f"The picture takes longer than {seconds:g} seconds to decode.")
        piece = os.read(reader, _MOST_MESSAGE)
        if not piece:
            break
        received += piece
    return received


def _end(child: int, apart: int) -> None:
    # A child that has answered may be killed as well: it has nothing left to do. Where the
    # parent ignores SIGCHLD the kernel has reaped it already, and both calls find nobody.
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    with suppress(ChildProcessError):
        _, _, used = os.wait4(child, 0)
        memory.add_child(used.ru_maxrss, apart)


def _lengths(message: bytes) -> list[int]:
    """The lengths in a child's message; raises what the message says instead of them."""
    try:
        answer = json.loads(message)
    except ValueError:
        raise ImageRejectedError("resource_limit") from None
    if "fault" in answer:
        raise RuntimeError(f"the imaging child failed: {answer['fault']}")
    if "reason" in answer:
        reason = answer["reason"] if answer["reason"] in REASONS else "corrupt"
        raise ImageRejectedError(reason, str(answer["message"]))
    return [int(length) for length in answer["lengths"]]


def _cut(files: BinaryIO, lengths: list[int]) -> list[bytes]:
    pieces, position = [], 0
    for length in lengths:
        pieces.append(os.pread(files.fileno(), length, position))
        position += length
    return pieces


def _be_the_child(work: Work, files: BinaryIO, writer: int, limits: Limits) -> NoReturn:
    try:
        _confine(limits)
        os.write(writer, json.dumps(_answer(work, files)).encode())
    finally:
        # Whatever happened, none of the parent's own clean-up may run here.
        os._exit(0)


def _confine(limits: Limits) -> None:
    # A collection could finalise objects of the parent's, and close what it still uses.
    gc.disable()
    # The parent's handlers are about the parent. The alarm ends a child whose parent was
    # killed and can no longer end it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGXCPU):
        signal.signal(number, signal.SIG_DFL)
    signal.alarm(math.ceil(limits.wall_seconds) + 1)
    # The headers were held to our own limits, so Pillow's one on pixels has nothing to add.
    Image.MAX_IMAGE_PIXELS = None
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    warnings.simplefilter("ignore")
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_CPU, math.ceil(limits.cpu_seconds))
    _lower(resource.RLIMIT_FSIZE, limits.memory_bytes)
    if occupied := _address_space():
        _lower(resource.RLIMIT_AS, occupied + limits.memory_bytes)


def _lower(which: int, most: int) -> None:
    soft, hard = resource.getrlimit(which)
    # RLIM_INFINITY is -1: not a number to compare with.
    most = min([most, *(limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY)])
    resource.setrlimit(which, (most, most))


def _address_space() -> int:
    """Bytes of address space in use; 0 outside Linux, where the memory limit is left off."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except FileNotFoundError:
        return 0


def _answer(work: Work, files: BinaryIO) -> dict[str, object]:
    try:
        return {"lengths": work(files)}
    except ImageRejectedError as rejection:
        return {"reason": rejection.reason, "message": rejection.message[:500]}
    except Exception as error:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) in _NO_ROOM:
            return {"reason": "resource_limit", "message": REASONS["resource_limit"]}
        return {"fault": f"{type(error).__name__}: {error}"[:500]}
