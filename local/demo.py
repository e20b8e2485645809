"""The demonstration: a new user signs up, sends pictures, watches them being processed, and takes the variants home."""

import argparse
import contextlib
import itertools
import mimetypes
import secrets
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

from local import sample

OUTPUT = Path("demo-output")
URL = "http://127.0.0.1:8000"
_STATES = ["UPLOADING", "PENDING", "UPLOADED", "PROCESSING", "COMPLETED"]
_PATIENCE_SECONDS = 120
_ASK_EVERY_SECONDS = 0.05
_AT_ONCE = 8


class DemoError(Exception):
    """What went wrong, in a sentence for the person at the keyboard."""


@dataclass(frozen=True)
class Photo:
    """A picture to send: its name, media type and bytes; and what its variants' files are named for."""

    name: str
    media_type: str
    data: bytes
    title: str


@dataclass
class Sent:
    """One picture's way: the states it was seen in, each with the seconds since its bytes were in S3."""

    photo: Photo
    states: list[tuple[str, float]] = field(default_factory=list)
    image: dict[str, Any] = field(default_factory=dict)
    fault: str = ""

    @property
    def variants(self) -> list[dict[str, Any]]:
        return list(self.image.get("variants", ()))

    @property
    def state(self) -> str:
        return self.states[-1][0] if self.states else "REFUSED"

    @property
    def time(self) -> str:
        return f"{self.states[-1][1]:.2f} s" if self.states else ""


class Api:
    """A user's view of a running Darkroom: its routes, by HTTP."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._headers: dict[str, str] = {}

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer of a route. Raises DemoError with the route's own message where it refuses."""
        try:
            reply = requests.request(method, self._url + path, json=body, headers=self._headers, timeout=30)
            answer: dict[str, Any] = reply.json()
        except (requests.RequestException, ValueError) as error:
            why = f"{self._url} gave no answer to {method} {path}; is it running? (make run, or --start)"
            raise DemoError(why) from error
        if not answer.get("success"):
            raise DemoError(f"{method} {path} answered {reply.status_code}: {answer.get('message')}")
        return answer

    def sign_in_as_new_user(self) -> str:
        """Signs a new user up, verifies and signs them in; gives their address."""
        email = f"demo-{secrets.token_hex(4)}@example.com"
        password = f"Demo-{secrets.token_urlsafe(12)}-2026!"
        self.call("POST", "/auth/signup", {"email": email, "password": password, "name": "Demo"})
        self.call("POST", "/auth/verify", {"email": email, "code": "123456"})
        tokens = self.call("POST", "/auth/signin", {"email": email, "password": password})
        self._headers = {"Authorization": f"Bearer {tokens['accessToken']}"}
        return email

    def upload(self, photo: Photo) -> str:
        """Sends a picture by the presigned request that the platform gives; the image's id."""
        announced = {"fileName": photo.name, "fileType": photo.media_type, "fileSize": len(photo.data)}
        answer = self.call("POST", "/upload", announced)
        try:
            put = requests.put(answer["uploadUrl"], data=photo.data, headers=answer["headers"], timeout=60)
        except requests.RequestException as error:
            raise DemoError(f"{photo.name} could not be sent: {type(error).__name__}") from error
        if put.status_code != 200:
            raise DemoError(f"S3 refused {photo.name} with {put.status_code}")
        return str(answer["imageId"])

    def image(self, image_id: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.call("GET", f"/images/{image_id}")["image"]
        return shown


def run_demo(argv: list[str]) -> int:
    """Runs the demonstration; 0 where every picture came through, otherwise 1 after saying what did not."""
    options = _options(argv)
    console = Console(highlight=False)
    try:
        photos = _photos(options.photos, console)
        with _running(options, console) as url:
            sent = _send_all(Api(url), photos, console)
            _write(sent, options.output)
        _report(sent, options.output, console)
    except DemoError as error:
        print(f"The demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("The demo was stopped.", file=sys.stderr)
        return 130
    failed = [each for each in sent if each.fault]
    for each in failed:
        print(f"{each.photo.name}: {each.fault}", file=sys.stderr)
    return 1 if failed else 0


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local demo", description="Send photos through Darkroom and write the variants to a folder."
    )
    parser.add_argument("photos", nargs="*", type=Path, metavar="PHOTO", help="a drawn sample where none is named")
    parser.add_argument("--url", default=URL, help=f"the Darkroom that runs already ({URL}, where make run starts it)")
    parser.add_argument("--start", action="store_true", help="start one for the demo instead, on free ports")
    parser.add_argument("--output", type=Path, default=OUTPUT, help=f"where the variants go ({OUTPUT}/)")
    return parser.parse_args(argv)


def _photos(paths: list[Path], console: Console) -> list[Photo]:
    if not paths:
        console.print("Drawing a sample picture (12 megapixels) …")
        return [Photo("dusk.jpg", "image/jpeg", sample.jpeg(), "dusk")]
    photos: list[Photo] = []
    for path in paths:
        media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        try:
            photos.append(Photo(path.name, media_type, path.read_bytes(), _title(path, photos)))
        except OSError as error:
            raise DemoError(f"{path} cannot be read: {error.strerror}") from error
    return photos


def _title(path: Path, others: list[Photo]) -> str:
    """The file's name without its ending, and a number behind it where another photo is called the same."""
    taken = {photo.title for photo in others}
    numbered = (f"{path.stem}-{number}" for number in itertools.count(2))
    return next(title for title in itertools.chain([path.stem], numbered) if title not in taken)


@contextlib.contextmanager
def _running(options: argparse.Namespace, console: Console) -> Iterator[str]:
    if not options.start:
        yield options.url
        return
    # Only where it is wanted: sending to a running Darkroom needs nothing of the embedded AWS.
    from local.machine import LOGS, Machine

    console.print("Starting the embedded AWS and the API …")
    started = time.monotonic()
    with Machine(logs=LOGS / "demo") as machine:
        console.print(f"Running at {machine.api_url} after {time.monotonic() - started:.1f} s.")
        yield machine.api_url


def _send_all(api: Api, photos: list[Photo], console: Console) -> list[Sent]:
    console.print(f"Signed up, verified and signed in as {api.sign_in_as_new_user()}.")
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        TextColumn("{task.fields[state]:<10}"),
        TimeElapsedColumn(),
        console=console,
    )
    with progress, ThreadPoolExecutor(_AT_ONCE) as pool:

        def send(photo: Photo, task: TaskID) -> Sent:
            seen: set[str] = set()

            def show(state: str) -> None:
                progress.update(task, completed=_STATES.index(state) if state in _STATES else 4, state=state)
                if not console.is_terminal and state not in seen:
                    console.print(f"  {escape(photo.name)}: {state}")
                seen.add(state)

            return _send(api, photo, show)

        tasks = [progress.add_task(escape(photo.name[:40]), total=4, state=_STATES[0]) for photo in photos]
        return list(pool.map(send, photos, tasks))


