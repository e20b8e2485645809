"""Runs the job with pyvips, in the form that costs it least CPU time: python vips.py JOB.json (see jobs.py).

One decode for all files, each size made of the largest, and marks composited onto their own box alone. It runs in an
environment of its own and imports nothing of the project.
"""

import json
import os
import re
import resource
import sys
import time
from pathlib import Path
from typing import Any

os.environ["VIPS_CONCURRENCY"] = "1"

import pyvips

pyvips.cache_set_max(0)


def run(job: dict[str, Any], data: bytes, tiles: list[Any]) -> list[bytes]:
    files: list[bytes] = []
    first, *others = job["sizes"]
    largest = pyvips.Image.thumbnail_buffer(
        data, first["width"], height=first["height"], size="force", output_profile="srgb"
    )
    if largest.hasalpha():
        largest = largest.flatten(background=255)
    largest = largest.copy_memory()
    for at, size in enumerate((first, *others)):
        image = largest
        if at:
            across, down = size["width"] / largest.width, size["height"] / largest.height
            image = largest.resize(across, vscale=down, kernel="lanczos3").copy_memory()
        files.append(_encode(image, job["quality"]))
        if tiles[at] is not None:
            files.append(_encode(_mark(image, tiles[at], size["mark"]), job["quality"]))
    return files


def _mark(image: Any, tile: Any, mark: dict[str, int]) -> Any:
    box = image.crop(mark["left"], mark["top"], tile.width, tile.height)
    marked = box.composite2(tile, "over").flatten().cast("uchar")
    return image.insert(marked, mark["left"], mark["top"])


def _encode(image: Any, quality: int) -> bytes:
    encoded: bytes = image.jpegsave_buffer(Q=quality, interlace=True, optimize_coding=True, subsample_mode="on", keep=0)
    return encoded


def _tile(mark: dict[str, Any] | None) -> Any:
    if mark is None:
        return None
    pixels = Path(mark["file"]).read_bytes()
    tile = pyvips.Image.new_from_memory(pixels, mark["width"], mark["height"], 4, "uchar")
    return tile.copy(interpretation="srgb").copy_memory()


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak() -> int:
    return int(re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[0]) * 1024


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    data = Path(job["input"]).read_bytes()
    tiles = [_tile(size["mark"]) for size in job["sizes"]]
    for line in sys.stdin:
        cpu, wall = _cpu(), time.perf_counter()
        files = run(job, data, tiles)
        used = {"cpu": _cpu() - cpu, "wall": time.perf_counter() - wall, "peak": _peak()}
        if folder := line.strip():
            for at, file in enumerate(files):
                (Path(folder) / f"{at}.jpg").write_bytes(file)
        print(json.dumps(used), flush=True)


if __name__ == "__main__":
    main()
