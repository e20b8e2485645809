"""The fonts in a PDF: of each, the characters that the document draws."""

from __future__ import annotations

from itertools import groupby

from chalicelib.documents.fonts import REPLACEMENT, Fonts
from chalicelib.documents.pdf.arabic import separate
from chalicelib.documents.pdf.file import PdfFile
from chalicelib.documents.truetype import Font, bundled_font

# From a font's codes to text, so that it can be copied from a page (Adobe Technical Note 5411).
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


class EmbeddedFonts:
    """Encodes the text of a document, and writes the fonts for it at the end."""

    def __init__(self, file: PdfFile, fonts: Fonts) -> None:
        self._file, self._fonts = file, fonts
        # By Font, in the order of first use, which is also the number in the font's name.
        self._codes: dict[Font, _Codes] = {}
        self.resources = file.reserve_number()

    def encode(self, text: str, size: float) -> str:
        """The operators that draw a line of drawable characters, after one another where it needs several fonts."""
        if text.isascii() or self._fonts.are_bundled(text):
            return self._show(bundled_font(), text, size)
        # The other bracket of a pair may be missing.
        text = "".join(character if self._fonts.find(character) else REPLACEMENT for character in text)
        runs = groupby(text, lambda character: self._fonts.find(character) or bundled_font())
        return " ".join(self._show(font, "".join(characters), size) for font, characters in runs)

    def write(self) -> None:
        """Writes the used characters of each font."""
        written = {codes.number: _write_font(self._file, font, codes) for font, codes in self._codes.items()}
        names = " ".join(f"/F{number} {written_font} 0 R" for number, written_font in written.items())
        self._file.write_object(f"<< {names} >>", self.resources)

    def _show(self, font: Font, text: str, size: float) -> str:
        if font not in self._codes:
            self._codes[font] = _Codes(len(self._codes))
        codes = self._codes[font]
        return f"/F{codes.number} {size:g} Tf <{''.join(map(codes.__getitem__, text))}> Tj"


class _Codes(dict[str, str]):
    """The code of each used character of a font: its glyph's number in the subset, in four hexadecimal digits."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def __missing__(self, character: str) -> str:
        code = self[character] = f"{len(self) + 1:04x}"
        return code


def _write_font(file: PdfFile, font: Font, codes: _Codes) -> int:
    # Six letters stand for the choice of characters (ISO 32000-1, 9.6.4).
    name = f"/AAAAA{chr(ord('A') + codes.number % 26)}+DarkroomSubset{codes.number}"
    data = font.subset([font.glyphs[character] for character in codes])
    program = file.write_stream(data, f"/Length1 {len(data)} ")
    box = " ".join(map(str, font.box))
    descriptor = file.write_object(
        f"<< /Type /FontDescriptor /FontName {name} /Flags {_SYMBOLIC} /FontBBox [{box}] /ItalicAngle 0"
        f" /Ascent {font.ascent} /Descent {font.descent} /CapHeight {font.ascent} /StemV 80 /FontFile2 {program} 0 R >>"
    )
    widths = " ".join(f"{font.width(character):.0f}" for character in codes)
    descendant = file.write_object(
        f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont {name} /FontDescriptor {descriptor} 0 R /W [1 [{widths}]]"
        " /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /CIDToGIDMap /Identity >>"
    )
    unicode = file.write_stream(_TO_UNICODE.format(characters=_unicode_map(codes)).encode("ascii"))
    return file.write_object(
        f"<< /Type /Font /Subtype /Type0 /BaseFont {name} /Encoding /Identity-H"
        f" /DescendantFonts [{descendant} 0 R] /ToUnicode {unicode} 0 R >>"
    )


def _unicode_map(codes: _Codes) -> str:
    lines = [f"<{code}> <{separate(character).encode('utf-16-be').hex()}>" for character, code in codes.items()]
    blocks = (lines[start : start + _MAX_BLOCK] for start in range(0, len(lines), _MAX_BLOCK))
    return "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
