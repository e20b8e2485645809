"""Our pictures beside sharp's and pyvips': CPU, wall and memory, bytes and quality.

    python -m bench imaging [ROUNDS] [PICTURE…] [PLOT.svg]

The job: three sizes, plain and marked, of each picture that is named, or of six that are made here. sharp and pyvips
are installed in the user's cache first, and used in the form that costs them least. The contenders take turns, so that
a busy machine slows all of them; the medians and their ratios to sharp's are shown. All run one thread at a time,
so that their CPU times can be compared, and ours without what a stage checks beside the decode (VALIDATE_PIXELS=no).
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from bench._imaging import installed, plot, quality
from bench._imaging.jobs import Contender, write_job
from bench._measure import integer_arguments
from tests import pictures
from tests.similarity import scene

SHARP = "sharp"


class Result(NamedTuple):
    """Of one contender and one picture: medians of CPU and wall seconds, the peak of bytes, the quality."""

    cpu: float
    wall: float
    peak: float
    size: int
    ssim: float
    psnr: float


def main() -> None:
    rounds = integer_arguments([8])[0]
    folder = installed.install()
    results: dict[str, dict[str, Result]] = {}
    for title, data in _inputs():
        print(f"\n{title}, {len(data) / 1e6:.1f} MB")
        results[title] = _compare(data, folder, rounds)
        _show(results[title])
    for argument in sys.argv[1:]:
        if argument.endswith(".svg"):
            Path(argument).write_text(plot.ratios({title: _ratios(each) for title, each in results.items()}))


def _inputs() -> Iterator[tuple[str, bytes]]:
    named = [Path(each) for each in sys.argv[1:] if Path(each).is_file() and not each.endswith(".svg")]
    for path in named:
        yield path.name, path.read_bytes()
    if not named:
        for name, width, height in (("2 MP", 1632, 1224), ("12 MP", 4000, 3000), ("24 MP", 6000, 4000)):
            yield f"{name} JPEG", pictures.encoded(scene(width, height), "JPEG", quality=90)
        yield "48 MP JPEG", pictures.encoded(scene(8000, 6000), "JPEG", quality=90)
        yield "12 MP PNG", pictures.encoded(scene(4000, 3000), "PNG", compress_level=6)
        yield "12 MP WebP", pictures.encoded(scene(4000, 3000), "WEBP", quality=88)


def _compare(data: bytes, folder: Path, rounds: int) -> dict[str, Result]:
    with tempfile.TemporaryDirectory() as scratch:
        commands = installed.commands(folder, write_job(Path(scratch), data, folder))
        running = {name: Contender(command) for name, command in commands.items()}
        try:
            return _measure(running, data, Path(scratch), rounds)
        finally:
            for each in running.values():
                each.end()


def _measure(running: Mapping[str, Contender], data: bytes, scratch: Path, rounds: int) -> dict[str, Result]:
    # The first round is not measured: it loads codecs and fonts.
    outputs = {name: scratch / name.replace(" ", "-") for name in running}
    for name, contender in running.items():
        outputs[name].mkdir()
        contender.run(outputs[name])
    measured: dict[str, list[Mapping[str, float]]] = {name: [] for name in running}
    for _ in range(rounds):
        for name, contender in running.items():
            measured[name].append(contender.run())
    wanted = quality.ideal(data, quality.dimensions(outputs[SHARP]))
    results = {}
    for name, rows in measured.items():
        cpu, wall = (statistics.median(row[what] for row in rows) for what in ("cpu", "wall"))
        similar, noise, size = quality.compare(outputs[name], wanted)
        results[name] = Result(cpu, wall, max(row["peak"] for row in rows), size, similar, noise)
    return results


def _ratios(results: Mapping[str, Result]) -> dict[str, float]:
    return {name: each.cpu / results[SHARP].cpu for name, each in results.items() if name != SHARP}


def _show(results: Mapping[str, Result]) -> None:
    sharp = results[SHARP]
    print(f"{'':<20}{'CPU':>10}{'÷ sharp':>9}{'wall':>10}{'memory':>10}{'÷ sharp':>9}", end="")
    print(f"{'files':>10}{'SSIM':>9}{'− sharp':>9}{'PSNR':>9}")
    for name, each in results.items():
        print(
            f"{name:<20}{each.cpu * 1e3:>7.0f} ms{each.cpu / sharp.cpu:>9.2f}{each.wall * 1e3:>7.0f} ms"
            f"{each.peak / 1e6:>7.0f} MB{each.peak / sharp.peak:>9.2f}{each.size / 1e3:>7.0f} kB"
            f"{each.ssim:>9.4f}{each.ssim - sharp.ssim:>+9.4f}{each.psnr:>6.1f} dB",
            flush=True,
        )


if __name__ == "__main__":
    main()
