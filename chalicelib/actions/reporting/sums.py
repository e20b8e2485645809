"""What the days' sums of one scope come to in a period: runs by day and operation, images by day, format and reason."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from chalicelib.actions.reporting.deadline import Deadline
from chalicelib.actions.reporting.schemas import Asked, Period
from chalicelib.metering import daily_sums

_ZERO = Decimal(0)
_OPERATION, _FORMAT, _REASON = "operation:", "format:", "failed:"


class Runs(NamedTuple):
    """What operations' runs come to; `milliseconds` is how long all of them took."""

    requests: int = 0
    failures: int = 0
    dollars: Decimal = _ZERO
    milliseconds: Decimal = _ZERO

    @classmethod
    def of(cls, numbers: Mapping[str, Any]) -> "Runs":
        return cls(
            int(numbers.get("requests", 0)),
            int(numbers.get("failures", 0)),
            numbers.get("dollars", _ZERO),
            numbers.get("milliseconds", _ZERO),
        )

    def plus(self, more: "Runs") -> "Runs":
        return Runs(
            self.requests + more.requests,
            self.failures + more.failures,
            self.dollars + more.dollars,
            self.milliseconds + more.milliseconds,
        )

    @property
    def average(self) -> Decimal | None:
        """Milliseconds a run."""
        return None if self.requests == 0 else round(self.milliseconds / self.requests, 3)


def total(runs: Iterable[Runs]) -> Runs:
    whole = Runs()
    for each in runs:
        whole = whole.plus(each)
    return whole


@dataclass(frozen=True)
class Sums:
    """A period's sums. `images_by_day` counts, a day, `images`, `bytes`, `completed`, `failed` and `deleted`.

    `busy_days` are those on which anything ran, whatever operation the report is about.
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


def read(asked: Asked, period: Period, deadline: Deadline) -> Sums:
    """The sums of that period of whomever and whatever the report is about.

    Keeps a number a day, operation, format and reason, however many rows there are.
    """
    busy_days: set[str] = set()
    runs_by_day: dict[str, Runs] = {}
    runs_by_operation: dict[str, Runs] = {}
    images_by_day: dict[str, Counter[str]] = {}
    formats, reasons = Counter[str](), Counter[str]()
    found = daily_sums.read_rows(asked.scope, period.start.isoformat(), period.end.isoformat())
    for day, what, numbers in deadline.over(found):
        name = what.partition(":")[2]
        if what.startswith(_OPERATION):
            busy_days.add(day)
            if asked.operation in (None, name):
                runs = Runs.of(numbers)
                runs_by_day[day] = runs.plus(runs_by_day.get(day, Runs()))
                runs_by_operation[name] = runs.plus(runs_by_operation.get(name, Runs()))
        elif what.startswith(_FORMAT):
            formats[name] += int(numbers["sum"])
        elif what.startswith(_REASON):
            reasons[name] += int(numbers["sum"])
        elif "sum" in numbers:
            images_by_day.setdefault(day, Counter())[what] += int(numbers["sum"])
    return Sums(period, sorted(busy_days), runs_by_day, runs_by_operation, images_by_day, formats, reasons)
