"""The uploaded file of an image: its bytes, and the limits for decoding it."""

from chalicelib.core import config
from chalicelib.core.aws import objects
from chalicelib.core.aws.grants import S3Operation, required_env_vars
from chalicelib.core.settings import Settings
from chalicelib.images.models import Image
from chalicelib.imaging import ImageRejectedError, Limits

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
    largest = Settings.MAX_FILE_SIZE.get()
    try:
        return objects.read(Settings.S3_INPUT_BUCKET.get(), s3_key, version=version, at_most=largest)
    except objects.ObjectTooLargeError as error:
        raise too_large(error.size) from None


@required_env_vars(objects.link, {"S3_INPUT_BUCKET": [S3Operation.GET_OBJECT_VERSION]})
def original_link(image: Image, file_name: str | None = None) -> str:
    """`objects.link` to the version of the upload that the image was made of."""
    return objects.link(Settings.S3_INPUT_BUCKET.get(), image.s3_key, file_name, image.object_version)


def find_stored(image: Image) -> objects.ObjectVersion | None:
    """The current version of an image's upload; None: it has not come."""
    versions = objects.list_versions(Settings.S3_INPUT_BUCKET.get(), image.s3_key)
    return next((each for each in versions if each.is_latest), None)


def too_large(size: int) -> ImageRejectedError:
    """The rejection of a file of `size` bytes, which are more than MAX_FILE_SIZE."""
    largest = Settings.MAX_FILE_SIZE.get()
    return ImageRejectedError("too_large", f"The file has {size:,} bytes; at most {largest:,} are accepted.")


def decoding_limits() -> Limits:
    return Limits(
        max_bytes=Settings.MAX_FILE_SIZE.get(),
        max_pixels=Settings.MAX_PIXELS.get(),
        allowed_types=frozenset(Settings.ALLOWED_TYPES.get()),
        # Lambda kills a function over its memory without a reason; its decoding child is stopped before that.
        memory_bytes=(config.function_memory_mb() - _OWN_MEMORY_MB) * 1024 * 1024,
    )
