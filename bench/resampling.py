"""Shrinking in two steps: the time saved and the quality lost.

    python -m bench resampling

The first step averages blocks of pixels: libjpeg while decoding, or Pillow's `reduce`. LANCZOS does the rest. Shown
for each ratio and block size is the SSIM lost, compared with LANCZOS of the whole picture, and the share of its CPU
time. The last block shows the SSIM lost by two steps of LANCZOS. `imaging/pixels.py` has the ratios at which less than
0.003 is lost; text loses most. Times depend on the machine: compare the ratios.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable

from PIL import Image

from tests import pictures
from tests.similarity import scene, screenshot, ssim

RATIOS = (2.05, 2.8, 4.1, 5.0, 6.0, 8.5, 12.0, 24.0)
BLOCKS = (2, 4, 8)
STEPS = (1.1, 1.2, 1.35, 1.5, 2.0)
ROUNDS = 3

Shrink = Callable[[tuple[int, int]], Image.Image]


def main() -> None:
    for title, image in (("text", screenshot()), ("photo", scene(2560, 1707))):
        for form in ("JPEG", "PNG", "WEBP"):
            data = pictures.encoded(image, form, **({} if form == "PNG" else {"quality": 90}))
            print(f"\n{title}, {form}: SSIM lost, share of the CPU time")
            print(f"{'ratio':<8}" + "".join(f"{f'blocks of {side}':>16}" for side in BLOCKS))
            _show_blocks(data, image.size)
        print(f"\n{title}, to a fifth in two steps of LANCZOS, the second by: SSIM lost")
        _show_steps(image)


def _show_blocks(data: bytes, size: tuple[int, int]) -> None:
    shrinkers = {side: _in_blocks(data, side) for side in (1, *BLOCKS)}
    for ratio in RATIOS:
        target = round(size[0] / ratio), round(size[1] / ratio)
        whole, whole_seconds = shrinkers[1](target), _cpu_seconds(shrinkers[1], target)
        cells = []
        for side in BLOCKS:
            lost, seconds = 1 - ssim(shrinkers[side](target), whole), _cpu_seconds(shrinkers[side], target)
            cells.append(f"{lost:.4f} {seconds / whole_seconds:>5.2f}" if side <= ratio else "")
        print(f"{ratio:<8}" + "".join(f"{cell:>16}" for cell in cells))


def _in_blocks(data: bytes, side: int) -> Shrink:
    def shrink(target: tuple[int, int]) -> Image.Image:
        image = Image.open(io.BytesIO(data))
        box = 0, 0, image.width / side, image.height / side
        if image.format == "JPEG":
            image.draft("YCbCr", (image.width // side, image.height // side))
            return image.resize(target, Image.Resampling.LANCZOS, box)
        reduced = image.convert("RGB").reduce(side) if side > 1 else image.convert("RGB")
        return reduced.resize(target, Image.Resampling.LANCZOS, box)

    return shrink


def _show_steps(image: Image.Image) -> None:
    width, height = image.width // 5, image.height // 5
    whole = image.resize((width, height), Image.Resampling.LANCZOS)
    for step in STEPS:
        first = image.resize((round(width * step), round(height * step)), Image.Resampling.LANCZOS)
        print(f"{step:<8}{1 - ssim(first.resize((width, height), Image.Resampling.LANCZOS), whole):>8.4f}")


def _cpu_seconds(shrink: Shrink, target: tuple[int, int]) -> float:
    """The best of several rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        shrink(target)
        best = min(best, time.process_time() - started)
    return best


if __name__ == "__main__":
    main()
