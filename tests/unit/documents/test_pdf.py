"""A PDF shows its content as text that can be copied, and has no active content."""

from __future__ import annotations

import io
import re
from itertools import pairwise
from typing import Any

import pypdf
import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.documents import Column, Picture, Report, Table, write_pdf
from chalicelib.documents.fonts import Fonts, bundled_fonts
from chalicelib.documents.pdf.text import to_line, wrap
from chalicelib.documents.truetype import bundled_font
from tests.pictures import jpeg
from tests.unit.documents.samples import CREATED, TEXTS, Sink, report, table

# The object types that pages of text, lines and pictures need.
TYPES = {
    *("/Catalog", "/Pages", "/Page", "/Font", "/FontDescriptor", "/XObject", "/StructTreeRoot", "/Metadata"),
    *("/ObjStm", "/XRef", None),
}
# The characters of the font, except marks and right-to-left letters, which pypdf reorders.
COPYABLE = [
    c
    for c in sorted(bundled_font().glyphs)
    if not (0x300 <= ord(c) < 0x370 or 0x590 <= ord(c) < 0x700 or ord(c) > 0xFB00)
]

ACTIVE = re.compile("/(?:JS|JavaScript|Launch|URI|OpenAction|AA|EmbeddedFiles?|AcroForm|Annots?|GoToR|SubmitForm)'")


def bytes_of(document: Report) -> bytes:
    sink = Sink()
    assert write_pdf(sink, document) == ("pdf", "application/pdf")
    return bytes(sink.data)


def pages_of(document: Report) -> Any:
    return pypdf.PdfReader(io.BytesIO(bytes_of(document)), strict=True).pages


def text_of(page: Any) -> str:
    text: str = page.extract_text()
    return text


def export(*tables: Table, title: str = "Export") -> Report:
    return Report(title, CREATED, tables=tables)


@settings(max_examples=30, deadline=None)
@given(TEXTS)
def test_any_text_gives_a_valid_file_without_active_content(text: str) -> None:
    data = bytes_of(Report(text, text, text, tables=[Table("t", text, [Column("a", text)], [{"a": text}])]))
    assert_harmless(data)


def test_a_report_is_valid_and_has_no_active_content() -> None:
    assert_harmless(bytes_of(report()))


def assert_harmless(data: bytes) -> None:
    reader = pypdf.PdfReader(io.BytesIO(data), strict=True)
    for number in range(1, reader.trailer["/Size"]):
        found = reader.get_object(number)
        assert found is None or isinstance(found, list) or found.get("/Type") in TYPES
        # Names of keys and values; texts are in quotes of their own.
        assert not ACTIVE.search(repr(found))
    assert set(reader.metadata or {}) <= {"/Title", "/CreationDate", "/Producer"}


@settings(max_examples=30, deadline=None)
@given(st.text(st.sampled_from(COPYABLE), min_size=1, max_size=20))
def test_text_can_be_copied(text: str) -> None:
    (page,) = pages_of(export(table(text)))
    assert "".join(to_line(text, Fonts()).split()) in "".join(text_of(page).split())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("Ελλάδα Київ Łódź", "Ελλάδα Київ Łódź"),
        ("写真.jpg", "□□.jpg"),
        ("👨‍👩‍👧 👍🏽", "□ □"),
        ("photo\u202egnp.exe", "photo[U+202E]gnp.exe"),
        ("bell\x07", "bell[U+0007]"),
        ("zero\u200bwidth", "zero[U+200B]width"),
        ("two\r\nlines\n", "two ¶ lines"),
        ("a\tb\u00a0c", "a b c"),
        ("e\u0301", "é"),
    ],
)
def test_text_is_drawable_or_visibly_replaced(text: str, line: str) -> None:
    assert to_line(text, Fonts()) == line


@settings(deadline=None)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)), st.floats(10, 300))
def test_lines_fit_and_text_is_lost_only_after_an_ellipsis(text: str, room: float) -> None:
    lines = [line.text for line in wrap(text, bundled_fonts(), 8, room, 3)]
    assert 1 <= len(lines) <= 3
    assert all(bundled_fonts().width(line, 8) <= room for line in lines)
    kept = "".join("".join(lines).removesuffix("…").split())
    assert "".join(text.split()).startswith(kept)
    assert lines[-1].endswith("…") or kept == "".join(text.split())


