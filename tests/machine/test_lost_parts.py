"""A machine that loses a part of itself ends with a sentence, or gets a new one; it never hangs, and loses nothing."""

import functools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from local.__main__ import _StopSignal
from local.background import Loop
from local.errors import MachineError
from tests import pictures
from tests.breadth import mostly_slow
from tests.machine import process_table
from tests.machine.running_machine import ROOT, RunningMachine, Session, running
from tests.waiting import wait_for

# `python -m local`, whose embedded AWS fails once a file is there.
FAILING_AWS = """
import runpy, socketserver, sys
from pathlib import Path

def service_actions(server):
    if Path(sys.argv[-1], "fails").exists():
        raise OSError("no more sockets")

socketserver.BaseServer.service_actions = service_actions
runpy.run_module("local", run_name="__main__", alter_sys=True)
"""


def _libraries(machine: RunningMachine) -> int:
    (pid,) = process_table.children({machine.process.pid})
    return pid


def _fork_server(machine: RunningMachine) -> int:
    (pid,) = process_table.children({_libraries(machine)})
    return pid


def _is_completed(session: Session, image_id: str) -> bool:
    return bool(session.image(image_id)["status"] == "COMPLETED")


@process_table.NEEDED
@pytest.mark.parametrize(
    ("part", "sentence", "is_started_again"),
    mostly_slow(
        [
            (_fork_server, "The process that runs the API and all functions has ended", False),
            (_fork_server, "The process that runs the API and all functions has ended", True),
            (_libraries, "The process that has loaded the libraries has ended", True),
        ]
    ),
)
def test_a_killed_process_that_forks_ends_the_machine_which_loses_nothing(
    tmp_path: Path, part: Callable[[RunningMachine], int], sentence: str, is_started_again: bool
) -> None:
    with running(tmp_path) as (machine, url):
        session = Session(url)
        images = [session.upload(pictures.jpeg(1200, 900)) for _ in range(3)]
        wait_for(lambda: session.image(images[0])["status"] != "PENDING", "the first image is worked on", 60)
        started = process_table.descendants(machine.process.pid)
        os.kill(part(machine), signal.SIGKILL)
        assert machine.process.wait(timeout=30) == 1
        wait_for(lambda: any(line.startswith(sentence) for line in machine.lines), "the sentence")
        assert machine.lines[-1].endswith(f"The machine stops. All data is kept in {tmp_path}. Start it again.")
        assert not [line for line in machine.lines if "Traceback" in line]
        wait_for(lambda: process_table.all_ended(started), "the end of all processes")
    if not is_started_again:
        return
    with running(tmp_path) as (_, session.url):
        for image_id in images:
            wait_for(functools.partial(_is_completed, session, image_id), image_id, 60)


@pytest.mark.slow
def test_an_embedded_aws_that_fails_ends_the_machine(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FAILING_AWS, "run", "--port", "0", "--aws-port", "0", "--no-fake-api"]
    with subprocess.Popen(
        [*command, "--state", str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert any("Ctrl-C" in line for line in iter(process.stdout.readline, ""))
        (tmp_path / "fails").touch()
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "OSError: no more sockets" in errors
    assert errors.splitlines()[-1].startswith("The thread moto server has ended. The machine stops.")


def _fail() -> None:
    raise MachineError("It is gone.")


def test_only_a_thread_that_the_machine_needs_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = _StopSignal()
    monkeypatch.setattr(threading, "excepthook", stop.look_at_thread)
    for thread in (threading.Thread(target=_fail), Loop("needed", _fail)):
        assert not stop.is_set()
        thread.start()
        thread.join()
    assert stop.wait(0)
    assert str(stop.failure) == "It is gone."
