"""A state folder that cannot be used ends the start with one line that says what to do, and stays as it is."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from local.state import folder, keeper, store
from local.state.bodies import Bodies
from local.state.changes import Changes
from local.state.encoding import decode, encode
from local.state.folder import StateError, StateFolder
from local.state.keeper import Keeper
from local.state.part import Documents, Kept
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process has a machine for other tests: its bodies and changes are not those of these folders."""
    bodies, changes = Bodies(), Changes()
    for module in (folder, keeper):
        monkeypatch.setattr(module, "BODIES", bodies)
    monkeypatch.setattr(keeper, "CHANGES", changes)


def _refusal(path: Path, *, fresh: bool = False) -> str:
    with pytest.raises(StateError) as refused:
        StateFolder(path, fresh=fresh)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def _filled(path: Path) -> Path:
    """The documents of a folder with one of them."""
    opened = StateFolder(path)
    opened.store.write({("rows", "one"): '"kept"'})
    opened.close()
    return path / "documents.sqlite"


def test_a_folder_in_use_names_the_process_and_another_way(tmp_path: Path) -> None:
    _filled(tmp_path)
    opened = StateFolder(tmp_path)
    try:
        # In another process, as a developer meets it.
        command = [sys.executable, "-m", "local", "run", "--state", str(tmp_path), "--fresh"]
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert (second.returncode, second.stdout) == (1, "")
        assert second.stderr.startswith(f"Process {os.getpid()} uses the state in {tmp_path}: is Darkroom running")
        assert "--state DIR" in second.stderr
        assert "--ephemeral" in second.stderr
        assert second.stderr.count("\n") == 1
        assert opened.store.load() == {"rows": {"one": '"kept"'}}
    finally:
        opened.close()


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refusal = _refusal(tmp_path / "file" / "state")
    assert f"The state folder {tmp_path}/file/state cannot be written to: Not a directory." in refusal
    assert "--ephemeral" in refusal


@pytest.mark.parametrize(
    "content", [b"no database at all, but long enough to be read as one" * 9, b"SQLite format 3\0" * 70]
)
def test_a_damaged_folder_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    documents = _filled(tmp_path)
    documents.write_bytes(content)
    refusal = _refusal(tmp_path)
    assert "is damaged" in refusal
    assert 'make run ARGS="--fresh"' in refusal
    assert documents.read_bytes() == content
    fresh = StateFolder(tmp_path, fresh=True)
    assert fresh.store.load() == {}
    assert (fresh.previous / "documents.sqlite").read_bytes() == content
    fresh.close()


def test_a_page_that_is_damaged_is_found(tmp_path: Path) -> None:
    documents = _filled(tmp_path)
    opened = StateFolder(tmp_path)
    opened.store.write({("rows", str(number)): "x" * 500 for number in range(100)})
    opened.close()
    content = bytearray(documents.read_bytes())
    content[4096 : 4096 + 64] = b"\xff" * 64
    documents.write_bytes(content)
    assert "is damaged" in _refusal(tmp_path)


def test_a_state_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(_filled(tmp_path)) as connection:
        connection.execute(f"PRAGMA user_version = {store.FORMAT + 1}")
    connection.close()
    refusal = _refusal(tmp_path)
    assert "was written by a newer Darkroom" in refusal
    assert "--fresh" in refusal


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "documents.sqlite") as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    assert "is no state of Darkroom" in _refusal(tmp_path)


class _Notes:
    """A part with documents of the test."""

    service = "notes"
    kinds: tuple[str, ...] = ("notes",)
    is_whole = True

    def __init__(self) -> None:
        self.documents: dict[str, object] = {}

    def restore(self, documents: Mapping[str, Documents]) -> None:
        self.documents = dict(documents["notes"])

    def changed(self, names: object) -> Kept:
        return {"notes": dict(self.documents)}


def test_a_full_disk_is_told_once_and_nothing_is_lost(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    opened = StateFolder(tmp_path)
    writer, notes = Keeper(opened), _Notes()
    writer.restore([notes])
    pages = opened.store._connection.execute("PRAGMA page_count").fetchone()[0]
    opened.store._connection.execute(f"PRAGMA max_page_count = {pages}")
    keeper.CHANGES.are_recorded = True
    writer.start()
    try:
        notes.documents["long"] = "x" * 100_000
        keeper.CHANGES.mark("notes")
        told = wait_for(lambda: capfd.readouterr().err, "the failure is told")
        assert f"{tmp_path} cannot be written to (database or disk is full). Darkroom goes on, and tries again." in told
        opened.store._connection.execute("PRAGMA max_page_count = 100000")
        assert "All is kept again" in wait_for(lambda: capfd.readouterr().err, "it is told that all is well")
        assert decode(opened.store.load()["notes"]["long"]) == "x" * 100_000
    finally:
        writer.stop()
        opened.close()


def test_a_missing_body_is_damage(tmp_path: Path) -> None:
    opened = StateFolder(tmp_path)
    body = folder.BODIES.store(b"a picture")
    assert body.read() == b"a picture"
    (file,) = (each for each in (tmp_path / "objects").glob("*/*"))
    file.unlink()
    with pytest.raises(OSError, match="No such file"):
        folder.BODIES.restore(body.digest, body.size)
    opened.close()


def test_documents_keep_what_json_lacks() -> None:
    document = {"bytes": b"\x00\xff", "set": {"b", "a"}, "text": "\ud800", "map": {"$bytes": {"S": "x"}}}
    assert decode(encode(document)) == document
