"""What an export says in JSON and CSV: a user's profile, activities and files, exactly as they are kept.

Tables whose rows are read while they are written; `readable` has them for people.
Nothing in it opens anything: no secret of a webhook or an API key, no link that works without its owner.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from chalicelib import actions, images
from chalicelib.accounts import api_keys
from chalicelib.accounts.users import User
from chalicelib.actions import Action
from chalicelib.documents import Column, Table
from chalicelib.images import Image
from chalicelib.metering import daily_sums

DATA_TYPES = ("profile", "activities", "files")

# Before and after every day, and before and after every image's id.
_FIRST_DAY, _LAST_DAY = "0000-01-01", "9999-12-31"
_FIRST_ID, _LAST_ID = "0", "~"

Row = Mapping[str, Any]


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
    columns = (
        Column("userId", "User"),
        Column("email", "E-mail"),
        Column("name", "Name"),
        Column("role", "Role"),
        Column("canExportData", "May export"),
        Column("preferences", "Preferences"),
        Column("limits", "Limits"),
        Column("createdAt", "Created", "time"),
        Column("lastActionAt", "Last action", "time"),
    )
    return Table("profile", "Profile", columns, [{**user.profile(), "limits": user.limits}])


def keys(shown: Iterable[Row]) -> Table:
    """API keys as their owner sees them."""
    columns = (
        Column("keyId", "API key"),
        Column("name", "Name"),
        Column("accessTypes", "Opens"),
        Column("limits", "Limits"),
        Column("createdAt", "Created", "time"),
        Column("expiresAt", "Expires", "time"),
        Column("lastUsedAt", "Last used", "time"),
    )
    return Table("apiKeys", "API keys", columns, shown)


def activities(done: Iterable[Action]) -> Table:
    columns = (
        Column("actionId", "Action"),
        Column("actionType", "Type"),
        Column("status", "Status"),
        Column("metadata", "Asked for"),
        Column("result", "Result"),
        Column("files", "Files"),
        Column("reason", "Reason"),
        Column("externalId", "External id"),
        Column("externalStatus", "External status"),
        Column("createdAt", "Created", "time"),
        Column("completedAt", "Ended", "time"),
    )
    return Table("actions", "Actions", columns, map(_activity, done))


def _activity(action: Action) -> Row:
    return {
        "actionId": action.action_id,
        "actionType": action.action_type,
        "status": action.status,
        "metadata": action.metadata,
        "result": action.result,
        "files": [{"name": file.name, "format": file.format, "fileSize": file.size} for file in action.files],
        "reason": action.reason,
        "externalId": action.external_id,
        "externalStatus": action.external_status,
        "createdAt": action.created_at,
        "completedAt": action.completed_at,
    }


def usage(rows: Iterable[tuple[str, str, Row]]) -> Table:
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


def files(pictures: Iterable[Image]) -> Table:
    columns = (
        Column("imageId", "Image"),
        Column("fileName", "File name"),
        Column("fileType", "Type"),
        Column("fileSize", "Size", "bytes"),
        Column("fileKey", "File key"),
        Column("status", "Status"),
        Column("reason", "Reason"),
        Column("metadata", "Metadata"),
        Column("placeholder", "Placeholder"),
        Column("variants", "Variants"),
        Column("apiKeyId", "Announced with"),
        Column("createdAt", "Created", "time"),
        Column("uploadedAt", "Uploaded", "time"),
        Column("processedAt", "Processed", "time"),
    )
    return Table("files", "Files", columns, map(_file, pictures))


def _file(image: Image) -> Row:
    return {
        "imageId": image.image_id,
        "fileName": image.file_name,
        "fileType": image.file_type,
        "fileSize": image.file_size,
        "fileKey": image.s3_key,
        "status": image.status,
        "reason": image.reason,
        "metadata": image.metadata,
        "placeholder": image.placeholder,
        "variants": [{"name": variant.name, **variant.to_item()} for variant in image.variants],
        "apiKeyId": image.api_key_id,
        "createdAt": image.created_at,
        "uploadedAt": image.uploaded_at,
        "processedAt": image.processed_at,
    }


def keys_of(user: User) -> Iterator[Row]:
    """The user's API keys as they see them."""
    yield from api_keys.listed(user.as_caller())["items"]


def sums_of(user_id: str) -> Iterator[tuple[str, str, Row]]:
    """The user's sums of all days: day, what, numbers."""
    return daily_sums.rows(user_id, _FIRST_DAY, _LAST_DAY)


def images_of(user_id: str) -> Iterator[Image]:
    """The user's images that are not deleted."""
    for item in images.IMAGES.between(user_id, _FIRST_ID, _LAST_ID):
        if item["status"] != images.Status.DELETED:
            yield Image.from_item(item)
