"""The request for a report: its kind, its period, its filters, and the formats of its files."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, Self

from chalicelib import metering
from chalicelib.actions.kinds import OutOfTimeError
from chalicelib.core.errors import InvalidRequestError
from chalicelib.metering.models import EVERYONE

FORMATS = ("html", "pdf", "csv", "json")
DEFAULT_FORMATS = ("html",)

# No user did anything earlier. The period before this one's start must still be in Python's calendar.
_FIRST_DAY = date(2000, 1, 1)


class ReportTooLargeError(OutOfTimeError, InvalidRequestError):
    code, message = "REPORT_TOO_LARGE", "This period holds too much for one report; ask for fewer days."


class ReportKind(StrEnum):
    USAGE = "usage"
    ANALYTICS = "analytics"
    SUMMARY = "summary"


@dataclass(frozen=True)
class Period:
    """Whole days (UTC), `end` included."""

    start: date
    end: date

    @classmethod
    def of(cls, date_range: Mapping[str, Any]) -> Self:
        """The period of a `dateRange`.

        Raises:
            InvalidRequestError: no such day, the end before the start, more than metering.MAX_DAYS, a start in the
                future or before 2000.
        """
        try:
            start, end = map(date.fromisoformat, metering.parse_period(date_range))
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
        return tuple((self.start + timedelta(days=number)).isoformat() for number in range(len(self)))

    def before(self) -> "Period":
        """The period of the same length that ends the day before this one starts."""
        return Period(self.start - timedelta(days=len(self)), self.start - timedelta(days=1))

    def to_dict(self) -> dict[str, str]:
        return {"start": self.start.isoformat(), "end": self.end.isoformat()}


def _refused(field: str, message: str) -> InvalidRequestError:
    return InvalidRequestError(details=[{"field": f"dateRange.{field}", "message": message}])


@dataclass(frozen=True)
class ReportRequest:
    """`filters` holds only those that the caller gave."""

    kind: ReportKind
    period: Period
    filters: Mapping[str, Any]
    formats: tuple[str, ...]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """From a payload that fits the schema REPORT, or from an action's metadata. Raises as `Period.of` does."""
        return cls(
            ReportKind(data["reportType"]),
            Period.of(data["dateRange"]),
            data.get("filters", {}),
            tuple(data.get("formats", DEFAULT_FORMATS)),
        )

    def to_metadata(self) -> dict[str, Any]:
        return {
            "reportType": str(self.kind),
            "dateRange": self.period.to_dict(),
            "filters": dict(self.filters),
            "formats": list(self.formats),
        }

    @property
    def user_id(self) -> str | None:
        return self.filters.get("userId")

    @property
    def scope(self) -> str:
        """The scope of the sums: one user's id, or EVERYONE."""
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
