"""A PDF shows what it was given, in text that can be copied, and can do nothing but be read."""

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
from chalicelib.documents.pdf_text import in_order_of_drawing, printed, wrapped
from chalicelib.documents.truetype import font
from tests.pictures import jpeg
from tests.unit.documents.samples import CREATED, TEXTS, Sink, report, table

# The types of objects that a page of text and lines needs.
TYPES = {"/Catalog", "/Pages", "/Page", "/Font", "/FontDescriptor", "/XObject", None}
# What the font has, but marks, and letters from right to left: pypdf puts these in an order of its own.
COPIED = [
    c for c in sorted(font().glyphs) if not (0x300 <= ord(c) < 0x370 or 0x590 <= ord(c) < 0x700 or ord(c) > 0xFB00)
]

DOING = re.compile(rb"/(?:JS|JavaScript|Launch|URI|OpenAction|AA|EmbeddedFiles?|AcroForm|Annots?|GoToR|SubmitForm)\b")


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
def test_whatever_the_text_the_file_is_sound_and_does_nothing(text: str) -> None:
    data = bytes_of(Report(text, text, text, tables=[Table("t", text, [Column("a", text)], [{"a": text}])]))
    assert_harmless(data)


def test_a_report_is_sound_and_does_nothing() -> None:
    assert_harmless(bytes_of(report()))


def assert_harmless(data: bytes) -> None:
    reader = pypdf.PdfReader(io.BytesIO(data), strict=True)
    for number in range(1, reader.trailer["/Size"]):
        found = reader.get_object(number)
        assert found.get("/Type") in TYPES
    assert not DOING.search(re.sub(rb"stream\n.*?endstream", b"", data, flags=re.DOTALL))
    assert set(reader.metadata or {}) <= {"/Title", "/CreationDate", "/Producer"}


@settings(max_examples=30, deadline=None)
@given(st.text(st.sampled_from(COPIED), min_size=1, max_size=20))
def test_what_is_shown_can_be_copied(text: str) -> None:
    (page,) = pages_of(export(table(text)))
    assert "".join(printed(text).split()) in "".join(text_of(page).split())


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
def test_text_is_legible_or_visibly_replaced(text: str, line: str) -> None:
    assert printed(text) == line


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("abc", "abc"),
        ("שלום", "םולש"),
        ("a שלום עולם b", "a םלוע םולש b"),
        ("שלום 123 עולם", "םלוע 123 םולש"),
        ("שלום (טוב) x", "(בוט) םולש x"),
        ("(שלום)", "(םולש)"),
        ("קובץ.jpg", "ץבוק.jpg"),
    ],
)
def test_hebrew_is_drawn_from_its_right(text: str, drawn: str) -> None:
    assert in_order_of_drawing(text) == drawn


@settings(deadline=None)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)), st.floats(10, 300))
def test_lines_fit_their_room_and_lose_no_text_but_behind_an_ellipsis(text: str, room: float) -> None:
    lines = wrapped(text, 8, room, 3)
    assert 1 <= len(lines) <= 3
    assert all(font().width(line, 8) <= room for line in lines)
    kept = "".join("".join(lines).removesuffix("…").split())
    assert "".join(text.split()).startswith(kept)
    assert lines[-1].endswith("…") or kept == "".join(text.split())


@pytest.mark.parametrize(("marked", "bare"), [("é", "e"), ("Å", "A"), ("ї", "ı"), ("ώ", "ω")])
def test_letters_made_of_several_shapes_are_drawn_whole(marked: str, bare: str) -> None:
    # Each file holds the one letter, not by chance the parts that another letter brought along.
    assert ink_of(export(table(marked * 30, name="x"), title="")) > ink_of(export(table(bare * 30, name="x"), title=""))


def ink_of(document: Report) -> int:
    """How dark the first page is as a reader draws it."""
    page = pypdfium2.PdfDocument(bytes_of(document))[0].render(scale=2, grayscale=True).to_pil()
    return sum((255 - shade) * count for shade, count in enumerate(page.histogram()))


def test_every_page_has_its_number_and_every_page_of_a_table_its_header() -> None:
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


def test_the_first_page_says_what_it_is() -> None:
    first = text_of(pages_of(report())[0])
    for words in ("Usage of Ana <Müller>", "2026-03-01 – 2026-03-31", "Created 2026-04-01 06:00:00", "8.91 GB"):
        assert words in first


def test_the_document_knows_its_title_and_time_and_no_one_else() -> None:
    metadata = pypdf.PdfReader(io.BytesIO(bytes_of(report()))).metadata
    assert dict(metadata) == {
        "/Title": "Usage of Ana <Müller>",
        "/CreationDate": "D:20260401060000Z",
        "/Producer": "Darkroom",
    }


def test_paper_turns_for_many_columns_and_records_are_listed_for_more() -> None:
    def wide(count: int) -> Table:
        columns = [Column(f"c{place}", f"Title {place}") for place in range(count)]
        return Table(f"table{count}", "Wide", columns, [{f"c{place}": f"value {place}" for place in range(count)}])

    upright, turned, listed = (pages_of(export(wide(count)))[0] for count in (5, 12, 13))
    assert upright.mediabox.width < upright.mediabox.height
    assert turned.mediabox.width > turned.mediabox.height
    assert listed.mediabox.width < listed.mediabox.height
    assert re.search(r"Title 12\s+value 12", text_of(listed))


def test_a_picture_stands_in_its_own_row_whatever_its_shape() -> None:
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


def test_pages_go_out_while_rows_come_in() -> None:
    sink, written = Sink(), []

    def rows() -> Any:
        for place in range(1000):
            written.append(len(sink.data))
            yield {"value": place}

    write_pdf(sink, export(Table("files", "Files", [Column("value", "Value")], rows())))
    assert len(set(written)) > 10


def test_the_same_report_gives_the_same_bytes() -> None:
    assert bytes_of(report()) == bytes_of(report())
