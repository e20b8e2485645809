"""The monthly report: a summary of a whole month, stored for all administrators and announced once."""

import io
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from chalicelib import documents
from chalicelib.actions.reporting import layout
from chalicelib.actions.reporting.deadline import Deadline
from chalicelib.actions.reporting.layout import Made
from chalicelib.actions.reporting.schemas import Asked, Kind, Period
from chalicelib.core import config, ids
from chalicelib.core.aws import objects
from chalicelib.core.aws.grants import DynamoDBOperation, S3Operation, SNSOperation, required_env_vars
from chalicelib.jobs import leases
from chalicelib.jobs.runner import Job, Run, payload
from chalicelib.notify import operators


@required_env_vars(
    leases.is_done,
    leases.mark_done,
    {
        "DAILY_TABLE": [DynamoDBOperation.QUERY],
        "S3_OUTPUT_BUCKET": [S3Operation.PUT_OBJECT],
        "OPERATORS_TOPIC_ARN": [SNSOperation.PUBLISH],
    },
)
def make_report(run: Run) -> dict[str, Any]:
    """Makes the report on the month before this one, or on the month of `since`; a dry run gives the figures alone.

    Made again it replaces its files and is not announced again.

    Raises:
        ReportTooLargeError: there was not enough time for all that the month holds.
    """
    period = _month(run.options.get("since"))
    made = layout.make(Asked(Kind.SUMMARY, period, {}, ("html", "pdf", "json")), ids.now(), Deadline(run.deadline.ends))
    answer = {"status": "success", "period": period.named(), "figures": _plain(made)}
    if run.is_dry:
        return answer
    keys = _write(f"reports/system/{period.start:%Y-%m}", made)
    _announce(period, answer, keys)
    return {**answer, "files": keys}


def _skip(run: Run) -> dict[str, Any]:
    return {"status": "skipped", "message": "Another run is making the report."}


JOB = Job("monthly_report", make_report, payload("report"), lease="monthly_report", skip=_skip)


def _month(since: str | None) -> Period:
    day = (
        datetime.now(UTC).date().replace(day=1) - timedelta(days=1) if since is None else date.fromisoformat(since[:10])
    )
    following = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return Period(day.replace(day=1), following - timedelta(days=1))


def _plain(made: Made) -> dict[str, int | float | None]:
    """The key figures as a function can answer them: Lambda knows no Decimal."""
    return {
        name: value if value is None or isinstance(value, int) else float(value)
        for name, value in made.key_figures.items()
    }


def _write(path: str, made: Made) -> list[str]:
    html, pdf, table = io.BytesIO(), io.BytesIO(), io.BytesIO()
    written = {
        "html": (html, documents.write_html(html, made.report)),
        "pdf": (pdf, documents.write_pdf(pdf, made.report)),
        "json": (table, documents.write_json(table, made.report.tables, made.about)),
    }
    bucket = config.get("S3_OUTPUT_BUCKET")
    for extension, (out, (_, media_type)) in written.items():
        objects.write(bucket, f"{path}.{extension}", out.getvalue(), media_type)
    return [f"{path}.{extension}" for extension in written]


def _announce(period: Period, answer: Mapping[str, Any], keys: list[str]) -> None:
    what = f"report#{period.start:%Y-%m}"
    if leases.is_done(what):
        return
    bucket = config.get("S3_OUTPUT_BUCKET")
    operators.publish(
        f"{config.stage()}: the report of {period.start:%Y-%m} is ready",
        {**answer, "stage": config.stage(), "files": [f"s3://{bucket}/{key}" for key in keys]},
    )
    leases.mark_done(what)
