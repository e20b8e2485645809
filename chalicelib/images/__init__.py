"""Images: one row each, their states, who sees them, and how they go."""

from chalicelib.images.erasing import delete, erase_all
from chalicelib.images.lifecycle import (
    ImageBusyError,
    claim,
    create,
    first_execution,
    is_left_over,
    next_execution,
    run_again,
    uploaded,
)
from chalicelib.images.reading import (
    DELETE,
    GET,
    GET_VARIANT,
    LIST,
    REPROCESS,
    ImageNotFoundError,
    VariantNotFoundError,
    find,
    get,
    listed,
    variant,
)
from chalicelib.images.record import EXTENSIONS, IMAGES, Image, Status, Variant, link_to

__all__ = [
    "DELETE",
    "EXTENSIONS",
    "GET",
    "GET_VARIANT",
    "IMAGES",
    "LIST",
    "REPROCESS",
    "Image",
    "ImageBusyError",
    "ImageNotFoundError",
    "Status",
    "Variant",
    "VariantNotFoundError",
    "claim",
    "create",
    "delete",
    "erase_all",
    "find",
    "first_execution",
    "get",
    "is_left_over",
    "link_to",
    "listed",
    "next_execution",
    "run_again",
    "uploaded",
    "variant",
]
