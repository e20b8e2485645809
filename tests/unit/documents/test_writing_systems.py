"""Text in a PDF runs in the direction of its script, Arabic is joined, and further fonts add characters."""

from __future__ import annotations

import io
import struct
import unicodedata
from pathlib import Path
from typing import Any

import pypdf
import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.documents import Report, write_pdf
from chalicelib.documents.fonts import NOT_DRAWN, Fonts
from chalicelib.documents.pdf.arabic import join, separate
from chalicelib.documents.pdf.bidi import base_direction, visual_order
from chalicelib.documents.pdf.text import Line, wrap
from chalicelib.documents.truetype import Font, InvalidFontError, bundled_font
from tests.unit.documents.samples import CREATED, table

FONTS = Path(__file__).parents[3] / "local" / "fonts"
ARABIC, CHINESE = FONTS / "DejaVuSans-Arabic.ttf", FONTS / "DroidSansFallback-Subset.ttf"

# Letters of both directions, marks, numbers of both kinds, signs between them, brackets, joiners and direction marks.
MIXED = st.text("abאבשع ב٣12.,:-+%()[]<>«»\u05b8\u0301\u064e\u200c\u200d\u200e\u200f", max_size=30)


def drawn(text: str) -> str:
    return visual_order(text, base_direction(text))


@pytest.fixture(scope="module")
def further() -> list[Font]:
    return [Font(path.read_bytes()) for path in (ARABIC, CHINESE)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("abc", "abc"),
        ("שלום", "םולש"),
        ("a שלום עולם b", "a םלוע םולש b"),
        ("שלום 123 עולם", "םלוע 123 םולש"),
        ("שלום (טוב) x", "x (בוט) םולש"),
        ("a (שלום) b", "a (םולש) b"),
        ("(שלום)", "(םולש)"),
        ("קובץ.jpg", "jpg.ץבוק"),
        ("שלום abc 12:30", "abc 12:30 םולש"),
        ("a < ש < ת > b", "a < ת > ש > b"),
        # Marks stay behind their letter.
        ("(שָׁם)", "(םשָׁ)"),
        ("\u200fabc!", "!abc"),
    ],
)
def test_text_is_drawn_in_visual_order(text: str, shown: str) -> None:
    assert drawn(text) == shown


@settings(deadline=None)
@given(MIXED, st.sampled_from("LR"))
def test_the_visual_order_loses_and_invents_nothing(text: str, base: Any) -> None:
    def turned(characters: str) -> list[str]:
        return sorted(c.translate(str.maketrans("([<«", ")]>»")) for c in characters if c not in NOT_DRAWN)

    assert turned(visual_order(text, base)) == turned(text)


def test_lines_are_broken_in_logical_order_and_keep_the_direction_of_the_text() -> None:
    first, second = wrap("שלום עולם abc def!", Fonts(), 8, 45, 2)
    assert (first, second) == (Line("שלום עולם", "םלוע םולש"), Line("abc def!", "!abc def"))


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("صورة", "\ufebb\ufeee\ufead\ufe93"),
        ("لا", "\ufefb"),
        ("سلام", "\ufeb3\ufefc\ufee1"),
        # Marks do not part letters, and stay behind the ligature.
        ("بَب", "\ufe91\u064e\ufe90"),
        ("لَا", "\ufefb\u064e"),
        # Persian; a non-joiner parts letters.
        ("می\u200cخواهم", "\ufee3\ufbfd\u200c\ufea7\ufeee\ufe8d\ufeeb\ufee2"),
        ("abc שלום 123", "abc שלום 123"),
    ],
)
def test_arabic_letters_are_joined(text: str, joined: str) -> None:
    assert join(text, lambda _: True) == joined
    assert unicodedata.normalize("NFC", separate(joined)).replace("\u064e", "") == text.replace("\u064e", "")


