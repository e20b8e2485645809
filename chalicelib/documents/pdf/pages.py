"""Draws on the pages of a PDF. A page is written to the file as soon as it is complete."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from chalicelib.documents import charts
from chalicelib.documents.charts import Bar, Dot, Shape, Text, series_color
from chalicelib.documents.fonts import Fonts
from chalicelib.documents.invisible_characters import escape_invisible
from chalicelib.documents.models import Picture, Sink
from chalicelib.documents.pdf.arabic import separate
from chalicelib.documents.pdf.embedding import EmbeddedFonts
from chalicelib.documents.pdf.file import PdfFile, text_string, write_info
from chalicelib.documents.pdf.structure import Structure
from chalicelib.documents.pdf.text import Line, wrap

# A4, in points of 1/72 inch.
SHORT_SIDE, LONG_SIDE = 595.28, 841.89
MARGIN = 42.0

# Red, green and blue from 0 to 1, in PDF syntax.
BLACK = "0.11 0.15 0.19"
GRAY = "0.36 0.40 0.46"
LIGHT_GRAY = "0.87 0.89 0.92"
BACKGROUND = "0.95 0.96 0.98"

_FOOTER_SIZE = 8.0
_FOOTER_HEIGHT = 24.0

# Distance of the control points of a Bézier curve that draws a quarter of a circle of radius 1.
_CONTROL_DISTANCE = 0.5523


class PlacedLine(NamedTuple):
    """A line made by `text.wrap`; `y` is its baseline."""

    x: float
    y: float
    line: Line
    size: float
    color: str = BLACK


class Pages:
    """Draws on one page after the other. Positions are from the upper left corner of the page, in points.

    What is drawn belongs to a tag, or is decoration, or repeated from page to page.
    """

    def __init__(self, out: Sink, title: str, footer: str, fonts: Fonts) -> None:
        self._file = PdfFile(out)
        self.fonts = fonts
        self._title, self._footer = title, wrap(footer, fonts, _FOOTER_SIZE, LONG_SIDE)[0]
        self._tree, self._total = self._file.reserve_number(), self._file.reserve_number()
        self._embedded = EmbeddedFonts(self._file, fonts)
        self._structure = Structure(self._file)
        self._pages: list[int] = []
        self._page = 0
        self._content: list[str] = []
        self._pictures: list[int] = []
        self.width, self.height = SHORT_SIDE, LONG_SIDE

    @property
    def right(self) -> float:
        return self.width - MARGIN

    @property
    def bottom(self) -> float:
        return self.height - MARGIN - _FOOTER_SIZE

    def start_page(self, width: float, height: float) -> None:
        """Ends the current page, if any, and starts one of this size."""
        self._end_page()
        self.width, self.height = width, height
        self._page = self._file.reserve_number()
        self._structure.begin_page(self._page)
        # Line joins and line ends are round.
        self._content = ["1 j 1 J"]

    def begin(self, kind: str) -> None:
        """Begins a tag around other tags, which may be on several pages."""
        self._structure.begin(kind)

    def end(self) -> None:
        """Ends what `begin` began."""
        self._structure.end()

    def draw_tagged(self, kind: str, texts: Iterable[PlacedLine], attributes: str = "") -> None:
        """Draws lines on this page as one paragraph, heading or cell."""
        self._content.append(f"/{kind}<</MCID {self._structure.next_mark}>>BDC")
        reordered, read = False, []
        for text in texts:
            self.draw_text(*text)
            reordered |= text.line.is_reordered
            read.append(text.line.text)
        self._content.append("EMC")
        # Of the tag and not of each drawn line: there PDFium and Poppler take it for the visual order, and reverse it
        # once more when they copy text.
        actual = f"/ActualText {text_string(separate(' '.join(read)))}" if reordered else ""
        self._structure.add(kind, attributes + actual)

    @contextmanager
    def repeated(self) -> Iterator[None]:
        """What is drawn in the block is on other pages too: screen readers skip it."""
        self._content.append("/Artifact << /Type /Pagination >> BDC")
        yield
        self._content.append("EMC")

    @contextmanager
    def figure(self, left: float, top: float, width: float, height: float, description: str) -> Iterator[None]:
        """A tag around a drawing in this box; screen readers read its description."""
        box = f"{left:.2f} {self.height - top - height:.2f} {left + width:.2f} {self.height - top:.2f}"
        alternative = text_string(escape_invisible(description))
        self._content.append(f"/Figure<</MCID {self._structure.next_mark}>>BDC")
        yield
        self._content.append("EMC")
        self._structure.add("Figure", f"/Alt {alternative}/A<</O/Layout/Placement/Block/BBox[{box}]>>")

    def draw_text(self, x: float, y: float, line: Line, size: float, color: str = BLACK) -> None:
        """Draws a line where nothing is tagged, or in a tag that has begun."""
        if not line.drawn:
            return
        shown = self._embedded.encode(line.drawn, size)
        self._content.append(f"BT {color} rg {x:.2f} {self.height - y:.2f} Td {shown} ET")

    def draw_decoration(self, left: float, top: float, width: float, height: float, color: str) -> None:
        """Fills a box of the background, or a rule; not inside of a tag."""
        self._content.append(f"/Artifact BMC {self._box(left, top, width, height, color)} EMC")

    def draw_picture(self, left: float, top: float, width: float, height: float, picture: Picture) -> None:
        """Fills the box with the picture. Its data is written at once; the page keeps only its number."""
        number = self._file.write_jpeg(*picture)
        self._pictures.append(number)
        bottom = self.height - top - height
        self._content.append(f"q {width:.2f} 0 0 {height:.2f} {left:.2f} {bottom:.2f} cm /P{number} Do Q")

    def draw_shapes(self, left: float, top: float, shapes: list[Shape]) -> None:
        """Draws shapes whose positions are relative to this corner."""
        for shape in shapes:
            self._draw_shape(left, top, shape)

    def close(self, created_at: str) -> None:
        """Ends the last page and the file."""
        self._end_page()
        self._write_page_count()
        self._embedded.write()
        kids = " ".join(f"{page} 0 R" for page in self._pages)
        self._file.write_object(f"<< /Type /Pages /Count {len(self._pages)} /Kids [{kids}] >>", self._tree)
        root = self._file.write_object(
            f"<< /Type /Catalog /Pages {self._tree} 0 R /Lang (en) /ViewerPreferences << /DisplayDocTitle true >>"
            f" /MarkInfo << /Marked true >> /StructTreeRoot {self._structure.close()} 0 R"
            f" /Metadata {self._file.write_metadata(self._title)} 0 R >>"
        )
        self._file.close(root, write_info(self._file, self._title, created_at))

    def _end_page(self) -> None:
        if not self._page:
            return
        self._draw_footer()
        content = self._file.write_stream("\n".join(self._content).encode("ascii"))
        box = f"[0 0 {self.width:g} {self.height:g}]"
        self._pages.append(
            self._file.write_object(
                f"<< /Type /Page /Parent {self._tree} 0 R /MediaBox {box} /Resources {self._resources()}"
                f" /Contents {content} 0 R /StructParents {self._structure.end_page()} >>",
                self._page,
            )
        )
        self._content, self._pictures = [], []

    def _resources(self) -> str:
        """The objects that the page uses: the fonts, the page count, and its pictures."""
        pictures = "".join(f" /P{number} {number} 0 R" for number in self._pictures)
        return f"<< /Font {self._embedded.resources} 0 R /XObject << /Total {self._total} 0 R{pictures} >> >>"

    def _draw_footer(self) -> None:
        """The note on the left, `Page 3 of` on the right; the page count is the object of `_write_page_count`."""
        y, page = self.height - _FOOTER_HEIGHT, f"Page {len(self._pages) + 1} of "
        total_x = self.right - self.fonts.width("00000", _FOOTER_SIZE)
        page_x = total_x - self.fonts.width(page, _FOOTER_SIZE)
        with self.repeated():
            self.draw_text(MARGIN, y, self._footer, _FOOTER_SIZE, GRAY)
            self.draw_text(page_x, y, Line(page, page), _FOOTER_SIZE, GRAY)
            self._content.append(f"q 1 0 0 1 {total_x:.2f} {_FOOTER_HEIGHT:g} cm /Total Do Q")

    def _write_page_count(self) -> None:
        """Writes the object that every page shows; the count is known only at the end."""
        drawing = f"BT {GRAY} rg 0 0 Td {self._embedded.encode(str(len(self._pages)), _FOOTER_SIZE)} ET"
        self._file.write_stream(
            drawing.encode("ascii"),
            f"/Type /XObject /Subtype /Form /BBox [0 -4 60 12] /Resources << /Font {self._embedded.resources} 0 R >> ",
            self._total,
        )

    def _draw_shape(self, left: float, top: float, shape: Shape) -> None:
        match shape:
            case Bar(x, y, width, height, series):
                self._content.append(self._box(left + x, top + y, width, height, _pdf_color(series)))
            case Dot(x, y, radius, series):
                self._draw_dot(left + x, self.height - top - y, radius, _pdf_color(series))
            case charts.Line(points, role, series):
                color = {"grid": LIGHT_GRAY, "axis": GRAY}.get(role) or _pdf_color(series)
                path = " l ".join(f"{left + x:.2f} {self.height - top - y:.2f}" for x, y in points)
                line_width = 1.2 if role == "series" else 0.6
                self._content.append(f"{line_width:g} w {color} RG {path.replace(' l ', ' m ', 1)} l S")
            case Text(x, y, text, anchor, size):
                (line,) = wrap(text, self.fonts, size, self.width)
                shift = {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor] * self.fonts.width(line.text, size)
                self.draw_text(left + x - shift, top + y, line, size, GRAY)

    def _box(self, left: float, top: float, width: float, height: float, color: str) -> str:
        return f"{color} rg {left:.2f} {self.height - top - height:.2f} {width:.2f} {height:.2f} re f"

    def _draw_dot(self, x: float, y: float, radius: float, color: str) -> None:
        near, far = _CONTROL_DISTANCE * radius, radius
        quarters = (((0, 1), (1, 0)), ((1, 0), (0, -1)), ((0, -1), (-1, 0)), ((-1, 0), (0, 1)))
        curves = [
            f"{x + far * a + near * c:.2f} {y + far * b + near * d:.2f} {x + far * c + near * a:.2f} "
            f"{y + far * d + near * b:.2f} {x + far * c:.2f} {y + far * d:.2f} c"
            for (a, b), (c, d) in quarters
        ]
        self._content.append(f"{color} rg {x:.2f} {y + far:.2f} m {' '.join(curves)} f")


def _pdf_color(series: int) -> str:
    color = series_color(series)
    return " ".join(f"{int(color[start : start + 2], 16) / 255:.3f}" for start in (1, 3, 5))
