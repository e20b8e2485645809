"""`python -m local run` as a process with a state folder, for tests that kill it and start it again."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from local.accounts import ADMIN, PASSWORD

ROOT = Path(__file__).resolve().parents[2]


class RunningMachine:
    """One run. Its ports differ from those of every other run."""

    def __init__(self, state: Path, *arguments: str) -> None:
        ports = ["--port", "0", "--aws-port", "0", "--no-reload"]
        command = [sys.executable, "-m", "local", "run", *ports, "--state", str(state), *arguments]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines: list[str] = []

    def wait_until_ready(self) -> str:
        """The API's address."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if "Ctrl-C" in line:
                # What is printed later must not fill the pipe.
                threading.Thread(target=self._read_on, daemon=True).start()
                return self.lines[0].split()[-1]
        raise AssertionError(f"the machine did not start: {self.lines}")

    def _read_on(self) -> None:
        assert self.process.stdout is not None
        with contextlib.suppress(ValueError):
            self.lines += [line.rstrip("\n") for line in self.process.stdout]

    def kill(self) -> None:
        """SIGKILL; returns when it has ended."""
        self.process.kill()
        self.process.wait()

    def interrupt(self) -> int:
        """Ctrl-C; the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=60)


@contextmanager
def running(state: Path, *arguments: str) -> Iterator[tuple[RunningMachine, str]]:
    """A run that is killed at the end unless it has ended, with the API's address."""
    machine = RunningMachine(state, *arguments)
    try:
        yield machine, machine.wait_until_ready()
    finally:
        machine.kill()


class Session:
    """A signed-in user, whose token stays valid whichever run answers."""

    def __init__(self, url: str, email: str = ADMIN) -> None:
        self.url = url
        tokens = requests.post(f"{url}/auth/signin", json={"email": email, "password": PASSWORD}, timeout=30).json()
        self.headers = {"Authorization": f"Bearer {tokens['accessToken']}"}

    def call(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """The JSON of a response that must be a success."""
        response = requests.request(method, self.url + path, json=body or None, headers=self.headers, timeout=30)
        assert response.ok, f"{method} {path} answered {response.status_code}: {response.text}"
        content: dict[str, Any] = response.json()
        return content

    def upload(self, content: bytes) -> str:
        """Announce and send a picture; the image's id."""
        created = self.call("POST", "/upload", fileName="a.jpg", fileType="image/jpeg")
        requests.put(created["uploadUrl"], data=content, headers=created["headers"], timeout=30).raise_for_status()
        return str(created["imageId"])

    def image(self, image_id: str) -> dict[str, Any]:
        image: dict[str, Any] = self.call("GET", f"/images/{image_id}")["image"]
        return image
