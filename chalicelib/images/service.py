"""Who sees which images: a user their own, by keys that begin with their id."""

from collections.abc import Mapping
from typing import Any

from chalicelib.core import ids
from chalicelib.core.aws.tables import Attr
from chalicelib.core.errors import NotFoundError
from chalicelib.core.http import accept as media
from chalicelib.core.schemas import list_of, page_of, shape
from chalicelib.images.models import IMAGES, STATUS, Image, Status, Variant

MAX_PAGE = 100
DEFAULT_PAGE = 20

# No hyphen: in the key of a variant it ends the id, so that no image's keys begin with another's.
_IMAGE_ID = {"type": "string", "pattern": r"^[A-Za-z0-9_]{1,64}$", "maxLength": 64}
_VARIANT_NAME = {"type": "string", "pattern": r"^[A-Za-z0-9_-]{1,80}$", "maxLength": 80}
GET = DELETE = REPROCESS = shape({"imageId": _IMAGE_ID})
GET_VARIANT = shape({"imageId": _IMAGE_ID, "name": _VARIANT_NAME})
LIST = list_of(MAX_PAGE, status=STATUS)
ONE = shape({"image": Image.schema()})
PAGE = page_of(Image.schema())


class ImageNotFoundError(NotFoundError):
    code, message = "IMAGE_NOT_FOUND", "There is no such image."


class VariantNotFoundError(NotFoundError):
    code, message = "VARIANT_NOT_FOUND", "This image has no such variant."


def find(user_id: str, image_id: str) -> Image | None:
    item = IMAGES.get(user_id, image_id)
    return None if item is None or item["status"] == Status.DELETED else Image.from_item(item)


def get(user_id: str, image_id: str) -> Image:
    """The caller's own image.

    Raises:
        ImageNotFoundError: there is none of that id, or it is another user's: the same to the caller.
    """
    found = find(user_id, image_id)
    if found is None:
        raise ImageNotFoundError
    return found


def listed(user_id: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """A page of the caller's images, newest first, of one status where asked."""
    keep = Attr("status").eq(data["status"]) if "status" in data else Attr("status").ne(Status.DELETED)
    after = ids.start_of_page(data, str(_IMAGE_ID["pattern"]))
    page = IMAGES.page(user_id, limit=data.get("limit", DEFAULT_PAGE), after=after, keep=keep)
    return page.response(Image.show_item)


def variant(user_id: str, image_id: str, name: str, accept: str) -> Variant:
    """The variant of that name in the format that the `Accept` header likes best, ours first where it does not care.

    Raises:
        ImageNotFoundError, VariantNotFoundError: there is none.
        NotAcceptableError: the header refuses every format that there is.
    """
    of_name = [found for found in get(user_id, image_id).variants if found.name == name]
    if not of_name:
        raise VariantNotFoundError
    by_type = {f"image/{found.format}": found for found in of_name}
    return by_type[media.preferred(accept, list(by_type))]
