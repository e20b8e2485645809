"""The two processes that docs/local.md starts by hand: `python -m local aws`, and `chalice local` against it."""

import contextlib
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from infra.settings import LOCAL_PORT
from local.accounts import PASSWORD, USER
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
_PARTS = ("app.py", "chalicelib", "infra", "local", ".chalice")
_CALLS = 30


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A fresh copy of the project: no other test writes into it."""
    folder = tmp_path / "darkroom"
    folder.mkdir()
    for part in _PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, folder / part)
    shutil.rmtree(folder / ".chalice" / "deployments", ignore_errors=True)
    for compiled in folder.rglob("__pycache__"):
        shutil.rmtree(compiled)
    return folder


@contextlib.contextmanager
def _usual_port_taken() -> Iterator[None]:
    with socket.socket() as taken, contextlib.suppress(OSError):
        taken.bind(("127.0.0.1", LOCAL_PORT))
        taken.listen()
        yield
        return
    # Another program uses the port: it is taken as well.
    yield


@contextlib.contextmanager
def _started(command: list[str], folder: Path, environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            # Terminated alone, Chalice's reloader leaves its child running.
            os.killpg(process.pid, 9)
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.slow
def test_chalice_local_serves_every_request_on_any_port_with_the_same_accounts(project: Path, tmp_path: Path) -> None:
    aws_log, api_log, port = tmp_path / "aws.log", tmp_path / "api.log", _free_port()
    plain = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    plain.pop("AWS_ENDPOINT_URL", None)
    aws = [sys.executable, "-m", "local", "aws", "--aws-port", "0", "--ephemeral"]
    with _usual_port_taken(), _started(aws, project, plain, aws_log):
        wait_for(lambda: "chalice local" in aws_log.read_text(), "the embedded AWS", 60, 0.1)
        output = aws_log.read_text()
        assert "Fake external API: http://127.0.0.1:" in output
        assert not re.search(rf"Embedded AWS: \S+:{LOCAL_PORT}\b", output)
        setting, program, *arguments = shlex.split(output.strip().splitlines()[-1])
        name, _, value = setting.partition("=")
        assert (name, program) == ("AWS_ENDPOINT_URL", ".venv/bin/chalice")
        chalice = [str(Path(sys.executable).with_name("chalice")), *arguments, "--port", str(port)]
        with _started(chalice, project, {**plain, name: value}, api_log):
            api = f"http://127.0.0.1:{port}"
            token = wait_for(lambda: _token(api), "the API to answer", 60, 0.2)
            statuses = [_status(f"{api}/images", token) for _ in range(_CALLS)]
    assert statuses == [200] * _CALLS, api_log.read_text()[-2000:]
    assert "Restarting" not in api_log.read_text()


def _status(url: str, token: str) -> int:
    return requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30).status_code


def _token(api: str) -> str | None:
    with contextlib.suppress(requests.ConnectionError):
        response = requests.post(f"{api}/auth/signin", json={"email": USER, "password": PASSWORD}, timeout=30)
        return str(response.json()["accessToken"])
    return None


@pytest.mark.parametrize("command", [["deploy", "--stage", "prod"], ["package", "--stage", "prod", "packaged"]])
def test_chalice_alone_cannot_deploy_a_fresh_checkout_and_names_our_command(project: Path, command: list[str]) -> None:
    chalice = str(Path(sys.executable).with_name("chalice"))
    credentials = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
    result = subprocess.run(
        [chalice, *command], cwd=project, env={**os.environ, **credentials}, capture_output=True, text=True, timeout=60
    )
    assert result.returncode != 0
    assert result.stderr.count("\n") == 1
    assert "run `python -m infra deploy --stage prod`" in result.stderr
