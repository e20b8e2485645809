"""Pages of a PDF and the pen that draws on them: each page goes into the file as soon as it is full."""

from __future__ import annotations

from chalicelib.documents.charts import SERIES_COLORS, Bar, Dot, Line, Shape, Words
from chalicelib.documents.pdf_file import PdfFile, digits, put_font, put_info
from chalicelib.documents.pdf_text import in_order_of_drawing, printed
from chalicelib.documents.truetype import font
from chalicelib.documents.values import Picture, Sink

# A4, in points of 1/72 inch.
SHORT, LONG = 595.28, 841.89
MARGIN = 42.0

# Red, green and blue from 0 to 1, in the form that drawing takes.
TEXT = "0.11 0.15 0.19"
SOFT = "0.36 0.40 0.46"
RULE = "0.87 0.89 0.92"
BAND = "0.95 0.96 0.98"

_FOOTER_SIZE = 8.0
_FOOTER_AT = 24.0

# Of a quarter of a circle drawn as one curve: how far its handles reach, for a radius of 1.
_HANDLE = 0.5523


class Pages:
    """Draws on one page after the other. Places count from the upper left corner of the page."""

    def __init__(self, out: Sink, title: str, footer: str) -> None:
        self._file = PdfFile(out)
        self._title, self._footer = title, footer
        self._tree, self._font, self._total = (self._file.reserve() for _ in range(3))
        self._pages: list[int] = []
        self._used: set[str] = set(" 0123456789")
        self._content: list[str] = []
        self._pictures: list[int] = []
        self.width, self.height = SHORT, LONG

    @property
    def right(self) -> float:
        return self.width - MARGIN

    @property
    def bottom(self) -> float:
        return self.height - MARGIN - _FOOTER_SIZE

    def turn(self, width: float, height: float) -> None:
        """Ends the page, if there is one, and begins another of this size."""
        self._end_page()
        self.width, self.height = width, height
        # Round joints and ends of lines.
        self._content = ["1 j 1 J"]

    def text(self, x: float, y: float, text: str, size: float, color: str = TEXT) -> None:
        """One line of printed text (see `pdf_text`) whose baseline is at `y`."""
        text = in_order_of_drawing(text)
        self._used.update(text)
        self._content.append(f"BT {color} rg /F {size:g} Tf {x:.2f} {self.height - y:.2f} Td <{digits(text)}> Tj ET")

    def box(self, left: float, top: float, width: float, height: float, color: str) -> None:
        self._content.append(f"{color} rg {left:.2f} {self.height - top - height:.2f} {width:.2f} {height:.2f} re f")

    def picture(self, left: float, top: float, width: float, height: float, picture: Picture) -> None:
        """A picture that fills this box. It goes into the file at once: pages keep its number alone."""
        number = self._file.put_jpeg(*picture)
        self._pictures.append(number)
        bottom = self.height - top - height
        self._content.append(f"q {width:.2f} 0 0 {height:.2f} {left:.2f} {bottom:.2f} cm /P{number} Do Q")

    def shapes(self, left: float, top: float, shapes: list[Shape]) -> None:
        """A drawing whose upper left corner is there."""
        for shape in shapes:
            self._shape(left, top, shape)

    def close(self, created_at: str) -> None:
        """Ends the last page and the file."""
        self._end_page()
        self._put_total()
        put_font(self._file, font(), self._used, self._font)
        kids = " ".join(f"{page} 0 R" for page in self._pages)
        self._file.put(f"<< /Type /Pages /Count {len(self._pages)} /Kids [{kids}] >>", self._tree)
        root = self._file.put(
            f"<< /Type /Catalog /Pages {self._tree} 0 R /Lang (en) /ViewerPreferences << /DisplayDocTitle true >> >>"
        )
        self._file.close(root, put_info(self._file, self._title, created_at))

    def _end_page(self) -> None:
        if not self._content:
            return
        self._draw_footer()
        content = self._file.put_stream("\n".join(self._content).encode("ascii"))
        box = f"[0 0 {self.width:g} {self.height:g}]"
        self._pages.append(
            self._file.put(
                f"<< /Type /Page /Parent {self._tree} 0 R /MediaBox {box} /Resources {self._resources()}"
                f" /Contents {content} 0 R >>"
            )
        )
        self._content, self._pictures = [], []

    def _resources(self) -> str:
        """What the page's drawing names: the font, the number of pages, and its own pictures."""
        pictures = "".join(f" /P{number} {number} 0 R" for number in self._pictures)
        return f"<< /Font << /F {self._font} 0 R >> /XObject << /Total {self._total} 0 R{pictures} >> >>"

    def _draw_footer(self) -> None:
        """The note on the left, and `Page 3 of` on the right; the number of pages is drawn by `_put_total`."""
        y = self.height - _FOOTER_AT
        self.text(MARGIN, y, self._footer, _FOOTER_SIZE, SOFT)
        page = f"Page {len(self._pages) + 1} of "
        total_at = self.right - font().width("00000", _FOOTER_SIZE)
        self.text(total_at - font().width(page, _FOOTER_SIZE), y, page, _FOOTER_SIZE, SOFT)
        self._content.append(f"q 1 0 0 1 {total_at:.2f} {_FOOTER_AT:g} cm /Total Do Q")

    def _put_total(self) -> None:
        """What all pages show and only the last one knows: how many they are."""
        drawing = f"BT {SOFT} rg /F {_FOOTER_SIZE:g} Tf 0 0 Td <{digits(str(len(self._pages)))}> Tj ET"
        self._file.put_stream(
            drawing.encode("ascii"),
            f"/Type /XObject /Subtype /Form /BBox [0 -4 60 12] /Resources << /Font << /F {self._font} 0 R >> >> ",
            self._total,
        )

    def _shape(self, left: float, top: float, shape: Shape) -> None:
        match shape:
            case Bar(x, y, width, height, series):
                self.box(left + x, top + y, width, height, _color(series))
            case Dot(x, y, radius, series):
                self._dot(left + x, self.height - top - y, radius, _color(series))
            case Line(points, ink, series):
                color = {"grid": RULE, "axis": SOFT}.get(ink) or _color(series)
                path = " l ".join(f"{left + x:.2f} {self.height - top - y:.2f}" for x, y in points)
                weight = 1.2 if ink == "series" else 0.6
                self._content.append(f"{weight:g} w {color} RG {path.replace(' l ', ' m ', 1)} l S")
            case Words(x, y, text, anchor, size):
                line = printed(text)
                shift = {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor] * font().width(line, size)
                self.text(left + x - shift, top + y, line, size, SOFT)

    def _dot(self, x: float, y: float, radius: float, color: str) -> None:
        near, far = _HANDLE * radius, radius
        quarters = (((0, 1), (1, 0)), ((1, 0), (0, -1)), ((0, -1), (-1, 0)), ((-1, 0), (0, 1)))
        curves = [
            f"{x + far * a + near * c:.2f} {y + far * b + near * d:.2f} {x + far * c + near * a:.2f} "
            f"{y + far * d + near * b:.2f} {x + far * c:.2f} {y + far * d:.2f} c"
            for (a, b), (c, d) in quarters
        ]
        self._content.append(f"{color} rg {x:.2f} {y + far:.2f} m {' '.join(curves)} f")


def _color(series: int) -> str:
    color = SERIES_COLORS[series % len(SERIES_COLORS)]
    return " ".join(f"{int(color[at : at + 2], 16) / 255:.3f}" for at in (1, 3, 5))
