"""The commands as processes: what they print, how they end, and that no process is left."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from local.demo import run_demo
from local.machine import Machine
from tests import pictures
from tests.breadth import mostly_slow
from tests.conftest import Eventually
from tests.machine import process_table
from tests.requirements import packages, packages_by_module

ROOT = Path(__file__).resolve().parents[2]
# `python -m local` as after `make demo`: the packages that are installed for tests alone cannot be imported.
_LOCAL = packages("requirements-local.txt")
_MISSING = {module for module, owners in packages_by_module().items() if not owners & _LOCAL}
ONLY_LOCAL_PACKAGES = f"""
import runpy, sys
sys.modules.update(dict.fromkeys({_MISSING!r}))
runpy.run_module("local", run_name="__main__", alter_sys=True)
"""
pytestmark = process_table.NEEDED


@contextmanager
def _running(*arguments: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A running command with these variables, and the lines that it has printed when it is ready."""
    command = [sys.executable, "-c", ONLY_LOCAL_PACKAGES, *arguments]
    environment = os.environ | variables
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        lines: list[str] = []
        while line := process.stdout.readline():
            lines.append(line.rstrip("\n"))
            if "Ctrl-C" in line or "chalice local" in line:
                break
        yield process, lines
    finally:
        process.kill()
        process.communicate()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _port(line: str) -> int:
    return int(line.rpartition(":")[2])


@pytest.mark.parametrize("number", mostly_slow([signal.SIGTERM, signal.SIGINT]))
def test_run_prints_its_addresses_and_stops_cleanly(
    eventually: Eventually, number: signal.Signals, tmp_path: Path
) -> None:
    settings = {
        "OUTPUT_FORMATS": "webp",
        "CORS_ORIGIN": "https://photos.example.com",
        "USERS_TABLE": "of-another-stage",
        "QUALITY_SETING": "60",
    }
    where = {"XDG_STATE_HOME": str(tmp_path)}
    with _running("run", "--port", "0", "--aws-port", "0", **settings, **where) as (process, lines):
        assert re.fullmatch(r"Darkroom is ready: http://127\.0\.0\.1:\d+", lines[0])
        assert re.fullmatch(r"Embedded AWS: http://127\.0\.0\.1:\d+", lines[1])
        text = "\n".join(lines)
        assert f"All data is kept in {tmp_path}/darkroom/" in text
        accounts = ("user@example.com", "admin@example.com", "Darkroom-2026!", "any verification code")
        for word in (*accounts, "Fake external API: http://127.0.0.1:"):
            assert word in text
        children = process_table.descendants(process.pid)
        assert len(children) > 5
        health = requests.get(f"{lines[0].split()[-1]}/health", timeout=30)
        assert health.json()["status"] == "ok"
        # The settings of the shell hold for the API and for the functions; a resource's name is no choice.
        assert "Settings from the environment: OUTPUT_FORMATS=webp CORS_ORIGIN=https://photos.example.com" in lines
        assert "Not used: USERS_TABLE is that of the machine's own stage." in lines
        assert "Not used: QUALITY_SETING is no setting: QUALITY_SETTING is." in lines
        assert health.headers["Access-Control-Allow-Origin"] == "https://photos.example.com"
        (tmp_path / "sea.jpg").write_bytes(pictures.jpeg())
        assert (
            run_demo([str(tmp_path / "sea.jpg"), "--url", lines[0].split()[-1], "--output", str(tmp_path / "out")]) == 0
        )
        assert {each.suffix for each in (tmp_path / "out").iterdir()} == {".webp"}
        process.send_signal(number)
        _, errors = process.communicate(timeout=15)
        assert (process.returncode, errors) == (0, "")
        eventually(lambda: process_table.all_ended(children))
        assert _is_free(_port(lines[0]))
        assert _is_free(_port(lines[1]))


def test_a_setting_that_cannot_be_used_ends_run_at_once() -> None:
    command = [sys.executable, "-m", "local", "run", "--port", "0", "--aws-port", "0", "--ephemeral"]
    environment = os.environ | {"QUALITY_SETTING": "abc", "OUTPUT_FORMATS": "jpeg,tiff"}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=15, check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        "OUTPUT_FORMATS must be a list with commas, each one of jpeg, png, webp, avif, not 'jpeg,tiff'.",
        "QUALITY_SETTING must be 1 to 95, not 'abc'.",
    ]


@pytest.mark.slow
def test_a_killed_machine_leaves_no_process(eventually: Eventually) -> None:
    with _running("aws", "--aws-port", "0", "--ephemeral") as (process, lines):
        children = process_table.descendants(process.pid)
        assert len(children) > 5
        process.kill()
        process.wait()
        eventually(lambda: process_table.all_ended(children))
        eventually(lambda: _is_free(_port(lines[0])))


def test_a_machine_that_is_stopped_while_it_starts_leaves_nothing(eventually: Eventually) -> None:
    command = [sys.executable, "-m", "local", "aws", "--aws-port", "0", "--ephemeral"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        children = eventually(lambda: process_table.descendants(process.pid))
        process.terminate()
        _, errors = process.communicate(timeout=15)
        assert (process.returncode, errors) == (0, "")
        eventually(lambda: process_table.all_ended(children))


@pytest.mark.parametrize("option", ["--port", "--aws-port"])
def test_a_taken_port_is_one_clear_line(option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        other = "--aws-port" if option == "--port" else "--port"
        command = [sys.executable, "-m", "local", "run", option, port, other, "0", "--ephemeral"]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=15, check=False)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert f"Port {port} for " in result.stderr
    assert 'make run ARGS="--port 0 --aws-port 0"' in result.stderr


def test_invoke_prints_one_line_of_json_and_reports_failures(machine: Machine) -> None:
    def invoke(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "local", "invoke", *arguments]
        environment = os.environ | {"AWS_ENDPOINT_URL": machine.aws_url}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    failed = invoke("validation", "{}")
    assert failed.returncode == 1
    assert failed.stdout.count("\n") == 1
    assert "errorType" in json.loads(failed.stdout)
    succeeded = invoke("image_changes", '{"Records": []}')
    assert (succeeded.returncode, succeeded.stdout) == (0, "null\n")
    unknown = invoke("nothing")
    assert unknown.returncode == 1
    assert "nothing" in unknown.stderr
    assert invoke("validation", "{no").returncode == 1


def _start_error(project: Path) -> str:
    """The message of a machine that cannot start."""
    program = (
        "from pathlib import Path; from local.machine import Machine; from local.errors import MachineError\n"
        f"try:\n    Machine(Path({str(project)!r})).__enter__()\n"
        "except MachineError as error:\n    print(error)\n"
    )
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True).stdout


@pytest.mark.slow
def test_an_application_that_cannot_be_imported_is_reported(tmp_path: Path) -> None:
    local = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
    config = {"version": "2.0", "app_name": "broken", "stages": {"local": {"environment_variables": local}}}
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps(config))
    (tmp_path / "app.py").write_text("import nothing_of_that_name\n")
    assert "nothing_of_that_name" in _start_error(tmp_path)


def test_a_stage_without_credentials_is_reported(tmp_path: Path) -> None:
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice" / "config.json").write_text('{"version": "2.0", "app_name": "broken"}')
    (tmp_path / "app.py").write_text("")
    assert "has no AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION" in _start_error(tmp_path)
