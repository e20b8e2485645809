"""The row of a user's action: what was asked for, how it ended, and what came of it. Owns ACTIONS_TABLE."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from chalicelib.core import config
from chalicelib.core.aws import objects
from chalicelib.core.aws.tables import Table
from chalicelib.core.http.payload import TEXT, page_of, shape
from chalicelib.external import ExternalServiceError

ACTIONS = Table("ACTIONS_TABLE", "userId", "actionId")
BY_ACTION = Table("ACTIONS_TABLE", "actionId", index="by-action")
# What is PENDING, by since when: the rest of the table is not in there.
UNFINISHED = Table("ACTIONS_TABLE", "unfinished", "unfinishedSince", index="by-unfinished")
FINISHED = ("unfinished", "unfinishedSince")


# What an action's `progress` counts.
PROGRESS_UNIT = "records"


class ActionType(StrEnum):
    """What Darkroom itself does; a stage may allow further types, which an external service does."""

    PROCESS_FILE = "PROCESS_FILE"
    GENERATE_REPORT = "GENERATE_REPORT"
    EXPORT_DATA = "EXPORT_DATA"


class Status(StrEnum):
    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


def unfinished(since: str) -> dict[str, str]:
    """What puts the row of a PENDING action into the index of what is not finished."""
    return {"unfinished": str(Status.PENDING), "unfinishedSince": since}


@dataclass(frozen=True)
class File:
    """A file that an action made: `name` is what it is saved as, `size` in bytes."""

    name: str
    format: str
    key: str
    size: int

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        return cls(item["name"], item["format"], item["fileKey"], int(item["fileSize"]))

    def to_item(self) -> dict[str, Any]:
        return {"name": self.name, "format": self.format, "fileKey": self.key, "fileSize": self.size}

    def link(self) -> str:
        return objects.link(config.get("S3_OUTPUT_BUCKET"), self.key, self.name)

    def shown(self) -> dict[str, Any]:
        return {"name": self.name, "format": self.format, "fileSize": self.size, "url": self.link()}


@dataclass(frozen=True)
class Action:
    """One action of one user. `reason` is "CODE: sentence" where it failed; times are ISO 8601 UTC.

    `metadata` is what was asked for, `result` what came of it beside `files`; `progress` counts records;
    `correlation_id` is of the request that began it.
    """

    user_id: str
    action_id: str
    action_type: str
    created_at: str
    status: Status = Status.PENDING
    metadata: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[File, ...] = ()
    reason: str | None = None
    progress: int | None = None
    external_id: str | None = None
    external_status: str | None = None
    external_path: str | None = None
    completed_at: str | None = None
    correlation_id: str | None = None

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        progress = item.get("progress")
        return cls(
            user_id=item["userId"],
            action_id=item["actionId"],
            action_type=item["actionType"],
            created_at=item["createdAt"],
            status=Status(item["status"]),
            metadata=item.get("metadata", {}),
            result=item.get("result", {}),
            files=tuple(File.from_item(each) for each in item.get("files", ())),
            reason=_public_reason(item),
            progress=None if progress is None else int(progress),
            external_id=item.get("externalId"),
            external_status=item.get("externalStatus"),
            external_path=item.get("externalPath"),
            completed_at=item.get("completedAt"),
            correlation_id=item.get("correlationId"),
        )

    def to_item(self) -> dict[str, Any]:
        """The row of an action that is new."""
        return {
            "userId": self.user_id,
            "actionId": self.action_id,
            "actionType": self.action_type,
            "createdAt": self.created_at,
            "status": str(self.status),
            "metadata": self.metadata,
            "correlationId": self.correlation_id,
            **unfinished(self.created_at),
        }

    def shown(self) -> dict[str, Any]:
        """The action as its user sees it, with links to its files."""
        code, _, sentence = (self.reason or "").partition(": ")
        files = [file.shown() for file in self.files]
        return {
            "actionId": self.action_id,
            "actionType": self.action_type,
            "status": self.status,
            "metadata": self.metadata,
            "result": self.result,
            "resultUrl": files[0]["url"] if files else self.result.get("url"),
            "files": files,
            "reason": {"code": code, "message": sentence} if self.reason else None,
            "progress": self.progress,
            "progressUnit": None if self.progress is None else PROGRESS_UNIT,
            "externalId": self.external_id,
            "externalStatus": self.external_status,
            "createdAt": self.created_at,
            "completedAt": self.completed_at,
        }


def _public_reason(item: Mapping[str, Any]) -> str | None:
    """Why the action failed. Rows of version 0.1.0 name the host of a service that did not take the action over."""
    reason: str | None = item.get("reason")
    is_ours = item.get("externalId") is None
    if reason is not None and is_ours and reason.startswith(f"{ExternalServiceError.code}: "):
        return f"{ExternalServiceError.code}: {ExternalServiceError.message}"
    return reason


_TEXT_OR_NONE = {"type": ["string", "null"]}
SHOWN = shape(
    {
        "actionId": TEXT,
        "actionType": TEXT,
        "status": {"enum": [str(status) for status in Status]},
        "metadata": {"type": "object"},
        "result": {"type": "object"},
        "resultUrl": _TEXT_OR_NONE,
        "files": {
            "type": "array",
            "items": shape({"name": TEXT, "format": TEXT, "fileSize": {"type": "integer"}, "url": TEXT}),
        },
        "reason": {"anyOf": [{"type": "null"}, shape({"code": TEXT, "message": TEXT})]},
        "progress": {"type": ["integer", "null"]},
        "progressUnit": {"enum": [PROGRESS_UNIT, None]},
        "externalId": _TEXT_OR_NONE,
        "externalStatus": _TEXT_OR_NONE,
        "createdAt": TEXT,
        "completedAt": _TEXT_OR_NONE,
    }
)
ONE = shape({"action": SHOWN})
PAGE = page_of(SHOWN)
