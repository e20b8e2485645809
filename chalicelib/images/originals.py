"""The uploaded file of an image: its bytes, and the limits for decoding it."""

from chalicelib.core import config
from chalicelib.core.aws import objects
from chalicelib.core.aws.grants import S3Operation, required_env_vars
from chalicelib.imaging import ImageRejectedError, Limits
from chalicelib.imaging.probe import normalized

# The memory of a function that Python, boto3 and the bytes of an image need.
_OWN_MEMORY_MB = 256


@required_env_vars(
    {"S3_INPUT_BUCKET": [S3Operation.GET_OBJECT, S3Operation.GET_OBJECT_VERSION], "MAX_FILE_SIZE": []},
)
def original(s3_key: str, version: str | None) -> bytes:
    """The bytes of that version of the upload (None: the current one); a file that is too large is not read.

    Raises:
        ImageRejectedError: it is larger than MAX_FILE_SIZE.
    """
    largest = config.integer("MAX_FILE_SIZE")
    try:
        return objects.read(config.get("S3_INPUT_BUCKET"), s3_key, version=version, at_most=largest)
    except objects.ObjectTooLargeError as error:
        raise too_large(error.size) from None


def too_large(size: int) -> ImageRejectedError:
    """The rejection of a file of `size` bytes, which are more than MAX_FILE_SIZE."""
    largest = config.integer("MAX_FILE_SIZE")
    return ImageRejectedError("too_large", f"The file has {size:,} bytes; at most {largest:,} are accepted.")


def allowed_types() -> list[str]:
    """The media types that this stage accepts, in their normal spelling."""
    return [normalized(media_type) for media_type in config.words("ALLOWED_TYPES")]


def decoding_limits() -> Limits:
    return Limits(
        max_bytes=config.integer("MAX_FILE_SIZE"),
        max_pixels=config.integer("MAX_PIXELS"),
        allowed_types=frozenset(allowed_types()),
        # Lambda kills a function over its memory without a reason; its decoding child is stopped before that.
        memory_bytes=(config.function_memory_mb() - _OWN_MEMORY_MB) * 1024 * 1024,
    )
