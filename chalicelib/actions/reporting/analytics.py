"""The analytics report: images by day, format and reason of failure; which users were active, and what they cost."""

from collections import Counter
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from chalicelib.actions.reporting import active_users, figures, sums
from chalicelib.actions.reporting.active_users import ActiveUsers
from chalicelib.actions.reporting.figures import percent
from chalicelib.actions.reporting.models import Period, ReportRequest
from chalicelib.actions.reporting.parts import DAY, DOLLARS, FAILURES, REQUESTS, Parts, bar_chart, chart_by_day
from chalicelib.actions.reporting.sums import Sums
from chalicelib.actions.reporting.usage import runs_row
from chalicelib.core.deadline import Deadline
from chalicelib.documents import Chart, Column, Table

_NOTHING = Counter[str]()
_COUNTS = {
    "images": Column("images", "Uploaded", "number"),
    "bytes": Column("bytes", "Bytes uploaded", "bytes"),
    "completed": Column("completed", "Completed", "number"),
    "failed": Column("failed", "Failed", "number"),
}
_IMAGES = Column("images", "Images", "number")
_SHARE = Column("share", "Share", "percent")
_USERS = (Column("userId", "User"), DOLLARS, REQUESTS, FAILURES, Column("activeDays", "Days active", "number"))
_ACTIVE_USERS = Column("activeUsers", "Active users", "number")


def parts(request: ReportRequest, deadline: Deadline) -> Parts:
    totals = sums.read(request, request.period, deadline)
    users = read_users(request, totals, deadline)
    charts = [images_by_day(totals), bytes_by_day(totals), images_by_format(totals), failures_by_reason(totals)]
    tables = [
        Table("byDay", "By day", [DAY, *_COUNTS.values()], _rows_by_day(request, totals)),
        _shares("formats", "Formats", Column("format", "Format"), totals.formats),
        _shares("failuresByReason", "Failures by reason", Column("reason", "Reason"), totals.reasons),
    ]
    if users is not None:
        charts.append(_users_by_day(totals.period, users))
        tables += [
            Table("users", f"The {active_users.MAX_LISTED} users who cost most", _USERS, _user_rows(users)),
            Table("usersByDay", "Active users by day", [DAY, _ACTIVE_USERS], _user_rows_by_day(request, users)),
        ]
    return Parts([*figures.of_images(totals), *figures.of_users(users)], charts, tables, {})


def read_users(request: ReportRequest, totals: Sums, deadline: Deadline) -> ActiveUsers | None:
    """All active users of the sums' period; None where the report is about one user."""
    # No user has sums on the other days: users' sums are written together with everyone's.
    return None if request.user_id else active_users.read(totals.busy_days, deadline)


def _rows_by_day(request: ReportRequest, totals: Sums) -> list[dict[str, Any]]:
    rows = [
        {"day": day, **{what: totals.images_by_day.get(day, _NOTHING)[what] for what in _COUNTS}}
        for day in request.period.days
    ]
    return rows if request.lists_idle_days else [row for row in rows if any(row[what] for what in _COUNTS)]


def _shares(name: str, title: str, column: Column, counts: Mapping[str, int]) -> Table:
    all_images = sum(counts.values())
    rows = [
        {column.name: value, "images": count, "share": percent(count, all_images)}
        for value, count in _most_frequent(counts)
    ]
    return Table(name, title, [column, _IMAGES, _SHARE], rows)


def _most_frequent(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _user_rows(users: ActiveUsers) -> list[dict[str, Any]]:
    return [
        {"userId": user.user_id, "activeDays": user.active_days, **runs_row(user.runs)} for user in users.most_expensive
    ]


def _user_rows_by_day(request: ReportRequest, users: ActiveUsers) -> list[dict[str, Any]]:
    days = request.period.days if request.lists_idle_days else sorted(users.count_by_day)
    return [{"day": day, "activeUsers": users.count_by_day.get(day, 0)} for day in days]


def images_by_day(totals: Sums) -> Chart:
    # The line of completed images would hide that of uploaded ones: the two are nearly equal.
    series = {"Uploaded": itemgetter("images"), "Failed": itemgetter("failed")}
    return chart_by_day("imagesByDay", "Images by day", totals.period, totals.images_by_day, series)


def bytes_by_day(totals: Sums) -> Chart:
    series = {"Bytes": itemgetter("bytes")}
    return chart_by_day("bytesByDay", "Bytes uploaded by day", totals.period, totals.images_by_day, series, "bytes")


def images_by_format(totals: Sums) -> Chart:
    return bar_chart("imagesByFormat", "Images by format", "Images", _most_frequent(totals.formats))


def failures_by_reason(totals: Sums) -> Chart:
    return bar_chart("failuresByCause", "Failed images by reason", "Images", _most_frequent(totals.reasons))


def _users_by_day(period: Period, users: ActiveUsers) -> Chart:
    return chart_by_day("activeUsersByDay", "Active users by day", period, users.count_by_day, {"Active users": int})
