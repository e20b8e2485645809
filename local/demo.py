"""The demo: a new user signs up, uploads photos, watches their processing, and downloads the variants."""

import argparse
import contextlib
import itertools
import mimetypes
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from infra.settings import state_folder
from local import sample
from local.accounts import ADMIN, PASSWORD, USER
from local.demo_api import Api, DemoError, Photo

OUTPUT = state_folder() / "demo"
URL = "http://127.0.0.1:8000"
STATES = ["UPLOADING", "PENDING", "UPLOADED", "PROCESSING", "COMPLETED"]
_TIMEOUT_SECONDS = 120
_POLL_SECONDS = 0.05
_PARALLEL_UPLOADS = 8
_NEXT = f"""
What next:
  make demo PHOTOS="a.jpg b.png"   sends photos of your own
  make run                         keeps Darkroom running, at {URL}, with two accounts:
                                   {USER} and {ADMIN}, password {PASSWORD}
  docs/tour.md                     sends requests to it with curl, one after the other
  make test                        installs the tools for checks and tests, and runs them"""


@dataclass
class Upload:
    """A photo's upload. `states`: the states seen, each with the seconds since the photo was in S3."""

    photo: Photo
    states: list[tuple[str, float]] = field(default_factory=list)
    image: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def variants(self) -> list[dict[str, Any]]:
        return list(self.image.get("variants", ()))

    @property
    def state(self) -> str:
        return self.states[-1][0] if self.states else "REFUSED"

    @property
    def time(self) -> str:
        return f"{self.states[-1][1]:.2f} s" if self.states else ""


def run_demo(argv: list[str]) -> int:
    """Run the demo; the exit status: 0 if every photo was processed, else 1 after printing what failed."""
    options = _parse_options(argv)
    console = Console(highlight=False)
    folder = options.output.absolute()
    try:
        with _photos(options.photos, console) as photos, _darkroom_url(options, console) as url:
            uploads = _upload_all(Api(url), photos(), console)
            _download_variants(uploads, folder)
        _print_report(uploads, folder, console)
    except DemoError as error:
        print(f"The demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("The demo was stopped.", file=sys.stderr)
        return 130
    failed = [each for each in uploads if each.error]
    for each in failed:
        print(f"{each.photo.name}: {each.error}", file=sys.stderr)
    if failed:
        return 1
    console.print(_NEXT, soft_wrap=True)
    return 0


def _parse_options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local demo", description="Send photos through Darkroom and write the variants to a folder."
    )
    parser.add_argument("photos", nargs="*", type=Path, metavar="PHOTO", help="default: a sample that is drawn")
    parser.add_argument("--url", default=URL, help=f"a running Darkroom (default: {URL}, where make run starts it)")
    parser.add_argument("--start", action="store_true", help="start one for the demo instead, on free ports")
    parser.add_argument("--output", type=Path, default=OUTPUT, help=f"the folder for the variants ({OUTPUT})")
    return parser.parse_args(argv)


@contextlib.contextmanager
def _photos(paths: list[Path], console: Console) -> Iterator[Callable[[], list[Photo]]]:
    """A function that returns the photos. Without paths a sample is drawn while the block runs."""
    if paths:
        photos = _read_photos(paths)
        yield lambda: photos
        return
    console.print("Drawing a sample picture (12 megapixels) …")
    with ThreadPoolExecutor(1) as thread:
        drawn = thread.submit(sample.jpeg)
        yield lambda: [Photo("dusk.jpg", "image/jpeg", drawn.result(), "dusk")]


def _read_photos(paths: list[Path]) -> list[Photo]:
    photos: list[Photo] = []
    for path in paths:
        media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        try:
            photos.append(Photo(path.name, media_type, path.read_bytes(), _title(path, photos)))
        except OSError as error:
            raise DemoError(f"{path} cannot be read: {error.strerror}") from error
    return photos


def _title(path: Path, others: list[Photo]) -> str:
    """The file's name without its extension, with a number if another photo has the same."""
    taken = {photo.title for photo in others}
    numbered = (f"{path.stem}-{number}" for number in itertools.count(2))
    return next(title for title in itertools.chain([path.stem], numbered) if title not in taken)


