"""The sums of one scope in a period: runs by day and operation; images by day, format and reason of failure."""

import functools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from chalicelib.actions.reporting.models import Period, ReportRequest, ReportTooLargeError
from chalicelib.core.deadline import Deadline
from chalicelib.metering import daily_sums

_ZERO = Decimal(0)
_OPERATION, _FORMAT, _REASON = "operation:", "format:", "failed:"


class Runs(NamedTuple):
    """Sums of operations' runs; `milliseconds` is their running time together."""

    requests: int = 0
    failures: int = 0
    dollars: Decimal = _ZERO
    milliseconds: Decimal = _ZERO

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> "Runs":
        return cls(
            int(item.get("requests", 0)),
            int(item.get("failures", 0)),
            item.get("dollars", _ZERO),
            item.get("milliseconds", _ZERO),
        )

    def plus(self, other: "Runs") -> "Runs":
        return Runs(
            self.requests + other.requests,
            self.failures + other.failures,
            self.dollars + other.dollars,
            self.milliseconds + other.milliseconds,
        )

    @property
    def average(self) -> Decimal | None:
        """Milliseconds a run."""
        return None if self.requests == 0 else round(self.milliseconds / self.requests, 3)


def total(all_runs: Iterable[Runs]) -> Runs:
    return functools.reduce(Runs.plus, all_runs, Runs())


@dataclass(frozen=True)
class Sums:
    """A period's sums. `images_by_day` counts, a day, `images`, `bytes`, `completed`, `failed` and `deleted`.

    `busy_days` are the days on which any operation ran, also where the report is about one operation.
    """

    period: Period
    busy_days: Sequence[str]
    runs_by_day: Mapping[str, Runs]
    runs_by_operation: Mapping[str, Runs]
    images_by_day: Mapping[str, Counter[str]]
    formats: Counter[str]
    reasons: Counter[str]

    @property
    def runs(self) -> Runs:
        return total(self.runs_by_day.values())

    @property
    def images(self) -> Counter[str]:
        return sum(self.images_by_day.values(), Counter[str]())


def read(request: ReportRequest, period: Period, deadline: Deadline) -> Sums:
    """The period's sums for the report's user and operation.

    Keeps a number for each day, operation, format and reason, however many rows there are.

    Raises:
        ReportTooLargeError: the deadline is over.
    """
    busy_days: set[str] = set()
    runs_by_day, runs_by_operation = defaultdict[str, Runs](Runs), defaultdict[str, Runs](Runs)
    images_by_day = defaultdict[str, Counter[str]](Counter)
    formats, reasons = Counter[str](), Counter[str]()
    for day, what, item in daily_sums.read_rows(request.scope, period.start.isoformat(), period.end.isoformat()):
        deadline.check(ReportTooLargeError())
        name = what.partition(":")[2]
        if what.startswith(_OPERATION):
            busy_days.add(day)
            if request.operation in (None, name):
                runs = Runs.of(item)
                runs_by_day[day] = runs_by_day[day].plus(runs)
                runs_by_operation[name] = runs_by_operation[name].plus(runs)
        elif what.startswith(_FORMAT):
            formats[name] += int(item["sum"])
        elif what.startswith(_REASON):
            reasons[name] += int(item["sum"])
        elif "sum" in item:
            images_by_day[day][what] += int(item["sum"])
    return Sums(period, sorted(busy_days), runs_by_day, runs_by_operation, images_by_day, formats, reasons)
