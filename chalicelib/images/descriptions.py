"""What its owner says about an image: title, tags and focal point."""

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import ConditionFailedError
from chalicelib.core.errors import InvalidRequestError, raises
from chalicelib.core.http.operations import Caller
from chalicelib.images.models import (
    IMAGES,
    IS_THERE,
    FocalPoint,
    Image,
    ImageNotFoundError,
    output_link,
    title_in_lists,
)
from chalicelib.images.schemas import MAX_TAG, MAX_TITLE
from chalicelib.images.texts import to_line, to_tag


@required_env_vars(output_link, {"IMAGES_TABLE": [DynamoDBOperation.UPDATE_ITEM]})
@raises(ImageNotFoundError, InvalidRequestError)
def change_image(user: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """Sets what `data` has of title, tags and focal point; None removes it. Gives the image as it then is.

    The image may be in any state: the pipeline writes other attributes of the row, and none of these.

    Raises:
        ImageNotFoundError: the user has none of that id.
        InvalidRequestError: a text is too long in the form in which it is stored.
    """
    change = {name: None if data[name] is None else read(data[name]) for name, read in _READ.items() if name in data}
    if "title" in change:
        change |= title_in_lists(change["title"])
    try:
        item = IMAGES.update(user.id, data["imageId"], when=IS_THERE, change=change)
    except ConditionFailedError:
        raise ImageNotFoundError from None
    return {"image": Image.show_item(item)}


def _title(text: str) -> str:
    return _check_length("title", to_line(text), MAX_TITLE)


def _tags(texts: list[str]) -> list[str] | None:
    tags = [_check_length(f"tags.{place}", to_tag(text), MAX_TAG) for place, text in enumerate(texts)]
    # Each once, in the order in which they came.
    return list(dict.fromkeys(tags)) or None


def _focal_point(point: Mapping[str, float]) -> dict[str, Any]:
    return FocalPoint(x=point["x"], y=point["y"]).to_item()


_READ: dict[str, Callable[[Any], Any]] = {"title": _title, "tags": _tags, "focalPoint": _focal_point}


def _check_length(field: str, text: str, longest: int) -> str:
    """The text. Composed forms and lower case are rarely longer than what was sent."""
    if len(text) > longest:
        raise InvalidRequestError(details=[{"field": field, "message": f"must have at most {longest} characters"}])
    return text