def test_without_its_joined_form_a_letter_stands_alone() -> None:
    assert join("صورة", lambda form: form < "\ufb50") == "صورة"


def test_text_of_many_scripts_is_drawn_and_can_be_copied(further: list[Font]) -> None:
    fonts, out = Fonts(lambda: further), io.BytesIO()
    write_pdf(out, Report("写真", CREATED, tables=[table("日本", "שלום", "صورة", "café", "😀")]), fonts)
    assert fonts.missing == set()
    page = pypdfium2.PdfDocument(out.getvalue())[0]
    words = page.get_textpage().get_text_range().split()
    assert {"写真", "日本", "שלום", "صورة", "café", "😀"} <= set(words)
    embedded: Any = pypdf.PdfReader(io.BytesIO(out.getvalue())).pages[0]["/Resources"]["/Font"]
    assert len(embedded) == 3
    assert len(out.getvalue()) < 40_000


def test_what_no_font_has_is_named_and_drawn_as_a_box(further: list[Font]) -> None:
    fonts = Fonts(lambda: further)
    (line,) = wrap("ᚠ 写 👩\u200d👧", fonts, 8, 500)
    assert line.drawn == "□ 写 □"
    assert fonts.missing == {"ᚠ", "👩", "👧"}


def test_further_fonts_are_loaded_only_for_a_character_that_the_bundled_one_lacks() -> None:
    loaded: list[str] = []

    def load() -> list[Font]:
        loaded.append("once")
        return []

    fonts = Fonts(load)
    wrap("Ελλάδα Київ Łódź שלום café Việt Nam €", fonts, 8, 500)
    assert loaded == []
    wrap("写真 写真", fonts, 8, 500)
    assert loaded == ["once"]


@pytest.mark.parametrize(
    "language",
    [
        "Zażółć gęślą jaźń Příliš žluťoučký kůň Árvíztűrő tükörfúrógép",
        "Fußgänger Øresund Þórður français ñandú català l·l Îles țară Ġużeppi ŵyr",
        "Tiếng Việt Đường Phở İstanbul ığdır Ə Latviešu ķēniņš Lietuvių šūvis",
        "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία ΐΰ",
        "Съешь ещё этих мягких Ґедзь їжак ўсё Ђорђе љубав њива џеп Қазақ тілі Өңір Монгол үсэг",
        "Ọlọ́ṣun ẹ̀ṣin Ɓala ɗan ƙasa Ŋdzɔ ɖevi ƒe Hawaiʻi Кырҙа ҫәскә Ҷавоҳир ӯ",
        "שָׁלוֹם עֲלֵיכֶם",
        "€ £ ¥ ₪ ₴ № ™ ← ↑ → ↓ □ ■ ● ½ ± × ÷ ≈ ≠ ≤ ≥ ∞ √ … – — „“‘’ « » • ¶ ſ",
    ],
)
def test_the_bundled_font_has_the_letters_of_latin_greek_cyrillic_and_hebrew_alphabets(language: str) -> None:
    letters = set(unicodedata.normalize("NFC", language)) - {" "}
    assert letters - bundled_font().glyphs.keys() == set()


@pytest.mark.parametrize("place", ["signature", "cut off", "no table", "glyphs"])
def test_a_broken_font_is_refused_when_it_is_read(place: str) -> None:
    data = bytearray(ARABIC.read_bytes())
    tables = {bytes(data[at : at + 4]): at for at in range(12, 12 + 16 * struct.unpack_from(">H", data, 4)[0], 16)}
    match place:
        case "signature":
            data[:4] = b"OTTO"
        case "cut off":
            del data[len(data) // 4 :]
        case "no table":
            data[tables[b"cmap"]] ^= 1
        case "glyphs":
            (loca,) = struct.unpack_from(">I", data, tables[b"loca"] + 8)
            data[loca + 2 : loca + 4] = b"\xff\xff"
    with pytest.raises(InvalidFontError):
        Font(bytes(data))
