"""The table record of a user's action: its input, how it ended, and its files. Owns ACTIONS_TABLE."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Self

from chalicelib import images
from chalicelib.core.aws.records import EXPORTED, LATER, REASON, SHOWN, Exported, Record, Stored, derived
from chalicelib.core.aws.tables import Table
from chalicelib.core.schemas import TEXT
from chalicelib.core.settings import Settings
from chalicelib.external import ExternalServiceError

ACTIONS = Table(Settings.ACTIONS_TABLE, "userId", "actionId")
BY_ACTION = Table(Settings.ACTIONS_TABLE, "actionId", index="by-action")
# A sparse index: only PENDING actions, by the time when they became so.
UNFINISHED = Table(Settings.ACTIONS_TABLE, "unfinished", "unfinishedSince", index="by-unfinished")
FINISHED = ("unfinished", "unfinishedSince")

# What an action's `progress` counts.
PROGRESS_UNIT = "records"


class ActionType(StrEnum):
    """The types that Darkroom handles itself. A stage may allow more, which an external service handles."""

    PROCESS_FILE = "PROCESS_FILE"
    GENERATE_REPORT = "GENERATE_REPORT"
    EXPORT_DATA = "EXPORT_DATA"


class Status(StrEnum):
    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


def unfinished(since: str) -> dict[str, str]:
    """The attributes that put the row of a PENDING action into the index of unfinished actions."""
    return {"unfinished": str(Status.PENDING), "unfinishedSince": since}


@dataclass(frozen=True)
class File(Record):
    """A file that an action made: `name` is what it is saved as, `size` in bytes."""

    name: Annotated[str, SHOWN, EXPORTED]
    format: Annotated[str, SHOWN, EXPORTED]
    key: Annotated[str, Stored("fileKey")]
    size: Annotated[int, Stored("fileSize"), SHOWN, EXPORTED]

    @functools.cached_property
    @derived(TEXT)
    def url(self) -> str:
        return images.output_link(self.key, self.name)


_TEXT_OR_NONE = {"type": ["string", "null"]}


@dataclass(frozen=True, kw_only=True)
class Action(Record):
    """One action of one user. `reason` is "CODE: sentence" where it failed; times are ISO 8601 UTC.

    `metadata` is what the user asked for, `result` what came of it beside `files`; `progress` counts records;
    `correlation_id` is of the request that began it.
    """

    user_id: str
    action_id: Annotated[str, SHOWN, Exported("Action")]
    action_type: Annotated[str, SHOWN, Exported("Type")]
    status: Annotated[Status, SHOWN, Exported("Status")] = Status.PENDING
    metadata: Annotated[Mapping[str, Any], SHOWN, Exported("Asked for")] = field(default_factory=dict)
    result: Annotated[Mapping[str, Any], SHOWN, Exported("Result"), LATER] = field(default_factory=dict)
    files: Annotated[tuple[File, ...], SHOWN, Exported("Files"), LATER] = ()
    reason: Annotated[str | None, REASON, Exported("Reason")] = None
    progress: Annotated[int | None, SHOWN] = None
    external_id: Annotated[str | None, SHOWN, Exported("External id")] = None
    external_status: Annotated[str | None, SHOWN, Exported("External status")] = None
    external_path: str | None = None
    created_at: Annotated[str, SHOWN, Exported("Created", "time")]
    completed_at: Annotated[str | None, SHOWN, Exported("Ended", "time")] = None
    correlation_id: str | None = None

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        return super().from_item({**item, "reason": _public_reason(item)})

    def to_item(self) -> dict[str, Any]:
        """The row of a new action."""
        return {**super().to_item(), **unfinished(self.created_at)}

    @property
    @derived(_TEXT_OR_NONE, after="result")
    def result_url(self) -> str | None:
        """A link to the first file, or the link that an external service gave."""
        return self.files[0].url if self.files else self.result.get("url")

    @property
    @derived({"enum": [PROGRESS_UNIT, None]}, after="progress")
    def progress_unit(self) -> str | None:
        return None if self.progress is None else PROGRESS_UNIT


def _public_reason(item: Mapping[str, Any]) -> str | None:
    """Why the action failed. Rows of version 0.1.0 name the host of a service that did not take the action over."""
    reason: str | None = item.get("reason")
    is_ours = item.get("externalId") is None
    if reason is not None and is_ours and reason.startswith(f"{ExternalServiceError.code}: "):
        return f"{ExternalServiceError.code}: {ExternalServiceError.message}"
    return reason
