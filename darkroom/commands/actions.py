"""process, export, report and actions: work on images and data, and what it made."""

import json
from pathlib import Path
from typing import Any

import click

from darkroom import files, options
from darkroom.api import Answer, Api
from darkroom.errors import DarkroomError, ExitCode
from darkroom.options import id_argument, of_input
from darkroom.output import Output, bytes_in_words, printable, table, time_in_words
from darkroom.waiting import pauses

LONGEST_WAIT_SECONDS = 900


@click.group(cls=options.Group)
def process() -> None:
    """Resize, convert or analyze finished images."""


@process.command()
@id_argument("images", many=True)
@of_input("process_file", "options.width", help="Pixels. With --height too, --fit says what fits.")
@of_input("process_file", "options.height", help="Pixels.")
@of_input("process_file", "options.fit", help="contain: the whole picture; cover: cut to size; fill: stretched.")
@of_input("process_file", "options.format")
@of_input("process_file", "options.quality")
@options.TO
@options.NO_WAIT
@options.connected
def resize(
    api: Api, out: Output, images: tuple[str, ...], to: str, no_wait: bool, format_: str | None, **given: Any
) -> int:
    """Make images of another size."""
    if given["width"] is None and given["height"] is None:
        raise click.UsageError("Name --width, --height or both.")
    return _process(api, out, "resize", images, {**given, "format": format_}, None if no_wait else to)


@process.command()
@id_argument("images", many=True)
@of_input("process_file", "options.format", required=True, help="The new format.")
@of_input("process_file", "options.quality")
@options.TO
@options.NO_WAIT
@options.connected
def convert(
    api: Api, out: Output, images: tuple[str, ...], to: str, no_wait: bool, format_: str, quality: int | None
) -> int:
    """Make images of another format."""
    return _process(api, out, "convert", images, {"format": format_, "quality": quality}, None if no_wait else to)


@process.command()
@id_argument("images", many=True)
@options.NO_WAIT
@options.connected
def analyze(api: Api, out: Output, images: tuple[str, ...], no_wait: bool) -> int:
    """Measure images: colors, brightness, sharpness."""
    started = _start(api, "analyze", images, {})
    found = [_action(api, each) if no_wait else _wait(api, out, each) for each in started]
    out.answer({"success": not _failed(found), "actions": found}, "\n".join(_analysis(each) for each in found))
    return ExitCode.FAILED if _failed(found) else ExitCode.DONE


def _analysis(action: Answer) -> str:
    """What people want to know first; --json has the rest."""
    found = action["result"]
    if "dominantColors" not in found:
        return _line(action)
    colors = ", ".join(f"{each['color']} {each['share']:.0%}" for each in found["dominantColors"])
    size = f"{found['width']}x{found['height']} {found['format']}, {bytes_in_words(found['fileSize'])}"
    light = f"brightness {found['brightness']:.2f}, contrast {found['contrast']:.2f}"
    return printable(f"{action['metadata']['fileId']}: {size}\n  {light}, sharpness {found['sharpness']:g}\n  {colors}")


def _process(api: Api, out: Output, kind: str, images: tuple[str, ...], given: dict[str, Any], to: str | None) -> int:
    return _finish(api, out, _start(api, kind, images, given), to)


def _start(api: Api, kind: str, images: tuple[str, ...], given: dict[str, Any]) -> list[str]:
    """The ids of the new actions."""
    chosen = {name: value for name, value in given.items() if value is not None} or None
    return [api.call("process_file", fileId=each, processingType=kind, options=chosen)["jobId"] for each in images]


@click.command()
@of_input(
    "export_data", "dataTypes", "--data", "data_types", help=f"What to export; all, if it is left out. {options.REPEAT}"
)
@of_input("export_data", "format", default="json", show_default=True)
@of_input("export_data", "email")
@options.TO
@options.NO_WAIT
@options.connected
def export(
    api: Api, out: Output, data_types: tuple[str, ...], format_: str, email: str | None, to: str, no_wait: bool
) -> int:
    """Export your profile, activities and files."""
    kinds = list(data_types) or options.choices("export_data", "dataTypes")
    made = api.call("export_data", dataTypes=kinds, format=format_, email=email)
    return _finish(api, out, [made["exportId"]], None if no_wait or email else to)


