"""The settings of a stage in .chalice/config.json, and where this machine keeps files."""

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / ".chalice" / "config.json"

# The embedded AWS, unless another port is given. The queue URLs of the local stage in config.json begin with it.
LOCAL_STAGE = "local"
LOCAL_PORT = 4566
LOCAL_ENDPOINT = f"http://127.0.0.1:{LOCAL_PORT}"


def apply(stage: str) -> None:
    """Adds the stage's environment to this process. Variables that are set already stay: AWS_ENDPOINT_URL may differ.

    The local stage gets the usual address of the embedded AWS, every other stage the region of its settings.

    Raises:
        ValueError: there is no such stage.
    """
    config = with_stage(stage)
    of_stage = config["stages"][stage].get("environment_variables", {})
    if stage == LOCAL_STAGE:
        os.environ.setdefault("AWS_ENDPOINT_URL", LOCAL_ENDPOINT)
    elif "STEP_FUNCTIONS_ARN" in of_stage:
        os.environ.setdefault("AWS_DEFAULT_REGION", of_stage["STEP_FUNCTIONS_ARN"].split(":")[3])
    for name, value in {**config.get("environment_variables", {}), **of_stage, "STAGE": stage}.items():
        os.environ.setdefault(name, value)


def with_stage(stage: str) -> dict[str, Any]:
    """The whole config.json.

    Raises:
        ValueError: there is no such stage.
    """
    config: dict[str, Any] = json.loads(CONFIG.read_text())
    if stage not in config["stages"]:
        raise ValueError(f"{CONFIG.name} has no stage {stage!r}; it has {', '.join(config['stages'])}.")
    return config


def _sources_of(config: Mapping[str, Any], stage: str, function: str) -> list[Mapping[str, Any]]:
    """Where Chalice looks for the settings of a function. A later one overrides an earlier one."""
    of_stage = config["stages"][stage]
    return [
        config,
        config["lambda_functions"].get(function, {}),
        of_stage,
        of_stage.get("lambda_functions", {}).get(function, {}),
    ]


def environment_of(config: Mapping[str, Any], stage: str, function: str) -> dict[str, str]:
    """The environment variables of a function."""
    sources = _sources_of(config, stage, function)
    return {name: value for each in sources for name, value in each.get("environment_variables", {}).items()}


def settings_of_function(config: Mapping[str, Any], stage: str, function: str) -> dict[str, Any]:
    """All other settings of a function."""
    return {name: value for each in _sources_of(config, stage, function) for name, value in each.items()}


def timeouts(config: Mapping[str, Any], stage: str) -> dict[str, int]:
    """The timeout of each function in seconds."""
    return {
        name: int(settings_of_function(config, stage, name)["lambda_timeout"])
        for name in config.get("lambda_functions", ())
    }


def state_folder() -> Path:
    """The folder for files that commands write on this machine, one for each checkout.

    It is where the platform keeps such files: by the XDG Base Directory Specification, or in macOS's Library. It is
    outside of the checkout, because Chalice's reloader watches that.
    """
    usual = "Library/Application Support" if sys.platform == "darwin" else ".local/state"
    base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / usual)
    return base / "darkroom" / f"{ROOT.name}-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]}"
