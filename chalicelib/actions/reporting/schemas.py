"""What can be asked of a report: its kind, its period, whom and what it is about, and in which formats it comes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, Self

from chalicelib import metering
from chalicelib.core.errors import InvalidRequestError
from chalicelib.core.schemas import DATE, TEXT, shape
from chalicelib.metering.models import EVERY_USER, EVERYONE


class Kind(StrEnum):
    USAGE = "usage"
    ANALYTICS = "analytics"
    SUMMARY = "summary"


FORMATS = ("html", "pdf", "csv", "json")
DEFAULT_FORMATS = ("html",)

# Darkroom has no day before; a period before this one's start must still be one of the calendar.
_FIRST_DAY = date(2000, 1, 1)

_USER = {
    "type": "string",
    "pattern": r"^[\w-]{1,100}$",
    "maxLength": 100,
    # Not users' ids, but where the sums of all of them are kept.
    "not": {"enum": [EVERYONE, EVERY_USER]},
    "description": "only what this user did",
}
_OPERATION = {
    "type": "string",
    "pattern": r"^\w{1,100}$",
    "maxLength": 100,
    "description": "only this operation; for usage, as images are not counted by operation",
}
_INACTIVE = {"type": "boolean", "description": "list days on which nothing happened as well (default: false)"}

REPORT = {
    **shape(
        {"reportType": {"enum": [str(kind) for kind in Kind]}, "dateRange": shape({"start": DATE, "end": DATE})},
        {
            "filters": shape({}, {"userId": _USER, "operation": _OPERATION, "includeInactive": _INACTIVE}),
            "formats": {
                "type": "array",
                "items": {"enum": list(FORMATS)},
                "minItems": 1,
                "maxItems": len(FORMATS),
                "uniqueItems": True,
                "description": "JSON is always made; the first one is what downloadUrl leads to",
            },
        },
    ),
    "if": {"properties": {"reportType": {"not": {"const": str(Kind.USAGE)}}}},
    "then": {"properties": {"filters": {"properties": {"operation": False}}}},
}
REPORTED = shape(
    {"reportId": TEXT, "downloadUrl": {"type": ["string", "null"]}, "message": TEXT, "status": TEXT},
    {
        "estimatedTime": {"type": ["string", "null"]},
        "files": {
            "type": "array",
            "items": shape({"name": TEXT, "format": TEXT, "fileSize": {"type": "integer"}, "url": TEXT}),
        },
    },
)


@dataclass(frozen=True)
class Period:
    """The days from `start` to `end`, both included."""

    start: date
    end: date

    @classmethod
    def of(cls, named: Mapping[str, Any]) -> Self:
        """The period of a `dateRange`.

        Raises:
            InvalidRequestError: no such day, the end before the start, more than usage.MAX_DAYS, a start that
                has not come or that lies before Darkroom's time.
        """
        try:
            start, end = map(date.fromisoformat, metering.parse_period(named))
        except InvalidRequestError as error:
            raise _refused(error.details[0]["field"], error.details[0]["message"]) from None
        if start < _FIRST_DAY:
            raise _refused("start", f"must be {_FIRST_DAY} or later")
        if start > datetime.now(UTC).date():
            raise _refused("start", "must not lie in the future")
        return cls(start, end)

    def __len__(self) -> int:
        return (self.end - self.start).days + 1

    @cached_property
    def days(self) -> tuple[str, ...]:
        return tuple((self.start + timedelta(days=place)).isoformat() for place in range(len(self)))

    def before(self) -> "Period":
        """The period of the same length that ends where this one begins."""
        return Period(self.start - timedelta(days=len(self)), self.start - timedelta(days=1))

    def named(self) -> dict[str, str]:
        return {"start": self.start.isoformat(), "end": self.end.isoformat()}


def _refused(field: str, message: str) -> InvalidRequestError:
    return InvalidRequestError(details=[{"field": f"dateRange.{field}", "message": message}])


@dataclass(frozen=True)
class Asked:
    """One report as it was asked for; `filters` holds only those that were given."""

    kind: Kind
    period: Period
    filters: Mapping[str, Any]
    formats: tuple[str, ...]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """From a payload that fits REPORT, or from an action's metadata. Raises as `Period.of` does."""
        return cls(
            Kind(data["reportType"]),
            Period.of(data["dateRange"]),
            data.get("filters", {}),
            tuple(data.get("formats", DEFAULT_FORMATS)),
        )

    def to_metadata(self) -> dict[str, Any]:
        return {
            "reportType": str(self.kind),
            "dateRange": self.period.named(),
            "filters": dict(self.filters),
            "formats": list(self.formats),
        }

    @property
    def user_id(self) -> str | None:
        return self.filters.get("userId")

    @property
    def scope(self) -> str:
        """Whose sums are read."""
        return self.user_id or EVERYONE

    @property
    def operation(self) -> str | None:
        return self.filters.get("operation")

    @property
    def lists_idle_days(self) -> bool:
        return self.filters.get("includeInactive") is True

    @property
    def title(self) -> str:
        about = f", operation {self.operation}" if self.operation else ""
        return f"{self.kind.capitalize()} of {self.user_id or 'all users'}{about}"
