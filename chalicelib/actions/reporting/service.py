"""The journey of a report: asked for by an administrator, made at once or by the queue, kept as files for them."""

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from chalicelib import actions, documents
from chalicelib.actions import Action, ActionType, File, estimates, external
from chalicelib.actions.external import Service
from chalicelib.actions.reporting import layout
from chalicelib.actions.reporting.deadline import Deadline, ReportTooLargeError
from chalicelib.actions.reporting.layout import Made
from chalicelib.actions.reporting.schemas import Asked
from chalicelib.core import config, ids, log
from chalicelib.core.aws import objects
from chalicelib.core.http.operations import Caller, Replay, only_fields
from chalicelib.documents import Format

# What the API reads while its caller waits: it has 30 seconds in all, and the files are still to be written.
_DAYS_AT_ONCE = 31
_SECONDS_AT_ONCE = 8.0
# What the worker takes for each day of the period, before it has been measured.
_SECONDS_A_DAY = 0.05
# The queue's worker has 300 seconds (.chalice/config.json).
_SECONDS_OF_WORKER = 240.0


def generate_report(user: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """Makes a report, or has it made; `reportId` is the action's id.

    Raises:
        InvalidRequestError: the period is none that a report can have.
    """
    asked = Asked.of(data)
    action = actions.begin(user, ActionType.GENERATE_REPORT, asked.to_metadata())
    with actions.failing(action):
        if external.configured():
            return _answer(external.hand_over(action, Service.REPORT_GENERATOR, asked.to_metadata()))
        if len(asked.period) <= _DAYS_AT_ONCE:
            try:
                return _answer(_run(action, Deadline.after(_SECONDS_AT_ONCE)))
            except ReportTooLargeError:
                log.info("REPORT_LEFT_TO_QUEUE", actionId=action.action_id)
        actions.enqueue(action)
    return _answer(action, estimates.estimated_time(action, len(asked.period) * _SECONDS_A_DAY))


def run(action: Action) -> Action:
    """Makes the report that the action's metadata asks for, and ends the action with its files and key figures.

    Raises:
        ReportTooLargeError: there was not enough time for all that the period holds.
        ActionFinishedError: it has ended already; its files are as they were.
    """
    return _run(action, Deadline.after(_SECONDS_OF_WORKER))


def _run(action: Action, deadline: Deadline) -> Action:
    asked = Asked.of(action.metadata)
    made = layout.make(asked, ids.now(), deadline)
    bucket = config.get("S3_OUTPUT_BUCKET")
    files: list[File] = []
    written: list[dict[str, str]] = []
    try:
        for name in dict.fromkeys([*asked.formats, "json"]):
            file, version = _written(bucket, action, asked, name, made)
            files.append(file)
            written.append(version)
        return actions.complete(action, files=files, result=made.key_figures)
    except BaseException:
        objects.delete_after_failure(bucket, written)
        raise


def _written(bucket: str, action: Action, asked: Asked, name: str, made: Made) -> tuple[File, dict[str, str]]:
    """One file of the report in S3. A report is sums: in any format it has some hundred kilobytes at most."""
    out = io.BytesIO()
    extension, media_type = _WRITERS[name](out, made)
    key = f"reports/{action.user_id}/{action.action_id}.{extension}"
    version = objects.write(bucket, key, out.getvalue(), media_type)
    period = asked.period
    return File(f"{asked.kind}-{period.start}-to-{period.end}.{extension}", name, key, out.tell()), version


def _write_csv(out: io.BytesIO, made: Made) -> Format:
    # What the charts draw, the tables hold as well.
    return documents.write_csv(out, replace(made.report, charts=()).to_tables())


_WRITERS: dict[str, Callable[[io.BytesIO, Made], Format]] = {
    "html": lambda out, made: documents.write_html(out, made.report),
    "pdf": lambda out, made: documents.write_pdf(out, made.report),
    "csv": _write_csv,
    "json": lambda out, made: documents.write_json(out, made.report.tables, made.about),
}

_MESSAGES = {
    actions.Status.COMPLETED: "The report is ready.",
    actions.Status.PENDING: "The report is being made.",
    actions.Status.FAILED: "The report could not be made.",
}


def _answer(action: Action, estimated: str | None = None) -> dict[str, Any]:
    shown = action.shown()
    return {
        "reportId": action.action_id,
        "downloadUrl": shown["resultUrl"],
        "message": _MESSAGES[action.status],
        "status": str(action.status),
        "estimatedTime": estimated,
        "files": shown["files"],
    }


def _again(user: Caller, data: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The report as it is by now, with fresh links."""
    return _answer(actions.get(user.id, kept["reportId"]))


REPLAY = Replay(stores=only_fields("reportId"), rebuild=_again)
