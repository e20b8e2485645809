"""Runs the job with chalicelib: python -m bench._imaging.ours JOB.json render|steps (see jobs.py).

render: all files of one call, in this process and its guarded child, as where VALIDATE_PIXELS is off.
steps: validation, resize and watermark one after the other, with a dictionary in place of S3.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench._imaging.jobs import LIMITS, MARK, SIZES
from bench._measure import cpu_seconds, peak_memory
from chalicelib.core.aws import objects
from chalicelib.core.settings import ALL
from chalicelib.images import steps
from chalicelib.imaging import Recipe, files, identify, render

_OURS = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def run_render(data: bytes) -> list[bytes]:
    identify(data, LIMITS)
    return [each.data for each in render(data, Recipe(SIZES, marks=(MARK,)), LIMITS)]


def run_steps(data: bytes) -> list[bytes]:
    stored: dict[str, bytes] = {"original": data}
    _keep_objects_in(stored)
    step = {"userId": "user", "imageId": "image", "s3Key": "original", "fileType": "application/octet-stream"}
    done = steps.watermark(steps.resize(steps.validate(step)))
    made = {(each["size"], each["watermarked"]): each for each in (*done["resizedImages"], *done["watermarkedImages"])}
    return [stored[made[size.name, marked]["s3Key"]] for size in SIZES for marked in (False, True)]


def _keep_objects_in(stored: dict[str, bytes]) -> None:
    def write(_bucket: str, key: str, data: bytes, _type: str) -> dict[str, str]:
        stored[key] = data
        return {"Key": key}

    def read(_bucket: str, key: str, _version: str | None = None, **_options: Any) -> bytes:
        return stored[key]

    objects.write = write  # type: ignore[assignment]
    objects.read = read  # type: ignore[assignment]


def _set_environment() -> None:
    """The settings have their defaults, and none is looked for in Parameter Store."""
    os.environ |= {name: each.default or "" for name, each in ALL.items()}
    os.environ |= {"S3_INPUT_BUCKET": "input", "S3_OUTPUT_BUCKET": "output", "MAX_FILE_SIZE": str(LIMITS.max_bytes)}
    os.environ |= {"VALIDATE_PIXELS": "false", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "2048"}


def main() -> None:
    _set_environment()
    # As the others, which are held to one thread.
    files._cores = lambda: 1
    job = json.loads(Path(sys.argv[1]).read_text())
    data = Path(job["input"]).read_bytes()
    run = {"render": run_render, "steps": run_steps}[sys.argv[2]]
    for line in sys.stdin:
        print(json.dumps(_measured(run, data, line.strip())), flush=True)


def _measured(run: Callable[[bytes], list[bytes]], data: bytes, folder: str) -> dict[str, float]:
    cpu, wall = cpu_seconds(*_OURS), time.perf_counter()
    files = run(data)
    used = {"cpu": cpu_seconds(*_OURS) - cpu, "wall": time.perf_counter() - wall}
    if folder:
        for at, file in enumerate(files):
            (Path(folder) / f"{at}.jpg").write_bytes(file)
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return used | {"peak": max(peak_memory(), child)}


if __name__ == "__main__":
    main()
