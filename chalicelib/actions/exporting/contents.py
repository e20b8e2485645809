"""The tables of an export in JSON and CSV: a user's profile, activities and files, as they are stored.

Rows are read while they are written. `readable` has the same tables for people. An export opens nothing: it has no
secret of a webhook or an API key, and no link that works without its owner.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from chalicelib import actions, images
from chalicelib.accounts import api_keys
from chalicelib.accounts.api_keys import ApiKey
from chalicelib.accounts.models import User
from chalicelib.actions import Action
from chalicelib.core.aws.records import Record
from chalicelib.documents import Column, Table
from chalicelib.images import Image
from chalicelib.metering import daily_sums

DATA_TYPES = ("profile", "activities", "files")

# Before and after every day.
_FIRST_DAY, _LAST_DAY = "0000-01-01", "9999-12-31"

Sums = tuple[str, str, Mapping[str, Any]]


def tables(user: User, data_types: Iterable[str]) -> list[Table]:
    """The tables of these data types, in DATA_TYPES' order; nothing is read before their rows are."""
    of_type = {
        "profile": [profile(user), keys(keys_of(user))],
        "activities": [activities(actions.all_of(user.id)), usage(sums_of(user.id))],
        "files": [files(images_of(user.id))],
    }
    return [table for data_type in DATA_TYPES if data_type in data_types for table in of_type[data_type]]


def has_more_sums(user_id: str, number: int) -> bool:
    """Whether the user has more sums by day than that."""
    return next(islice(sums_of(user_id), number, None), None) is not None


def profile(user: User) -> Table:
    return _table("profile", "Profile", User, [user])


def keys(owned: Iterable[ApiKey]) -> Table:
    return _table("apiKeys", "API keys", ApiKey, owned)


def activities(done: Iterable[Action]) -> Table:
    return _table("actions", "Actions", Action, done)


def files(pictures: Iterable[Image]) -> Table:
    return _table("files", "Files", Image, pictures)


def _table(name: str, title: str, kind: type[Record], records: Iterable[Record]) -> Table:
    columns: list[tuple[str, str, Any]] = kind.columns()
    return Table(name, title, [Column(*column) for column in columns], (record.exported() for record in records))


def usage(rows: Iterable[Sums]) -> Table:
    """Sums by day: `what` is an operation, an API key, or something that became of images, counted in `sum`."""
    columns = (
        Column("day", "Day"),
        Column("what", "What"),
        Column("requests", "Requests", "number"),
        Column("failures", "Failures", "number"),
        Column("dollars", "Cost", "dollars"),
        Column("milliseconds", "Time", "milliseconds"),
        Column("sum", "Sum", "number"),
    )
    return Table("usage", "Usage by day", columns, ({**sums, "day": day, "what": what} for day, what, sums in rows))


def keys_of(user: User) -> Iterator[ApiKey]:
    """The user's API keys."""
    yield from api_keys.current_keys(user.id)


def sums_of(user_id: str) -> Iterator[Sums]:
    """The user's sums of all days: day, what, numbers."""
    return daily_sums.read_rows(user_id, _FIRST_DAY, _LAST_DAY)


def images_of(user_id: str) -> Iterator[Image]:
    """The user's images that are not deleted."""
    for item in images.IMAGES.all_of(user_id):
        if item["status"] != images.Status.DELETED:
            yield Image.from_item(item)
