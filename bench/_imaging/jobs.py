"""The job of the comparison: three sizes of a picture, plain and marked, as progressive JPEGs of quality 85.

A contender is a process. It reads a line for each round: empty, or a folder for its files. For each it does the whole
job, from the bytes of the picture to those of the six files, and prints its CPU seconds, wall seconds and peak memory.
"""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chalicelib.imaging import Limits, Mark, Recipe, Size, probe, variants, watermark
from infra.settings import ROOT

SIZES = (Size("large", 1920, 1080), Size("medium", 1200, 900), Size("small", 800, 600))
MARK = Mark("Processed by Image Platform")
LIMITS = Limits(max_bytes=200_000_000)


def write_job(folder: Path, data: bytes, installed: Path) -> Path:
    """The job's file: dimensions, tiles of marks, and where the other libraries are."""
    header = probe.read_header(data, "", LIMITS)
    (folder / "input").write_bytes(data)
    placements = [variants.plan(header, Recipe((size,))).placements[0] for size in SIZES]
    sizes = [_size(folder, size.name, each.dimensions) for size, each in zip(SIZES, placements, strict=True)]
    job = folder / "job.json"
    described = {"input": str(folder / "input"), "installed": str(installed), "quality": 85, "sizes": sizes}
    job.write_text(json.dumps(described))
    return job


def _size(folder: Path, name: str, dimensions: tuple[int, int]) -> dict[str, Any]:
    placed = watermark.place(MARK, dimensions)
    mark = None
    if placed is not None:
        [(left, top)] = placed.corners
        file = folder / f"{name}.rgba"
        file.write_bytes(placed.tile.tobytes())
        width, height = placed.tile.size
        mark = {"file": str(file), "width": width, "height": height, "left": left, "top": top}
    return {"width": dimensions[0], "height": dimensions[1], "mark": mark}


class Contender:
    """A running process."""

    def __init__(self, command: Sequence[str | Path]) -> None:
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, folder: Path | None = None) -> Mapping[str, float]:
        """Does the job once; the files go into `folder`, in the order of the sizes, each plain and then marked."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{folder or ''}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self._process.args!r} ended")
        measured: Mapping[str, float] = json.loads(answer)
        return measured

    def end(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
