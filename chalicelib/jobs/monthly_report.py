"""The summary of a whole month, made by schedule, kept for all administrators, announced once."""

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
from chalicelib.jobs import leases
from chalicelib.notify import operators

# The function has 300 seconds (.chalice/config.json).
_SECONDS = 240.0
_LEASE = "monthly_report"


def make_monthly(options: Mapping[str, Any]) -> dict[str, Any]:
    """Makes the report on the month before this one, or on the month of `since`; `dryRun` gives the figures alone.

    Made again it replaces its files and is not announced again.

    Raises:
        ReportTooLargeError: there was not enough time for all that the month holds.
    """
    with leases.holding(_LEASE, _SECONDS + 60) as lease:
        if lease is None:
            return {"status": "skipped", "message": "Another run is making the report."}
        period = _month(options.get("since"))
        made = layout.make(
            Asked(Kind.SUMMARY, period, {}, ("html", "pdf", "json")), ids.now(), Deadline.after(_SECONDS)
        )
        answer = {"status": "success", "period": period.named(), "figures": _plain(made)}
        if options.get("dryRun") is True:
            return answer
        keys = _write(f"reports/system/{period.start:%Y-%m}", made)
        _announce(period, answer, keys)
        return {**answer, "files": keys}


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
    operators.tell(
        f"{config.stage()}: the report of {period.start:%Y-%m} is ready",
        {**answer, "stage": config.stage(), "files": [f"s3://{bucket}/{key}" for key in keys]},
    )
    leases.note_done(what)
