"""The run of an export: rows go from the tables into the file as they are read, so that memory does not grow with them.

What is not finished in time fails with a reason, before the function would be killed without one.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib import actions
from chalicelib.accounts import users
from chalicelib.accounts.permissions import can_export
from chalicelib.accounts.users import User
from chalicelib.actions import Action, File
from chalicelib.actions.exporting import contents, readable
from chalicelib.core import config, ids, log
from chalicelib.core.aws import objects
from chalicelib.core.errors import AccountNotActiveError, NotFoundError, TooLargeError
from chalicelib.core.http.operations import refusal_of
from chalicelib.documents import Format, Report, Sink, Table, write_csv, write_json, write_pdf
from chalicelib.notify import mail

# The worker has 300 s (.chalice/config.json): the rest is for the last part, the mail and the end of the action.
MOST_SECONDS = 270.0
_NOTED_EVERY = 2000

# How the file is kept; JSON beyond 1,000 records is written as JSON lines, which the name of the download says.
FORMATS = {
    "json": Format("json", "application/json"),
    "csv": Format("zip", "application/zip"),
    "pdf": Format("pdf", "application/pdf"),
}


class ExportTooLargeError(TooLargeError):
    code = "EXPORT_TOO_LARGE"
    message = "This export takes longer than one may: ask for fewer data types at a time, or for another format."


def run(action: Action) -> Action:
    """Writes the export that the action's metadata asks for, delivers it, and ends the action.

    `result` counts the records by table; where an e-mail was asked for, it says whether that was sent.

    Raises:
        ActionFinishedError: it has ended already, or its user has been erased.
        ExportTooLargeError: it takes more than MOST_SECONDS.
        NotFoundError, PermissionDeniedError: its user is gone, or may no longer export.
    """
    begun = _Run(action, time.monotonic() + MOST_SECONDS)
    file = _written(action, begun)
    result: dict[str, Any] = {"records": dict(begun.records)}
    if "email" in action.metadata:
        result["emailSent"] = _is_mailed(str(action.metadata["email"]), file)
    try:
        return actions.complete(action, files=[file], result=result)
    except actions.ActionFinishedError:
        _discard_if_erased(action, file)
        raise


@dataclass
class _Run:
    """Counts the records on their way by table, notes how many they are, and stops at `ends` (monotonic seconds)."""

    action: Action
    ends: float
    records: Counter[str] = field(default_factory=Counter)

    def counted(self, table: Table) -> Table:
        return replace(table, rows=self._through(table.name, table.rows))

    def _through(self, name: str, rows: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        self.records[name] = 0
        for row in rows:
            if time.monotonic() > self.ends:
                raise ExportTooLargeError
            yield row
            self.records[name] += 1
            if self.records.total() % _NOTED_EVERY == 0:
                self.note()

    def note(self) -> None:
        actions.note_progress(self.action, self.records.total())


def _written(action: Action, begun: _Run) -> File:
    asked, kept = action.metadata, FORMATS[action.metadata["format"]]
    said = readable if asked["format"] == "pdf" else contents
    tables = [begun.counted(table) for table in said.tables(_owner(action), asked["dataTypes"])]
    about = {"exportId": action.action_id, "createdAt": ids.now(), "dataTypes": list(asked["dataTypes"])}
    key = f"exports/{action.user_id}/{action.action_id}.{kept.extension}"
    with objects.open_writer(config.get("S3_OUTPUT_BUCKET"), key, kept.media_type) as out:
        written = write(out, asked["format"], tables, about)
    begun.note()
    return File(f"export-{action.action_id}.{written.extension}", written.extension, key, out.size)


def write(out: Sink, file_format: str, tables: Sequence[Table], about: Mapping[str, Any]) -> Format:
    """The tables in one of FORMATS; `about` has exportId, createdAt and dataTypes."""
    if file_format == "json":
        return write_json(out, tables, about)
    if file_format == "csv":
        return write_csv(out, tables)
    return write_pdf(out, Report("Data export", about["createdAt"], tables=tables))


def _owner(action: Action) -> User:
    """The user as they now are: rights may have gone since the export was asked for."""
    user = users.find(action.user_id)
    if user is None:
        raise NotFoundError("This account is no longer there.")
    if not user.is_active:
        raise AccountNotActiveError
    if not user.can_export_data:
        raise refusal_of(can_export)
    return user


def _is_mailed(address: str, file: File) -> bool:
    """Whether SES took the mail. The export is there without it, so what goes wrong here fails nothing."""
    minutes = objects.link_seconds() // 60
    text = (
        "The data export that was asked for in your Darkroom account is ready:\n\n"
        f"{file.url}\n\n"
        f"Whoever has this link can read the export. It works for {minutes} minutes; "
        "after that, the action in your account gives a new one.\n"
    )
    try:
        mail.send(address, "Your data export is ready", text)
    except Exception as error:
        log.warning("EXPORT_NOT_MAILED", error)
        return False
    return True


def _discard_if_erased(action: Action, file: File) -> None:
    """An erasure removes the action and then lists its files: what it did not see, we see here."""
    try:
        actions.get(action.user_id, action.action_id)
    except actions.ActionNotFoundError:
        objects.delete_all(config.get("S3_OUTPUT_BUCKET"), file.key)
