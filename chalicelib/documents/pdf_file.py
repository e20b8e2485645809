"""The structure of a PDF file, written front to back: numbered objects, the bundled font, the index at the end.

Text reaches the file as hexadecimal digits alone, and these are all of the objects that it can hold:
no script, link, form or attached file has a way in.
"""

from __future__ import annotations

import struct
import zlib
from datetime import UTC, datetime

from chalicelib.documents.legible import legible
from chalicelib.documents.truetype import Font
from chalicelib.documents.values import Sink

# A comment of bytes beyond ASCII, by which programs know that the file is not text.
_HEADER = b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n"

# A code in a text is the character's own number, so what is copied out of a page is what was written.
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

# Entries that one block of such a table may have.
_BLOCK = 100

# Symbolic: the font's own numbering counts.
_FLAGS = 4


class PdfFile:
    """Objects in the order in which they are put. Nothing of them is kept but where each begins."""

    def __init__(self, out: Sink) -> None:
        self._out = out
        self._size = 0
        self._offsets: list[int] = []
        self._write(_HEADER)

    def reserve(self) -> int:
        """A number for an object that others name before it is put."""
        self._offsets.append(0)
        return len(self._offsets)

    def put(self, body: str, number: int = 0) -> int:
        """Writes one object; returns its number."""
        return self._put(body.encode("ascii"), number)

    def put_stream(self, data: bytes, entries: str = "", number: int = 0) -> int:
        """Writes data of its own, compressed, with `entries` in its dictionary; returns its number."""
        packed = zlib.compress(data)
        head = f"<< /Length {len(packed)} /Filter /FlateDecode {entries}>>\nstream\n"
        return self._put(head.encode("ascii") + packed + b"\nendstream", number)

    def put_jpeg(self, data: bytes, width: int, height: int) -> int:
        """Writes an RGB JPEG as a picture that pages may show; returns its number."""
        head = (
            f"<< /Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /DeviceRGB"
            f" /BitsPerComponent 8 /Filter /DCTDecode /Length {len(data)} >>\nstream\n"
        )
        return self._put(head.encode("ascii") + data + b"\nendstream", 0)

    def close(self, root: int, info: int) -> None:
        """Writes the index of all objects, which ends the file."""
        start = self._size
        entries = "".join(f"{offset:010} 00000 n \n" for offset in self._offsets)
        count = len(self._offsets) + 1
        trailer = f"trailer\n<< /Size {count} /Root {root} 0 R /Info {info} 0 R >>\nstartxref\n{start}\n%%EOF\n"
        self._write(f"xref\n0 {count}\n0000000000 65535 f \n{entries}{trailer}".encode("ascii"))

    def _put(self, body: bytes, number: int) -> int:
        number = number or self.reserve()
        self._offsets[number - 1] = self._size
        self._write(b"%d 0 obj\n%b\nendobj\n" % (number, body))
        return number

    def _write(self, data: bytes) -> None:
        self._out.write(data)
        self._size += len(data)


def put_font(file: PdfFile, font: Font, used: set[str], number: int) -> None:
    """Embeds what of `font` the characters `used` need, as the object `number`."""
    name = "/AAAAAA+LiberationSans"
    characters = sorted(used)
    data = font.subset(characters)
    program = file.put_stream(data, f"/Length1 {len(data)} ")
    box = " ".join(map(str, font.box))
    descriptor = file.put(
        f"<< /Type /FontDescriptor /FontName {name} /Flags {_FLAGS} /FontBBox [{box}] /ItalicAngle 0"
        f" /Ascent {font.ascent} /Descent {font.descent} /CapHeight {font.ascent} /StemV 80 /FontFile2 {program} 0 R >>"
    )
    glyphs = file.put_stream(_glyph_numbers(font, characters))
    widths = " ".join(f"{ord(character)} [{font.widths[character]:.0f}]" for character in characters)
    descendant = file.put(
        f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont {name} /FontDescriptor {descriptor} 0 R /W [{widths}]"
        f" /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /CIDToGIDMap {glyphs} 0 R >>"
    )
    unicode = file.put_stream(_TO_UNICODE.format(characters=_unicode_of(characters)).encode("ascii"))
    file.put(
        f"<< /Type /Font /Subtype /Type0 /BaseFont {name} /Encoding /Identity-H"
        f" /DescendantFonts [{descendant} 0 R] /ToUnicode {unicode} 0 R >>",
        number,
    )


def put_info(file: PdfFile, title: str, created_at: str) -> int:
    """The document's properties: no name of a person or a machine."""
    created = f" /CreationDate (D:{_pdf_time(created_at)})" if _pdf_time(created_at) else ""
    # UTF-16 in hexadecimal: nothing in the title can end it.
    title_digits = ("\ufeff" + legible(title)).encode("utf-16-be").hex()
    return file.put(f"<< /Title <{title_digits}>{created} /Producer (Darkroom) >>")


def digits(text: str) -> str:
    """Text as the embedded font has it: four hexadecimal digits a character."""
    return text.encode("utf-16-be").hex()


def _glyph_numbers(font: Font, characters: list[str]) -> bytes:
    numbers = bytearray(2 * (ord(characters[-1]) + 1))
    for character in characters:
        struct.pack_into(">H", numbers, 2 * ord(character), font.glyphs[character])
    return bytes(numbers)


def _unicode_of(characters: list[str]) -> str:
    lines = [f"<{digits(character)}> <{digits(character)}>" for character in characters]
    blocks = (lines[start : start + _BLOCK] for start in range(0, len(lines), _BLOCK))
    return "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)


def _pdf_time(moment: str) -> str:
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        return ""
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC).strftime("%Y%m%d%H%M%SZ")
