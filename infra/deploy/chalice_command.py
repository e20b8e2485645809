"""Runs Chalice's own command for the functions, their roles and triggers, and the API."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from infra import stages
from infra.deploy import functions, packages
from infra.deploy.errors import DeployError
from infra.deploy.progress import counted
from infra.deploy.target import Target
from infra.function_grants import API
from infra.settings import CONFIG

_CHALICE = "import sys; from chalice.cli import main; sys.exit(main())"
# The line that Chalice prints before it works on a function.
_FUNCTION = re.compile(r"(Creating|Updating|Deleting) (?:lambda )?function: (?:\S*:)?(\S+)")
_PAST = {"Creating": "created", "Updating": "updated", "Deleting": "deleted"}
# How much of a failed run's output is shown. The error is at the end.
_LAST_LINES = 12

Progress = Callable[[str], None]


def deploy(target: Target, progress: Progress) -> str:
    """Runs `chalice deploy`; returns a sentence about what it did.

    Raises:
        DeployError: it failed. The message contains the end of its output.
    """
    packages.drop_bytecode()
    done = _run(target, "deploy", len(target.grants), progress)
    parts = [f"{counted(done[verb], 'function')} {past}" for verb, past in _PAST.items() if done[verb]]
    return ", ".join(parts) or "nothing to do"


def delete(target: Target, progress: Progress) -> str:
    """Runs `chalice delete`; returns a sentence about what it did.

    Raises:
        DeployError: it failed. The message contains the end of its output.
    """
    # Chalice imports app.py, which needs a name for each trigger, even if the stage's settings have none any more.
    settings = target.settings(API)
    placeholders = {name: "gone" for name in stages.RECORDED if name not in settings}
    done = _run(target, "delete", len(functions.deployed(target)), progress, **placeholders)
    return f"{counted(done['Deleting'], 'function')} deleted"


def _run(target: Target, command: str, number: int, progress: Progress, **settings: str) -> dict[str, int]:
    """Returns how many functions were created, updated and deleted, by Chalice's words."""
    done = dict.fromkeys(_PAST, 0)
    output: list[str] = []
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", _CHALICE, command, "--stage", target.stage],
        cwd=packages.ROOT,
        env={**target.environment, **settings, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            output.append(line.rstrip())
            if match := _FUNCTION.match(line):
                done[match[1]] += 1
                progress(f"{sum(done.values())} of {number} functions: {match[2]}")
    if process.returncode:
        raise DeployError(
            f"`chalice {command} --stage {target.stage}` failed:\n{_last_lines(output)}\n"
            "Fix that and run this again: it keeps what was created."
        )
    return done


def _last_lines(output: list[str]) -> str:
    return "\n".join(f"    {line}" for line in output[-_LAST_LINES:] if line)


def state_file(stage: str) -> Path:
    """Chalice's record of what it created for a stage."""
    return CONFIG.parent / "deployed" / f"{stage}.json"
