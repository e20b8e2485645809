"""Reads a file of presets. All that is wrong with it is found at once, and each fault names its line."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Any

from chalicelib.core.image_values import SAME, Quality, Size
from chalicelib.core.presets import fields
from chalicelib.core.presets.faults import FaultyFileError
from chalicelib.core.presets.lines import Path, line_of
from chalicelib.core.presets.values import DEFAULT, NAME_PATTERN, Animation, Preset

MAX_PRESETS = 30
# So that the work on one picture has a bound.
_MAX_SIZES, _MAX_MARKS, _MAX_FILES = 16, 8, 40
# Of a box that a picture may be enlarged to.
_MAX_PIXELS = 4096 * 4096

_TABLES = ("sizes", "quality", "marks", "animation")
_OF_TEXTS = ("font", "color", "stroke", "stroke_color", "shadow")


@lru_cache(maxsize=4)
def read_file(path: FilePath) -> Mapping[str, Preset]:
    """The presets of a file by their names, in their order.

    Raises:
        FaultyFileError: something in it is wrong.
        OSError: there is no such file.
    """
    try:
        text = path.read_text(encoding="utf-8")
        parsed = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FaultyFileError([f"{path.name} is no TOML: {error}"]) from None
    reader = _Reader()
    presets = {name: preset for name, value in parsed.items() if (preset := reader.preset(name, value)) is not None}
    if len(parsed) > MAX_PRESETS:
        reader.fault((list(parsed)[MAX_PRESETS],), f"there may be up to {MAX_PRESETS} presets")
    if reader.faults:
        found = sorted((line_of(text, where), fault) for where, fault in reader.faults)
        raise FaultyFileError([f"{path.name}, line {line}: {fault}" for line, fault in found])
    return presets


class _Reader:
    """Makes values of parsed tables, and collects what is wrong with them."""

    def __init__(self) -> None:
        self.faults: list[tuple[Path, str]] = []

    def fault(self, where: Path, fault: str) -> None:
        self.faults.append((where, fault))

    def preset(self, name: str, table: Any) -> Preset | None:
        """None if something in it is wrong."""
        before = len(self.faults)
        if not isinstance(table, dict):
            self.fault((name,), f"{name} must be a table, like [{name}]")
            return None
        if name == DEFAULT:
            self.fault((name,), "the preset default is made of the settings RESIZE_DIMENSIONS, OUTPUT_FORMATS, …")
        elif not re.fullmatch(NAME_PATTERN, name):
            self.fault((name,), f"a preset's name is up to 32 of a-z, 0-9, _ and -, not {name!r}")
        single = self._values((name,), table, fields.PRESET, beside=_TABLES)
        quality, qualities = self._quality(name, table)
        preset = {
            **single,
            "sizes": self._sizes(name, table),
            "marks": self._marks(name, table),
            "animation": self._animation(name, table),
            "qualities": qualities,
        } | ({} if quality is None else {"quality": quality})
        if len(self.faults) > before:
            return None
        made = Preset(name, **preset)
        self._check_whole(made)
        return made

    def _values(
        self, where: Path, table: Mapping[str, Any], known: Mapping[str, fields.Field], beside: Sequence[str] = ()
    ) -> dict[str, Any]:
        """The values of a table's keys; without those that are wrong, and those `beside` them."""
        found = {}
        for key, value in table.items():
            if key in beside:
                continue
            if key not in known:
                self.fault((*where, key), f"{key} is no key here{_meant(key, [*known, *beside])}")
                continue
            try:
                found[key] = known[key](value)
            except ValueError as error:
                self.fault((*where, key), f"{key} must be {error}, not {_shown(value)}")
        return found

    def _tables(self, name: str, table: Mapping[str, Any], key: str, at_most: int) -> Iterator[tuple[Path, Any]]:
        """Where each table of an array stands, and the table."""
        listed = table.get(key, [])
        if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
            self.fault((name, key), f"{key} must be tables, like [[{name}.{key}]]")
            return
        if len(listed) > at_most:
            self.fault((name, key, at_most), f"a preset has up to {at_most} {key}")
        for at, each in enumerate(listed):
            yield (name, key, at), each

    def _sizes(self, name: str, table: Mapping[str, Any]) -> tuple[Size, ...]:
        if not table.get("sizes"):
            self.fault((name,), f"{name} needs at least one size, like [[{name}.sizes]]")
        sizes: list[Size] = []
        for where, each in self._tables(name, table, "sizes", _MAX_SIZES):
            values = self._values(where, each, fields.SIZE)
            if "name" not in each:
                self.fault(where, "a size needs a name")
            elif any(size.name == values.get("name") for size in sizes):
                self.fault((*where, "name"), f"two sizes of {name} are called {values['name']}")
            self._check_box(where, each)
            if "name" in values and values.keys() & {"width", "height"} and not self._is_faulty(where):
                sizes.append(Size(**{"width": None, "height": None, **values}))
        return tuple(sizes)

    def _check_box(self, where: Path, size: Mapping[str, Any]) -> None:
        sides = [size[side] for side in ("width", "height") if side in size]
        fit = size.get("fit", "inside")
        if not sides or (fit != "inside" and len(sides) < 2):
            self.fault(where, "a size needs a width or a height; for another fit than inside, both")
        elif fit != "inside" and all(type(side) is int for side in sides) and sides[0] * sides[1] > _MAX_PIXELS:
            self.fault(where, f"a size that a picture may be enlarged to has up to {_MAX_PIXELS:,} pixels")
        if "focus" in size and fit != "cover":
            self.fault((*where, "focus"), 'a focus is for fit = "cover"')

    def _is_faulty(self, where: Path) -> bool:
        return any(place[: len(where)] == where for place, _ in self.faults)

    def _quality(self, name: str, table: Mapping[str, Any]) -> tuple[Quality | None, dict[str, Quality]]:
        """The quality of all formats, and those of single ones."""
        value = table.get("quality")
        if isinstance(value, dict):
            return None, self._values((name, "quality"), value, fields.QUALITY)
        single = self._values((name,), {"quality": value} if "quality" in table else {}, {"quality": fields.quality})
        return single.get("quality"), {}

    def _marks(self, name: str, table: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
        marks = []
        for where, each in self._tables(name, table, "marks", _MAX_MARKS):
            values = self._values(where, each, fields.MARK)
            if ("text" in each) == ("image" in each):
                self.fault(where, "a mark has either a text or an image")
            for key in _OF_TEXTS:
                if key in each and "image" in each:
                    self.fault((*where, key), f"{key} is for marks with a text")
            marks.append(values)
        return tuple(marks)

    def _animation(self, name: str, table: Mapping[str, Any]) -> Animation | None:
        value = table.get("animation", False)
        if isinstance(value, dict):
            return Animation(**self._values((name, "animation"), value, fields.ANIMATION))
        if not isinstance(value, bool):
            self.fault((name, "animation"), "animation must be true, false, or a table of frames, seconds and pixels")
        return Animation() if value is True else None

    def _check_whole(self, preset: Preset) -> None:
        where: Path = (preset.name,)
        if preset.animation and not {"webp", SAME} & set(preset.formats):
            self.fault((*where, "animation"), "animations are WebP: formats must have webp or same")
        needless = set(preset.qualities) - set(preset.formats)
        if needless and SAME not in preset.formats:
            self.fault((*where, "quality"), f"formats has no {', '.join(sorted(needless))}")
        files = len(preset.sizes) * len(preset.formats) * (2 if preset.marks else 1)
        if files > _MAX_FILES:
            self.fault(where, f"{preset.name} makes {files} files of a picture; {_MAX_FILES} are the most")


def _meant(key: str, known: Sequence[str]) -> str:
    # Imported late: no good file needs it.
    import difflib

    similar = difflib.get_close_matches(key, known, n=1)
    return f": {similar[0]} is" if similar else f"; there are {', '.join(known)}"


def _shown(value: Any) -> str:
    return repr(value)[:100]
