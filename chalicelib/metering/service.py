"""Usage and cost by day, for users, administrators and estimates."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from chalicelib.core import ids
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.errors import InvalidRequestError
from chalicelib.core.http import budgets, limits
from chalicelib.core.http.limits import LimitStatus
from chalicelib.core.http.operations import Caller
from chalicelib.core.http.standings import Standing
from chalicelib.metering import daily_sums
from chalicelib.metering.models import EVERY_USER, EVERYONE, OPERATION, Row
from chalicelib.metering.schemas import SUMS
from chalicelib.metering.stream import names_of_kind

DEFAULT_DAYS = 30
MAX_DAYS = 366
DEFAULT_PAGE = 100


@required_env_vars(budgets.spending, budgets.storage_limit, {"DAILY_TABLE": [DynamoDBOperation.QUERY]})
def get_own_usage(user: Caller, data: Mapping[str, Any], counted: LimitStatus) -> dict[str, Any]:
    """The caller's usage and cost of a period, by day, operation and API key, and the number of images by status.

    `storage` is the current size of their images and its limit, in bytes. `limits` is what is left of each limit:
    `counted` is how those of requests stand with this one, and the user's row holds what was spent and is stored.
    """
    stored, most = user.stored_bytes, budgets.storage_limit(user)
    standings = {
        **limits.requests_made(counted),
        **budgets.spending(user, datetime.now(UTC)),
        budgets.STORAGE_LIMIT: Standing(most, stored),
    }
    return {
        **summarize(user.id, *parse_period(data)),
        "storage": {"bytes": stored, "limit": most},
        "limits": {name: standing.shown() for name, standing in standings.items()},
    }


@required_env_vars({"DAILY_TABLE": [DynamoDBOperation.QUERY]})
def get_all_usage(data: Mapping[str, Any]) -> dict[str, Any]:
    """Everyone's usage by day and operation, or one user's; or, `by` user, a page of users' days, newest first."""
    start, end = parse_period(data)
    if data.get("by") == "user" and "userId" not in data:
        return _list_days_of_users(start, end, data)
    return summarize(data.get("userId", EVERYONE), start, end)


def _list_days_of_users(start: str, end: str, data: Mapping[str, Any]) -> dict[str, Any]:
    after = ids.start_of_page(data)
    # DynamoDB refuses a start outside of the requested days.
    if after is not None and not f"{start}#" <= after <= f"{end}#~":
        raise ids.CursorError
    page = daily_sums.read_page(EVERY_USER, start, end, data.get("limit", DEFAULT_PAGE), after)
    return page.response(_show_day_of_user)


def _show_day_of_user(item: Mapping[str, Any]) -> dict[str, Any]:
    day, _, what = item["day#what"].partition("#")
    return {"day": day, "userId": what.partition(":")[2], **_complete(item)}


def summarize(scope: str, start: str, end: str) -> dict[str, Any]:
    """The sums of a scope from day to day. Reads a row for each operation, key and day, not the usage records."""
    totals: dict[str, dict[str, dict[str, Any]]] = {"day": {}, "operation": {}, "key": {}}
    images: dict[str, int] = {}
    for day, what, numbers in daily_sums.read_rows(scope, start, end):
        kind, _, name = what.partition(":")
        if kind == "operation":
            _add(totals["day"].setdefault(day, {}), numbers)
        if kind in ("operation", "key"):
            _add(totals[kind].setdefault(name, {}), numbers)
        elif "sum" in numbers:
            images[what] = images.get(what, 0) + int(numbers["sum"])
    total: dict[str, Any] = {}
    for numbers in totals["day"].values():
        _add(total, numbers)
    return {
        "period": {"start": start, "end": end},
        "totals": _complete(total),
        "images": images,
        "byDay": [{"day": day, **_complete(numbers)} for day, numbers in sorted(totals["day"].items())],
        "byOperation": _list_by_cost("operation", totals["operation"]),
        "byKey": _list_by_cost("keyId", totals["key"]),
    }


def mean_seconds(function: str, kind: str) -> float | None:
    """The mean duration of a function's successful runs of a kind, today or else yesterday; None without any."""
    runs, milliseconds = names_of_kind(kind)
    today = datetime.now(UTC).date()
    for day in (today, today - timedelta(days=1)):
        numbers = daily_sums.read_row(Row(EVERYONE, day.isoformat(), f"{OPERATION}{function}", OPERATION))
        if numbers is not None and numbers.get(runs):
            return float(numbers[milliseconds] / numbers[runs]) / 1000
    return None


def _add(total: dict[str, Any], numbers: Mapping[str, Any]) -> None:
    for name in SUMS:
        total[name] = total.get(name, 0) + numbers.get(name, 0)


def _complete(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """All four sums; a missing one is 0."""
    sums = {name: numbers.get(name, 0) for name in SUMS}
    return sums | {name: int(sums[name]) for name in ("requests", "failures")}


def _list_by_cost(title: str, sums: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    by_cost = sorted(sums.items(), key=lambda each: (-each[1]["dollars"], each[0]))
    return [{title: name, **_complete(numbers)} for name, numbers in by_cost]


def parse_period(data: Mapping[str, Any]) -> tuple[str, str]:
    """The days from `start` to `end`, both included. By default `end` is today, and the period has DEFAULT_DAYS.

    Raises:
        InvalidRequestError: no such day, the end before the start, or more than MAX_DAYS.
    """
    end = ids.day_of(data, "end") or datetime.now(UTC).date()
    # Python's calendar begins with the year 1.
    days_before = min(DEFAULT_DAYS - 1, (end - date.min).days)
    start = ids.day_of(data, "start") or end - timedelta(days=days_before)
    if start > end:
        raise InvalidRequestError(details=[{"field": "end", "message": "must not be before start"}])
    if (end - start).days >= MAX_DAYS:
        raise InvalidRequestError(details=[{"field": "start", "message": f"must be within {MAX_DAYS} days of end"}])
    return start.isoformat(), end.isoformat()
