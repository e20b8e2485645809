"""The first step, in the parent: reads what a file claims to be from its headers alone.

Nothing here decodes a pixel. The readers take time linear in the file, stop at the first
limit that is exceeded, and raise only ImageRejectedError, whatever the bytes.
"""

import struct
from dataclasses import replace

from chalicelib.core.image_values import MEDIA_TYPES, normalize_media_type
from chalicelib.imaging import profiles
from chalicelib.imaging.probe import gif, jpeg, png, webp
from chalicelib.imaging.probe.header import Budget, Header, truncated
from chalicelib.imaging.rejection import ImageRejectedError
from chalicelib.imaging.values import ImageInfo, Limits

# What clients and S3 send for an unknown type.
_UNDECLARED = frozenset({"", "application/octet-stream", "binary/octet-stream"})

# Types that people send but that are not read here: named, so that the reason is right.
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


def read_header(data: bytes, declared_type: str, limits: Limits) -> Header:
    """The header of `data`, read as the type that its first bytes show.

    `declared_type` is a media type; parameters, case and known aliases do not matter, and an
    empty one or octet-stream declares nothing. Both types must be allowed. Raises ImageRejectedError
    for everything that the headers show to be wrong or beyond `limits`.
    """
    _check_size(len(data), limits)
    declared = normalize_media_type(declared_type)
    if declared not in _UNDECLARED:
        _check_allowed(declared, limits)
    actual = media_type(data)
    if actual is None:
        raise ImageRejectedError("not_an_image")
    # One allowed type in place of another is accepted: a PNG that is named .jpg.
    if declared not in {actual, *_UNDECLARED} and not _is_allowed(actual, limits):
        raise ImageRejectedError("type_mismatch", f"The file was declared as {declared}, but it is {actual}.")
    _check_allowed(actual, limits)
    return _drop_useless_profile(_read(data, actual, limits))


def image_info(header: Header) -> ImageInfo:
    width, height = header.upright
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


def color_space(header: Header) -> str:
    """Gray or CMYK, whatever the profile; for RGB, the name of the profile. See ImageInfo."""
    if header.space != "RGB":
        return header.space
    return "sRGB" if header.profile is None else profiles.name(header.profile)


def media_type(data: bytes) -> str | None:
    """The media type that the first bytes show, or None where it is unknown."""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(png.SIGNATURE):
        return "image/png"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp":
        return _BOXED.get(data[8:12])
    return next((kind for start, kind in _OTHERS.items() if data.startswith(start)), None)


def _check_size(size: int, limits: Limits) -> None:
    if not size:
        raise ImageRejectedError("empty")
    if size > limits.max_bytes:
        raise ImageRejectedError(
            "too_large",
            f"The file has {size:,} bytes; at most {limits.max_bytes:,} are accepted.",
        )


def _is_allowed(kind: str, limits: Limits) -> bool:
    # A type that Limits allows but that has no reader here is not allowed.
    return kind in limits.allowed_types and kind in MEDIA_TYPES.values()


def _check_allowed(kind: str, limits: Limits) -> None:
    if _is_allowed(kind, limits):
        return
    accepted = ", ".join(sorted(limits.allowed_types.intersection(MEDIA_TYPES.values())))
    raise ImageRejectedError("type_not_allowed", f"Files of type {kind[:80]} are not accepted; {accepted} are.")


def _read(data: bytes, kind: str, limits: Limits) -> Header:
    budget = Budget(limits, len(data))
    try:
        if kind == "image/jpeg":
            return jpeg.read(data, budget)
        if kind == "image/png":
            return png.read(data, budget, limits.max_metadata_bytes)
        if kind == "image/gif":
            return gif.read(data, budget)
        return webp.read(data, budget)
    except (struct.error, IndexError):
        # The readers take bytes by offset, so these mean that the file ends early.
        raise truncated("its headers") from None


def _drop_useless_profile(header: Header) -> Header:
    """Without a profile that is damaged, for other samples, or sRGB, which is assumed without one."""
    profile = header.profile
    if profile is None or (_is_for(profile, header) and not profiles.is_srgb(profile)):
        return header
    return replace(header, profile=None)


def _is_for(profile: bytes, header: Header) -> bool:
    # A gray JPEG may have an RGB profile: browsers read it as RGB of three equal samples. In a PNG,
    # the standard forbids it.
    spaces = ("Gray", "RGB") if (header.format, header.space) == ("JPEG", "Gray") else (header.space,)
    return any(profiles.describes(profile, space) for space in spaces)
