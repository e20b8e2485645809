"""The tags of a PDF: what is a heading, a table or a figure, in reading order, for screen readers (ISO 32000-1, 14.7).

An element is written when it ends, so only the open ones are in memory, with the numbers of their parts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from chalicelib.documents.pdf.file import PdfFile

# PDFium, and with it Chrome, opens files of up to 4,194,304 objects (CPDF_Parser, kMaxObjectNumber). Beyond this number
# rows get no elements of their own; their text belongs to the part of the table on their page.
_MAX_OBJECTS = 4_000_000
_MANY = frozenset(("TR", "TH", "TD"))


@dataclass(eq=False, slots=True)
class _Element:
    kind: str
    number: int
    parent: int
    attributes: str
    page: int
    parts: list[str] = field(default_factory=list)


class Structure:
    """`begin_page` before content is marked; elements end in the reverse order of their beginning."""

    def __init__(self, file: PdfFile) -> None:
        self._file = file
        self._root = file.reserve_number()
        self._open: list[_Element] = [_Element("Document", file.reserve_number(), self._root, "", 0)]
        self._page = 0
        self._owners: list[str] = []
        self._pages: list[int] = []

    def begin_page(self, page: int) -> None:
        """`page`: the number of the page's object."""
        self._page, self._owners = page, []

    def end_page(self) -> int:
        """Returns the page's key in the table of all marked content."""
        self._pages.append(self._file.write_object(f"[{' '.join(self._owners)}]"))
        return len(self._pages) - 1

    def begin(self, kind: str, attributes: str = "") -> None:
        """Begins an element inside of the current one."""
        parent = self._open[-1]
        if kind in _MANY and self._file.count > _MAX_OBJECTS:
            self._open.append(parent)
            return
        element = _Element(kind, self._file.reserve_number(), parent.number, attributes, self._page)
        parent.parts.append(f"{element.number} 0 R")
        self._open.append(element)

    def mark(self) -> int:
        """The identifier of a piece of content on the page, which becomes a part of the current element."""
        element = self._open[-1]
        element.parts.append(str(len(self._owners)))
        self._owners.append(f"{element.number} 0 R")
        return len(self._owners) - 1

    def end(self, attributes: str = "") -> None:
        """`attributes` that became known after the beginning are added."""
        element = self._open.pop()
        element.attributes += attributes
        if element not in self._open[-1:]:
            self._write(element)

    def close(self) -> int:
        """Ends the document; returns the number of the tree's root."""
        document = self._open[0].number
        self.end()
        pages = " ".join(f"{key} {owners} 0 R" for key, owners in enumerate(self._pages))
        by_page = self._file.write_object(f"<< /Nums [{pages}] >>")
        return self._file.write_object(
            f"<< /Type /StructTreeRoot /K {document} 0 R /ParentTree {by_page} 0 R"
            f" /ParentTreeNextKey {len(self._pages)} >>",
            self._root,
        )

    def _write(self, element: _Element) -> None:
        page = f" /Pg {element.page} 0 R" if element.page else ""
        parts = element.parts[0] if len(element.parts) == 1 else f"[{' '.join(element.parts)}]"
        self._file.write_object(
            f"<< /Type /StructElem /S /{element.kind} /P {element.parent} 0 R{page} /K {parts}{element.attributes} >>",
            element.number,
        )
