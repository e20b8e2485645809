"""The documents of a state folder: one SQLite file, written in transactions that a SIGKILL cannot halve."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

# Raise it for a form of documents that an older checkout would misread; `Store` then has to read the older form.
FORMAT = 1
# "Dark", which tells our files from other programs'.
_APPLICATION = 0x4461726B
# By kind and name, the text; None: there is no such document any more.
Changed = Mapping[tuple[str, str], str | None]

_PREPARE = f"""
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA secure_delete = FAST;
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS documents (kind TEXT, name TEXT, text TEXT, PRIMARY KEY (kind, name)) WITHOUT ROWID;
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {FORMAT};
COMMIT;
"""


class UnreadableError(Exception):
    """The file is damaged, or of another program or version. The message is the rest of a sentence about it."""


class Store:
    """Documents by kind and name. One process at a time may use the file.

    Raises:
        UnreadableError: it is no file of this program in a form that is known.
        sqlite3.Error: the file cannot be read or written.
    """

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        try:
            self._check()
            self._connection.executescript(_PREPARE)
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise _unreadable(error) from None
        except UnreadableError:
            self._connection.close()
            raise

    def _check(self) -> None:
        (application,) = self._connection.execute("PRAGMA application_id").fetchone()
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and application != _APPLICATION:
            raise UnreadableError("is no state of Darkroom")
        if version > FORMAT:
            raise UnreadableError(f"was written by a newer Darkroom (form {version}; this one reads {FORMAT})")
        (found,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise UnreadableError(f"is damaged ({found.splitlines()[-1]})")

    def load(self) -> dict[str, dict[str, str]]:
        """All documents: by kind, then by name."""
        documents: dict[str, dict[str, str]] = {}
        for kind, name, text in self._connection.execute("SELECT kind, name, text FROM documents"):
            documents.setdefault(kind, {})[name] = text
        return documents

    def write(self, changed: Changed) -> None:
        """Write all changes or none."""
        written = [(kind, name, text) for (kind, name), text in changed.items() if text is not None]
        removed = [each for each, text in changed.items() if text is None]
        execute = self._connection.executemany
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", written)
            execute("DELETE FROM documents WHERE kind = ? AND name = ?", removed)
            self._connection.execute("COMMIT")
        except BaseException:
            # SQLite has rolled back by itself after some errors.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        self._connection.close()


def _unreadable(error: sqlite3.DatabaseError) -> Exception:
    """A damaged file's error; any other, such as that of a full disk, stays as it is."""
    damaged = getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
    return UnreadableError(f"is damaged ({error})") if damaged else error
