"""Chalice's part: the functions, their roles and triggers, and the API, by Chalice's own command."""

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
# What it says when it begins with a function, by the function's name.
_FUNCTION = re.compile(r"(Creating|Updating|Deleting) (?:lambda )?function: (?:\S*:)?(\S+)")
_PAST = {"Creating": "created", "Updating": "updated", "Deleting": "deleted"}
# Of what a failed run said, what is shown: the error stands at the end.
_LAST_LINES = 12

Progress = Callable[[str], None]


def deploy(target: Target, progress: Progress) -> str:
    """Runs `chalice deploy`; what it did, in words.

    Raises:
        DeployError: it failed; with its own words.
    """
    packages.drop_bytecode()
    done = _run(target, "deploy", len(target.declared), progress)
    told = [f"{counted(done[verb], 'function')} {past}" for verb, past in _PAST.items() if done[verb]]
    return ", ".join(told) or "nothing to do"


def delete(target: Target, progress: Progress) -> str:
    """Runs `chalice delete`; what it did, in words.

    Raises:
        DeployError: it failed; with its own words.
    """
    # app.py is imported for this too, and wants names for its triggers that a stage may have none of any more.
    settings = target.settings(API)
    unnamed = {name: "gone" for name in stages.RECORDED if name not in settings}
    done = _run(target, "delete", len(functions.deployed(target)), progress, **unnamed)
    return f"{counted(done['Deleting'], 'function')} deleted"


def _run(target: Target, command: str, number: int, progress: Progress, **settings: str) -> dict[str, int]:
    """How many functions were created, updated and deleted, by Chalice's words for that."""
    done = dict.fromkeys(_PAST, 0)
    said: list[str] = []
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
            said.append(line.rstrip())
            if found := _FUNCTION.match(line):
                done[found[1]] += 1
                progress(f"{sum(done.values())} of {number} functions: {found[2]}")
    if process.returncode:
        raise DeployError(
            f"`chalice {command} --stage {target.stage}` failed:\n{_last_of(said)}\n"
            "Mend that and run this again: what was made is found and kept."
        )
    return done


def _last_of(said: list[str]) -> str:
    return "\n".join(f"    {line}" for line in said[-_LAST_LINES:] if line)


def state_file(stage: str) -> Path:
    """Where Chalice keeps what it has made for a stage."""
    return CONFIG.parent / "deployed" / f"{stage}.json"
