"""Making an export: rows go from the tables into the file as they are read, so memory does not grow with them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib import images
from chalicelib.accounts.models import AccountGoneError, User, find_user
from chalicelib.accounts.permissions import can_export
from chalicelib.actions import lifecycle
from chalicelib.actions.exporting import contents, fonts, readable
from chalicelib.actions.kinds import OutOfTimeError
from chalicelib.actions.models import Action, File
from chalicelib.core import ids, log
from chalicelib.core.aws import objects
from chalicelib.core.aws.grants import DynamoDBOperation, S3Operation, SESOperation, required_env_vars
from chalicelib.core.deadline import Deadline
from chalicelib.core.errors import AccountNotActiveError, PermissionDeniedError, TooLargeError, raises
from chalicelib.core.http.operations import refusal_of
from chalicelib.core.settings import Settings
from chalicelib.documents import Format, Report, Sink, Table, write_csv, write_json, write_pdf
from chalicelib.notify import email

_PROGRESS_EVERY = 2000
_MAX_CHARACTERS_LOGGED = 50

# The file's extension and media type. JSON beyond 1,000 records is JSON lines; the name of the download says so.
FORMATS = {
    "json": Format("json", "application/json"),
    "csv": Format("zip", "application/zip"),
    "pdf": Format("pdf", "application/pdf"),
}


class ExportTooLargeError(OutOfTimeError, TooLargeError):
    code = "EXPORT_TOO_LARGE"
    message = "This export takes longer than one may: ask for fewer data types at a time, or for another format."


@required_env_vars(
    lifecycle.complete,
    lifecycle.get,
    lifecycle.all_of,
    images.output_link,
    fonts.load,
    {
        "USERS_TABLE": [DynamoDBOperation.GET_ITEM],
        "API_KEYS_TABLE": [DynamoDBOperation.QUERY_INDEX],
        "DAILY_TABLE": [DynamoDBOperation.QUERY],
        "IMAGES_TABLE": [DynamoDBOperation.QUERY, DynamoDBOperation.GET_ITEM],
        "S3_OUTPUT_BUCKET": [
            S3Operation.CREATE_MULTIPART_UPLOAD,
            S3Operation.UPLOAD_PART,
            S3Operation.COMPLETE_MULTIPART_UPLOAD,
            S3Operation.ABORT_MULTIPART_UPLOAD,
            S3Operation.LIST_OBJECT_VERSIONS,
            S3Operation.DELETE_OBJECTS,
        ],
        "SENDER_EMAIL": [SESOperation.SEND_RAW_EMAIL],
    },
)
@raises(AccountGoneError, PermissionDeniedError)
def run(action: Action, deadline: Deadline) -> Action:
    """Writes the export that the action's metadata asks for, delivers it, and ends the action.

    `result` counts the records by table. With an e-mail in the metadata it also tells whether that was sent.

    Raises:
        ActionFinishedError: it has ended already, or its user has been erased.
        ExportTooLargeError: not all rows were written before the deadline.
        NotFoundError, PermissionDeniedError: its user is gone, or may no longer export.
    """
    progress = _Progress(action, deadline)
    file = _write_file(action, progress)
    result: dict[str, Any] = {"records": dict(progress.records)}
    if "email" in action.metadata:
        result["emailSent"] = _send_link(str(action.metadata["email"]), file)
    try:
        return lifecycle.complete(action, files=[file], result=result)
    except lifecycle.ActionFinishedError:
        _discard_if_erased(action, file)
        raise


@dataclass
class _Progress:
    """Counts the records by table as they are written, saves their number now and then, and stops at the deadline."""

    action: Action
    deadline: Deadline
    records: Counter[str] = field(default_factory=Counter)

    def watch(self, table: Table) -> Table:
        return replace(table, rows=self._counted(table.name, table.rows))

    def _counted(self, name: str, rows: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        self.records[name] = 0
        for row in rows:
            self.deadline.check(ExportTooLargeError())
            yield row
            self.records[name] += 1
            if self.records.total() % _PROGRESS_EVERY == 0:
                lifecycle.save_progress(self.action, self.records.total())


def _write_file(action: Action, progress: _Progress) -> File:
    file_format, data_types = action.metadata["format"], action.metadata["dataTypes"]
    form = FORMATS[file_format]
    source = readable if file_format == "pdf" else contents
    tables = [progress.watch(table) for table in source.tables(_owner(action), data_types)]
    about = {"exportId": action.action_id, "createdAt": ids.now(), "dataTypes": list(data_types)}
    key = f"exports/{action.user_id}/{action.action_id}.{form.extension}"
    with objects.open_writer(Settings.S3_OUTPUT_BUCKET.get(), key, form.media_type) as out:
        written = write(out, file_format, tables, about)
    lifecycle.save_progress(action, progress.records.total())
    return File(f"export-{action.action_id}.{written.extension}", written.extension, key, out.size)


def write(out: Sink, file_format: str, tables: Sequence[Table], about: Mapping[str, Any]) -> Format:
    """The tables in one of FORMATS; `about` has exportId, createdAt and dataTypes."""
    if file_format == "json":
        return write_json(out, tables, about)
    if file_format == "csv":
        return write_csv(out, tables)
    return _write_pdf(out, Report("Data export", about["createdAt"], tables=tables))


def _write_pdf(out: Sink, report: Report) -> Format:
    """Names the characters that no font has in the log, without the text around them."""
    # Imported late, as the writers are.
    from chalicelib.documents.fonts import Fonts

    used = Fonts(fonts.load)
    form = write_pdf(out, report, used)
    if used.missing:
        characters = [f"U+{ord(each):04X}" for each in sorted(used.missing)[:_MAX_CHARACTERS_LOGGED]]
        log.warning("CHARACTERS_NOT_DRAWN", setting="FONTS_PREFIX", count=len(used.missing), characters=characters)
    return form


def _owner(action: Action) -> User:
    """The action's user as stored now: the right to export may have been taken away since the request."""
    user = find_user(action.user_id)
    if user is None:
        raise AccountGoneError
    if not user.is_active:
        raise AccountNotActiveError
    if not user.can_export_data:
        raise refusal_of(can_export)
    return user


def _send_link(address: str, file: File) -> bool:
    """Whether SES took the e-mail. The export is stored in any case, so an error here fails nothing."""
    minutes = Settings.LINK_EXPIRY_SECONDS.get() // 60
    text = (
        "The data export that was asked for in your Darkroom account is ready:\n\n"
        f"{file.url}\n\n"
        f"Whoever has this link can read the export. It works for {minutes} minutes; "
        "after that, the action in your account gives a new one.\n"
    )
    try:
        email.send(address, "Your data export is ready", text)
    except Exception as error:
        log.warning("EXPORT_NOT_MAILED", error)
        return False
    return True


def _discard_if_erased(action: Action, file: File) -> None:
    """An erasure removes the action and then lists its files: it may have missed this file."""
    try:
        lifecycle.get(action.user_id, action.action_id)
    except lifecycle.ActionNotFoundError:
        objects.delete_all(Settings.S3_OUTPUT_BUCKET.get(), file.key)
