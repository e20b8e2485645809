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
class _Group:
    kind: str
    number: int
    parent: int
    parts: list[str] = field(default_factory=list)


class Structure:
    """`begin_page` before content is tagged; groups end in the reverse order of their beginning."""

    def __init__(self, file: PdfFile) -> None:
        self._file = file
        self._root = file.reserve_number()
        self._open = [_Group("Document", file.reserve_number(), self._root)]
        self._page = 0
        # The element of each piece of tagged content on the page, in their order.
        self._owners: list[str] = []
        self._pages: list[int] = []

    def begin_page(self, page: int) -> None:
        """`page`: the number of the page's object."""
        self._page, self._owners = page, []

    def end_page(self) -> int:
        """Returns the page's key in the table of all tagged content."""
        self._pages.append(self._file.write_object(f"[{' '.join(self._owners)}]"))
        return len(self._pages) - 1

    def begin(self, kind: str) -> None:
        """Begins an element that has other elements, which may be on several pages."""
        parent = self._open[-1]
        if kind in _MANY and self._is_full:
            self._open.append(parent)
            return
        group = _Group(kind, self._file.reserve_number(), parent.number)
        parent.parts.append(f"{group.number} 0 R")
        self._open.append(group)

    def end(self) -> None:
        group = self._open.pop()
        if group not in self._open[-1:]:
            parts = f"[{' '.join(group.parts)}]"
            self._file.write_object(f"<</S/{group.kind}/P {group.parent} 0 R/K{parts}>>", group.number)

    @property
    def next_mark(self) -> int:
        """The identifier of the next piece of tagged content on the page."""
        return len(self._owners)

    def add(self, kind: str, attributes: str = "") -> None:
        """Adds an element of the current one; its content is the piece with the identifier `next_mark`."""
        group, mark = self._open[-1], len(self._owners)
        if kind in _MANY and self._is_full:
            group.parts.append(f"<</Type/MCR/Pg {self._page} 0 R/MCID {mark}>>")
            self._owners.append(f"{group.number} 0 R")
            return
        number = self._file.write_object(f"<</S/{kind}/P {group.number} 0 R/Pg {self._page} 0 R/K {mark}{attributes}>>")
        group.parts.append(f"{number} 0 R")
        self._owners.append(f"{number} 0 R")

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

    @property
    def _is_full(self) -> bool:
        return self._file.count > _MAX_OBJECTS
