"""What an export says in PDF, for people: the same records as `contents`, in words and pictures.

No identifiers, keys of storage or JSON: those are in the JSON and CSV forms.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chalicelib import actions, images
from chalicelib.accounts.users import User
from chalicelib.actions import Action, ActionType, File
from chalicelib.actions.exporting import contents
from chalicelib.actions.exporting.thumbnails import Pictured, pictured
from chalicelib.documents import Column, Picture, Table
from chalicelib.documents.formatting import format_quantity
from chalicelib.images import Image

Row = Mapping[str, Any]

_ACTIONS: dict[str, str] = {
    ActionType.PROCESS_FILE: "Process a file",
    ActionType.GENERATE_REPORT: "Generate a report",
    ActionType.EXPORT_DATA: "Export data",
}
# What of an action's metadata is an internal key.
_INTERNAL = {"fileId", "userId"}
_SUMS = {
    "images": "Images uploaded",
    "bytes": "Bytes uploaded",
    "completed": "Images processed",
    "failed": "Images failed",
    "deleted": "Images deleted",
}
_WORD_BEGINS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")


def tables(user: User, data_types: Iterable[str]) -> list[Table]:
    """The tables of these data types, named and ordered as those of `contents`; nothing is read before their rows."""
    of_type = {
        "profile": [profile(user), keys(contents.keys_of(user))],
        "activities": [activities(actions.all_of(user.id)), usage(user)],
        "files": [files(pictured(contents.images_of(user.id)))],
    }
    return [table for data_type in contents.DATA_TYPES if data_type in data_types for table in of_type[data_type]]


def profile(user: User) -> Table:
    columns = (
        Column("email", "E-mail"),
        Column("name", "Name"),
        Column("role", "Role"),
        Column("canExportData", "May export"),
        Column("preferences", "Preferences"),
        Column("limits", "Limits"),
        Column("createdAt", "Created", "time"),
        Column("lastActionAt", "Last action", "time"),
    )
    shown = user.profile()
    row = {
        **shown,
        "role": _capital(shown["role"]),
        "preferences": spoken(shown["preferences"]),
        "limits": spoken(user.limits),
    }
    return Table("profile", "Profile", columns, [row])


def keys(shown: Iterable[Row]) -> Table:
    """API keys as their owner sees them."""
    columns = (
        Column("name", "Name"),
        Column("accessTypes", "Opens"),
        Column("limits", "Limits"),
        Column("createdAt", "Created", "time"),
        Column("expiresAt", "Expires", "time"),
        Column("lastUsedAt", "Last used", "time"),
    )
    rows = ({**key, "accessTypes": spoken(key["accessTypes"]), "limits": spoken(key["limits"])} for key in shown)
    return Table("apiKeys", "API keys", columns, rows)


def activities(done: Iterable[Action]) -> Table:
    columns = (
        Column("what", "Action"),
        Column("asked", "Asked for"),
        Column("status", "Status"),
        Column("files", "Files"),
        Column("reason", "Reason"),
        Column("createdAt", "Created", "time"),
        Column("completedAt", "Ended", "time"),
    )
    return Table("actions", "Actions", columns, map(_activity, done))


def _activity(action: Action) -> Row:
    asked = {name: value for name, value in action.metadata.items() if name not in _INTERNAL}
    return {
        "what": _ACTIONS.get(action.action_type, _capital(action.action_type)),
        "asked": spoken(asked),
        "status": _capital(action.status),
        "files": ", ".join(map(_file_of_action, action.files)),
        "reason": _sentence(action.reason),
        "createdAt": action.created_at,
        "completedAt": action.completed_at,
    }


def _file_of_action(file: File) -> str:
    return f"{file.format.upper()}, {format_quantity(file.size, 'bytes')}"


def usage(user: User) -> Table:
    """Sums by day: of an operation or an API key, or the number of images that something became of."""
    columns = (
        Column("day", "Day"),
        Column("what", "What"),
        Column("requests", "Requests", "number"),
        Column("failures", "Failures", "number"),
        Column("dollars", "Cost", "dollars"),
        Column("milliseconds", "Time", "milliseconds"),
        Column("sum", "Sum", "number"),
    )
    return Table("usage", "Usage by day", columns, _usage(user))


def _usage(user: User) -> Iterator[Row]:
    names = {str(key["keyId"]): str(key["name"]) for key in contents.keys_of(user)}
    for day, what, sums in contents.sums_of(user.id):
        yield {**sums, "day": day, "what": _counted(what, names)}


def _counted(what: str, names_of_keys: Mapping[str, str]) -> str:
    kind, _, name = what.partition(":")
    if kind == "operation":
        return _capital(name)
    if kind == "key":
        return f"API key {names_of_keys.get(name, '(revoked)')}"
    return _SUMS.get(kind, _capital(kind)) + (f": {name}" if name else "")


def files(shown: Iterable[Pictured]) -> Table:
    columns = (
        Column("thumbnail", "Preview", "picture"),
        Column("fileName", "File name"),
        Column("fileSize", "Size", "bytes"),
        Column("dimensions", "Dimensions"),
        Column("status", "Status"),
        Column("reason", "Reason"),
        Column("createdAt", "Created", "time"),
    )
    return Table("files", "Files", columns, (_file(image, thumbnail) for image, thumbnail in shown))


def _file(image: Image, thumbnail: Picture | None) -> Row:
    width, height = (image.metadata.get(side) for side in ("width", "height"))
    return {
        "thumbnail": thumbnail,
        "fileName": image.file_name,
        "fileSize": image.file_size,
        "dimensions": f"{width} × {height}" if width and height else None,
        "status": _capital(image.status),
        "reason": None if image.status is not images.Status.FAILED else _sentence(image.reason),
        "createdAt": image.created_at,
    }


def spoken(value: Any) -> str:
    """A record's value in words: `processing type: resize, width: 640` for what JSON writes with braces."""
    if isinstance(value, Mapping):
        return ", ".join(f"{_words(str(name))}: {spoken(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(spoken, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _words(name: str) -> str:
    """`processingType` and `create_upload` as `processing type` and `create upload`."""
    return _WORD_BEGINS.sub(" ", name).lower()


def _capital(name: str) -> str:
    return _words(name).capitalize()


def _sentence(reason: str | None) -> str | None:
    """What a person reads of "code: sentence"."""
    return None if reason is None else reason.partition(": ")[2] or reason
