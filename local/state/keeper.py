"""Writes what has changed in the embedded AWS to the state folder, twice a second, and puts it back at a start."""

import sqlite3
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

from local import background
from local.state.bodies import BODIES
from local.state.changes import CHANGES, Marks
from local.state.encoding import decode, encode
from local.state.folder import StateFolder, reason
from local.state.part import Part

# A SIGKILL loses what was changed since the last write: at most this long, and the time that a write takes.
SECONDS_BETWEEN_WRITES = 0.5
_FAILURE = "Nothing is kept since {at}: {path} cannot be written to ({reason}). Darkroom goes on, and tries again."


class Keeper:
    """Keeps parts of the embedded AWS in a state folder."""

    def __init__(self, folder: StateFolder) -> None:
        """Raises StateError."""
        self._folder = folder
        self._parts: list[Part] = []
        self._documents = self._load()
        # By kind and name, a hash of each text.
        self._written: dict[str, dict[str, int]] = {}
        self._unwritten: dict[tuple[str, str], str | None] = {}
        self._stopping = threading.Event()
        self._failing_since: str | None = None
        self._thread = background.Loop("state", self._run)

    def _load(self) -> dict[str, dict[str, Any]]:
        try:
            texts = self._folder.store.load()
            return {kind: {name: decode(text) for name, text in each.items()} for kind, each in texts.items()}
        except (ValueError, sqlite3.Error) as error:
            self._folder.close()
            raise self._folder.damaged(str(error)) from None

    @property
    def is_new(self) -> bool:
        """Whether the folder holds nothing yet."""
        return not self._documents

    def documents(self, kind: str) -> Mapping[str, Any]:
        """What was kept of a kind when the machine started."""
        return self._documents.get(kind, {})

    def restore(self, parts: Iterable[Part]) -> None:
        """Put back what these parts have kept, and keep them from now on.

        Raises:
            StateError: it is damaged, or in a form that is not known here.
        """
        for part in parts:
            documents = {kind: self.documents(kind) for kind in part.kinds}
            try:
                part.restore(documents)
            except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
                raise self._folder.damaged(f"{type(error).__name__} in {part.service}: {error}") from error
            self._parts.append(part)
            if part.is_whole:
                self._note_written(part, documents)

    def _note_written(self, part: Part, documents: Mapping[str, Mapping[str, Any]]) -> None:
        """What is in the folder of what has been put back: a queue that no longer exists keeps its messages there."""
        for kind, restored in part.changed(()).items():
            found = documents[kind].keys() & restored.keys()
            self._written[kind] = {name: hash(encode(documents[kind][name])) for name in found}

    def start(self) -> None:
        """Write regularly from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Write once more. What changes later is not kept, and the embedded AWS acknowledges nothing any more."""
        if self._thread.is_alive():
            self._stopping.set()
            CHANGES.marked.set()
            self._thread.join()
            self._write(is_last=True)
        CHANGES.are_recorded = False

    def _run(self) -> None:
        while not self._stopping.is_set():
            if CHANGES.marked.wait() and not self._stopping.is_set():
                self._write()
            self._stopping.wait(SECONDS_BETWEEN_WRITES)

    def _write(self, *, is_last: bool = False) -> None:
        with CHANGES.paused() as marks:
            self._collect(marks)
            CHANGES.are_refused = is_last
        try:
            # Bodies first: a document never names a body that is not there.
            BODIES.sync()
            self._folder.store.write(self._unwritten)
            self._unwritten.clear()
            BODIES.remove_unused()
            self._report_success()
        except (OSError, sqlite3.Error) as error:
            self._report_failure(error)

    def _collect(self, marks: Marks) -> None:
        for part in self._parts:
            if part.service not in marks:
                continue
            for kind, documents in part.changed(marks[part.service]).items():
                texts = {name: None if each is None else encode(each) for name, each in documents.items()}
                by_name = {(kind, name): text for name, text in texts.items()}
                self._unwritten |= self._differences(kind, texts) if part.is_whole else by_name

    def _differences(self, kind: str, texts: Mapping[str, str | None]) -> dict[tuple[str, str], str | None]:
        before = self._written.get(kind, {})
        now = {name: hash(text) for name, text in texts.items()}
        self._written[kind] = now
        changed = {(kind, name): text for name, text in texts.items() if before.get(name) != now[name]}
        return changed | {(kind, name): None for name in before.keys() - now.keys()}

    def _report_failure(self, error: OSError | sqlite3.Error) -> None:
        # Nobody waits for these changes: they are written with the next ones, or when the next try succeeds.
        CHANGES.marked.set()
        if self._failing_since is None:
            self._failing_since = time.strftime("%H:%M:%S")
            text = _FAILURE.format(at=self._failing_since, path=self._folder.path, reason=reason(error))
            print(text, file=sys.stderr, flush=True)

    def _report_success(self) -> None:
        if self._failing_since is not None:
            print(f"All is kept again in {self._folder.path}.", file=sys.stderr, flush=True)
            self._failing_since = None
