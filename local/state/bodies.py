"""The bodies of objects: files that are named for the SHA-256 of their content, so that memory does not hold them.

A body lives as long as something in the embedded AWS refers to it. Equal bodies are one file.
"""

import hashlib
import os
import tempfile
import threading
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self


class Body:
    """The content of an object. Copies of the object share it."""

    def __init__(self, digest: str, size: int, file: Path) -> None:
        self.digest = digest
        self.size = size
        self._file = file

    def read(self) -> bytes:
        """The bytes. Raises OSError."""
        return self._file.read_bytes()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self


class Bodies:
    """All bodies of this process's embedded AWS, in one folder."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._live: weakref.WeakValueDictionary[str, Body] = weakref.WeakValueDictionary()
        self._folder: Path | None = None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._new: set[str] = set()
        self._unused: set[str] = set()

    def keep_in(self, folder: Path) -> None:
        """Use a folder whose files stay until `remove_unused`. Raises OSError."""
        (folder / "new").mkdir(parents=True, exist_ok=True)
        self._use(folder)

    def forget_folder(self) -> None:
        """Use a temporary folder from now on; files in the old one stay."""
        self._use(None)

    def _use(self, folder: Path | None) -> None:
        with self._lock:
            self._folder, self._temporary = folder, None
            self._live, self._new, self._unused = weakref.WeakValueDictionary(), set(), set()

    def store(self, content: bytes) -> Body:
        """Write a body, unless it is there. Raises OSError."""
        digest = hashlib.sha256(content).hexdigest()
        with self._lock:
            body = self._live.get(digest)
            if body is None:
                file = self._path(digest)
                if not file.exists():
                    self._write(file, content)
                body = self._add(digest, len(content), file)
            return body

    def restore(self, digest: str, size: int) -> Body:
        """A body that was written by an earlier run. Raises OSError if it is not there or incomplete."""
        with self._lock:
            file = self._path(digest)
            if file.stat().st_size != size:
                raise OSError(f"{file} is incomplete")
            return self._live.get(digest) or self._add(digest, size, file)

    def sync(self) -> None:
        """Make sure that the bodies written since the last call survive a power failure. Raises OSError."""
        with self._lock:
            files = {self._path(digest) for digest in self._new}
        for each in {*files, *(file.parent for file in files)}:
            if each.exists():
                _sync(each)
        with self._lock:
            self._new -= {file.name for file in files}

    def remove_unused(self) -> None:
        """Remove the files that nothing refers to any more. To be called when what refers to them is kept."""
        with self._lock:
            unused, self._unused = self._unused, set()
            for digest in unused - set(self._live):
                self._path(digest).unlink(missing_ok=True)

    def remove_others(self, used: Iterable[str]) -> None:
        """Remove the files that a killed run left: all but the used ones."""
        with self._lock:
            known = set(used) | set(self._live)
            for file in self._root().glob("*/*"):
                if file.name not in known:
                    file.unlink()

    def _add(self, digest: str, size: int, file: Path) -> Body:
        body = self._live[digest] = Body(digest, size, file)
        weakref.finalize(body, self._release, self._root(), digest).atexit = False
        return body

    def _release(self, folder: Path, digest: str) -> None:
        with self._lock:
            if folder != self._folder:
                return
            if self._temporary is None:
                self._unused.add(digest)
            elif digest not in self._live:
                self._path(digest).unlink(missing_ok=True)

    def _write(self, file: Path, content: bytes) -> None:
        file.parent.mkdir(exist_ok=True)
        unfinished = self._root() / "new" / file.name
        try:
            unfinished.write_bytes(content)
            unfinished.replace(file)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        if self._temporary is None:
            self._new.add(file.name)

    def _path(self, digest: str) -> Path:
        return self._root() / digest[:2] / digest

    def _root(self) -> Path:
        if self._folder is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="darkroom-objects-", ignore_cleanup_errors=True)
            self._folder = Path(self._temporary.name)
            (self._folder / "new").mkdir()
        return self._folder


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# One a process, as moto's state is one a process.
BODIES = Bodies()
