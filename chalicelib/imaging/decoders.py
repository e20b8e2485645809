"""The decoders that are loaded with the first picture that needs them, and the one that a stage may lack.

HEIC is decoded by libheif and libde265, which the package pi-heif-decoder brings. Both had flaws by which a picture
could take the process over, so an older version counts as none; and so does pi-heif, which is no longer kept.
"""

from functools import cache
from importlib import import_module, metadata
from typing import Any

_PACKAGE, _MODULE = "pi-heif-decoder", "pi_heif"
# It brings libheif 1.23.4 and libde265 1.1.3, with the fixes of August and September 2026 for what is decoded here.
_OLDEST = (1, 7)

PILLOW_NAMES = {"HEIC": "HEIF"}
"""Formats that Pillow calls by another name."""


def load(format_: str) -> None:
    """Loads the decoder of a format into this process, so that its children need not.

    One thread each: it costs the least CPU time, and a child has little room for the stacks of more.
    """
    if format_ == "AVIF":
        plugin: Any = import_module("PIL.AvifImagePlugin")
        plugin.DEFAULT_MAX_THREADS = 1
    elif format_ == "HEIC":
        # The decoder gets files that have nothing beside a picture and its transparency.
        import_module(_MODULE).register_heif_opener(
            decode_threads=1, thumbnails=False, depth_images=False, aux_images=False
        )


def find_decoder_fault(media_type: str) -> str | None:
    """Why pictures of that type cannot be decoded here, as a sentence that says what helps; None if they can."""
    if media_type != "image/heic" or _version() >= _OLDEST:
        return None
    what = "is too old to be safe" if _version() else "is missing"
    oldest = ".".join(map(str, _OLDEST))
    return (
        f"This stage cannot read HEIC: its decoder {what}. Send the photo as JPEG, or ask the operator to install the "
        f"Python package {_PACKAGE} {oldest} or newer."
    )


@cache
def _version() -> tuple[int, ...]:
    """The version of the package for HEIC; empty where it is not installed."""
    try:
        version = metadata.version(_PACKAGE)
    except metadata.PackageNotFoundError:
        return ()
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
