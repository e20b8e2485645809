"""NOTICE names every file of the repository that was made elsewhere: those that are no text of ours."""

import os
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOTICE = (ROOT / "NOTICE").read_text()
# What we write ourselves. A file of any other kind (a font, a profile) is named in NOTICE.
OURS = {".py", ".json", ".md", ".txt", ".toml", ".yaml", ".js", ".mjs", ".ts", ".css", ".html", ""}


# Folders that Git ignores, or that are Git's own.
MADE_HERE = re.compile(
    r"\.git|\.venv|\..+_cache|\.hypothesis|__pycache__|node_modules|demo-output|deployed|deployments|dist"
)


def files() -> list[str]:
    """All files in folders. The tour of docs/tour.md writes pictures beside them."""
    found: list[Path] = []
    for folder, inner, names in os.walk(ROOT):
        inner[:] = [each for each in inner if not MADE_HERE.fullmatch(each)]
        found += [Path(folder) / name for name in names if Path(folder) != ROOT]
    return [str(each.relative_to(ROOT)) for each in found]


def test_every_file_that_is_not_ours_is_named_with_its_origin_and_licence() -> None:
    foreign = {name for name in files() if Path(name).suffix not in OURS and not Path(name).name.startswith(".")}
    named = set(re.findall(r"^([\w./-]+)$", NOTICE, re.MULTILINE))
    drawn_here = {name for name in foreign if f"- {name} is drawn by" in NOTICE}
    assert foreign - drawn_here == {name for name in named if (ROOT / name).suffix not in OURS}
    for name in foreign - drawn_here:
        entry = NOTICE.partition(f"\n{name}\n")[2].partition("\n\n")[0]
        assert all(re.search(rf"^ +{word} ", entry, re.MULTILINE) for word in ("Origin", "Licence", "Changes")), name


def test_every_licence_text_is_named() -> None:
    texts = {name for name in files() if Path(name).name.startswith("LICENSE") and name != "LICENSE"}
    assert {name for name in texts if name not in NOTICE} == set()
