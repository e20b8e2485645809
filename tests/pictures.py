"""Pictures for tests, good and bad, all made here and always the same."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

from PIL import Image

RED, GREEN, BLUE, YELLOW = (220, 30, 30), (30, 180, 30), (30, 30, 220), (230, 220, 30)
CORNERS = (RED, GREEN, BLUE, YELLOW)
"""Upper left, upper right, lower left, lower right."""


# --- sources -------------------------------------------------------------------------------


@cache
def _photo(width: int, height: int) -> Image.Image:
    # Soft shapes with a little grain: about as many bytes a pixel as a camera makes.
    cells = -(-width // 4), -(-height // 4)
    grain = Image.frombytes("L", cells, random.Random(7).randbytes(cells[0] * cells[1]))
    rough = grain.resize((width, height), Image.Resampling.BICUBIC)
    slope = Image.linear_gradient("L").resize((width, height))
    round_ = Image.radial_gradient("L").resize((width, height))
    bands = (Image.blend(slope, rough, 0.3), Image.blend(round_, rough, 0.3), slope)
    return Image.merge("RGB", bands)


def photo(width: int = 640, height: int = 480) -> Image.Image:
    """An RGB image that compresses as photographs do."""
    return _photo(width, height).copy()


def corners(width: int = 320, height: int = 200) -> Image.Image:
    """Four quarters, each in its color of CORNERS."""
    image = Image.new("RGB", (width, height))
    for index, color in enumerate(CORNERS):
        left, top = (index % 2) * width // 2, (index // 2) * height // 2
        image.paste(color, (left, top, left + width // 2, top + height // 2))
    return image


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    """The image as a file, by Pillow's name of the format."""
    output = io.BytesIO()
    image.save(output, form, **options)
    return output.getvalue()


def decoded(data: bytes) -> Image.Image:
    """The image in a file of ours, loaded."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


# --- good ones -----------------------------------------------------------------------------


def jpeg(width: int = 640, height: int = 480, **options: Any) -> bytes:
    """A photo-like JPEG, baseline at quality 88 unless `options` say otherwise."""
    return encoded(photo(width, height), "JPEG", **{"quality": 88, **options})


def gray_jpeg() -> bytes:
    return encoded(photo().convert("L"), "JPEG")


def cmyk_jpeg(image: Image.Image | None = None, **options: Any) -> bytes:
    return encoded((image or photo()).convert("CMYK"), "JPEG", quality=90, **options)


def rgb_coded_jpeg() -> bytes:
    """A JPEG that stores RGB and not YCbCr."""
    return encoded(corners(), "JPEG", quality=95, keep_rgb=True)


STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""EXIF orientation → what turns an upright picture into one that is stored so."""


