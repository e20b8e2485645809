"""What a file claims to be, read from its headers alone.

Nothing here decodes a pixel. The readers run in time linear in the file, stop at the first
bound that is passed, and raise nothing but ImageRejectedError, whatever the bytes.
"""

from __future__ import annotations

import struct
from dataclasses import replace

from chalicelib.imaging import probe_gif, probe_jpeg, probe_png, probe_webp, profiles
from chalicelib.imaging.header import Budget, Header, truncated
from chalicelib.imaging.rejection import ImageRejectedError
from chalicelib.imaging.values import MEDIA_TYPES, ImageInfo, Limits

_ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    # A JPEG with further pictures behind it, as stereo cameras and phones write.
    "image/mpo": "image/jpeg",
    "image/x-png": "image/png",
    # A PNG that moves.
    "image/apng": "image/png",
    "image/x-webp": "image/webp",
}

# What clients and S3 send when they do not know.
_UNDECLARED = frozenset({"", "application/octet-stream", "binary/octet-stream"})

# Pictures that people do send and that are not read here: they deserve the right reason.
_OTHERS = {
    b"BM": "image/bmp",
    b"II*\0": "image/tiff",
    b"MM\0*": "image/tiff",
    b"\0\0\1\0": "image/x-icon",
    b"8BPS": "image/vnd.adobe.photoshop",
    b"%PDF": "application/pdf",
}
_BOXED = {b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic",
          b"heix": "image/heic", b"mif1": "image/heif", b"msf1": "image/heif"}  # fmt: skip


def probe(data: bytes, declared_type: str, limits: Limits) -> Header:
    """The header of `data`.

    `declared_type` is a media type; parameters, case and known aliases do not matter, and an
    empty one or octet-stream declares nothing. It must be one that is allowed; what the file is
    taken for is what its bytes show, if that is allowed too. Raises ImageRejectedError for everything that
    the headers show to be wrong or beyond `limits`.
    """
    _check_size(len(data), limits)
    declared = normalized(declared_type)
    if declared not in _UNDECLARED:
        _check_allowed(declared, limits)
    found = media_type(data)
    if found is None:
        raise ImageRejectedError("not_an_image")
    # One allowed type in place of another is a wrong name, as a PNG has that is called .jpg.
    if declared not in {found, *_UNDECLARED} and not _is_allowed(found, limits):
        raise ImageRejectedError("type_mismatch", f"The file was declared as {declared}, but it is {found}.")
    _check_allowed(found, limits)
    return _with_usable_profile(_header(data, found, limits))


def info(header: Header) -> ImageInfo:
    """What a caller is told of a header: upright dimensions, and the name of the color space."""
    width, height = upright(header)
    return ImageInfo(
        width=width,
        height=height,
        format=header.format,
        media_type=MEDIA_TYPES[header.format],
        color_space=color_space(header),
        has_alpha=header.has_alpha,
        frames=header.frames,
        orientation=header.orientation,
    )


def upright(header: Header) -> tuple[int, int]:
    """Width and height as they are seen: orientations 5 to 8 lie on their side."""
    if header.orientation >= 5:
        return header.height, header.width
    return header.width, header.height


def color_space(header: Header) -> str:
    """Gray and CMYK whatever their profile; of RGB, what the profile is; see ImageInfo."""
    if header.space != "RGB":
        return header.space
    return "sRGB" if header.profile is None else profiles.name(header.profile)


def media_type(data: bytes) -> str | None:
    """The media type that the first bytes show, or None where they show no known picture."""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(probe_png.SIGNATURE):
        return "image/png"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp":
        return _BOXED.get(data[8:12])
    return next((kind for start, kind in _OTHERS.items() if data.startswith(start)), None)


def normalized(declared_type: str) -> str:
    """A declared media type in the one spelling that is compared."""
    plain = declared_type.partition(";")[0].strip().lower()
    return _ALIASES.get(plain, plain)


def _check_size(size: int, limits: Limits) -> None:
    if not size:
        raise ImageRejectedError("empty")
    if size > limits.max_bytes:
        raise ImageRejectedError(
            "too_large",
            f"The file has {size:,} bytes; at most {limits.max_bytes:,} are accepted.",
        )


def _is_allowed(kind: str, limits: Limits) -> bool:
    # A type that Limits names but that has no reader here is no more allowed than any other.
    return kind in limits.allowed_types and kind in MEDIA_TYPES.values()


def _check_allowed(kind: str, limits: Limits) -> None:
    if _is_allowed(kind, limits):
        return
    accepted = ", ".join(sorted(limits.allowed_types.intersection(MEDIA_TYPES.values())))
    raise ImageRejectedError("type_not_allowed", f"Files of type {kind[:80]} are not accepted; {accepted} are.")


def _header(data: bytes, kind: str, limits: Limits) -> Header:
    budget = Budget(limits, len(data))
    try:
        if kind == "image/jpeg":
            return probe_jpeg.read(data, budget)
        if kind == "image/png":
            return probe_png.read(data, budget, limits.max_metadata_bytes)
        if kind == "image/gif":
            return probe_gif.read(data, budget)
        return probe_webp.read(data, budget)
    except (struct.error, IndexError):
        # The readers take bytes by offset: reading past the end is the one way to fail here.
        raise truncated("its headers") from None


def _with_usable_profile(header: Header) -> Header:
    """Without a profile that is damaged, for other samples, or says no more than what holds without it."""
    profile = header.profile
    if profile is None or (_is_for(profile, header) and not profiles.is_srgb(profile)):
        return header
    return replace(header, profile=None)


def _is_for(profile: bytes, header: Header) -> bool:
    # Gray of a JPEG may have a profile of RGB: browsers read it as RGB of three equal samples. In a
    # PNG, the standard forbids it.
    spaces = ("Gray", "RGB") if (header.format, header.space) == ("JPEG", "Gray") else (header.space,)
    return any(profiles.describes(profile, space) for space in spaces)
