"""upload: files and folders."""

from pathlib import Path

import click

from darkroom import options
from darkroom.api import Api
from darkroom.errors import ExitCode
from darkroom.output import Output, counted, printable
from darkroom.uploads import selection
from darkroom.uploads.run import File, Upload

_MOST_PARALLEL = 16
_OUTCOMES = {
    "sent": "sent",
    "there": "already there",
    "same": "with the same content as another",
    "refused": "refused",
    "failed": "failed",
    "": "not sent",
}


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="FILE|FOLDER...", type=click.Path(path_type=Path))
@click.option(
    "--parallel",
    type=click.IntRange(1, _MOST_PARALLEL),
    default=4,
    show_default=True,
    metavar="N",
    help="How many files at once.",
)
@options.of_input(
    "create_upload", "preset", help="How the variants are made: a preset that darkroom presets lists.", metavar="NAME"
)
@click.option("--no-wait", is_flag=True, help="Do not wait until the images are finished.")
@options.connected
def upload(api: Api, out: Output, paths: tuple[Path, ...], parallel: int, preset: str | None, no_wait: bool) -> int:
    """Send files, and the pictures in folders, and wait until their variants are made.

    What is there already is not sent: each content is known by its SHA-256. With --preset, it is sent again if its
    image was made by another preset. After Ctrl-C or a loss of the network, the
    same command goes on where it stopped. Files that are refused are printed with their reasons.
    """
    missing = [each for each in paths if not each.exists()]
    if missing:
        raise click.UsageError(f"There is no {missing[0]}.")
    chosen, others = selection.select(paths)
    work = Upload(api, [File(each) for each in chosen], lambda now: _show(out, now), not no_wait, parallel, preset)
    try:
        work.run()
    except KeyboardInterrupt:
        out.clear_status()
        raise KeyboardInterrupt("Run the same command again: it goes on from here.") from None
    if others:
        out.note(f"{counted(len(others), 'other file')} of the folders left out: not pictures.")
    out.answer(_document(work), _text(work))
    if work.error is not None:
        out.note(f"darkroom: {work.error.line}\nRun the same command again: it goes on from here.")
        return work.error.exit_code
    return ExitCode.DONE if work.is_done else ExitCode.FAILED


def _show(out: Output, work: Upload) -> None:
    total = len(work.files)
    sent = sum(bool(each.outcome) for each in work.files)
    ended = total - len(work.unfinished())
    refused = sum(each.reason is not None for each in work.files)
    words = f"{sent} of {total} files sent" if sent < total else f"{ended} of {total} images finished"
    out.status(f"{words}, {refused} refused" if refused else words)


def _document(work: Upload) -> dict[str, object]:
    counts = {outcome or "not tried": count for outcome, count in work.counts().items()}
    files = [each.document() for each in work.files]
    error = {} if work.error is None else work.error.document()
    return {**error, "success": work.is_done, "files": files, "counts": counts}


def _text(work: Upload) -> str:
    unfinished = work.unfinished() if work.wait and work.error is None else []
    lines = [f"{each.path}: {_reason(each)}" for each in work.files if each.reason is not None]
    lines += [f"{each.path}: {each.image_id} is still {each.status or 'under way'}" for each in unfinished]
    counts = work.counts()
    summary = [f"{counts[outcome]} {words}" for outcome, words in _OUTCOMES.items() if counts.get(outcome)]
    return printable(
        "\n".join([*lines, f"{counted(len(work.files), 'file')}: {', '.join(summary) or 'nothing to send'}."])
    )


def _reason(file: File) -> str:
    reason = file.reason or {}
    return f"{file.outcome}: {reason.get('message')} ({reason.get('code')})"
