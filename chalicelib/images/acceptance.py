"""Which files are taken: what a refused one is told, whether it was announced, fetched or sent."""

from chalicelib import imaging
from chalicelib.core.errors import DarkroomError, InvalidRequestError, TooLargeError, UnsupportedTypeError
from chalicelib.core.image_values import normalize_media_type
from chalicelib.core.settings import Settings
from chalicelib.images.models import EXTENSIONS
from chalicelib.images.originals import decoding_limits
from chalicelib.imaging import ImageRejectedError


class FileTooLargeError(TooLargeError):
    """The file is larger than this stage accepts."""

    code = "FILE_TOO_LARGE"
    next_step = "Send a smaller file: fewer pixels, or a stronger compression."


class FileTypeNotAllowedError(UnsupportedTypeError):
    """This stage does not take files of that type; the message says which it takes, or what it lacks."""

    code = "FILE_TYPE_NOT_ALLOWED"
    next_step = "Convert the picture to a type that is allowed."


class FileTypeMismatchError(UnsupportedTypeError):
    """The file is not of the type that was given; the message names its type."""

    code = "FILE_TYPE_MISMATCH"


class NotAnImageError(UnsupportedTypeError):
    """The file is no picture."""

    code = "NOT_AN_IMAGE"
    next_step = "Send the picture itself: a file in one of the allowed types, and no page that shows it."


class ImageNotProcessableError(InvalidRequestError):
    """The image cannot be decoded, or not be made into what was asked for; the message says why."""

    code = "IMAGE_NOT_PROCESSABLE"
    next_step = "Use another picture: this one fails each time."


# What `identify` refuses a picture for.
REFUSALS = (
    NotAnImageError,
    FileTypeNotAllowedError,
    FileTypeMismatchError,
    FileTooLargeError,
    ImageNotProcessableError,
)
_REJECTIONS: dict[str, type[DarkroomError]] = {
    "empty": NotAnImageError,
    "not_an_image": NotAnImageError,
    "type_not_allowed": FileTypeNotAllowedError,
    "too_large": FileTooLargeError,
}


def check_type(file_type: str) -> None:
    """Raises FileTypeNotAllowedError unless the stage takes files of that media type, which is a normalized one.

    A stage that allows HEIC may still lack its decoder.
    """
    allowed = [media_type for media_type in Settings.ALLOWED_TYPES.get() if media_type in EXTENSIONS]
    if file_type not in allowed:
        raise FileTypeNotAllowedError(f"The file must be one of: {', '.join(allowed)}.")
    if fault := imaging.find_decoder_fault(file_type):
        raise FileTypeNotAllowedError(fault)


def check_size(size: int) -> None:
    """Raises FileTooLargeError for more than MAX_FILE_SIZE bytes."""
    largest = Settings.MAX_FILE_SIZE.get()
    if size > largest:
        raise FileTooLargeError(f"The file has {size:,} bytes; at most {largest:,} are accepted.")


def identify(data: bytes, declared_type: str | None, field: str) -> str:
    """The media type of a picture, by its headers alone; the pipeline decodes it later.

    `field` is the one of the request that the picture came by; an error names it.

    Raises:
        NotAnImageError, ImageNotProcessableError: it is no picture, or one that cannot be processed.
        FileTypeNotAllowedError, FileTooLargeError: the stage does not take it.
        FileTypeMismatchError: its type is not `declared_type`.
    """
    try:
        found = imaging.identify(data, decoding_limits()).media_type
    except ImageRejectedError as error:
        refusal = _REJECTIONS.get(error.reason, ImageNotProcessableError)
        raise refusal(error.message, details=[{"field": field, "message": f"was refused: {error.reason}"}]) from None
    if declared_type is not None and normalize_media_type(declared_type) != found:
        details = [{"field": "fileType", "message": f"must be {found}, or be left out"}]
        raise FileTypeMismatchError(f"The file is not of the type that was given: it is {found}.", details=details)
    return found
