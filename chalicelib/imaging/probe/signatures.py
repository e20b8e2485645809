"""What the first bytes of a file show it to be, also of types that are not read here: so that a refusal names them."""

import re
import struct

from chalicelib.imaging.probe import png

# Brands of ISO/IEC 14496-12: of pictures, of which the first ones tell the codec; and of what people send as well.
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "image/heic"),
    **dict.fromkeys((b"crx ",), "image/x-canon-cr3"),
    **dict.fromkeys((b"qt  ",), "video/quicktime"),
    **dict.fromkeys((b"isom", b"iso2", b"mp41", b"mp42", b"avc1", b"M4V ", b"MSNV", b"3gp4", b"3gp5"), "video/mp4"),
}  # fmt: skip
# A picture of any codec: only its items tell.
_ANY_CODEC = frozenset({b"mif1", b"mif2", b"msf1", b"miaf"})
_MAX_BRANDS = 32

_STARTS = {
    b"\xff\xd8\xff": "image/jpeg",
    png.SIGNATURE: "image/png",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"\xff\x0a": "image/jxl",
    b"\0\0\0\x0cJXL \r\n\x87\n": "image/jxl",
    b"\0\0\0\x0cjP  \r\n\x87\n": "image/jp2",
    b"\xff\x4f\xff\x51": "image/jp2",
    b"BM": "image/bmp",
    b"\0\0\1\0": "image/x-icon",
    b"8BPS": "image/vnd.adobe.photoshop",
    b"%PDF": "application/pdf",
    b"FUJIFILMCCD-RAW": "image/x-fuji-raf",
    b"IIRO": "image/x-olympus-orf",
    b"IIU\0": "image/x-panasonic-rw2",
    b"PK\x03\x04": "application/zip",
    b"\x1aE\xdf\xa3": "video/webm",
}
_RIFF = {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
_TIFF = {b"II*\0": "<", b"MM\0*": ">"}
# Of a QuickTime film that begins without its brands.
_QUICKTIME = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})

# A drawing may have declarations and comments before its first element.
_SVG = re.compile(rb"(?:<\?xml[^>]*>|<!DOCTYPE[^>]*>|<!--.*?-->|\s)*+<svg[\s>]", re.DOTALL | re.IGNORECASE)
_HTML = re.compile(rb"(?:<!--.*?-->|\s)*+<(?:!doctype html|html)[\s>]", re.DOTALL | re.IGNORECASE)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MAX_TEXT = 1_000

_DNG_VERSION, _MAX_TAGS = 0xC612, 500

NAMES = {
    "image/bmp": "a BMP",
    "image/jp2": "a JPEG 2000",
    "image/jxl": "a JPEG XL",
    "image/svg+xml": "an SVG drawing",
    "image/tiff": "a TIFF",
    "image/vnd.adobe.photoshop": "a Photoshop file",
    "image/x-adobe-dng": "a raw photo (DNG)",
    "image/x-canon-cr2": "a raw photo (CR2)",
    "image/x-canon-cr3": "a raw photo (CR3)",
    "image/x-fuji-raf": "a raw photo (RAF)",
    "image/x-icon": "an icon",
    "image/x-olympus-orf": "a raw photo (ORF)",
    "image/x-panasonic-rw2": "a raw photo (RW2)",
    "application/pdf": "a PDF",
    "application/zip": "a ZIP archive",
    "text/html": "a web page",
    "video/mp4": "a film (MP4)",
    "video/quicktime": "a film (MOV)",
    "video/webm": "a film (WebM)",
    "video/x-msvideo": "a film (AVI)",
}
"""Media types that are not read → what people call such a file."""


def media_type(data: bytes) -> str | None:
    """The media type that the first bytes show, or None where it is unknown."""
    found = next((kind for start, kind in _STARTS.items() if data.startswith(start)), None)
    if found:
        return found
    if data.startswith(b"RIFF"):
        return _RIFF.get(data[8:12])
    if data[4:8] == b"ftyp":
        return _by_brands(data)
    if data[:4] in _TIFF:
        return _kind_of_tiff(data)
    if data[4:8] in _QUICKTIME:
        return "video/quicktime"
    return _kind_of_text(data[:_MAX_TEXT].removeprefix(_BYTE_ORDER_MARK))


def _by_brands(data: bytes) -> str | None:
    """The type that the first known brand names. A picture of any codec counts as HEIC, which is what most are."""
    size = min(int.from_bytes(data[:4], "big"), len(data))
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, min(size, 16 + 4 * _MAX_BRANDS), 4))]
    # A film may name brands of pictures among others, for its cover.
    if brands[0] in _BRANDS:
        return _BRANDS[brands[0]]
    known = next((_BRANDS[brand] for brand in brands if brand in _BRANDS), None)
    return known or ("image/heic" if _ANY_CODEC.intersection(brands) else None)


def _kind_of_tiff(data: bytes) -> str:
    """Raw photos are TIFFs with tags, or bytes, of their own (Adobe DNG 1.7)."""
    if data[8:10] == b"CR":
        return "image/x-canon-cr2"
    order = _TIFF[data[:4]]
    try:
        (start,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, start)
        tags = [struct.unpack_from(order + "H", data, start + 2 + 12 * index)[0] for index in range(count)[:_MAX_TAGS]]
    except struct.error:
        return "image/tiff"
    return "image/x-adobe-dng" if _DNG_VERSION in tags else "image/tiff"


def _kind_of_text(start: bytes) -> str | None:
    if _SVG.match(start):
        return "image/svg+xml"
    return "text/html" if _HTML.match(start) else None
