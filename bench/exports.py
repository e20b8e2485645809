"""Exports of many records, in one run: time that grows with them, memory that does not.

    python -m bench.exports [RECORDS …]

Half of the records are files with their variants, half are actions, as the tables' pages give them.
Each export is written in a process of its own, to nowhere. CPU seconds are this machine's; trust how
they grow, and the memory, which is the most that the whole process held.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from bench import writing
from bench.writing import Counted
from chalicelib import imaging
from chalicelib.actions import Action
from chalicelib.actions.exporting import build, contents, readable, thumbnails
from chalicelib.documents import Picture, Table
from chalicelib.images import Image

CREATED = "2026-04-01T06:00:00.000Z"
ABOUT = {"exportId": "act_0", "createdAt": CREATED, "dataTypes": ["activities", "files"]}
# What DynamoDB gives at once is 1 MB: about so many of these items.
PAGE = 1000
VARIANTS = ("small", "medium", "large")

Item = dict[str, Any]


def main() -> None:
    writing.compare(build.FORMATS, write)


def write(name: str, count: int, out: Counted) -> None:
    build.write(out, name, tables(count, name), ABOUT)


def tables(count: int, name: str) -> list[Table]:
    """The tables of that many records in that format; a PDF has as many thumbnails as an export may have."""
    half = count // 2
    done = (Action.from_item(item) for item in paged(action, half))
    found = (Image.from_item(item) for item in paged(image, count - half))
    if name == "pdf":
        return [readable.activities(done), readable.files(with_thumbnails(found))]
    return [contents.activities(done), contents.files(found)]


def with_thumbnails(found: Iterator[Image]) -> Iterator[thumbnails.Pictured]:
    """Each made anew of the same variant, as those of an export are of different ones; what S3 takes is left out."""
    variant = encoded(800, 600)
    for place, each in enumerate(found):
        if place >= thumbnails.MAX_THUMBNAILS:
            yield each, None
        else:
            made = imaging.thumbnail(variant, 96)
            yield each, Picture(made.data, made.width, made.height)


def encoded(width: int, height: int) -> bytes:
    """A JPEG of these sides with something to see in it."""
    from PIL import Image as Pillow

    out = io.BytesIO()
    Pillow.effect_mandelbrot((width, height), (-2.0, -1.2, 1.0, 1.2), 60).convert("RGB").save(out, "JPEG", quality=85)
    return out.getvalue()


def paged(make: Callable[[int], Item], count: int) -> Iterator[Item]:
    """Items as a Query brings them: a page of them is in memory at a time."""
    for start in range(0, count, PAGE):
        yield from [make(place) for place in range(start, min(start + PAGE, count))]


def image(place: int) -> Item:
    image_id = f"img_{place:026}"
    return {
        "userId": "u",
        "imageId": image_id,
        "fileName": f"Holiday at the sea, évening {place}.jpeg",
        "fileType": "image/jpeg",
        "fileSize": Decimal(1_000_000 + 7919 * place),
        "s3Key": f"uploads/u/{image_id}.jpg",
        "status": "COMPLETED",
        "metadata": {"width": Decimal(4000), "height": Decimal(3000), "format": "JPEG", "colorSpace": "RGB"},
        "placeholder": "data:image/png;base64," + "A" * 120,
        "variants": [variant(image_id, size, marked) for size in VARIANTS for marked in (False, True)],
        "createdAt": CREATED,
        "uploadedAt": CREATED,
        "processedAt": CREATED,
    }


def variant(image_id: str, size: str, marked: bool) -> Item:
    return {
        "size": size,
        "dimensions": "1200x900",
        "format": "jpeg",
        "s3Key": f"processed/u/{image_id}-{size}{'-watermarked' if marked else ''}.jpg",
        "fileSize": Decimal(123_456),
        "watermarked": marked,
    }


def action(place: int) -> Item:
    return {
        "userId": "u",
        "actionId": f"act_{place:026}",
        "actionType": "PROCESS_FILE",
        "status": "COMPLETED",
        "metadata": {"fileId": f"img_{place:026}", "processingType": "resize", "options": {"width": Decimal(640)}},
        "result": {"format": "jpeg", "width": Decimal(640), "height": Decimal(480), "fileSize": Decimal(54_321)},
        "files": [{"name": "a.jpg", "format": "jpg", "fileKey": "processed/u/a.jpg", "fileSize": Decimal(54_321)}],
        "createdAt": CREATED,
        "completedAt": CREATED,
    }


if __name__ == "__main__":
    main()