@click.command()
@click.argument("kind", type=click.Choice(options.choices("generate_report", "reportType")))
@of_input("generate_report", "dateRange.start", "--from", "start", required=True)
@of_input("generate_report", "dateRange.end", "--until", "end", required=True)
@of_input("generate_report", "formats", "--format", "formats", help=f"JSON is always made too. {options.REPEAT}")
@of_input("generate_report", "filters.userId", "--user", "user_id")
@of_input("generate_report", "filters.operation")
@of_input("generate_report", "filters.includeInactive")
@options.TO
@options.NO_WAIT
@options.connected
def report(
    api: Api,
    out: Output,
    kind: str,
    start: str,
    end: str,
    formats: tuple[str, ...],
    user_id: str | None,
    operation: str | None,
    include_inactive: bool | None,
    to: str,
    no_wait: bool,
) -> int:
    """Make a report on usage, images and users, or a summary. For administrators."""
    chosen = {"userId": user_id, "operation": operation, "includeInactive": include_inactive}
    filters = {name: value for name, value in chosen.items() if value is not None}
    made = api.call(
        "generate_report",
        reportType=kind,
        dateRange={"start": start, "end": end},
        formats=list(formats) or None,
        filters=filters or None,
    )
    return _finish(api, out, [made["reportId"]], None if no_wait else to)


@click.group(cls=options.Group)
def actions() -> None:
    """List earlier work, and download what it made."""


@actions.command("list")
@of_input("list_actions", "status")
@options.limit(20)
@options.connected
def list_actions(api: Api, out: Output, status: str | None, limit: int) -> None:
    """List your actions, newest first."""
    found = list(api.pages("list_actions", limit, status=status))
    rows = [
        (each["actionId"], each["actionType"], each["status"], time_in_words(each["createdAt"]), _reason(each))
        for each in found
    ]
    text = table(("action", "type", "status", "created", "reason"), rows, "There are no such actions.")
    out.answer({"success": True, "items": found}, text)


@actions.command("get")
@id_argument("actions", many=True)
@options.TO
@options.connected
def get_action(api: Api, out: Output, actions: tuple[str, ...], to: str) -> int:
    """Wait for actions, and download their files."""
    return _finish(api, out, list(actions), to)


def _finish(api: Api, out: Output, started: list[str], to: str | None) -> int:
    """Wait for actions, download their files into a folder and print them; with no folder, print them as they are."""
    found = [_wait(api, out, each) if to is not None else _action(api, each) for each in started]
    saved = [each for action in found for each in files.of_action(action, Path(to))] if to is not None else []
    files.fetch_all(api, saved, lambda download: out.status(f"{download.path.name} is there"))
    document = {"success": not _failed(found), "actions": found, "files": [str(each.path) for each in saved]}
    sizes = [f"{each.path}  {bytes_in_words(each.size)}" for each in saved]
    out.answer(document, "\n".join([*sizes, *(_line(each) for each in found if to is None or not each["files"])]))
    return ExitCode.FAILED if _failed(found) else ExitCode.DONE


def _failed(found: list[Answer]) -> bool:
    return any(each["status"] == "FAILED" for each in found)


def _wait(api: Api, out: Output, action_id: str) -> Answer:
    for _ in pauses(LONGEST_WAIT_SECONDS):
        action = _action(api, action_id)
        if action["status"] != "PENDING":
            return action
        done = f", {action['progress']} {action['progressUnit']}" if action["progress"] else ""
        out.status(f"{action_id} is under way{done}")
    raise DarkroomError(f"{action_id} is still under way. Fetch it later: darkroom actions get {action_id}")


def _action(api: Api, action_id: str) -> Answer:
    action: Answer = api.call("get_action", actionId=action_id)["action"]
    return action


def _line(action: Answer) -> str:
    """An action that made no file: its result, or why it failed."""
    if action["status"] == "COMPLETED" and action["result"]:
        return printable(json.dumps(action["result"], indent=2, ensure_ascii=False))
    return printable(f"{action['actionId']}: {action['status']}{': ' if action['reason'] else ''}{_reason(action)}")


def _reason(action: Answer) -> str:
    reason = action["reason"]
    return f"{reason['message']} ({reason['code']})" if reason else ""
