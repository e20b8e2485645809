"""A user's images in pages, newest first, with filters. A request reads the rows that the filters drop too."""

import functools
import operator
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from chalicelib.core import ids
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import Attr
from chalicelib.core.errors import InvalidRequestError, raises
from chalicelib.core.http.operations import Caller
from chalicelib.images.models import CASELESS_NAME, CASELESS_TITLE, IMAGES, Image, Status, output_link
from chalicelib.images.schemas import IMAGE_ID
from chalicelib.images.texts import to_caseless, to_tag

DEFAULT_PAGE = 20

# An id is made before `createdAt` is read from the clock. Rows in this time before a period are read too.
_BEFORE_CREATION = timedelta(minutes=1)


@required_env_vars(output_link, {"IMAGES_TABLE": [DynamoDBOperation.QUERY]})
@raises(InvalidRequestError)
def list_images(user: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """A page of the user's images, newest first, that satisfy all filters of `data`.

    Ids begin with their time, so `from` and `to` are a range of keys: what lies outside is not read.

    Raises:
        InvalidRequestError: no such day, the end before the start, or no cursor of ours.
    """
    first, last = ids.day_of(data, "from"), ids.day_of(data, "to")
    if first is not None and last is not None and first > last:
        raise InvalidRequestError(details=[{"field": "to", "message": "must not be before from"}])
    page = IMAGES.page(
        user.id,
        limit=data.get("limit", DEFAULT_PAGE),
        after=ids.start_of_page(data, str(IMAGE_ID["pattern"])),
        between=_ids_between(first, last),
        keep=_keep(data, first, last),
    )
    return page.response(Image.show_item)


def _ids_between(first: date | None, last: date | None) -> tuple[str, str] | None:
    """The range that holds the ids of all images created from the one day to the other, both included."""
    if first is None and last is None:
        return None
    start = None if first is None or first == date.min else _start_of(first) - _BEFORE_CREATION
    end = "img_~" if last is None or last == date.max else ids.first_id("img", _start_of(last + timedelta(days=1)))
    return ids.first_id("img", start), end


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _keep(data: Mapping[str, Any], first: date | None, last: date | None) -> Any:
    filters = [Attr("status").eq(data["status"]) if "status" in data else Attr("status").ne(Status.DELETED)]
    if "tag" in data:
        filters.append(Attr("tags").contains(to_tag(data["tag"])))
    if "name" in data:
        filters.append(_begins_with(data["name"]))
    # Times begin with their day.
    if first is not None:
        filters.append(Attr("createdAt").gte(first.isoformat()))
    if last is not None:
        filters.append(Attr("createdAt").lt(f"{last.isoformat()}~"))
    return functools.reduce(operator.and_, filters)


def _begins_with(name: str) -> Any:
    """Whether an image's title or file name begins with that, in any case.

    Rows of version 0.1.0 have the file name alone, and are found by it in its own case.
    """
    start = to_caseless(name)
    is_older = Attr(CASELESS_NAME).not_exists()
    begins = Attr(CASELESS_TITLE).begins_with(start) | Attr(CASELESS_NAME).begins_with(start)
    return begins | (is_older & Attr("fileName").begins_with(name))
