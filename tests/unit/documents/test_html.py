"""The page shows the whole report, and runs and loads nothing."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given, settings

from chalicelib.documents import Column, Report, Table, write_html
from tests.unit.documents.samples import TEXTS, Sink, report

ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section", "h1", "h2", "p"),
    *("dl", "dt", "dd", "div", "table", "caption", "thead", "tbody", "tr", "th", "td"),
    *("svg", "desc", "rect", "circle", "polyline", "text"),
}
FETCHING = {"src", "href", "srcset", "action", "data", "poster", "background", "xlink:href", "formaction", "style"}


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.words.append((self.open[-1], data))

    def texts(self, tag: str) -> list[str]:
        return [text for name, text in self.words if name == tag]


def page_of(document: Report) -> Page:
    sink = Sink()
    assert write_html(sink, document) == ("html", "text/html; charset=utf-8")
    page = Page(sink.data.decode())
    assert page.open == []
    return page


def assert_harmless(page: Page) -> None:
    assert {tag for tag, _ in page.elements} <= ELEMENTS
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name in FETCHING]
    assert not [style for style in page.texts("style") if "url(" in style or "@import" in style]


@settings(deadline=None)
@given(TEXTS)
def test_no_text_becomes_markup(text: str) -> None:
    table = Table("t", text, [Column("a", text)], [{"a": f"in {text}"}])
    page = page_of(Report(text, text, text, text, tables=[table]))
    assert_harmless(page)
    assert len(page.texts("td")) == 1


def test_the_page_is_harmless_and_has_a_content_security_policy() -> None:
    page = page_of(report())
    assert_harmless(page)
    (policy,) = (a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")


def test_the_page_shows_the_report() -> None:
    page = page_of(report())
    assert page.texts("h1") == ["Usage of Ana <Müller>"]
    assert "2026-03-01 – 2026-03-31" in page.texts("p")
    assert page.texts("dd") == ["12,345", "8.91 GB", "$12.35", "853 ms", "<b>Free</b>"]
    assert page.texts("td") == [
        *("<script>alert(1)</script>", "$0.0012", "2026-04-01 06:00:00"),
        *('x" onload="alert(1)', "$1.50", "2026-04-01 06:00:00"),
        *("photo[U+202E]gnp.exe 写真 😀", "–", "2026-04-01 06:00:00"),
        *("https://example.com/?a=1&b=2", "$3.00", "–"),
        "Nothing to list.",
    ]


def test_a_screen_reader_gets_the_whole_page() -> None:
    page = page_of(report())
    assert page.texts("caption") == ["Operations & costs", "Failures"]
    assert all(attributes["scope"] == "col" for tag, attributes in page.elements if tag == "th")
    identifiers = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    drawings = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert len(drawings) == len(page.texts("desc")) == 5
    for drawing in drawings:
        assert drawing["role"] == "img"
        assert set((drawing["aria-labelledby"] or "").split()) <= identifiers
    assert page.texts("desc")[0] == (
        "A bar chart of Finished, Failed, 2025-03-01 to 2025-03-31: least 0 at 2025-03-01, most 30 at 2025-03-31."
    )


def test_a_bar_has_its_value_as_a_hint() -> None:
    assert "2025-03-31 · Finished: 30" in page_of(report()).texts("title")


def test_the_same_report_gives_the_same_page() -> None:
    first, second = Sink(), Sink()
    write_html(first, report())
    write_html(second, report())
    assert first.data == second.data
