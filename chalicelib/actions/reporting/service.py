"""Reports as actions: an administrator requests one, the API or the worker makes it, and its files are stored."""

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from chalicelib import documents
from chalicelib.actions import lifecycle
from chalicelib.actions.kinds import ActionKind, ActionRequest
from chalicelib.actions.models import Action, ActionType, File, Status
from chalicelib.actions.reporting import layout, schemas
from chalicelib.actions.reporting.layout import BuiltReport
from chalicelib.actions.reporting.models import ReportRequest
from chalicelib.core import ids
from chalicelib.core.aws import objects
from chalicelib.core.aws.grants import S3Operation, required_env_vars
from chalicelib.core.deadline import Deadline
from chalicelib.core.http.operations import Caller
from chalicelib.core.settings import Settings
from chalicelib.documents import Format
from chalicelib.external import services

# The API tries periods of so many days while its caller waits.
_SMALL_DAYS = 31
# The estimate before any run is measured: the worker's time for each day of the period.
_SECONDS_A_DAY = 0.05


def _prepare(user: Caller, data: Mapping[str, Any]) -> ActionRequest:
    """Raises InvalidRequestError where no report can have the period."""
    request = ReportRequest.of(data)
    days = len(request.period)
    return ActionRequest(
        ActionType.GENERATE_REPORT,
        request.to_metadata(),
        request.to_metadata,
        lambda: days <= _SMALL_DAYS,
        days * _SECONDS_A_DAY,
    )


@required_env_vars(
    layout.build, lifecycle.complete, {"S3_OUTPUT_BUCKET": [S3Operation.PUT_OBJECT, S3Operation.DELETE_OBJECTS]}
)
def run(action: Action, deadline: Deadline) -> Action:
    """Makes the report that the action's metadata asks for, and ends the action with its files and key figures.

    Raises:
        ReportTooLargeError: the sums of the period could not all be read before the deadline.
        ActionFinishedError: the action has ended already; its files are unchanged.
    """
    request = ReportRequest.of(action.metadata)
    built = layout.build(request, ids.now(), deadline)
    files: list[File] = []
    versions: list[dict[str, str]] = []
    try:
        for name in dict.fromkeys([*request.formats, "json"]):
            file, version = _write(action, request, name, built)
            files.append(file)
            versions.append(version)
        return lifecycle.complete(action, files=files, result=built.key_figures)
    except BaseException:
        objects.delete_after_failure(Settings.S3_OUTPUT_BUCKET.get(), versions)
        raise


def _write(action: Action, request: ReportRequest, name: str, built: BuiltReport) -> tuple[File, dict[str, str]]:
    """Stores the report in one format; gives the file and its version in S3."""
    data, form = render(built, name)
    key = f"reports/{action.user_id}/{action.action_id}.{form.extension}"
    version = objects.write(Settings.S3_OUTPUT_BUCKET.get(), key, data, form.media_type)
    period = request.period
    return File(f"{request.kind}-{period.start}-to-{period.end}.{form.extension}", name, key, len(data)), version


def render(built: BuiltReport, name: str) -> tuple[bytes, Format]:
    """The report's bytes in one of FORMATS: some hundred kilobytes at most, as a report holds only sums."""
    out = io.BytesIO()
    form = _WRITERS[name](out, built)
    return out.getvalue(), form


_WRITERS: dict[str, Callable[[io.BytesIO, BuiltReport], Format]] = {
    "html": lambda out, built: documents.write_html(out, built.report),
    "pdf": lambda out, built: documents.write_pdf(out, built.report),
    # The tables hold the charts' numbers as well.
    "csv": lambda out, built: documents.write_csv(out, replace(built.report, charts=()).to_tables()),
    "json": lambda out, built: documents.write_json(out, built.report.tables, built.about),
}

_MESSAGES = {
    Status.COMPLETED: "The report is ready.",
    Status.PENDING: "The report is being made.",
    Status.FAILED: "The report could not be made.",
}


KIND = ActionKind(
    schema=schemas.REPORT,
    returns=schemas.REPORTED,
    id_name="reportId",
    service_path=services.GENERATE_REPORT,
    prepare=_prepare,
    run=run,
    message=lambda action: _MESSAGES[action.status],
    details=lambda action: {"downloadUrl": action.result_url, "files": [file.shown() for file in action.files]},
)
