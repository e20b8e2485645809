"""Memory that is given back: moto forgets what is deleted, and the C library returns large buffers."""

import contextlib
import ctypes
import sys
from typing import Any

from local.patching import patch

# M_MMAP_THRESHOLD of mallopt(3), and from how many bytes on a buffer is mapped by itself.
_MMAP_THRESHOLD = -3
_LARGE = 256 * 1024


def forget_deleted_things() -> None:
    """Keep no list of all objects, rows and messages, as moto does for a page that nobody opens here."""
    from moto.core.common_models import BaseModel

    def make(cls: Any, *args: Any, **kwargs: Any) -> Any:
        return object.__new__(cls)

    patch(BaseModel, "__new__", make)


def return_large_buffers() -> None:
    """Let each picture's memory go back at once: glibc would keep it, in one heap for each thread."""
    if sys.platform == "linux":
        # Another C library has no such function.
        with contextlib.suppress(AttributeError, OSError):
            ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)
