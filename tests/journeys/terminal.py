"""A user's terminal: the command `darkroom` in processes of its own, with a folder of its own for what it stores."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.settings import ROOT
from tests.journeys.user import User

Done = subprocess.CompletedProcess[str]


@dataclass
class Terminal:
    """Runs commands against the stage at `url`; `home` is where they store things, and where they run."""

    url: str
    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, *arguments: str | Path, **options: Any) -> "subprocess.Popen[str]":
        """The process of a command."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("DARKROOM_")}
        stored = {"DARKROOM_HOME": str(self.home / "stored"), "DARKROOM_URL": self.url, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            [sys.executable, "-m", "darkroom", *map(str, arguments)],
            cwd=self.home,
            # No proxy stands before the machine under test.
            env={**own, "NO_PROXY": "*", **stored, **self.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def run(self, *arguments: str | Path, lines: str = "", code: int = 0) -> Done:
        """What a command printed. It has to end with that exit code, and never with a traceback."""
        process = self.start(*arguments)
        out, error = process.communicate(lines, timeout=120)
        assert process.returncode == code, f"{arguments}: {process.returncode}\n{out}\n{error}"
        assert "Traceback" not in error
        return Done(process.args, process.returncode, out, error)

    def json(self, *arguments: str | Path, lines: str = "", code: int = 0) -> dict[str, Any]:
        """The one document that a command prints with --json."""
        document: dict[str, Any] = json.loads(self.run(*arguments, "--json", lines=lines, code=code).stdout)
        assert document["success"] is (code == 0)
        return document

    def sign_in(self, user: User) -> Done:
        return self.run("login", "--email", user.email, lines=user.password)

    @property
    def sessions(self) -> Path:
        return self.home / "stored" / "sessions.json"
