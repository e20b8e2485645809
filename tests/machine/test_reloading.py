"""Changed code is served by the API and by every function, without a restart; broken code leaves that from before."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.machine.running_machine import Session

ROOT = Path(__file__).resolve().parents[2]
_PARTS = ("app.py", "chalicelib", "infra", "local", ".chalice")


class Edited:
    """A running copy of the project, whose files the test edits."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "local", "run", "--port", "0", "--aws-port", "0", "--ephemeral"]
        environment = {**os.environ, "XDG_STATE_HOME": str(folder.parent / "state")}
        self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
        lines = []
        while "Ctrl-C" not in (line := self.next_line()):
            lines.append(line)
        self.url, self.aws_url = (line.split()[-1] for line in lines[:2])

    def next_line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the machine ended"
        return line.rstrip("\n")

    def replace(self, file: str, old: str, new: str) -> str:
        """Edit a file; the line that the machine prints then."""
        text = (self.folder / file).read_text()
        assert old in text
        (self.folder / file).write_text(text.replace(old, new, 1))
        return self.next_line()

    def invoke(self, name: str) -> Any:
        """The answer of a function, through the Lambda API."""
        command = [sys.executable, "-m", "local", "invoke", name, '{"Records": []}']
        environment = {**os.environ, "AWS_ENDPOINT_URL": self.aws_url}
        result = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=True)
        return json.loads(result.stdout)


@pytest.fixture
def edited(tmp_path: Path) -> Iterator[Edited]:
    """The project, running from a copy."""
    folder = tmp_path / "darkroom"
    folder.mkdir()
    for part in _PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, folder / part)
    machine = Edited(folder)
    yield machine
    machine.process.terminate()
    machine.process.communicate(timeout=60)


def test_changed_code_is_served_and_broken_code_is_not(edited: Edited) -> None:
    session = Session(edited.url)
    assert edited.invoke("image_changes") is None
    counts, edit = "    images.follow_changes(event)\n", "    return 'edited'\n"
    assert edited.replace("app.py", counts, edit).startswith("Reloaded app.py in ")
    assert edited.invoke("image_changes") == "edited"
    # What was signed in stays so.
    assert session.call("GET", "/auth/profile")
    style = "chalicelib/web/assets/docs/docs.css"
    assert edited.replace(style, "{", "{ color: red;").startswith(f"Reloaded {style} in ")
    address = re.search(r"assets/\w+/docs/docs\.css", requests.get(f"{edited.url}/docs", timeout=30).text)
    assert address, "the page names the new version"
    assert "{ color: red;" in requests.get(f"{edited.url}/{address[0]}", timeout=30).text
    broken = edited.replace("app.py", edit, "    return )\n")
    line = (edited.folder / "app.py").read_text().splitlines().index("    return )") + 1
    assert broken == f"app.py, line {line}: unmatched ')'. The code from before goes on."
    assert edited.invoke("image_changes") == "edited"
    assert session.call("GET", "/auth/profile")
    assert edited.replace("app.py", "    return )\n", "    return 'mended'\n").startswith("Reloaded app.py in ")
    assert edited.invoke("image_changes") == "mended"
    unknown = edited.replace("app.py", "    return 'mended'\n", "    return 'mended'\n\n\nno_such_name()\n")
    assert "NameError: name 'no_such_name' is not defined. The code from before goes on." in unknown
