"""The key figures of a period: one number each, with its unit, and its name for programs."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from chalicelib.actions.reporting.active_users import ActiveUsers
from chalicelib.actions.reporting.sums import Sums
from chalicelib.documents import Figure, Unit

Number = int | Decimal

# These units are clear from the label.
_PLAIN = ("number", "bytes")


class KeyFigure(NamedTuple):
    """`value` is None where it would be divided by 0."""

    name: str
    label: str
    value: Number | None
    unit: Unit = "number"

    @property
    def figure(self) -> Figure:
        return Figure(self.label, self.value, self.unit)


def of_runs(sums: Sums) -> list[KeyFigure]:
    runs = sums.runs
    return [
        KeyFigure("requests", "Requests", runs.requests),
        KeyFigure("failures", "Failures", runs.failures),
        KeyFigure("failureRate", "Failure rate", percent(runs.failures, runs.requests), "percent"),
        KeyFigure("dollars", "Cost", runs.dollars, "dollars"),
        KeyFigure("milliseconds", "Running time", runs.milliseconds, "milliseconds"),
        KeyFigure("averageMilliseconds", "Average time", runs.average, "milliseconds"),
    ]


def of_images(sums: Sums) -> list[KeyFigure]:
    images = sums.images
    finished = images["completed"] + images["failed"]
    return [
        KeyFigure("images", "Images uploaded", images["images"]),
        KeyFigure("bytes", "Bytes uploaded", images["bytes"], "bytes"),
        KeyFigure("completed", "Images completed", images["completed"]),
        KeyFigure("failed", "Images failed", images["failed"]),
        KeyFigure("deleted", "Images deleted", images["deleted"]),
        KeyFigure("completionRate", "Completion rate", percent(images["completed"], finished), "percent"),
    ]


def of_users(users: ActiveUsers | None) -> list[KeyFigure]:
    """How many users were active; nothing where the report is about one user."""
    return [] if users is None else [KeyFigure("activeUsers", "Active users", users.count)]


def by_name(figures: Iterable[KeyFigure]) -> dict[str, Number | None]:
    return {figure.name: figure.value for figure in figures}


def compare(now: Iterable[KeyFigure], before: Iterable[KeyFigure]) -> list[Mapping[str, Any]]:
    """Each figure, its value in the period before, and the change in percent of that."""
    earlier = by_name(before)
    return [
        {
            "figure": figure.label if figure.unit in _PLAIN else f"{figure.label}, {figure.unit}",
            "value": figure.value,
            "before": earlier[figure.name],
            "change": _change(figure.value, earlier[figure.name]),
        }
        for figure in now
    ]


def _change(now: Number | None, before: Number | None) -> Decimal | None:
    return None if now is None or not before else percent(now - before, before)


def percent(part: Number, whole: Number) -> Decimal | None:
    return None if not whole else round(Decimal(100) * part / whole, 2)
