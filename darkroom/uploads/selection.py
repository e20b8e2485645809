"""Which files are meant: those that were named, and in folders what looks like a picture."""

import os
from collections.abc import Iterable
from pathlib import Path

from darkroom.uploads.sending import media_type


def select(paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """The files to send, each once, and those that folders hold beside them.

    Hidden files and folders are left out. A file that is named is sent, whatever it is: the stage judges it.
    """
    chosen, others = dict[Path, None](), list[Path]()
    for path in paths:
        if not path.is_dir():
            chosen[path] = None
            continue
        for file in _files_in(path):
            if media_type(file).startswith("image/"):
                chosen[file] = None
            else:
                others.append(file)
    return list(chosen), others


def _files_in(folder: Path) -> Iterable[Path]:
    # Links to folders are not followed: they may lead in a circle.
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        yield from (Path(here) / each for each in sorted(files) if not each.startswith("."))
