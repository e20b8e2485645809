"""The thumbnails of an export: for a limited number of images, from their smallest variants, a few read at a time."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from chalicelib import images, imaging
from chalicelib.core import clients, log
from chalicelib.core.aws import objects
from chalicelib.core.settings import Settings
from chalicelib.documents import Picture
from chalicelib.images import Image, Variant
from chalicelib.imaging import ImageRejectedError

Pictured = tuple[Image, Picture | None]

# In one export. Measured (bench/exports.py): 1,000 take 2 s of CPU time and 2 MB of the file, besides S3's time.
MAX_THUMBNAILS = 1000
# Reads at the same time, as S3 takes tens of milliseconds for each; so many variants are in memory.
_READS_AT_ONCE = 8
# Pixels of the longer side: half an inch of the page at 192 pixels an inch.
_SIDE = 96
# A larger variant is not read. With the default sizes the smallest variant has some 100 KB.
_MAX_BYTES = 2 * 1024 * 1024


def pictured(all_images: Iterable[Image]) -> Iterator[Pictured]:
    """Each image with its thumbnail, in the same order; None without a variant, and after MAX_THUMBNAILS."""
    left = MAX_THUMBNAILS
    waiting: deque[tuple[Image, Future[bytes | None] | None]] = deque()
    with ThreadPoolExecutor(_READS_AT_ONCE) as threads:
        for image in all_images:
            variant = _smallest(image.variants) if left else None
            left -= variant is not None
            data = None if variant is None else threads.submit(log.keep_context(_read), image, variant)
            waiting.append((image, data))
            if len(waiting) > _READS_AT_ONCE:
                yield _finish(*waiting.popleft())
        for image, data in waiting:
            yield _finish(image, data)


def _finish(image: Image, reading: Future[bytes | None] | None) -> Pictured:
    data = None if reading is None else reading.result()
    return image, None if data is None else _thumbnail(image, data)


def _smallest(variants: Iterable[Variant]) -> Variant | None:
    """The smallest variant without a watermark, which would cover most of a thumbnail."""
    plain = [variant for variant in variants if not variant.watermarked and variant.file_size <= _MAX_BYTES]
    return min(plain, key=lambda variant: variant.file_size, default=None)


def _read(image: Image, variant: Variant) -> bytes | None:
    """None where the variant is gone, as its image was deleted meanwhile, or is larger than its row says."""
    try:
        return objects.read(Settings.S3_OUTPUT_BUCKET.get(), variant.s3_key, at_most=_MAX_BYTES)
    except objects.ObjectTooLargeError as error:
        log.warning("THUMBNAIL_LEFT_OUT", error, imageId=image.image_id)
        return None
    except clients.ClientError:
        # Without the right to list the bucket, S3 answers 403 for a missing object too. The row tells which it is.
        now = images.find(image.user_id, image.image_id)
        if now is not None and variant in now.variants:
            raise
        return None


def _thumbnail(image: Image, data: bytes) -> Picture | None:
    """None where the variant cannot be decoded. Not in a thread: decoding takes most of the time and memory."""
    try:
        made = imaging.thumbnail(data, _SIDE)
    except ImageRejectedError as error:
        log.warning("THUMBNAIL_LEFT_OUT", error, imageId=image.image_id)
        return None
    return Picture(made.data, made.width, made.height)
