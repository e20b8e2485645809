"""The guard: a decoder meets hostile bytes only in a child process, which may die of them.

The child is a plain fork: no lock, queue or pool, since Lambda has no /dev/shm for them. Its files
come back in an anonymous file, and its verdict as one JSON message on a pipe; a pickle would let a
decoder that was taken over run code in the parent.
"""

import errno
import gc
import json
import math
import os
import resource
import select
import signal
import time
import warnings
from contextlib import suppress
from typing import BinaryIO, NamedTuple, NoReturn

from PIL import GifImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from chalicelib.core.observing import memory
from chalicelib.imaging.files import Write, Written, scratch_file
from chalicelib.imaging.rejection import REASONS, ImageRejectedError
from chalicelib.imaging.values import Limits

# Image.open imports these by name. Imported here, they cost no child any time.
_DECODERS = (GifImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin)


class File(NamedTuple):
    """A file that the child wrote, and its quality where that was found by measurement."""

    data: bytes
    quality: int | None


# A message is a few numbers or a sentence. It must fit a pipe's buffer, so that the child
# can always write it and exit.
_MAX_MESSAGE = 60_000

# What a write fails with at RLIMIT_FSIZE, and for want of memory.
_NO_ROOM = (errno.EFBIG, errno.ENOMEM)


def run_in_child(task: Write, limits: Limits) -> list[File]:
    """Runs `task` in a child process and returns the files that it wrote.

    Raises:
        ImageRejectedError: as `task` raised it; resource_limit if the child ran out of memory or time.
        RuntimeError: `task` failed for a reason that is not the picture's. May pass.
        OSError: no child process could be started. May pass.
    """
    with scratch_file() as files:
        return _split(files, _written(_ask_child(task, files, limits)))


def _ask_child(task: Write, files: BinaryIO, limits: Limits) -> bytes:
    reader, writer = os.pipe()
    unshared = memory.mapped_bytes()
    try:
        child = os.fork()
        if child == 0:
            _run_child(task, files, writer, limits)
    except OSError:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    try:
        return _receive(reader, limits.wall_seconds)
    finally:
        os.close(reader)
        _end_child(child, unshared)


def _receive(reader: int, seconds: float) -> bytes:
    """The child's message, complete when its end of the pipe closes: at the latest when it dies."""
    deadline = time.monotonic() + seconds
    poller = select.poll()
    poller.register(reader, select.POLLIN)
    received = b""
    while len(received) <= _MAX_MESSAGE:
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not poller.poll(math.ceil(remaining * 1000)):
            raise ImageRejectedError("resource_limit", f"The picture takes longer than {seconds:g} seconds to decode.")
        piece = os.read(reader, _MAX_MESSAGE)
        if not piece:
            break
        received += piece
    return received


def _end_child(child: int, unshared: int) -> None:
    # A child that has answered has nothing left to do, and may be killed. Where the parent
    # ignores SIGCHLD the kernel has reaped it already, and both calls find no process.
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    with suppress(ChildProcessError):
        _, _, used = os.wait4(child, 0)
        memory.add_child(used.ru_maxrss, unshared)


def _written(message: bytes) -> list[Written]:
    """The files in a child's message. Raises the failure that the message names instead."""
    try:
        answer = json.loads(message)
    except ValueError:
        raise ImageRejectedError("resource_limit") from None
    if "fault" in answer:
        raise RuntimeError(f"the imaging child failed: {answer['fault']}")
    if "reason" in answer:
        reason = answer["reason"] if answer["reason"] in REASONS else "corrupt"
        raise ImageRejectedError(reason, str(answer["message"]))
    return [Written(int(size), None if quality is None else int(quality)) for size, quality in answer["files"]]


def _split(files: BinaryIO, written: list[Written]) -> list[File]:
    pieces, position = [], 0
    for each in written:
        pieces.append(File(os.pread(files.fileno(), each.size, position), each.quality))
        position += each.size
    return pieces


def _run_child(task: Write, files: BinaryIO, writer: int, limits: Limits) -> NoReturn:
    try:
        _apply_limits(limits)
        os.write(writer, json.dumps(_run_task(task, files)).encode())
    finally:
        # Even after a failure, none of the parent's clean-up may run here.
        os._exit(0)


def _apply_limits(limits: Limits) -> None:
    # A collection could finalize objects of the parent, and close what it still uses.
    gc.disable()
    # The parent's handlers are not for the child. The alarm ends a child whose parent was killed.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGXCPU):
        signal.signal(number, signal.SIG_DFL)
    signal.alarm(math.ceil(limits.wall_seconds) + 1)
    # The headers were held to our own limits already.
    Image.MAX_IMAGE_PIXELS = None
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    warnings.simplefilter("ignore")
    _lower_limit(resource.RLIMIT_CORE, 0)
    _lower_limit(resource.RLIMIT_CPU, math.ceil(limits.cpu_seconds))
    _lower_limit(resource.RLIMIT_FSIZE, limits.memory_bytes)
    if occupied := _address_space():
        _lower_limit(resource.RLIMIT_AS, occupied + limits.memory_bytes)


def _lower_limit(which: int, limit: int) -> None:
    soft, hard = resource.getrlimit(which)
    # RLIM_INFINITY is -1: not a number to compare with.
    limit = min([limit, *(known for known in (soft, hard) if known != resource.RLIM_INFINITY)])
    resource.setrlimit(which, (limit, limit))


def _address_space() -> int:
    """Bytes of address space in use; 0 outside Linux, where memory is not limited."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except FileNotFoundError:
        return 0


def _run_task(task: Write, files: BinaryIO) -> dict[str, object]:
    try:
        return {"files": task(files)}
    except ImageRejectedError as rejection:
        return {"reason": rejection.reason, "message": rejection.message[:500]}
    except Exception as error:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) in _NO_ROOM:
            return {"reason": "resource_limit", "message": REASONS["resource_limit"]}
        return {"fault": f"{type(error).__name__}: {error}"[:500]}
