"""What tracking wrote, summed by day: for the user's own eyes, for administrators, and against limits of spending."""

from collections.abc import Container, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from chalicelib.accounts import running_totals, users
from chalicelib.core import clients, ids
from chalicelib.core.errors import InvalidRequestError
from chalicelib.core.http import budgets
from chalicelib.core.http.operations import Caller
from chalicelib.core.observing.tracking import SYSTEM_ACCOUNT
from chalicelib.core.schemas import DATE, TEXT, list_of, page_of, shape
from chalicelib.metering import daily_sums
from chalicelib.metering.daily_sums import EVERY_USER, EVERYONE, Entry, Row

DEFAULT_DAYS = 30
MAX_DAYS = 366
MAX_PAGE = 1000
DEFAULT_PAGE = 100

# How the names of operations' sums begin.
_OPERATION = "operation:"

_PERIOD = {"start": DATE, "end": DATE}
GET = shape({}, _PERIOD)
_USER_ID = {"type": "string", "minLength": 1, "maxLength": 100}
GET_ALL = list_of(MAX_PAGE, **_PERIOD, userId=_USER_ID, by={"enum": ["operation", "user"]})

_SUMS = {
    "requests": {"type": "integer"},
    "failures": {"type": "integer"},
    "dollars": {"type": "number"},
    "milliseconds": {"type": "number"},
}


def _sums_by(name: str) -> dict[str, Any]:
    """A list of sums, each under what `name` says."""
    shown = {name: {"type": "string"}, **_SUMS}
    return {
        "type": "array",
        "items": shape(shown),
    }


SUMMARY = shape(
    {
        "period": shape(_PERIOD),
        "totals": shape(_SUMS),
        "images": {"type": "object", "additionalProperties": {"type": "integer"}},
        "byDay": _sums_by("day"),
        "byOperation": _sums_by("operation"),
        "byKey": _sums_by("keyId"),
    },
    {"storage": shape({"bytes": {"type": "integer"}, "limit": {"type": "integer"}})},
)
USERS_DAYS = page_of(shape({"day": DATE, "userId": TEXT, **_SUMS}))
EITHER = {"type": "object", "anyOf": [SUMMARY, USERS_DAYS]}


# -------------------------------------------------------------- from the stream of usage records


def count_records(event: Mapping[str, Any]) -> None:
    """Adds each usage record of a stream's batch to the day's sums and to what its user spent, exactly once."""
    written = {
        record["eventID"]: clients.unmarshal(record["dynamodb"]["NewImage"])
        for record in event["Records"]
        if record["eventName"] == "INSERT"
    }

    def spent(entries: list[Entry]) -> list[dict[str, Any]]:
        return _spending([written[entry.event_id] for entry in entries])

    accounts = {usage["account"] for usage in written.values()} - {SYSTEM_ACCOUNT}
    # What an erased account did last is read here after the erasure: it counts for all, and for nobody in particular.
    gone = {account for account in accounts if not users.exists(account)}
    entries = [Entry(event_id, _sums(usage, gone), _origin(usage)) for event_id, usage in written.items()]
    daily_sums.add_once(entries, also=spent)


def _origin(usage: Mapping[str, Any]) -> str:
    """The account and the second in which the run began."""
    return f"{usage['account']}#{usage['timestamp'][:19]}"


def _sums(usage: Mapping[str, Any], gone: Container[str]) -> dict[Row, dict[str, Any]]:
    account, day, what = usage["account"], usage["timestamp"][:10], f"{_OPERATION}{usage['operation']}"
    # All do some of everything: only the functions behind the API are few, and run together.
    rows = [Row(EVERYONE, day, what, None if usage.get("event_source") == "HTTP" else _OPERATION)]
    if account not in gone:
        rows.append(Row(account, day, what, _OPERATION))
        if account != SYSTEM_ACCOUNT:
            rows.append(Row(EVERY_USER, day, f"user:{account}"))
        if usage.get("api_key_id"):
            rows.append(Row(account, day, f"key:{usage['api_key_id']}"))
    by = {
        "requests": 1,
        "failures": 0 if usage["success"] else 1,
        "dollars": usage["lambda_cost"],
        "milliseconds": usage["duration_ms"],
    }
    sums = dict.fromkeys(rows, by)
    if usage.get("kind") and usage["success"]:
        runs, milliseconds = _of_kind(usage["kind"])
        sums[rows[0]] = {**by, runs: 1, milliseconds: usage["duration_ms"]}
    return sums


def _of_kind(kind: str) -> tuple[str, str]:
    """What an operation's sums call the number of good runs of that kind, and the time that they took."""
    return f"{kind}.runs", f"{kind}.milliseconds"


