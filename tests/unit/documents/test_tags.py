"""The tags of a PDF: headings, tables and figures in reading order, and nothing between them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pypdf
import pytest

from chalicelib.documents import Column, Picture, Report, Table, write_pdf
from chalicelib.documents.charts import describe_chart
from chalicelib.documents.pdf import structure
from tests.pictures import jpeg
from tests.unit.documents.samples import CREATED, report, table

Element = Any


def reader_of(document: Report) -> pypdf.PdfReader:
    out = io.BytesIO()
    write_pdf(out, document)
    return pypdf.PdfReader(out, strict=True)


def document_of(reader: pypdf.PdfReader) -> Element:
    root: Any = reader.root_object
    return root["/StructTreeRoot"]["/K"]


def parts(element: Element) -> list[Element]:
    """The elements and marks in an element."""
    inner = element["/K"].get_object() if hasattr(element["/K"], "get_object") else element["/K"]
    return [each.get_object() for each in (inner if isinstance(inner, list) else [inner])]


def kinds(element: Element) -> list[str]:
    return [each["/S"] for each in parts(element) if isinstance(each, dict)]


def all_of(element: Element, kind: str) -> Iterator[Element]:
    for each in parts(element):
        if isinstance(each, dict) and "/S" in each:
            if each["/S"] == kind:
                yield each
            yield from all_of(each, kind)


def test_a_report_is_headings_paragraphs_figures_and_tables_in_reading_order() -> None:
    document = report()
    root = document_of(reader_of(document))
    figures = ["/P"] * len(document.figures)
    charts = ["/H2", "/Figure"] * len(document.charts)
    assert kinds(root) == ["/H1", "/P", "/P", *figures, *charts, *["/H2", "/Table"] * len(document.tables)]
    assert [each["/Alt"] for each in all_of(root, "/Figure")] == [describe_chart(each) for each in document.charts]


def test_a_table_has_one_header_and_a_body_a_page() -> None:
    rows = [{"name": f"photo {place}", "size": place} for place in range(120)]
    reader = reader_of(Report("Export", CREATED, tables=[Table("f", "Files", COLUMNS, rows)]))
    (found,) = all_of(document_of(reader), "/Table")
    assert kinds(found) == ["/THead", *["/TBody"] * len(reader.pages)]
    assert [each["/A"]["/Scope"] for each in all_of(found, "/TH")] == ["/Column", "/Column"]
    assert len(list(all_of(found, "/TR"))) == 1 + len(rows)
    assert len(list(all_of(found, "/TD"))) == 2 * len(rows)


COLUMNS = [Column("name", "File name"), Column("size", "Size", "bytes")]


def test_every_mark_has_its_element_and_everything_else_is_an_artifact() -> None:
    reader = reader_of(report())
    root: Any = reader.root_object
    assert root["/MarkInfo"]["/Marked"]
    owners = dict(zip(*[iter(root["/StructTreeRoot"]["/ParentTree"]["/Nums"])] * 2, strict=True))
    for page in reader.pages:
        content = page.get_contents().get_data().decode()
        marks = [int(each) for each in re.findall(r"/MCID (\d+)", content)]
        page_owners = owners[page["/StructParents"]].get_object()
        assert marks == list(range(len(page_owners)))
        for mark, owner in zip(marks, page_owners, strict=True):
            element = owner.get_object()
            assert element["/K"] == mark
            assert element["/Pg"].get_object() == page
        outside = re.sub(r"(?s)BDC.*?EMC|BMC.*?EMC", "", content)
        assert not re.search(r"\b(?:Tj|re f|Do|l S)\b", outside), outside


def test_a_picture_in_a_table_is_described_by_its_row() -> None:
    columns = [Column("picture", "Preview", "picture"), Column("name", "File name")]
    rows = [{"picture": Picture(jpeg(4, 3), 4, 3), "name": "sea.jpg"}]
    root = document_of(reader_of(Report("Export", CREATED, tables=[Table("f", "Files", columns, rows)])))
    assert [each["/Alt"] for each in all_of(root, "/Figure")] == ["Preview: sea.jpg"]


def test_reordered_text_is_read_in_logical_order() -> None:
    root = document_of(reader_of(Report("Export", CREATED, tables=[table("שלום (טוב) abc", "plain")])))
    assert [each.get("/ActualText") for each in all_of(root, "/TD")] == ["שלום (טוב) abc", None]


def test_a_document_beyond_the_limit_of_viewers_has_fewer_tags_and_all_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure, "_MAX_OBJECTS", 60)
    reader = reader_of(Report("Export", CREATED, tables=[table(*(f"row {place}" for place in range(100)))]))
    assert reader.trailer["/Size"] < 120
    text = "\n".join(page.extract_text() for page in reader.pages)
    assert re.findall(r"row (\d+)", text) == [str(place) for place in range(100)]
    tagged, untagged = list(all_of(document_of(reader), "/TD")), list(all_of(document_of(reader), "/TBody"))[-1]
    assert 0 < len(tagged) < 100
    assert {each["/Type"] for each in parts(untagged)} == {"/MCR"}
