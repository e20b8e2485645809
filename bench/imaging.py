"""The image functions compared with plain Pillow, in one run.

    python -m bench.imaging [ROUNDS]

The contenders take turns, so that a busy machine slows all of them. Shown is the best CPU time of
all rounds, with children, and its ratio to ours. Only the ratios hold for other machines.
"""

from __future__ import annotations

import io
import resource
import tempfile
from collections.abc import Callable
from functools import partial
from typing import BinaryIO, cast

from PIL import Image, ImageDraw, ImageFont, ImageOps

from bench._measure import best_of, cpu_seconds, integer_arguments
from chalicelib.imaging import Limits, Mark, Recipe, Size, check, mark, render, variants
from chalicelib.imaging.pipeline import verify_data
from chalicelib.imaging.probe import read_header
from chalicelib.imaging.rendering import prepare, write_variants
from chalicelib.imaging.work import Work
from tests import pictures

SIZES = (Size("small", 800, 600), Size("medium", 1200, 900), Size("large", 1920, 1080))
MARK = Mark("Processed by Image Platform")
RECIPE = Recipe(SIZES, marks=(MARK,))
LIMITS = Limits(max_bytes=100_000_000)

Contender = Callable[[], object]


def main() -> None:
    rounds = integer_arguments([5])[0]
    for title, data in _inputs():
        print(f"\n{title}, {len(data) / 1e6:.1f} MB: three sizes, plain and marked")
        _show(_measure(_contenders(data), rounds))


def _inputs() -> list[tuple[str, bytes]]:
    profile = pictures.adobe_rgb_profile()
    exif = Image.Exif()
    exif[0x0112] = 6
    return [
        ("12 MP JPEG", pictures.jpeg(4000, 3000)),
        (
            "12 MP JPEG, AdobeRGB, rotated",
            pictures.jpeg(4000, 3000, icc_profile=profile, exif=exif),
        ),
        ("12 MP PNG", pictures.encoded(pictures.photo(4000, 3000), "PNG", compress_level=2)),
    ]


def _contenders(data: bytes) -> dict[str, Contender]:
    header = read_header(data, "", LIMITS)
    whole = Work(header.strip(data), header, (header.width, header.height), LIMITS)
    plan = variants.plan(header, RECIPE)
    work = prepare(data, header, RECIPE, plan, LIMITS)
    rendition = render(data, RECIPE, LIMITS)[-2].data

    def render_without_child() -> None:
        with cast(BinaryIO, tempfile.TemporaryFile(buffering=0)) as output:
            write_variants(work.to(output), plan)

    return {
        "render": lambda: render(data, RECIPE, LIMITS),
        "  render without the child": render_without_child,
        "  plain Pillow, a decode an output": lambda: _plain(data),
        "check": lambda: check(data, "", LIMITS),
        "  check without the child": lambda: verify_data(whole),
        "  plain Pillow, verify and load": lambda: _plain_check(data),
        "mark (one finished file)": lambda: mark(rendition, [MARK], RECIPE.quality),
    }


def _plain(data: bytes) -> None:
    """The simplest code: each output opens, decodes, turns and shrinks for itself."""
    for size in SIZES:
        for marked in (False, True):
            image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
            image = ImageOps.contain(image, (size.width or 0, size.height or 0), Image.Resampling.LANCZOS)
            if marked:
                font = ImageFont.load_default(image.height * 0.03)
                ImageDraw.Draw(image).text((20, 20), MARK.text, "white", font)
            image.save(io.BytesIO(), "JPEG", quality=85, progressive=True)


def _plain_check(data: bytes) -> None:
    Image.open(io.BytesIO(data)).verify()
    Image.open(io.BytesIO(data)).load()


def _measure(contenders: dict[str, Contender], rounds: int) -> dict[str, float]:
    # The first run is not measured: it loads codecs and fonts.
    for contender in contenders.values():
        contender()
    return best_of(rounds, {name: partial(_cpu_seconds_of, contender) for name, contender in contenders.items()})


def _cpu_seconds_of(contender: Contender) -> float:
    before = cpu_seconds(resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    contender()
    return cpu_seconds(resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN) - before


def _show(seconds: dict[str, float]) -> None:
    ours = 0.0
    for name, duration in seconds.items():
        ours = ours if name.startswith(" ") else duration
        print(f"{name:<36}{duration * 1e3:>8.0f} ms {duration / ours:>8.2f}")


if __name__ == "__main__":
    main()
