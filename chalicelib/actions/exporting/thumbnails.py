"""The thumbnails of an export: of a bounded number of images, a few read at a time, made of their smallest variants."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from chalicelib import images, imaging
from chalicelib.core import clients, config, log
from chalicelib.core.aws import objects
from chalicelib.documents import Picture
from chalicelib.images import Image, Variant
from chalicelib.imaging import ImageRejectedError

Pictured = tuple[Image, Picture | None]

# Of one export. Measured (bench/exports.py): 1,000 take 2 s of CPU time and 2 MB of the file, beside S3's time.
MOST_THUMBNAILS = 1000
# S3 takes tens of milliseconds for each: so many are under way at once, and so many are in memory.
_AT_ONCE = 8
# Pixels of the longer side: 192 an inch in the half inch that a page has for it.
_SIDE = 96
# A variant of more is not read: with the default sizes the smallest has some 100 KB.
_MOST_BYTES = 2 * 1024 * 1024


def pictured(found: Iterable[Image]) -> Iterator[Pictured]:
    """Each image with its thumbnail, in their order; None without a variant, and behind the first MOST_THUMBNAILS."""
    left = MOST_THUMBNAILS
    waiting: deque[tuple[Image, Future[bytes | None] | None]] = deque()
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for image in found:
            variant = _smallest(image.variants) if left else None
            left -= variant is not None
            data = None if variant is None else threads.submit(log.keep_context(_read), image, variant)
            waiting.append((image, data))
            if len(waiting) > _AT_ONCE:
                yield _done(*waiting.popleft())
        for each in waiting:
            yield _done(*each)


def _done(image: Image, reading: Future[bytes | None] | None) -> Pictured:
    data = None if reading is None else reading.result()
    return image, None if data is None else _thumbnail(image, data)


def _smallest(variants: Iterable[Variant]) -> Variant | None:
    """The one that costs least to read; without a mark, which would cover most of a thumbnail."""
    plain = [each for each in variants if not each.watermarked and each.file_size <= _MOST_BYTES]
    return min(plain, key=lambda each: each.file_size, default=None)


def _read(image: Image, variant: Variant) -> bytes | None:
    """None where the variant is gone, since its image was deleted meanwhile, or is not what its row says."""
    try:
        return objects.read(config.get("S3_OUTPUT_BUCKET"), variant.s3_key, at_most=_MOST_BYTES)
    except objects.ObjectTooLargeError as error:
        log.warning("THUMBNAIL_LEFT_OUT", error, imageId=image.image_id)
        return None
    except clients.ClientError:
        # S3 answers 403 for what is not there, as we may not list the bucket: the row tells the two apart.
        now = images.find(image.user_id, image.image_id)
        if now is not None and variant in now.variants:
            raise
        return None


def _thumbnail(image: Image, data: bytes) -> Picture | None:
    """None where the variant cannot be decoded. One at a time: it is the costly part, of time and of memory."""
    try:
        made = imaging.thumbnail(data, _SIDE)
    except ImageRejectedError as error:
        log.warning("THUMBNAIL_LEFT_OUT", error, imageId=image.image_id)
        return None
    return Picture(made.data, made.width, made.height)
