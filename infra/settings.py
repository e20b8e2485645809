"""A stage's settings as .chalice/config.json states them, for the commands that act on that stage."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / ".chalice" / "config.json"

# Where the embedded AWS is, and the addresses of its queues in config.json begin, unless a port was asked for.
LOCAL_STAGE = "local"
LOCAL_PORT = 4566
LOCAL_ENDPOINT = f"http://127.0.0.1:{LOCAL_PORT}"


def apply(stage: str) -> None:
    """Puts the stage's environment under this process's own, which wins: AWS_ENDPOINT_URL may name another port.

    The stage of the machine of one is at the embedded AWS's usual port where the process says nothing of it; any other
    one is in the region that its settings name.

    Raises:
        ValueError: there is no such stage.
    """
    written = with_stage(stage)
    of_stage = written["stages"][stage].get("environment_variables", {})
    if stage == LOCAL_STAGE:
        os.environ.setdefault("AWS_ENDPOINT_URL", LOCAL_ENDPOINT)
    elif "STEP_FUNCTIONS_ARN" in of_stage:
        os.environ.setdefault("AWS_DEFAULT_REGION", of_stage["STEP_FUNCTIONS_ARN"].split(":")[3])
    for name, value in {**written.get("environment_variables", {}), **of_stage, "STAGE": stage}.items():
        os.environ.setdefault(name, value)


def with_stage(stage: str) -> dict[str, Any]:
    """All of config.json, which has that stage.

    Raises:
        ValueError: there is no such stage.
    """
    written: dict[str, Any] = json.loads(CONFIG.read_text())
    if stage not in written["stages"]:
        raise ValueError(f"{CONFIG.name} has no stage {stage!r}; it has {', '.join(written['stages'])}.")
    return written


def sources_of(config: Mapping[str, Any], stage: str, function: str) -> list[Mapping[str, Any]]:
    """Where Chalice looks for a function's settings, the nearest last."""
    of_stage = config["stages"][stage]
    return [
        config,
        config["lambda_functions"].get(function, {}),
        of_stage,
        of_stage.get("lambda_functions", {}).get(function, {}),
    ]


def timeouts(config: Mapping[str, Any], stage: str) -> dict[str, int]:
    """By function, the seconds that Lambda lets it run."""
    return {
        name: int([each["lambda_timeout"] for each in sources_of(config, stage, name) if "lambda_timeout" in each][-1])
        for name in config.get("lambda_functions", ())
    }


def state_folder() -> Path:
    """Where commands that run on this machine write: outside of the checkout, which Chalice's reloader watches.

    One folder a checkout, by the XDG Base Directory Specification.
    """
    base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return base / "darkroom" / f"{ROOT.name}-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]}"
