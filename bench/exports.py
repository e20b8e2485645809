"""Exports: CPU time grows with the number of rows, memory does not.

    python -m bench.exports [ROWS …]

Half of the rows are files with their variants, half are actions, read in pages as from DynamoDB. Each export is
written in a process of its own and discarded. CPU seconds depend on the machine: compare how they grow. Memory is
the peak of the whole process.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from bench._measure import ByteCounter, compare_writers
from chalicelib import imaging
from chalicelib.actions import Action
from chalicelib.actions.exporting import build, contents, readable, thumbnails
from chalicelib.documents import Picture, Table
from chalicelib.images import Image

CREATED = "2026-04-01T06:00:00.000Z"
ABOUT = {"exportId": "act_0", "createdAt": CREATED, "dataTypes": ["activities", "files"]}
# DynamoDB returns up to 1 MB at a time: about so many of these items.
PAGE = 1000
VARIANTS = ("small", "medium", "large")

Item = dict[str, Any]


def main() -> None:
    compare_writers(build.FORMATS, write)


def write(name: str, count: int, out: ByteCounter) -> None:
    build.write(out, name, tables(count, name), ABOUT)


def tables(count: int, name: str) -> list[Table]:
    """The tables of an export with `count` rows. A PDF has as many thumbnails as an export may have."""
    half = count // 2
    actions = (Action.from_item(item) for item in in_pages(action_item, half))
    images = (Image.from_item(item) for item in in_pages(image_item, count - half))
    if name == "pdf":
        return [readable.activities(actions), readable.files(with_thumbnails(images))]
    return [contents.activities(actions), contents.files(images)]


def with_thumbnails(images: Iterator[Image]) -> Iterator[thumbnails.Pictured]:
    """A new thumbnail for each image, without the time that S3 takes."""
    variant = jpeg(800, 600)
    for index, each in enumerate(images):
        if index >= thumbnails.MOST_THUMBNAILS:
            yield each, None
        else:
            made = imaging.thumbnail(variant, 96)
            yield each, Picture(made.data, made.width, made.height)


def jpeg(width: int, height: int) -> bytes:
    """A JPEG of this size with many details."""
    from PIL import Image as Pillow

    out = io.BytesIO()
    Pillow.effect_mandelbrot((width, height), (-2.0, -1.2, 1.0, 1.2), 60).convert("RGB").save(out, "JPEG", quality=85)
    return out.getvalue()


def in_pages(make_item: Callable[[int], Item], count: int) -> Iterator[Item]:
    """Items as a Query returns them: one page is in memory at a time."""
    for start in range(0, count, PAGE):
        yield from [make_item(index) for index in range(start, min(start + PAGE, count))]


def image_item(index: int) -> Item:
    image_id = f"img_{index:026}"
    return {
        "userId": "u",
        "imageId": image_id,
        "fileName": f"Holiday at the sea, évening {index}.jpeg",
        "fileType": "image/jpeg",
        "fileSize": Decimal(1_000_000 + 7919 * index),
        "s3Key": f"uploads/u/{image_id}.jpg",
        "status": "COMPLETED",
        "metadata": {"width": Decimal(4000), "height": Decimal(3000), "format": "JPEG", "colorSpace": "RGB"},
        "placeholder": "data:image/png;base64," + "A" * 120,
        "variants": [variant_item(image_id, size, marked) for size in VARIANTS for marked in (False, True)],
        "createdAt": CREATED,
        "uploadedAt": CREATED,
        "processedAt": CREATED,
    }


def variant_item(image_id: str, size: str, marked: bool) -> Item:
    return {
        "size": size,
        "dimensions": "1200x900",
        "format": "jpeg",
        "s3Key": f"processed/u/{image_id}-{size}{'-watermarked' if marked else ''}.jpg",
        "fileSize": Decimal(123_456),
        "watermarked": marked,
    }


def action_item(index: int) -> Item:
    return {
        "userId": "u",
        "actionId": f"act_{index:026}",
        "actionType": "PROCESS_FILE",
        "status": "COMPLETED",
        "metadata": {"fileId": f"img_{index:026}", "processingType": "resize", "options": {"width": Decimal(640)}},
        "result": {"format": "jpeg", "width": Decimal(640), "height": Decimal(480), "fileSize": Decimal(54_321)},
        "files": [{"name": "a.jpg", "format": "jpg", "fileKey": "processed/u/a.jpg", "fileSize": Decimal(54_321)}],
        "createdAt": CREATED,
        "completedAt": CREATED,
    }


if __name__ == "__main__":
    main()
