"""The structure of a PDF file, written front to back: numbered objects, and their index at the end.

Text is written only as hexadecimal digits or as numeric references of XML, and only the objects that this package makes
can be written. So no text can add a script, a link, a form or an attached file.
"""

from __future__ import annotations

import struct
import zlib
from datetime import UTC, datetime

from chalicelib.documents.invisible_characters import escape_invisible
from chalicelib.documents.models import Sink

# The second line holds bytes above 127, so that programs treat the file as binary.
_HEADER = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"

# Small objects are written so many at a time, compressed together.
_OBJECTS_A_STREAM = 200

# An entry of the index (ISO 32000-1, 7.5.8.3): a kind, then 5 and 2 bytes. Of an object by itself its offset in the
# file; of one in a stream the number of the stream and the position there. The first entry is of no object.
_ENTRY_BYTES = 8
_FREE, _ALONE, _IN_STREAM = range(3)

# The title in XMP, as PDF/UA-1 (ISO 14289-1, 7.1) asks for. It does not claim that standard: no checker of all of its
# rules has seen these files.
_METADATA = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""


class PdfFile:
    """Writes objects at once, or small ones some at a time, and keeps only where they are: 8 bytes for each."""

    def __init__(self, out: Sink) -> None:
        self._out = out
        self._size = 0
        self._index = bytearray(struct.pack(">BBIH", _FREE, 0, 0, 0xFFFF))
        # Objects that wait for others to be compressed with, and the number of that stream.
        self._packed: list[tuple[int, str]] = []
        self._stream = 0
        self._write(_HEADER)

    @property
    def count(self) -> int:
        """The number of objects so far."""
        return len(self._index) // _ENTRY_BYTES - 1

    def reserve_number(self) -> int:
        """A number for an object that is written later."""
        self._index += bytes(_ENTRY_BYTES)
        return self.count

    def write_object(self, body: str, number: int = 0) -> int:
        """Writes an object soon; returns its number, which is a new one unless `number` is given."""
        if not self._packed:
            self._stream = self.reserve_number()
        number = number or self.reserve_number()
        self._place(number, _IN_STREAM, self._stream, len(self._packed))
        self._packed.append((number, body))
        if len(self._packed) == _OBJECTS_A_STREAM:
            self._write_packed()
        return number

    def write_stream(self, data: bytes | bytearray, entries: str = "", number: int = 0) -> int:
        """Writes compressed data with `entries` in its dictionary; returns its number."""
        return self._write_stream(zlib.compress(data), f"/Filter /FlateDecode {entries}", number)

    def write_jpeg(self, data: bytes, width: int, height: int) -> int:
        """Writes an RGB JPEG that pages may show; returns its number."""
        entries = (
            f"/Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /DeviceRGB"
            " /BitsPerComponent 8 /Filter /DCTDecode "
        )
        return self._write_stream(data, entries)

    def write_metadata(self, title: str) -> int:
        """Writes the title for programs that catalogue files; readable without knowledge of PDF."""
        references = "".join(f"&#{ord(character)};" for character in escape_invisible(title))
        return self._write_stream(_METADATA.format(title=references).encode(), "/Type /Metadata /Subtype /XML ")

    def close(self, root: int, info: int) -> None:
        """Writes the index of all objects at the end of the file."""
        self._write_packed()
        start, number = self._size, self.reserve_number()
        self._place(number, _ALONE, start, 0)
        entries = f"/Type /XRef /Size {number + 1} /W [1 5 2] /Root {root} 0 R /Info {info} 0 R "
        self.write_stream(self._index, entries, number)
        self._write(f"startxref\n{start}\n%%EOF\n".encode("ascii"))

    def _write_packed(self) -> None:
        if not self._packed:
            return
        head, offset = "", 0
        for number, body in self._packed:
            head += f"{number} {offset} "
            offset += len(body) + 1
        entries = f"/Type /ObjStm /N {len(self._packed)} /First {len(head)} "
        data = head + "\n".join(body for _, body in self._packed)
        self._packed = []
        self.write_stream(data.encode("ascii"), entries, self._stream)

    def _write_stream(self, data: bytes, entries: str, number: int = 0) -> int:
        number = number or self.reserve_number()
        self._place(number, _ALONE, self._size, 0)
        head = f"{number} 0 obj\n<< /Length {len(data)} {entries}>>\nstream\n"
        self._write(head.encode("ascii") + data + b"\nendstream\nendobj\n")
        return number

    def _place(self, number: int, kind: int, first: int, second: int) -> None:
        struct.pack_into(">BBIH", self._index, number * _ENTRY_BYTES, kind, first >> 32, first & 0xFFFFFFFF, second)

    def _write(self, data: bytes) -> None:
        self._out.write(data)
        self._size += len(data)


def write_info(file: PdfFile, title: str, created_at: str) -> int:
    """Writes the document's properties, without the name of a person or a machine; returns their number."""
    created = f" /CreationDate (D:{_pdf_time(created_at)})" if _pdf_time(created_at) else ""
    return file.write_object(f"<< /Title {text_string(escape_invisible(title))}{created} /Producer (Darkroom) >>")


def text_string(text: str) -> str:
    """Text for people, in hexadecimal UTF-16: no character of it can end the string."""
    return f"<feff{text.encode('utf-16-be').hex()}>"


def _pdf_time(iso_time: str) -> str:
    try:
        parsed = datetime.fromisoformat(iso_time)
    except ValueError:
        return ""
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC).strftime("%Y%m%d%H%M%SZ")
