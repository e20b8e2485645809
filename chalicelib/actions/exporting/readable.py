"""The tables of an export in PDF, for people: those of `contents`, in words and pictures.

They have no identifiers, object keys or JSON.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from chalicelib import actions, images
from chalicelib.accounts.api_keys import ApiKey
from chalicelib.accounts.models import User
from chalicelib.actions import Action, ActionType
from chalicelib.actions.exporting import contents
from chalicelib.actions.exporting.thumbnails import Pictured, pictured
from chalicelib.documents import Column, Table
from chalicelib.documents.formatting import format_quantity
from chalicelib.images import Image

Row = Mapping[str, Any]

_ACTION_TYPES: dict[str, str] = {
    ActionType.PROCESS_FILE: "Process a file",
    ActionType.GENERATE_REPORT: "Generate a report",
    ActionType.EXPORT_DATA: "Export data",
}
# Identifiers in the metadata of actions.
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
    return _in_words(contents.profile(user), "email name role canExportData preferences limits createdAt lastActionAt")


def keys(owned: Iterable[ApiKey]) -> Table:
    return _in_words(contents.keys(owned), "name accessTypes limits createdAt expiresAt lastUsedAt")


def activities(done: Iterable[Action]) -> Table:
    columns = "actionType metadata status files reason createdAt completedAt"
    return _in_words(contents.activities(done), columns)


def files(shown: Iterable[Pictured]) -> Table:
    whole = contents.files(())
    more = (Column("thumbnail", "Preview", "picture"), Column("dimensions", "Dimensions"))
    rows = ({**image.exported(), **_seen(image), "thumbnail": thumbnail} for image, thumbnail in shown)
    whole = replace(whole, columns=[*whole.columns, *more], rows=rows)
    return _in_words(whole, "thumbnail fileName title tags fileSize dimensions status reason createdAt")


def _seen(image: Image) -> Row:
    width, height = (image.metadata.get(side) for side in ("width", "height"))
    return {
        "dimensions": f"{width} × {height}" if width and height else None,
        "reason": image.reason if image.status is images.Status.FAILED else None,
    }


def _in_words(table: Table, names: str) -> Table:
    """Those columns of the table, in this order, their values in words."""
    columns = {column.name: column for column in table.columns}
    picked = [replace(columns[name], title=_TITLES.get(name, columns[name].title)) for name in names.split()]
    rows = ({column.name: _words_of(column.name, row[column.name]) for column in picked} for row in table.rows)
    return replace(table, columns=picked, rows=rows)


def _words_of(column: str, value: Any) -> Any:
    convert = _WORDS.get(column)
    return value if convert is None or value is None else convert(value)


def usage(user: User) -> Table:
    """Sums by day: of an operation or an API key, or the number of images that something became of."""
    return contents.usage(_sums(user))


def _sums(user: User) -> Iterator[contents.Sums]:
    names = {key.key_id: key.name for key in contents.keys_of(user)}
    for day, what, sums in contents.sums_of(user.id):
        yield day, _counted(what, names), sums


def _counted(what: str, names_of_keys: Mapping[str, str]) -> str:
    kind, _, name = what.partition(":")
    if kind == "operation":
        return _capital(name)
    if kind == "key":
        return f"API key {names_of_keys.get(name, '(revoked)')}"
    return _SUMS.get(kind, _capital(kind)) + (f": {name}" if name else "")


def spoken(value: Any) -> str:
    """A value in words: `processing type: resize, width: 640` for what JSON writes with braces."""
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


def _sentence(reason: str) -> str:
    """What a person reads of "code: sentence"."""
    return reason.partition(": ")[2] or reason


def _type(action_type: str) -> str:
    return _ACTION_TYPES.get(action_type, _capital(action_type))


def _asked_for(metadata: Row) -> str:
    return spoken({name: value for name, value in metadata.items() if name not in _INTERNAL})


def _files_of_action(files: Iterable[Row]) -> str:
    return ", ".join(f"{file['format'].upper()}, {format_quantity(file['fileSize'], 'bytes')}" for file in files)


_TITLES = {"actionType": "Action"}
# How the values of a column become words; others stay as they are.
_WORDS: dict[str, Callable[[Any], str | None]] = {
    "role": _capital,
    "status": _capital,
    "preferences": spoken,
    "limits": spoken,
    "accessTypes": spoken,
    "reason": _sentence,
    "actionType": _type,
    "metadata": _asked_for,
    "files": _files_of_action,
    "tags": lambda tags: spoken(tags) or None,
}
