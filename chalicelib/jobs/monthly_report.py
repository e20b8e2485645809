"""The monthly report: a summary of a whole month, stored for all administrators and announced once."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from chalicelib.actions import reporting
from chalicelib.actions.reporting import BuiltReport, Period, ReportKind, ReportRequest
from chalicelib.core import ids
from chalicelib.core.aws import objects
from chalicelib.core.aws.grants import S3Operation, required_env_vars
from chalicelib.core.settings import Settings
from chalicelib.jobs import leases
from chalicelib.jobs.runner import Job, Run, payload
from chalicelib.notify import operators


@required_env_vars(
    leases.is_done,
    leases.mark_done,
    reporting.build,
    operators.publish,
    {"S3_OUTPUT_BUCKET": [S3Operation.PUT_OBJECT]},
)
def make_report(run: Run) -> dict[str, Any]:
    """Makes the report on the last whole month, or on the month of `since`; in a dry run, its figures only.

    A second run replaces the files and announces nothing.

    Raises:
        ReportTooLargeError: the month's sums could not all be read before the deadline.
    """
    since = run.options.get("since")
    last_month = run.now.date().replace(day=1) - timedelta(days=1)
    period = _month_of(last_month if since is None else date.fromisoformat(since[:10]))
    request = ReportRequest(ReportKind.SUMMARY, period, {}, ("html", "pdf", "json"))
    built = reporting.build(request, ids.now(), run.deadline)
    answer = {"status": "success", "period": period.to_dict(), "figures": _json_figures(built)}
    if run.is_dry:
        return answer
    keys = _write(f"reports/system/{period.start:%Y-%m}", request, built)
    _announce(period, answer, keys)
    return {**answer, "files": keys}


def _skip(run: Run) -> dict[str, Any]:
    return {"status": "skipped", "message": "Another run is making the report."}


MONTHLY_REPORT = Job("monthly_report", make_report, payload("report"), lease="monthly_report", skip=_skip)


def _month_of(day: date) -> Period:
    next_month = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return Period(day.replace(day=1), next_month - timedelta(days=1))


def _json_figures(built: BuiltReport) -> dict[str, int | float | None]:
    """The key figures without Decimal, which Lambda's JSON does not take."""
    return {
        name: value if value is None or isinstance(value, int) else float(value)
        for name, value in built.key_figures.items()
    }


def _write(path: str, request: ReportRequest, built: BuiltReport) -> list[str]:
    """Stores the report in each of the request's formats; gives the files' keys."""
    keys = []
    for name in request.formats:
        data, form = reporting.render(built, name)
        keys.append(f"{path}.{form.extension}")
        objects.write(Settings.S3_OUTPUT_BUCKET.get(), keys[-1], data, form.media_type)
    return keys


def _announce(period: Period, answer: Mapping[str, Any], keys: list[str]) -> None:
    done_key = f"report#{period.start:%Y-%m}"
    if leases.is_done(done_key):
        return
    bucket = Settings.S3_OUTPUT_BUCKET.get()
    operators.publish(
        f"{Settings.STAGE.get()}: the report of {period.start:%Y-%m} is ready",
        {**answer, "stage": Settings.STAGE.get(), "files": [f"s3://{bucket}/{key}" for key in keys]},
    )
    leases.mark_done(done_key)
