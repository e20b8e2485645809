"""Files of presets: what they become, and the line and the reason of each fault."""

from pathlib import Path

import pytest

from chalicelib.core.errors import InvalidSettingError
from chalicelib.core.image_values import AUTO, SIMILARITY, Size
from chalicelib.core.presets.faults import FaultyFileError
from chalicelib.core.presets.reading import read_file
from chalicelib.core.presets.values import Animation, Preset
from chalicelib.core.settings import Settings, check, kinds

GOOD = """\
[web]
description = "For the web."
formats = ["webp", "same"]
quality = { webp = 80, jpeg = 70 }
background = "transparent"
keep = ["artist"]
animation = { frames = 50, seconds = 10 }
sizes = [
    { name = "wide", width = 1200 },
    { name = "square", width = 200, height = 200, fit = "cover", focus = [0.5, 0.1] },
]

[[web.marks]]
text = "© Ann"
font = "fonts/Own.ttf"
offset = [0, -0.1]

[[web.marks]]
image = "marks/logo.png"
size = 1

[plain]
quality = 60
background = "#abc"
animation = true
formats = ["webp"]

[[plain.sizes]]
name = "a"
height = 100
"""


def write(folder: Path, text: str, name: str = "presets.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(FaultyFileError) as found:
        read_file(write(folder, text))
    read_file.cache_clear()
    return [each.removeprefix("presets.toml, ") for each in found.value.faults]


def test_a_file_becomes_presets(tmp_path: Path) -> None:
    web, plain = read_file(write(tmp_path, GOOD)).values()
    assert web == Preset(
        name="web",
        description="For the web.",
        sizes=(Size("wide", 1200, None), Size("square", 200, 200, "cover", (0.5, 0.1))),
        formats=("webp", "same"),
        qualities={"webp": 80, "jpeg": 70},
        background=None,
        keep=("artist",),
        animation=Animation(50, 10.0),
        marks=(
            {"text": "© Ann", "font": "fonts/Own.ttf", "offset": (0.0, -0.1)},
            {"image": "marks/logo.png", "size": 1.0},
        ),
    )
    sizes = (Size("a", None, 100),)
    assert plain == Preset("plain", sizes, "", ("webp",), 60, background="#abc", animation=Animation())


def test_a_quality_may_be_found_by_measurement(tmp_path: Path) -> None:
    text = GOOD.replace("webp = 80", 'webp = "auto"').replace("quality = 60", 'quality = "auto"\nsimilarity = 0.9')
    web, plain = read_file(write(tmp_path, text)).values()
    assert (web.qualities, web.similarity) == ({"webp": AUTO, "jpeg": 70}, SIMILARITY)
    assert (plain.quality, plain.similarity) == (AUTO, 0.9)


def test_the_presets_of_the_project_are_good() -> None:
    assert list(Settings.PRESETS_FILE.parse("presets.toml")) == ["web", "avatar", "proof"]


@pytest.mark.parametrize(
    ("found", "instead", "fault"),
    [
        ("quality = 60", "quality = 0", 'line 23: quality must be a whole number from 1 to 95, or "auto", not 0'),
        ("quality = 60", "quality = 60.5", 'line 23: quality must be a whole number from 1 to 95, or "auto", not 60.5'),
        ("quality = 60", "similarity = 1", "line 23: similarity must be a number from 0.8 to 0.999, not 1"),
        ("webp = 80", "webp = 96", 'line 4: webp must be a whole number from 1 to 95, or "auto", not 96'),
        ("webp = 80", "png = 80", "line 4: png is no key here; there are jpeg, webp, avif"),
        ('quality = { webp = 80, jpeg = 70 }', "qualty = 3", "line 4: qualty is no key here: quality is"),
        ('"same"]', '"gif"]', "line 3: formats must be a list of jpeg, png, webp, avif, same, each once, not"),
        ('["artist"]', '["gps"]', "line 6: keep must be a list of copyright, artist, each once, not ['gps']"),
        ("frames = 50", "frames = 1", "line 7: frames must be a whole number from 2 to 1,000, not 1"),
        ("width = 1200", 'width = "x"', "line 9: width must be a whole number from 1 to 8,000, not 'x'"),
        (", width = 1200", "", "line 9: a size needs a width or a height; for another fit than inside, both"),
        ('"square"', '"wide"', "line 10: two sizes of web are called wide"),
        ('"square"', '"placeholder"', "line 10: name must be up to 32 letters, digits and underscores, and not"),
        ('"cover"', '"crop"', "line 10: fit must be one of inside, cover, contain, exact, not 'crop'"),
        ('"cover"', '"exact"', 'line 10: a focus is for fit = "cover"'),
        ("[0.5, 0.1]", "[0.5, 2]", 'line 10: focus must be "smart", or two numbers from 0 to 1, like [0.5, 0.33], not'),
        ("width = 200, height = 200", "width = 5000, height = 5000", "line 10: a size that a picture may be"),
        ("fonts/Own.ttf", "Papyrus", "line 15: font must be one of Arial, Arimo, Liberation Sans, or the key of"),
        ('text = "© Ann"', 'text = ""', "line 14: text must be a text of up to 200 characters, not ''"),
        ('text = "© Ann"', 'image = "x"', "line 15: font is for marks with a text"),
        ("offset = [0, -0.1]", "offset = 3", "line 16: offset must be two numbers from -1 to 1, like [0.5,"),
        ("size = 1\n", "size = nan\n", "line 20: size must be a number from 0.01 to 1, not nan"),
        ("size = 1\n", "opacity = true\n", "line 20: opacity must be a number from 0 to 1, not True"),
        ('image = "marks/logo.png"', "", "line 18: a mark has either a text or an image"),
        ("#abc", "blue", "line 24: background must be a color, #RGB or #RRGGBB, or transparent, not 'blue'"),
        ('["webp"]', '["jpeg"]', "line 25: animations are WebP: formats must have webp or same"),
        ("[plain]", "[default]", "line 22: the preset default is made of the settings"),
        ("[plain]", "[Plain]", "line 22: a preset's name is up to 32 of a-z, 0-9, _ and -, not 'Plain'"),
        ('[[plain.sizes]]\nname = "a"\nheight = 100\n', "", "line 22: plain needs at least one size"),
        ("[web]", "web = 3\n[more]", "line 1: web must be a table, like [web]"),
    ],
)  # fmt: skip
def test_a_fault_names_its_line_and_what_would_be_right(tmp_path: Path, found: str, instead: str, fault: str) -> None:
    assert found in GOOD
    text = GOOD.replace(found, instead, 1)
    text = text.replace("plain.", f"{instead[1:-1]}.") if found == "[plain]" else text
    text = text.replace("[[web.marks]]", "[[more.marks]]") if "more" in instead else text
    said = faults(tmp_path, text)
    assert any(each.startswith(fault) for each in said), said


def test_all_faults_are_named_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    said = faults(tmp_path, GOOD.replace("quality = 60", "quality = 0").replace("1200", "0").replace("[0, ", "[9, "))
    assert [each.partition(":")[0] for each in said] == ["line 9", "line 16", "line 23"]


def test_what_is_no_toml_names_its_line_too(tmp_path: Path) -> None:
    assert "(at line 2, column 1)" in faults(tmp_path, "[web]\n= 3")[0]
    (tmp_path / "latin.toml").write_bytes(b'[web]\ndescription = "\xe9"')
    with pytest.raises(FaultyFileError, match="no TOML"):
        read_file(tmp_path / "latin.toml")


@pytest.mark.parametrize(
    "text",
    ["a\nb = 3", "[web]\nsizes = [", '"""', "\x00", "[web.sizes]\na = 1", "[[web]]", "[web]\nsizes = [1]\nmarks = 3"],
)
def test_other_texts_have_faults(tmp_path: Path, text: str) -> None:
    assert faults(tmp_path, text)


def test_an_empty_file_has_no_presets(tmp_path: Path) -> None:
    assert read_file(write(tmp_path, "# None but default.\n")) == {}


def test_the_work_on_one_picture_is_bounded(tmp_path: Path) -> None:
    sizes = ", ".join(f'{{ name = "s{at}", width = 9 }}' for at in range(11))
    said = faults(tmp_path, f'[a]\nformats = ["jpeg", "webp"]\nsizes = [{sizes}]\n[[a.marks]]\ntext = "x"')
    assert said == ["line 1: a makes 44 files of a picture; 40 are the most"]
    many = "\n".join(f'[p{at}]\nsizes = [{{ name = "a", width = 9 }}]' for at in range(31))
    assert faults(tmp_path, many) == ["line 61: there may be up to 30 presets"]


def test_a_function_does_not_start_with_a_faulty_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "[web]\n", "own.toml")
    monkeypatch.setattr(kinds, "_CHALICELIB", tmp_path)
    monkeypatch.setenv("PRESETS_FILE", "own.toml")
    with pytest.raises(InvalidSettingError, match=r"own\.toml, line 1: web needs at least one size"):
        check(["PRESETS_FILE"])
    for name in ("other.toml", "../own.toml", "own.json", ""):
        monkeypatch.setenv("PRESETS_FILE", name)
        with pytest.raises(InvalidSettingError, match=r"must be the name of a \.toml file in chalicelib/"):
            check(["PRESETS_FILE"])