def oriented_jpeg(orientation: int) -> bytes:
    """Stored so that, once turned by its orientation, it shows CORNERS at 320 x 200."""
    image = corners()
    if orientation in STORED:
        image = image.transpose(STORED[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(image, "JPEG", quality=95, exif=exif)


def laden_jpeg() -> bytes:
    """A JPEG with EXIF (with a location), XMP, a profile and a comment."""
    exif = Image.Exif()
    exif[0x010E] = "SECRET description"
    exif.get_ifd(0x8825)[1] = "N"
    return encoded(
        photo(), "JPEG", exif=exif, comment=b"SECRET comment", icc_profile=adobe_rgb_profile(),
        xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>SECRET</x:xmpmeta>",
    )  # fmt: skip


def png(**options: Any) -> bytes:
    return encoded(photo(), "PNG", **options)


def palette_png() -> bytes:
    return encoded(corners().quantize(16), "PNG")


def alpha_png(width: int = 320, height: int = 200) -> bytes:
    """CORNERS in the left half, transparent (over black) in the right one."""
    image = corners(width, height).convert("RGBA")
    image.paste((0, 0, 0, 0), (width // 2, 0, width, height))
    return encoded(image, "PNG")


def gray16_png() -> bytes:
    """Gray of 16 bits: a slope from black, on the left, to white."""
    slope = b"".join(struct.pack(">H", round(x * 65535 / 255)) for x in range(256))
    return _png(256, 64, 16, 0, (b"\0" + slope) * 64)


def samples_png(left: tuple[int, ...], right: tuple[int, ...], depth: int, trns: bytes = b"") -> bytes:
    """64 x 64 of two colors in one, three or four samples each, of `depth` bits; `trns` is the body of a tRNS chunk."""

    def half(samples: tuple[int, ...]) -> str:
        return "".join(f"{sample:0{depth}b}" for sample in samples) * 32

    row = half(left) + half(right)
    rows = (b"\0" + int(row, 2).to_bytes(len(row) // 8, "big")) * 64
    data = _png(64, 64, depth, {1: 0, 2: 4, 3: 2, 4: 6}[len(left)], rows)
    return with_chunks(data, (b"tRNS", trns)) if trns else data


def with_chunks(data: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with more chunks, kind and body, behind its header."""
    return data[:33] + b"".join(_chunk(*chunk) for chunk in chunks) + data[33:]


def with_late_chunk(data: bytes, kind: bytes, body: bytes) -> bytes:
    """A PNG with one more chunk, at its end."""
    return data[:-12] + _chunk(kind, body) + data[-12:]


def iccp(profile: bytes) -> tuple[bytes, bytes]:
    return b"iCCP", b"profile\0\0" + zlib.compress(profile)


def rgb16_png(color: tuple[int, int, int]) -> bytes:
    """One color, given in 16 bits a channel."""
    return _png(64, 64, 16, 2, (b"\0" + struct.pack(">3H", *color) * 64) * 64)


def interlaced_png() -> bytes:
    """Adam7, all of one gray (100), 33 x 17."""
    width, height = 33, 17
    rows = b""
    for column, row, across, down in (
        (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):  # fmt: skip
        columns = -(-(width - column) // across)
        rows += (b"\0" + bytes([100]) * columns) * -(-(height - row) // down)
    return _png(width, height, 8, 0, rows, interlace=1)


def gif(frames: int = 1, width: int = 120, height: int = 80) -> bytes:
    """An animation whose first frame is CORNERS and whose others are gray."""
    first = corners(width, height)
    rest = [Image.new("RGB", (width, height), (n % 200 + 1,) * 3) for n in range(frames - 1)]
    return encoded(first, "GIF", save_all=True, append_images=rest, duration=40)


def bare_gif() -> bytes:
    """A canvas of 80 x 60 whose only frame, in RED, covers 40 x 30 in its middle; no color is transparent."""
    frame = encoded(Image.new("P", (40, 30)), "GIF")
    palette = bytes(RED) + bytes((250, 0, 250))
    body = frame.index(b"\x2c\0\0\0\0\x28\0\x1e\0")
    pixels = frame[body + 10 + (3 << (frame[body + 9] & 7) + 1) * (frame[body + 9] >> 7) :]
    screen = struct.pack("<HHBBB", 80, 60, 0x80, 0, 0)
    return b"GIF89a" + screen + palette + struct.pack("<cHHHHB", b",", 20, 15, 40, 30, 0) + pixels


def bare_webp() -> bytes:
    """Like `bare_gif`: an animation of one frame, with a header that says there is no alpha."""
    picture = encoded(Image.new("RGB", (40, 30), RED), "WEBP", lossless=True)[12:]
    place = b"".join(struct.pack("<I", value)[:3] for value in (20 // 2, 14 // 2, 40 - 1, 30 - 1, 40))
    frame = place + b"\2" + picture
    canvas = struct.pack("<I", 0x02) + struct.pack("<I", 80 - 1)[:3] + struct.pack("<I", 60 - 1)[:3]
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(content)) + content
        for kind, content in ((b"VP8X", canvas), (b"ANIM", struct.pack("<IH", 0xFFFFFFFF, 0)), (b"ANMF", frame))
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp(**options: Any) -> bytes:
    return encoded(corners(), "WEBP", **{"quality": 90, **options})


def alpha_webp() -> bytes:
    return encoded(decoded(alpha_png()), "WEBP", lossless=True)


def animated_webp(frames: int = 5) -> bytes:
    rest = [Image.new("RGB", (120, 80), (n * 40 % 250 + 10,) * 3) for n in range(frames - 1)]
    return encoded(corners(120, 80), "WEBP", save_all=True, append_images=rest, duration=40)


def extended_xmp_jpeg(size: int = 5 * 1024 * 1024) -> bytes:
    """CORNERS in a JPEG with `size` bytes of extended XMP, in segments of the usual length."""
    step, digest = 65_400, b"0" * 32
    head = b"http://ns.adobe.com/xmp/extension/\0" + digest
    parts = (head + struct.pack(">II", size, start) + b"x" * min(step, size - start) for start in range(0, size, step))
    return with_segments(encoded(corners(), "JPEG", quality=95), *((0xE1, part) for part in parts))


def with_segments(data: bytes, *segments: tuple[int, bytes]) -> bytes:
    """A JPEG with these segments (marker and body) right behind its start."""
    written = (struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body for marker, body in segments)
    return data[:2] + b"".join(written) + data[2:]


def avif(image: Image.Image | None = None, **options: Any) -> bytes:
    """Encoded by one thread, and as fast as can be."""
    return encoded(image or photo(), "AVIF", **{"speed": 10, "max_threads": 1, **options})


def two_jpegs() -> bytes:
    """CORNERS, and a second picture of the same scene behind the end of the first (MPO)."""
    second = Image.new("RGB", (320, 200), "gray")
    return encoded(corners(), "MPO", quality=95, save_all=True, append_images=[second])


def mpo() -> bytes:
    """A stereo photo: two JPEGs, of which the first is the main one (CIPA DC-007)."""
    return encoded(corners(), "MPO", save_all=True, append_images=[photo(320, 200)], quality=95)


def ultra_hdr_jpeg() -> bytes:
    """A photo with its gain map behind it, as phones write it: XMP and MPF in the first, a gray JPEG behind it."""
    gain_map = with_segments(
        encoded(corners(80, 50).convert("L"), "JPEG"),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x hdrgm:Version='1.0' hdrgm:GainMapMax='2.3'/>"),
    )
    main = encoded(corners(), "JPEG", quality=95)
    xmp = f"http://ns.adobe.com/xap/1.0/\0<x hdrgm:Version='1.0' Item:Length='{len(gain_map)}'/>"
    entry = struct.pack("<III", 0x030000, len(main), 0) + bytes(4) + struct.pack("<III", 0, len(gain_map), len(main))
    mpf = b"MPF\0II*\0\x08\0\0\0" + struct.pack("<H", 0) + bytes(4) + entry
    return with_segments(main, (0xE1, xmp.encode()), (0xE2, mpf)) + gain_map


def motion_photo_jpeg() -> bytes:
    """A photo with its film behind it: an MP4, as phones of two makers append it."""
    film = struct.pack(">I", 24) + b"ftypmp42" + bytes(4) + b"mp42isom" + struct.pack(">I", 508) + b"mdat" + b"f" * 500
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x GCamera:MotionPhoto='1'/>"
    return with_segments(encoded(corners(), "JPEG", quality=95), (0xE1, xmp)) + b"MotionPhoto_Data" + film


def with_chunk(data: bytes, kind: bytes, body: bytes, *, sound: bool = True, times: int = 1) -> bytes:
    """A PNG with this chunk behind its header, its checksum wrong unless it is `sound`."""
    chunk = _chunk(kind, body)
    chunk = chunk if sound else chunk[:-1] + bytes([chunk[-1] ^ 0xFF])
    return data[:33] + chunk * times + data[33:]


def with_damage(data: bytes, kind: bytes) -> bytes:
    """A PNG whose first chunk of that kind has a wrong checksum."""
    at = data.index(kind)
    (length,) = struct.unpack_from(">I", data, at - 4)
    checksum = at + 4 + length
    return data[:checksum] + bytes([data[checksum] ^ 0xFF]) + data[checksum + 1 :]


def with_profile(image: Image.Image, profile: bytes, form: str = "JPEG") -> bytes:
    options: dict[str, Any] = {"quality": 95} if form == "JPEG" else {}
    return encoded(image, form, icc_profile=profile, **options)


GOOD: dict[str, Callable[[], bytes]] = {
    "baseline JPEG": jpeg,
    "progressive JPEG": lambda: jpeg(progressive=True),
    "gray JPEG": gray_jpeg,
    "CMYK JPEG": cmyk_jpeg,
    "RGB-coded JPEG": rgb_coded_jpeg,
    "laden JPEG": laden_jpeg,
    "rotated JPEG": lambda: oriented_jpeg(6),
    "PNG": png,
    "palette PNG": palette_png,
    "PNG with alpha": alpha_png,
    "gray PNG of 16 bits": gray16_png,
    "RGB PNG of 16 bits": lambda: rgb16_png((65535, 32896, 0)),
    "interlaced PNG": interlaced_png,
    "bilevel PNG": lambda: encoded(photo().convert("1"), "PNG"),
    "gray PNG with alpha": lambda: encoded(decoded(alpha_png()).convert("LA"), "PNG"),
    "GIF": gif,
    "animated GIF": lambda: gif(5),
    "lossy WebP": webp,
    "lossless WebP": lambda: webp(lossless=True),
    "WebP with alpha": alpha_webp,
    "animated WebP": animated_webp,
    "AVIF": avif,
    "AVIF with alpha": lambda: avif(decoded(alpha_png())),
    "animated AVIF": lambda: avif(corners(), save_all=True, append_images=[photo(320, 200)] * 4),
    "MPO, a JPEG": mpo,
    "Ultra HDR JPEG": ultra_hdr_jpeg,
    "motion photo, a JPEG": motion_photo_jpeg,
}


# --- profiles ------------------------------------------------------------------------------


def adobe_rgb_profile() -> bytes:
    """Adobe RGB (1998) as an ICC v2 matrix profile, built from its published numbers."""
    tags = {
        b"desc": _icc_text("Adobe RGB (1998)"),
        b"wtpt": _icc_xyz(0.9505, 1.0, 1.0891),
        b"rXYZ": _icc_xyz(0.60974, 0.31111, 0.01947),
        b"gXYZ": _icc_xyz(0.20528, 0.62567, 0.06087),
        b"bXYZ": _icc_xyz(0.14919, 0.06322, 0.74457),
    }
    gamma = b"curv" + struct.pack(">IIH", 0, 1, round(2.19921875 * 256))
    tags.update(dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), gamma + b"\0\0"))
    return _icc(b"mntr", b"RGB ", b"XYZ ", tags)


SRGB_COLORANTS = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
"""As ICC profiles of sRGB have them."""


def rgb_profile(name: str, curve: bytes, colorants: tuple[tuple[float, ...], ...] = SRGB_COLORANTS) -> bytes:
    """An ICC v2 matrix profile; `curve` is from `power` or `samples`."""
    tags = {b"desc": _icc_text(name), b"wtpt": _icc_xyz(0.9642, 1.0, 0.8249)}
    for letter, colorant in zip((b"r", b"g", b"b"), colorants, strict=True):
        tags |= {letter + b"XYZ": _icc_xyz(*colorant), letter + b"TRC": curve}
    return _icc(b"mntr", b"RGB ", b"XYZ ", tags)


def gray_profile(name: str, curve: bytes, connection: bytes = b"XYZ ") -> bytes:
    tags = {b"desc": _icc_text(name), b"wtpt": _icc_xyz(0.9642, 1.0, 0.8249), b"kTRC": curve}
    return _icc(b"mntr", b"GRAY", connection, tags)


def power(exponent: float) -> bytes:
    """The curve of a profile: linear light is a power of the sample."""
    return b"curv" + struct.pack(">IIHH", 0, 1, round(exponent * 256), 0)


def samples(values: list[float]) -> bytes:
    """The curve of a profile that goes through `values`, 0 to 1."""
    return b"curv" + struct.pack(f">II{len(values)}H", 0, len(values), *(round(value * 65535) for value in values))


def neutral_cmyk_profile() -> bytes:
    """A CMYK profile that sees every ink as a gray: what it converts has no color left."""
    nodes = bytearray()
    for index in range(16):
        ink = [index >> bit & 1 for bit in (3, 2, 1, 0)]
        lightness = 255 * (1 - ink[3]) * (1 - sum(ink[:3]) / 3)
        nodes += bytes([round(lightness), 128, 128])
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table = b"mft1" + struct.pack(">I4B", 0, 4, 3, 2, 0) + identity
    table += bytes(range(256)) * 4 + bytes(nodes) + bytes(range(256)) * 3
    tags = {b"desc": _icc_text("Neutral inks"), b"A2B0": table,
            b"wtpt": _icc_xyz(0.9642, 1.0, 0.8249)}  # fmt: skip
    return _icc(b"prtr", b"CMYK", b"Lab ", tags)


def _icc(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    start = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for signature, content in tags.items():
        table += struct.pack(">4sII", signature, start + len(body), len(content))
        body += content + b"\0" * (-len(content) % 4)
    header = struct.pack(
        ">I4sI4s4s4s12s4s", start + len(body), b"\0" * 4, 0x02100000, kind, space, connection,
        struct.pack(">6H", 2026, 1, 1, 0, 0, 0), b"acsp",
    )  # fmt: skip
    header += b"\0" * 28 + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + table + body


def _icc_text(text: str) -> bytes:
    encoded_text = text.encode() + b"\0"
    head = b"desc" + struct.pack(">II", 0, len(encoded_text)) + encoded_text
    return head + b"\0" * (4 + 4 + 2 + 1 + 67)


def _icc_xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


# --- bad ones ------------------------------------------------------------------------------


def hollow_jpeg(width: int = 8000, height: int = 5000) -> bytes:
    """A JPEG of a few hundred bytes that claims dimensions which it has no data for."""
    data = encoded(Image.new("RGB", (16, 16), "red"), "JPEG")
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def many_scans_jpeg(scans: int = 2_000) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    data = jpeg(320, 240, progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + data[-2:]


def many_segments_jpeg(segments: int = 5_000) -> bytes:
    """A JPEG with many comments, which nobody reads."""
    return with_segments(jpeg(), *[(0xFE, b"x")] * segments)


def many_tables_jpeg(tables: int = 5_000) -> bytes:
    """A JPEG with many tables, all of which the decoder reads."""
    return with_segments(jpeg(), *[(0xDB, b"\0" + b"\1" * 64)] * tables)


def padded_jpeg(padding: int = 100_000) -> bytes:
    """A JPEG with bytes between its segments that belong to none."""
    return b"\xff\xd8\xff" + b"\0" * padding + jpeg()[2:]


def png_bomb(side: int = 20_000) -> bytes:
    """Some hundred kilobytes that unpack to more than a gigabyte of white."""
    row = b"\0" + b"\xff" * side * 3
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(row) for _ in range(100)) + packer.flush()
    return _png(side, side, 8, 2, b"", packed=packed)


def empty_png(width: int, height: int) -> bytes:
    """A PNG with every checksum right and far too little pixel data."""
    return _png(width, height, 8, 2, b"\0" * 100)


def apng(frames: int = 1_000) -> bytes:
    """A PNG that announces as many frames of animation."""
    data = png()
    return data[:33] + _chunk(b"acTL", struct.pack(">II", frames, 0)) + data[33:]


def overlong_png(extra: int = 2_000_000_000) -> bytes:
    """A sound PNG whose pixel data goes on for `extra` bytes of zeros behind its last row."""
    packer, piece = zlib.compressobj(9), b"\0" * 10_000_000
    packed = packer.compress((b"\0" + bytes((200, 30, 30)) * 64) * 64) + packer.flush(zlib.Z_FULL_FLUSH)
    # Behind a full flush packed data stands for itself, and can be repeated.
    packed += (packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)) * (extra // len(piece))
    return _png(64, 64, 8, 2, b"", packed=packed)


def many_pieces_png(pieces: int = 150_000) -> bytes:
    """A PNG with its pixel data in many pieces, all but one of them empty."""
    data = png()
    at = data.index(b"IDAT") - 4
    return data[:at] + _chunk(b"IDAT", b"") * pieces + data[at:]


def text_bomb_png() -> bytes:
    """A sound PNG with a packed text that unpacks to 30 MB."""
    data = png()
    text = b"Comment\0\0" + zlib.compress(b"A" * 30_000_000, 9)
    return data[:33] + _chunk(b"zTXt", text) + data[33:]


def huge_webp() -> bytes:
    """34 bytes that claim 16,384 x 16,384 pixels."""
    bits = (16_383) | (16_383 << 14)
    body = b"WEBPVP8L" + struct.pack("<IBI", 9, 0x2F, bits) + b"\0" * 5
    return b"RIFF" + struct.pack("<I", len(body)) + body


def many_frames_gif(frames: int = 1_000) -> bytes:
    """A small GIF whose only frame is repeated."""
    data = gif()
    palette_end = 13 + (3 << ((data[10] & 7) + 1))
    return data[:palette_end] + data[palette_end:-1] * frames + data[-1:]


def broken_checksum_png() -> bytes:
    data = bytearray(png())
    at = data.index(b"IDAT") + 40
    data[at] ^= 0x55
    return bytes(data)


HOSTILE: list[tuple[Callable[[], bytes], str]] = [
    (bytes, "empty"),
    (png_bomb, "too_many_pixels"),
    (huge_webp, "too_many_pixels"),
    (hollow_jpeg, "too_complex"),
    (many_scans_jpeg, "too_complex"),
    (many_tables_jpeg, "too_complex"),
    (many_pieces_png, "too_complex"),
    (broken_checksum_png, "corrupt"),
    (lambda: empty_png(200, 200), "truncated"),
    (lambda: jpeg()[:5000], "truncated"),
]
"""What no operation takes, and the reason that each gives."""


def _png(width: int, height: int, depth: int, color: int, rows: bytes, *, interlace: int = 0,
         packed: bytes | None = None) -> bytes:  # fmt: skip
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)
    pixels = zlib.compress(rows) if packed is None else packed
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, body) for kind, body in ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
