"""Makes the fonts of this repository again, from the packages that they come from (needs `pip install fonttools`):

    python -m local.fonts.make LiberationSans-Regular.ttf DroidSansFallbackFull.ttf DejaVuSans.ttf

The first is from Liberation Fonts 2, the others from Debian's `fonts-droid-fallback` and `fonts-dejavu-core`. A subset
has its own name where the licence reserves the original's.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

_HERE = Path(__file__).parent
_BUNDLED = _HERE.parents[1] / "chalicelib" / "imaging" / "fonts" / "DarkroomSans-Regular.ttf"

# The alphabets in use of Latin, Greek, Cyrillic and Hebrew, the marks that combine with their letters, and signs.
_BUNDLED_RANGES = (
    "20-7E A0-24F 253-254 256-257 259 25B 260 263 268-269 272 275 283 289 28B 292 294 2B9-2BF 2C6-2C7 2C9 2D8-2DD "
    "300-36F 37E 384-38A 38C 38E-3A1 3A3-3CE 400-52F 591-5F4 1E00-1EFF 200C-200F 2010-2027 2030 2032-2033 2039-203A "
    "203C 2044 2070 2074 207F "
    "20A0-20BF 2105 2113 2116 2122 2126 212E 215B-215E 2190-2195 2202 2206 220F 2211-2212 2215 2219-221A 221E "
    "2248 2260 2264-2265 2500 2502 25A0-25A1 25AA-25AB 25B2 25BA 25BC 25C4 25CA-25CB 25CF FB01-FB02 FB1D-FB4F"
)
# Only these keep their hinting: a watermark in ASCII has the same pixels as with the original font.
_HINTED = range(0x20, 0x7F)
# Arabic with its presentation forms, which `chalicelib.documents.pdf.arabic` uses, and faces.
_ARABIC_RANGES = "20 600-6FF 750-77F FB50-FDFF FE70-FEFC 1F600-1F643"
# The characters of these encodings: Japanese (kanji of levels 1 and 2), simplified Chinese.
_CJK_ENCODINGS = ("shift_jis", "gb2312")


def main(liberation: str, droid: str, dejavu: str) -> None:
    name = "Darkroom Sans"
    _make(liberation, _BUNDLED, _characters(_BUNDLED_RANGES), name=name, hinted=_HINTED)
    _make(droid, _HERE / "DroidSansFallback-Subset.ttf", _encoded(_CJK_ENCODINGS))
    _make(dejavu, _HERE / "DejaVuSans-Arabic.ttf", _characters(_ARABIC_RANGES))


def _make(source: str, target: Path, characters: Iterable[int], name: str = "", hinted: Iterable[int] = ()) -> None:
    options = subset.Options(
        layout_features=[], legacy_kern=True, hinting=bool(hinted), notdef_outline=True, glyph_names=False,
        name_IDs=[0, 1, 2, 4, 6, 13, 14], recalc_timestamp=False,
        drop_tables=[*subset.Options().drop_tables, "GSUB", "GPOS", "GDEF", "gasp", "FFTM"],
    )  # fmt: skip
    font = TTFont(source, lazy=False, recalcTimestamp=False)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=list(characters))
    subsetter.subset(font)
    if hinted:
        _remove_hinting_except(font, hinted)
    if name:
        _rename(font, name)
    font.save(target)
    print(f"{target.name}: {len(font.getBestCmap())} characters, {target.stat().st_size:,} bytes")


def _remove_hinting_except(font: TTFont, characters: Iterable[int]) -> None:
    cmap, glyphs = font.getBestCmap(), font["glyf"]
    kept, pending = set(), [cmap[character] for character in characters]
    while pending:
        glyph = pending.pop()
        kept.add(glyph)
        if glyphs[glyph].isComposite():
            pending += {part.glyphName for part in glyphs[glyph].components} - kept
    for glyph in set(font.getGlyphOrder()) - kept:
        glyphs[glyph].expand(glyphs)
        if hasattr(glyphs[glyph], "program"):
            glyphs[glyph].removeHinting()


def _rename(font: TTFont, name: str) -> None:
    names = {1: name, 2: "Regular", 4: name, 6: name.replace(" ", "") + "-Regular"}
    font["name"].names = [each for each in font["name"].names if each.platformID == 3]
    for number, text in names.items():
        font["name"].setName(text, number, 3, 1, 0x409)


def _characters(ranges: str) -> list[int]:
    ends = [each.partition("-")[::2] for each in ranges.split()]
    return [code for first, last in ends for code in range(int(first, 16), int(last or first, 16) + 1)]


def _encoded(encodings: Iterable[str]) -> list[int]:
    pairs = [bytes(pair) for pair in ((a, b) for a in range(0x81, 0x100) for b in range(0x40, 0x100))]
    texts = {pair.decode(encoding, "ignore") for encoding in encodings for pair in pairs}
    return [0x20, *sorted(ord(text) for text in texts if len(text) == 1 and ord(text) > 0x2E7F)]


if __name__ == "__main__":
    main(*sys.argv[1:])
