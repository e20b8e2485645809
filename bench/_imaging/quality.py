"""How good files are: compared with LANCZOS of the whole picture, upright and in sRGB, not encoded."""

import io
import math
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageChops, ImageCms, ImageOps

from bench._imaging.jobs import SIZES
from tests.similarity import ssim


def ideal(data: bytes, dimensions: list[tuple[int, int]]) -> list[Image.Image]:
    """Each size, as the plain way makes it."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if profile := image.info.get("icc_profile"):
        source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, source, target, outputMode="RGB") or image
    if image.has_transparency_data:
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image.convert("RGBA"))
    whole = image.convert("RGB")
    return [whole.resize(each, Image.Resampling.LANCZOS) for each in dimensions]


def dimensions(folder: Path) -> list[tuple[int, int]]:
    """Of the plain files in a folder."""
    return [each.size for each in _plain(folder)]


def compare(folder: Path, wanted: list[Image.Image]) -> tuple[float, float, int]:
    """The mean SSIM and PSNR of the plain files in a folder, and the bytes of all."""
    pairs = list(zip(_plain(folder), wanted, strict=True))
    similar = sum(ssim(*pair) for pair in pairs) / len(pairs)
    noise = sum(_psnr(*pair) for pair in pairs) / len(pairs)
    return similar, noise, sum(file.stat().st_size for file in folder.iterdir())


def _plain(folder: Path) -> Iterator[Image.Image]:
    files = sorted(folder.iterdir())
    for at in range(0, len(files), len(files) // len(SIZES)):
        yield Image.open(files[at]).convert("RGB")


def _psnr(one: Image.Image, other: Image.Image) -> float:
    """In decibels, of all three bands."""
    counts = ImageChops.difference(one, other).histogram()
    squares = sum(count * (at % 256) ** 2 for at, count in enumerate(counts))
    return 10 * math.log10(255**2 / max(squares / (one.width * one.height * 3), 1e-9))
