"""A state folder: where it is, that one machine at a time uses it, and what a developer reads if it cannot be used."""

import fcntl
import os
import shutil
import sqlite3
from pathlib import Path

from infra.settings import state_folder
from local.errors import MachineError
from local.state.bodies import BODIES
from local.state.store import Store, UnreadableError

DEFAULT = state_folder() / "data"
_DOCUMENTS, _OBJECTS, _PREVIOUS, _LOCK = "documents.sqlite", "objects", "previous", "lock"
_OTHER = 'Take another folder with --state DIR, or --ephemeral to keep nothing: make run ARGS="--ephemeral"'


class StateError(MachineError):
    """The state folder cannot be used."""


class StateFolder:
    """A folder with `documents.sqlite`, `objects/`, and after `--fresh` what was there before in `previous/`."""

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        """Raises StateError; nothing in the folder is changed then."""
        self.path = path.absolute()
        self._lock: int | None = None
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._take_lock()
            self.had_previous = fresh and self._put_aside()
            self.store = Store(self.path / _DOCUMENTS)
            BODIES.keep_in(self.path / _OBJECTS)
        except UnreadableError as error:
            self._release()
            raise StateError(f"The state in {self.path} {error}. {self._begin_anew()}") from None
        except (OSError, sqlite3.Error) as error:
            self._release()
            raise StateError(f"The state folder {self.path} cannot be written to: {reason(error)}. {_OTHER}") from None

    @property
    def previous(self) -> Path:
        """What `--fresh` put aside."""
        return self.path / _PREVIOUS

    def damaged(self, what: str) -> StateError:
        """The error of a folder that lacks a part."""
        return StateError(f"The state in {self.path} is damaged: {what}. {self._begin_anew()}")

    def close(self) -> None:
        """Let others use the folder."""
        self.store.close()
        BODIES.forget_folder()
        self._release()

    def _take_lock(self) -> None:
        self._lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(self._lock, 20).decode(errors="replace").strip()
            self._release()
            raise StateError(
                f"Process {pid or '?'} uses the state in {self.path}: is Darkroom running already? {_OTHER}"
            ) from None
        os.ftruncate(self._lock, 0)
        os.write(self._lock, f"{os.getpid()}\n".encode())

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _put_aside(self) -> bool:
        """Move what there is to `previous`, in the place of what is there; whether there was anything."""
        found = [each for each in self.path.iterdir() if each.name.startswith((_DOCUMENTS, _OBJECTS))]
        if not found:
            return False
        shutil.rmtree(self.previous, ignore_errors=True)
        self.previous.mkdir()
        for each in found:
            each.rename(self.previous / each.name)
        return True

    def _begin_anew(self) -> str:
        return f'Begin anew with make run ARGS="--fresh", which moves it to {self.previous}; nothing is deleted now.'


def reason(error: OSError | sqlite3.Error) -> str:
    """What is wrong, for people."""
    return str(error.strerror or error) if isinstance(error, OSError) else str(error)
