"""A stage's settings as .chalice/config.json states them, for the commands that act on that stage."""

import json
import os
from pathlib import Path
from typing import Any

CONFIG = Path(__file__).parents[1] / ".chalice" / "config.json"


def apply(stage: str) -> None:
    """Puts the stage's environment under this process's own, which wins: AWS_ENDPOINT_URL may name another port.

    Raises:
        SystemExit: there is no such stage.
    """
    written = with_stage(stage)
    of_stage = written["stages"][stage].get("environment_variables", {})
    for name, value in {**written.get("environment_variables", {}), **of_stage, "STAGE": stage}.items():
        os.environ.setdefault(name, value)


def with_stage(stage: str) -> dict[str, Any]:
    """All of config.json, which has that stage.

    Raises:
        SystemExit: there is no such stage.
    """
    written: dict[str, Any] = json.loads(CONFIG.read_text())
    if stage not in written["stages"]:
        raise SystemExit(f"There is no stage {stage} in {CONFIG.name}; it has {', '.join(written['stages'])}.")
    return written
