"""Darkroom as `make run` starts it, in a process of its own, with limits that no test reaches."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chalicelib.core.settings import ALL

ROOT = Path(__file__).resolve().parents[2]
# Every setting that limits requests, attempts or dollars.
_LIMITS = [name for name in ALL if re.search("_PER_(MINUTE|HOUR|DAY|MONTH)$", name)]


@dataclass(frozen=True)
class Running:
    """The addresses of the API and of the embedded AWS."""

    url: str
    aws_url: str


@contextlib.contextmanager
def running(state: Path) -> Iterator[Running]:
    """It runs until the block ends. Logs go below the folder `state`."""
    more = {**dict.fromkeys(_LIMITS, str(10**9)), "XDG_STATE_HOME": str(state), "SCHEDULES_OFF": _all_schedules()}
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "run", "--port", "0", "--aws-port", "0", "--ephemeral"],
        cwd=ROOT,
        env={**os.environ, **more},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        lines = [process.stdout.readline() for _ in range(2)]
        found = re.fullmatch(r"Darkroom is ready: (\S+)\nEmbedded AWS: (\S+)\n", "".join(lines))
        assert found is not None, "it says why on stderr"
        yield Running(found[1], found[2])
    finally:
        process.terminate()
        process.communicate(timeout=60)


def _all_schedules() -> str:
    from chalicelib.core.schedules import SCHEDULES

    return ",".join(SCHEDULES)
