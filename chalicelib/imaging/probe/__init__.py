"""The first step, in the parent: reads what a file claims to be from its headers alone.

Nothing here decodes a pixel. The readers take time linear in the file, stop at the first
limit that is exceeded, and raise only ImageRejectedError, whatever the bytes.
"""

import struct
from dataclasses import replace

from chalicelib.core.image_values import MEDIA_TYPES, normalize_media_type
from chalicelib.imaging import decoders, profiles
from chalicelib.imaging.probe import gif, heif, jpeg, png, signatures, webp
from chalicelib.imaging.probe.header import Budget, Header, truncated
from chalicelib.imaging.rejection import ImageRejectedError
from chalicelib.imaging.values import ImageInfo, Limits

# What clients and S3 send for an unknown type.
_UNDECLARED = frozenset({"", "application/octet-stream", "binary/octet-stream"})


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
    actual = signatures.media_type(data)
    if actual is None:
        raise ImageRejectedError("not_an_image")
    # One allowed type in place of another is accepted: a PNG that is named .jpg.
    if declared not in {actual, *_UNDECLARED} and not _is_allowed(actual, limits):
        raise ImageRejectedError("type_mismatch", f"The file was declared as {declared}, but it is {actual}.")
    _check_allowed(actual, limits)
    header = _read(data, actual, limits)
    # Of a HEIF file only its items tell the codec.
    _check_allowed(MEDIA_TYPES[header.format], limits)
    return _drop_useless_profile(header)


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
    if not _is_allowed(kind, limits):
        accepted = ", ".join(sorted(limits.allowed_types.intersection(MEDIA_TYPES.values())))
        name = signatures.NAMES.get(kind)
        said = f"The file is {name}, of type {kind}. Such files" if name else f"Files of type {kind[:80]}"
        raise ImageRejectedError("type_not_allowed", f"{said} are not accepted; {accepted} are.")
    if fault := decoders.find_decoder_fault(kind):
        raise ImageRejectedError("type_not_allowed", fault)


def _read(data: bytes, kind: str, limits: Limits) -> Header:
    budget = Budget(limits, len(data))
    try:
        if kind == "image/jpeg":
            return jpeg.read(data, budget)
        if kind == "image/png":
            return png.read(data, budget, limits.max_metadata_bytes)
        if kind == "image/gif":
            return gif.read(data, budget)
        if kind == "image/webp":
            return webp.read(data, budget)
        return heif.read(data, budget, limits.max_bytes)
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
    # A gray picture may have an RGB profile: browsers read it as RGB of three equal samples. In a PNG,
    # the standard forbids it.
    spaces = ("Gray", "RGB") if header.space == "Gray" and header.format != "PNG" else (header.space,)
    return any(profiles.describes(profile, space) for space in spaces)
