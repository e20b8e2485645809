"""The files that the guarded child writes, one after the other; encoded on two threads where there are two cores.

Pillow's encoders hold the interpreter only until they write into a real file, so each thread has an unnamed one.
"""

import os
import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO, NamedTuple, cast


class Written(NamedTuple):
    """A file that was written: its bytes, and its quality where that was found by measurement."""

    size: int
    quality: int | None = None


Write = Callable[[BinaryIO], list[Written]]
"""Writes files one after the other."""

# As many as encode at the same time: each that waits holds an image.
_AT_ONCE = 2


def scratch_file() -> BinaryIO:
    """An unnamed file; unbuffered, since parent and child share its position. Lambda has no /dev/shm."""
    if hasattr(os, "memfd_create"):
        return cast(BinaryIO, os.fdopen(os.memfd_create("renditions"), "w+b", buffering=0))
    return cast(BinaryIO, tempfile.TemporaryFile(buffering=0))


class Files:
    """Takes what writes files, and puts the files into `output` in that order."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self._written: list[Written] = []
        self._threads = ThreadPoolExecutor(_AT_ONCE) if _cores() > 1 else None
        self._writing: list[tuple[Future[list[Written]], BinaryIO]] = []

    def add(self, write: Write) -> None:
        """Runs `write` now or at the same time as the caller goes on, who changes no image of it any more.

        Raises what it, or one before it, raised.
        """
        if self._threads is None:
            self._written += write(self._output)
            return
        while len(self._writing) >= _AT_ONCE:
            self._collect()
        file = scratch_file()
        try:
            self._writing.append((self._threads.submit(write, file), file))
        except RuntimeError:
            # No room for a thread's stack: what is left is written without.
            self._threads = None
            while self._writing:
                self._collect()
            self._written += write(self._output)

    def finish(self) -> list[Written]:
        """All files, when they are written."""
        while self._writing:
            self._collect()
        return self._written

    def _collect(self) -> None:
        """Waits for the first that is being written, and moves its files into the output."""
        writing, file = self._writing.pop(0)
        with file:
            written = writing.result()
            file.seek(0)
            for each in written:
                self._output.write(file.read(each.size))
        self._written += written


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