@contextlib.contextmanager
def _darkroom_url(options: argparse.Namespace, console: Console) -> Iterator[str]:
    """The API's address; with --start it runs as long as the block."""
    if not options.start:
        yield options.url
        return
    # A running Darkroom needs no import of the embedded AWS here.
    from local.errors import MachineError
    from local.machine import LOGS, Machine
    from local.shell_settings import settings_from_shell

    console.print("Starting the embedded AWS and the API …")
    started = time.monotonic()
    try:
        settings = settings_from_shell(os.environ)
    except MachineError as error:
        raise DemoError(str(error)) from None
    with Machine(settings=settings, logs=LOGS / "demo") as machine:
        console.print(f"Running at {machine.api_url} after {time.monotonic() - started:.1f} s.")
        yield machine.api_url


def _upload_all(api: Api, photos: list[Photo], console: Console) -> list[Upload]:
    console.print(f"Signed up, verified and signed in as {api.sign_in_as_new_user()}.")
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        TextColumn("{task.fields[state]:<10}"),
        TimeElapsedColumn(),
        console=console,
    )
    with progress, ThreadPoolExecutor(_PARALLEL_UPLOADS) as pool:

        def upload(photo: Photo, task: TaskID) -> Upload:
            seen: set[str] = set()

            def show(state: str) -> None:
                progress.update(task, completed=STATES.index(state) if state in STATES else 4, state=state)
                if not console.is_terminal and state not in seen:
                    console.print(f"  {escape(photo.name)}: {state}")
                seen.add(state)

            return _upload(api, photo, show)

        tasks = [progress.add_task(escape(photo.name[:40]), total=4, state=STATES[0]) for photo in photos]
        return list(pool.map(upload, photos, tasks))


def _upload(api: Api, photo: Photo, show: Callable[[str], None]) -> Upload:
    """Upload one photo and follow its processing; an error stops no other photo."""
    upload = Upload(photo)
    try:
        _follow(api, api.upload(photo), upload, show)
    except DemoError as error:
        upload.error = str(error)
    if upload.state == "FAILED":
        upload.error = f"{upload.image['reason']['message']} ({upload.image['reason']['code']})"
    show(upload.state)
    return upload


def _follow(api: Api, image_id: str, upload: Upload, show: Callable[[str], None]) -> None:
    stored_at = time.monotonic()
    while time.monotonic() - stored_at < _TIMEOUT_SECONDS:
        upload.image = api.image(image_id)
        state = upload.image["status"]
        if upload.state != state:
            upload.states.append((state, time.monotonic() - stored_at))
            show(state)
        if state in ("COMPLETED", "FAILED"):
            return
        time.sleep(_POLL_SECONDS)
    raise DemoError(f"not finished after {_TIMEOUT_SECONDS} s")


def _download_variants(uploads: list[Upload], folder: Path) -> None:
    for upload in uploads:
        for variant in upload.variants:
            response = requests.get(variant["url"], timeout=30)
            if response.status_code != 200 or len(response.content) != variant["fileSize"]:
                raise DemoError(f"the variant {variant['name']} of {upload.photo.name} could not be fetched")
            try:
                folder.mkdir(parents=True, exist_ok=True)
                _variant_path(upload, variant, folder).write_bytes(response.content)
            except OSError as error:
                raise DemoError(f"{folder} cannot be written to: {error.strerror}") from error


def _variant_path(upload: Upload, variant: dict[str, Any], folder: Path) -> Path:
    return folder / f"{upload.photo.title}-{variant['name']}.{variant['s3Key'].rpartition('.')[2]}"


def _print_report(uploads: list[Upload], folder: Path, console: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD)
    # A long file name continues on the next line.
    table.add_column("file", overflow="fold")
    for heading in ("dimensions", "bytes", "time"):
        table.add_column(heading, justify="right", no_wrap=True)
    for upload in uploads:
        metadata = upload.image.get("metadata")
        dimensions = f"{metadata['width']}x{metadata['height']}" if metadata else ""
        original = escape(upload.photo.name) + ("" if upload.state == "COMPLETED" else f" ({upload.state})")
        table.add_row(original, dimensions, f"{len(upload.photo.data):,}", upload.time)
        for variant in upload.variants:
            name = _variant_path(upload, variant, folder).name
            table.add_row(f"  {escape(name)}", variant["dimensions"], f"{variant['fileSize']:,}", "")
    # A path is printed in one line, so that it can be copied.
    console.print(f"Files in {escape(str(folder))}:", soft_wrap=True)
    console.print(table)
    for upload in (each for each in uploads if each.states):
        states = " → ".join(f"{state} {seconds:.2f} s" for state, seconds in upload.states)
        console.print(f"{escape(upload.photo.name)}, since its upload: {states}", soft_wrap=True)