def _spending(usages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The writes that add the runs' dollars to each user's row."""
    runs: dict[str, list[running_totals.Run]] = {}
    for usage in usages:
        if usage["account"] != SYSTEM_ACCOUNT:
            payer = None if usage.get("keys_alone") else budgets.USER
            whose = filter(None, (payer, usage.get("api_key_id")))
            run = usage["timestamp"], dict.fromkeys(whose, usage["lambda_cost"])
            runs.setdefault(usage["account"], []).append(run)
    return [write for account, its in runs.items() for write in running_totals.spending_more(account, its)]


# ------------------------------------------------------------------------------------- reading


def own(user: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """The caller's usage and cost of a period, by day, operation and API key; and what became of their images.

    `storage` is what the images take now, and how much that may be, in bytes.
    """
    kept = {"bytes": user.stored_bytes, "limit": budgets.storage_limit(user)}
    return {**summary(user.id, *period(data)), "storage": kept}


def of_all(data: Mapping[str, Any]) -> dict[str, Any]:
    """Everyone's usage by day and operation, or one user's; or, `by` user, a page of users' days, newest first."""
    start, end = period(data)
    if data.get("by") == "user" and "userId" not in data:
        return _by_user(start, end, data)
    return summary(data.get("userId", EVERYONE), start, end)


def _by_user(start: str, end: str, data: Mapping[str, Any]) -> dict[str, Any]:
    after = _after(data, start, end)
    return daily_sums.page(EVERY_USER, start, end, data.get("limit", DEFAULT_PAGE), after).response(_users_day)


def _users_day(item: Mapping[str, Any]) -> dict[str, Any]:
    day, _, what = item["day#what"].partition("#")
    return {"day": day, "userId": what.partition(":")[2], **_whole(item)}


def _after(data: Mapping[str, Any], start: str, end: str) -> str | None:
    """Where the page begins; DynamoDB takes no place outside of the days that are asked for."""
    after = ids.start_of_page(data)
    if after is not None and not f"{start}#" <= after <= f"{end}#~":
        raise ids.CursorError
    return after


def summary(scope: str, start: str, end: str) -> dict[str, Any]:
    """The sums of a scope from day to day. Reads days and not records: a row an operation, key and day."""
    totals: dict[str, dict[str, dict[str, Any]]] = {"day": {}, "operation": {}, "key": {}}
    images: dict[str, int] = {}
    for day, what, numbers in daily_sums.rows(scope, start, end):
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
        "totals": _whole(total),
        "images": images,
        "byDay": [{"day": day, **_whole(numbers)} for day, numbers in sorted(totals["day"].items())],
        "byOperation": [{"operation": name, **_whole(numbers)} for name, numbers in _dearest(totals["operation"])],
        "byKey": [{"keyId": name, **_whole(numbers)} for name, numbers in _dearest(totals["key"])],
    }


def mean_seconds(function: str, kind: str) -> float | None:
    """How long a function's good runs of that kind took on average, today or else yesterday; None without any."""
    runs, milliseconds = _of_kind(kind)
    today = datetime.now(UTC).date()
    for day in (today, today - timedelta(days=1)):
        sums = daily_sums.row(Row(EVERYONE, day.isoformat(), f"{_OPERATION}{function}", _OPERATION))
        if sums is not None and sums.get(runs):
            return float(sums[milliseconds] / sums[runs]) / 1000
    return None


def _add(total: dict[str, Any], numbers: Mapping[str, Any]) -> None:
    for name in _SUMS:
        total[name] = total.get(name, 0) + numbers.get(name, 0)


def _whole(numbers: Mapping[str, Any]) -> dict[str, Any]:
    sums = {name: numbers.get(name, 0) for name in _SUMS}
    return sums | {name: int(sums[name]) for name in ("requests", "failures")}


def _dearest(sums: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    return sorted(sums.items(), key=lambda each: (-each[1]["dollars"], each[0]))


def period(data: Mapping[str, Any]) -> tuple[str, str]:
    """The days from `start` to `end`, both included; the last DEFAULT_DAYS where they are not named.

    Raises:
        InvalidRequestError: no such day, the end before the start, or more than MAX_DAYS.
    """
    end = _day(data, "end") or datetime.now(UTC).date()
    # The calendar has a first day.
    days_before = min(DEFAULT_DAYS - 1, (end - date.min).days)
    start = _day(data, "start") or end - timedelta(days=days_before)
    if start > end:
        raise InvalidRequestError(details=[{"field": "end", "message": "must not be before start"}])
    if (end - start).days >= MAX_DAYS:
        raise InvalidRequestError(details=[{"field": "start", "message": f"must be within {MAX_DAYS} days of end"}])
    return start.isoformat(), end.isoformat()


def _day(data: Mapping[str, Any], name: str) -> date | None:
    if name not in data:
        return None
    try:
        return date.fromisoformat(data[name])
    except ValueError:
        raise InvalidRequestError(details=[{"field": name, "message": "is no day of the calendar"}]) from None