@pytest.mark.parametrize(("marked", "bare"), [("é", "e"), ("Å", "A"), ("ї", "ı"), ("ώ", "ω")])
def test_letters_made_of_several_glyphs_are_complete(marked: str, bare: str) -> None:
    # Each file has one letter only, so that it cannot use glyphs of another letter.
    assert ink_of(export(table(marked * 30, name="x"), title="")) > ink_of(export(table(bare * 30, name="x"), title=""))


def ink_of(document: Report) -> int:
    """The sum of the darkness of all pixels of the first page."""
    page = pypdfium2.PdfDocument(bytes_of(document))[0].render(scale=2, grayscale=True).to_pil()
    return sum((255 - shade) * count for shade, count in enumerate(page.histogram()))


def test_every_page_has_its_number_and_the_header_of_the_table() -> None:
    rows = [{"name": f"photo {place}", "size": 1000 * place} for place in range(200)]
    pages = pages_of(
        export(Table("files", "Files", [Column("name", "File name"), Column("size", "Size", "bytes")], rows))
    )
    assert len(pages) > 2
    for number, page in enumerate(pages, 1):
        assert "File name" in text_of(page)
        assert re.search(rf"Page {number} of\s+{len(pages)}", text_of(page))
    lines = "\n".join(text_of(page) for page in pages)
    assert re.findall(r"photo (\d+)\b", lines) == [str(place) for place in range(200)]


def test_the_first_page_has_title_period_and_figures() -> None:
    first = text_of(pages_of(report())[0])
    for words in ("Usage of Ana <Müller>", "2026-03-01 – 2026-03-31", "Created 2026-04-01 06:00:00", "8.91 GB"):
        assert words in first


def test_the_properties_are_title_time_and_producer() -> None:
    metadata = pypdf.PdfReader(io.BytesIO(bytes_of(report()))).metadata
    assert dict(metadata) == {
        "/Title": "Usage of Ana <Müller>",
        "/CreationDate": "D:20260401060000Z",
        "/Producer": "Darkroom",
    }


def test_many_columns_are_in_landscape_and_more_become_a_list() -> None:
    def wide(count: int) -> Table:
        columns = [Column(f"c{place}", f"Title {place}") for place in range(count)]
        return Table(f"table{count}", "Wide", columns, [{f"c{place}": f"value {place}" for place in range(count)}])

    upright, turned, listed = (pages_of(export(wide(count)))[0] for count in (5, 12, 13))
    assert upright.mediabox.width < upright.mediabox.height
    assert turned.mediabox.width > turned.mediabox.height
    assert listed.mediabox.width < listed.mediabox.height
    assert re.search(r"Title 12\s+value 12", text_of(listed))


def test_a_picture_of_any_shape_stays_in_its_row() -> None:
    sides = [(96, 72), (2, 96), (96, 2), (1, 1)]
    rows = [
        {"picture": None if place == 1 else Picture(jpeg(*side), *side), "name": f"photo {place}"}
        for place, side in enumerate(sides * 20)
    ]
    columns = [Column("picture", "Preview", "picture"), Column("name", "Name")]
    document = export(Table("files", "Files", columns, rows))
    pages = pages_of(document)
    assert len(pages) > 2
    shown = [image.image.size for page in pages for image in page.images if image.image]
    assert shown == [side for place, side in enumerate(sides * 20) if place != 1]
    for page, drawn in zip(pages, pypdfium2.PdfDocument(bytes_of(document)), strict=True):
        assert len(page.images) == sum(each.type == pypdfium2.raw.FPDF_PAGEOBJ_IMAGE for each in drawn.get_objects())
        boxes = sorted(
            each.get_bounds() for each in drawn.get_objects() if each.type == pypdfium2.raw.FPDF_PAGEOBJ_IMAGE
        )
        assert all(36 < left < right < 90 and 40 < bottom < top < 805 for left, bottom, right, top in boxes)
        edges = sorted((bottom, top) for _, bottom, _, top in boxes)
        assert all(below[1] < above[0] for below, above in pairwise(edges)), "no two of them touch"
    assert_harmless(bytes_of(document))


def test_an_empty_table_says_so() -> None:
    assert "Nothing to list." in text_of(pages_of(export(table()))[0])


def test_pages_are_written_while_rows_are_read() -> None:
    sink, written = Sink(), []

    def rows() -> Any:
        for place in range(1000):
            written.append(len(sink.data))
            yield {"value": place}

    write_pdf(sink, export(Table("files", "Files", [Column("value", "Value")], rows())))
    assert len(set(written)) > 10


def test_the_same_report_gives_the_same_bytes() -> None:
    assert bytes_of(report()) == bytes_of(report())