def _send(api: Api, photo: Photo, show: Callable[[str], None]) -> Sent:
    """Sends one picture and follows it to its end; what goes wrong with it stops no other."""
    sent = Sent(photo)
    try:
        _follow(api, api.upload(photo), sent, show)
    except DemoError as error:
        sent.fault = str(error)
    if sent.state == "FAILED":
        sent.fault = f"{sent.image['reason']['message']} ({sent.image['reason']['code']})"
    show(sent.state)
    return sent


def _follow(api: Api, image_id: str, sent: Sent, show: Callable[[str], None]) -> None:
    stored = time.monotonic()
    while time.monotonic() - stored < _PATIENCE_SECONDS:
        sent.image = api.image(image_id)
        state = sent.image["status"]
        if sent.state != state:
            sent.states.append((state, time.monotonic() - stored))
            show(state)
        if state in ("COMPLETED", "FAILED"):
            return
        time.sleep(_ASK_EVERY_SECONDS)
    raise DemoError(f"not finished after {_PATIENCE_SECONDS} s")


def _write(sent: list[Sent], folder: Path) -> None:
    for each in sent:
        for variant in each.variants:
            answer = requests.get(variant["url"], timeout=30)
            if answer.status_code != 200 or len(answer.content) != variant["fileSize"]:
                raise DemoError(f"the variant {variant['name']} of {each.photo.name} could not be fetched")
            try:
                folder.mkdir(parents=True, exist_ok=True)
                _file(each, variant, folder).write_bytes(answer.content)
            except OSError as error:
                raise DemoError(f"{folder} cannot be written to: {error.strerror}") from error


def _file(sent: Sent, variant: dict[str, Any], folder: Path) -> Path:
    return folder / f"{sent.photo.title}-{variant['name']}.{variant['s3Key'].rpartition('.')[2]}"


def _report(sent: list[Sent], folder: Path, console: Console) -> None:
    title = f"What came out, in {folder}/"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    # A name is shown whole: one that is too long for the line goes on in the next.
    table.add_column("file", overflow="fold")
    for number in ("dimensions", "bytes", "time"):
        table.add_column(number, justify="right", no_wrap=True)
    for each in sent:
        taken = each.image.get("metadata")
        dimensions = f"{taken['width']}x{taken['height']}" if taken else ""
        original = escape(each.photo.name) + ("" if each.state == "COMPLETED" else f" ({each.state})")
        table.add_row(original, dimensions, f"{len(each.photo.data):,}", each.time)
        for variant in each.variants:
            name = _file(each, variant, folder).name
            table.add_row(f"  {escape(name)}", variant["dimensions"], f"{variant['fileSize']:,}", "")
    console.print(table)
    for each in (one for one in sent if one.states):
        journey = " → ".join(f"{state} {seconds:.2f} s" for state, seconds in each.states)
        console.print(f"{escape(each.photo.name)}, since its upload: {journey}", soft_wrap=True)
