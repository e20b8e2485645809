"""The structure of a PDF file, written front to back: numbered objects, the embedded font, the index at the end.

Text is written only as hexadecimal digits, and only the objects below can be written. So no text can add a
script, a link, a form or an attached file.
"""

from __future__ import annotations

import struct
import zlib
from datetime import UTC, datetime

from chalicelib.documents.invisible_characters import escape_invisible
from chalicelib.documents.models import Sink
from chalicelib.documents.truetype import Font

# The second line holds bytes above 127, so that programs treat the file as binary.
_HEADER = b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n"

# A character code is the character's Unicode number, so that text can be copied from a page.
_TO_UNICODE = """/CIDInit /ProcSet findresource begin
12 dict begin
begincmap
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def
/CMapName /Adobe-Identity-UCS def
/CMapType 2 def
1 begincodespacerange
<0000> <FFFF>
endcodespacerange
{characters}
endcmap
CMapName currentdict /CMap defineresource pop
end
end"""

# The format's limit of entries in a block of that table.
_MAX_BLOCK = 100

# The font descriptor's flag for a font with its own numbering of characters.
_SYMBOLIC = 4


class PdfFile:
    """Writes objects at once and keeps only their offsets."""

    def __init__(self, out: Sink) -> None:
        self._out = out
        self._size = 0
        self._offsets: list[int] = []
        self._write(_HEADER)

    def reserve_number(self) -> int:
        """A number for an object that is written later."""
        self._offsets.append(0)
        return len(self._offsets)

    def write_object(self, body: str, number: int = 0) -> int:
        """Writes an object; returns its number, which is a new one unless `number` is given."""
        return self._write_object(body.encode("ascii"), number)

    def write_stream(self, data: bytes, entries: str = "", number: int = 0) -> int:
        """Writes compressed data with `entries` in its dictionary; returns its number."""
        packed = zlib.compress(data)
        head = f"<< /Length {len(packed)} /Filter /FlateDecode {entries}>>\nstream\n"
        return self._write_object(head.encode("ascii") + packed + b"\nendstream", number)

    def write_jpeg(self, data: bytes, width: int, height: int) -> int:
        """Writes an RGB JPEG that pages may show; returns its number."""
        head = (
            f"<< /Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /DeviceRGB"
            f" /BitsPerComponent 8 /Filter /DCTDecode /Length {len(data)} >>\nstream\n"
        )
        return self._write_object(head.encode("ascii") + data + b"\nendstream", 0)

    def close(self, root: int, info: int) -> None:
        """Writes the index of all objects at the end of the file."""
        start = self._size
        entries = "".join(f"{offset:010} 00000 n \n" for offset in self._offsets)
        count = len(self._offsets) + 1
        trailer = f"trailer\n<< /Size {count} /Root {root} 0 R /Info {info} 0 R >>\nstartxref\n{start}\n%%EOF\n"
        self._write(f"xref\n0 {count}\n0000000000 65535 f \n{entries}{trailer}".encode("ascii"))

    def _write_object(self, body: bytes, number: int) -> int:
        number = number or self.reserve_number()
        self._offsets[number - 1] = self._size
        self._write(b"%d 0 obj\n%b\nendobj\n" % (number, body))
        return number

    def _write(self, data: bytes) -> None:
        self._out.write(data)
        self._size += len(data)


def write_font(file: PdfFile, font: Font, used: set[str], number: int) -> None:
    """Embeds a subset of `font` with the characters `used`, as the object `number`."""
    name = "/AAAAAA+LiberationSans"
    characters = sorted(used)
    data = font.subset(characters)
    program = file.write_stream(data, f"/Length1 {len(data)} ")
    box = " ".join(map(str, font.box))
    descriptor = file.write_object(
        f"<< /Type /FontDescriptor /FontName {name} /Flags {_SYMBOLIC} /FontBBox [{box}] /ItalicAngle 0"
        f" /Ascent {font.ascent} /Descent {font.descent} /CapHeight {font.ascent} /StemV 80 /FontFile2 {program} 0 R >>"
    )
    glyphs = file.write_stream(_glyph_numbers(font, characters))
    widths = " ".join(f"{ord(character)} [{font.widths[character]:.0f}]" for character in characters)
    descendant = file.write_object(
        f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont {name} /FontDescriptor {descriptor} 0 R /W [{widths}]"
        f" /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /CIDToGIDMap {glyphs} 0 R >>"
    )
    unicode = file.write_stream(_TO_UNICODE.format(characters=_unicode_map(characters)).encode("ascii"))
    file.write_object(
        f"<< /Type /Font /Subtype /Type0 /BaseFont {name} /Encoding /Identity-H"
        f" /DescendantFonts [{descendant} 0 R] /ToUnicode {unicode} 0 R >>",
        number,
    )


def write_info(file: PdfFile, title: str, created_at: str) -> int:
    """Writes the document's properties, without the name of a person or a machine; returns their number."""
    created = f" /CreationDate (D:{_pdf_time(created_at)})" if _pdf_time(created_at) else ""
    # Hexadecimal UTF-16: no character of the title can end the string.
    title_digits = ("\ufeff" + escape_invisible(title)).encode("utf-16-be").hex()
    return file.write_object(f"<< /Title <{title_digits}>{created} /Producer (Darkroom) >>")


def to_hex(text: str) -> str:
    """Text in the encoding of the embedded font: four hexadecimal digits for each character."""
    return text.encode("utf-16-be").hex()


def _glyph_numbers(font: Font, characters: list[str]) -> bytes:
    numbers = bytearray(2 * (ord(characters[-1]) + 1))
    for character in characters:
        struct.pack_into(">H", numbers, 2 * ord(character), font.glyphs[character])
    return bytes(numbers)


def _unicode_map(characters: list[str]) -> str:
    lines = [f"<{to_hex(character)}> <{to_hex(character)}>" for character in characters]
    blocks = (lines[start : start + _MAX_BLOCK] for start in range(0, len(lines), _MAX_BLOCK))
    return "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)


def _pdf_time(iso_time: str) -> str:
    try:
        parsed = datetime.fromisoformat(iso_time)
    except ValueError:
        return ""
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC).strftime("%Y%m%d%H%M%SZ")
