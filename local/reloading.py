"""Serves changed code within a second: watches the application's files, and imports them anew when they change."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from local.errors import ImportFailedError, MachineError

# In seconds, between two looks at all files, which take some milliseconds.
INTERVAL = 0.2
# In seconds: files that change are left alone until they stay the same for as long.
SETTLED = 0.05
# What the application is made of. Nothing that runs writes there but bytecode, which is left out.
_WATCHED = ("app.py", "chalicelib", ".chalice/config.json")

# Of each file, the time of its last change and its size.
Seen = dict[str, tuple[int, int]]


class Reloader:
    """A thread that reloads the code whenever its files have changed."""

    def __init__(self, project: Path, reload: Callable[[], list[str]], say: Callable[[str], None]) -> None:
        """`reload` returns sentences to print, and raises ImportFailedError if the code from before goes on."""
        self._project = project
        self._reload = reload
        self._say = say
        self._stopping = threading.Event()
        self._loaded = look(project)
        self._thread = threading.Thread(target=self._watch, name="reload", daemon=True)

    def start(self) -> None:
        """Watch from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(INTERVAL):
            now = look(self._project)
            if now == self._loaded:
                continue
            # An editor or a checkout may be in the middle of its writes.
            while not self._stopping.wait(SETTLED) and (later := look(self._project)) != now:
                now = later
            before, self._loaded = self._loaded, now
            self._load(sorted(name for name in {*before, *now} if before.get(name) != now.get(name)))

    def _load(self, changed: list[str]) -> None:
        names = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
        started = time.monotonic()
        try:
            sentences = self._reload()
        except ImportFailedError as error:
            self._say(f"{error.summary}. The code from before goes on.")
        except MachineError as error:
            self._say(f"{names} could not be loaded: {error}")
        else:
            self._say(f"Reloaded {names} in {time.monotonic() - started:.1f} s.")
            for each in sentences:
                self._say(each)


def look(project: Path) -> Seen:
    """The application's files as they are now."""
    return {
        path.removeprefix(f"{project}/"): (status.st_mtime_ns, status.st_size)
        for name in _WATCHED
        for path, status in _files(str(project / name))
    }


def _files(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """The file, or all files below the folder. What vanishes meanwhile is left out."""
    try:
        status = os.stat(path)
        entries = [] if os.path.isfile(path) else list(os.scandir(path))
    except OSError:
        return
    if not entries:
        yield path, status
    for entry in entries:
        if entry.name != "__pycache__" and not entry.name.startswith(".") and not entry.name.endswith("~"):
            yield from _files(entry.path)
