"""The file that was uploaded: its bytes, and the limits that hold wherever it is decoded."""

from chalicelib.core import config
from chalicelib.core.aws import objects
from chalicelib.imaging import ImageRejectedError, Limits
from chalicelib.imaging.probe import normalize_media_type

# What Python, boto3 and the bytes of a picture take of a function's memory.
_OWN_MEMORY_MB = 256


def original(s3_key: str, version: str | None) -> bytes:
    """The bytes of the version that was uploaded; what is too large is refused before it is read.

    Raises:
        ImageRejectedError: it is larger than MAX_FILE_SIZE.
    """
    largest = config.integer("MAX_FILE_SIZE")
    try:
        return objects.read(config.get("S3_INPUT_BUCKET"), s3_key, version=version, at_most=largest)
    except objects.ObjectTooLargeError as error:
        raise too_large(error.size) from None


def too_large(size: int) -> ImageRejectedError:
    """What is said of a file of so many bytes, which are more than MAX_FILE_SIZE."""
    largest = config.integer("MAX_FILE_SIZE")
    return ImageRejectedError("too_large", f"The file has {size:,} bytes; at most {largest:,} are accepted.")


def allowed_types() -> list[str]:
    """The media types that this stage accepts, each in its one spelling."""
    return [normalize_media_type(media_type) for media_type in config.words("ALLOWED_TYPES")]


def decoding_limits() -> Limits:
    return Limits(
        max_bytes=config.integer("MAX_FILE_SIZE"),
        max_pixels=config.integer("MAX_PIXELS"),
        allowed_types=frozenset(allowed_types()),
        # A function over its memory is killed without a word; its decoding child is stopped before that, with a reason.
        memory_bytes=(config.function_memory_mb() - _OWN_MEMORY_MB) * 1024 * 1024,
    )
