"""Takes pictures of every view: `python -m tests.browser.screenshots FOLDER`, or `--docs` for those in docs/images.

Each view is taken light and dark, on a desktop and on a phone, with photos and without. Nothing is compared: they are
made to be looked at.
"""

import argparse
import io
import random
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from local import sample
from local.accounts import ADMIN
from local.accounts import PASSWORD as LOCAL_PASSWORD
from local.machine import Machine
from tests.browser import chromium
from tests.browser.reader import Reader
from tests.journeys.user import User

DOCS = Path(__file__).parents[2] / "docs" / "images"
_NAMES = ("Evening at the lake", "First light", "North shore", "Above the pass", "Last ferry", "Pines", "Blue hour")
_TAGS: tuple[list[str], ...] = (
    ["lake", "evening"],
    ["mountains"],
    ["lake"],
    ["mountains", "print"],
    ["evening"],
    [],
    ["print"],
)
_SIZES = {"desktop": (1280, 800), "phone": (390, 844)}


@dataclass(frozen=True)
class Shot:
    """A view to take: `{image}` in its address is the newest image."""

    name: str
    address: str
    who: str


SHOTS = [
    Shot("welcome", "", "nobody"),
    Shot("sign-up", "sign-up", "nobody"),
    Shot("verify", "verify?email=ann%40example.com", "nobody"),
    Shot("forgot", "forgot", "nobody"),
    Shot("reset", "reset?email=ann%40example.com", "nobody"),
    *(
        Shot(f"{name}-{who}", name, who)
        for who in ("newcomer", "user")
        for name in ("images", "uploads", "actions", "exports", "usage", "keys", "account")
    ),
    Shot("image", "images/{image}", "user"),
    *(Shot(name, name, "admin") for name in ("users", "reports", "syncs", "audit", "health")),
]
FOR_DOCS = {"welcome", "images-user", "image", "usage-user", "health"}


def photos(count: int) -> Iterator[bytes]:
    """Landscapes of several shapes, as JPEG files."""
    landscapes = [sample.draw(seed).resize((1600, 1200)) for seed in range(2026, 2026 + min(count, 7))]
    shapes = random.Random(7)
    for place in range(count):
        width, height = shapes.choice([(1600, 1067), (1000, 1200), (1600, 900), (1200, 1200), (1600, 1200)])
        left = shapes.randint(0, 1600 - width)
        file = io.BytesIO()
        landscapes[place % len(landscapes)].crop((left, 1200 - height, left + width, 1200)).save(file, "JPEG")
        yield file.getvalue()


def fill(user: User, count: int) -> str:
    """Gives a user photos, actions and a key; the id of the newest image."""

    def send(numbered: tuple[int, bytes]) -> str:
        place, photo = numbered
        name = _NAMES[place % len(_NAMES)]
        image_id = user.upload(photo, name=f"{name.lower().replace(' ', '-')}-{place + 1}.jpg")
        user.finished(image_id)
        user.request("PATCH", f"/images/{image_id}", json={"title": name, "tags": _TAGS[place % len(_TAGS)]})
        return image_id

    with ThreadPoolExecutor(2) as pool:
        sent = list(pool.map(send, enumerate(photos(count))))
    user.finished(user.upload(b"not a picture at all", name="notes.jpg"))
    for kind, options in (("resize", {"width": 640, "height": 480}), ("convert", {"format": "webp"}), ("analyze", {})):
        user.post("/actions/process", fileId=sent[-1], processingType=kind, options=options)
    user.post("/keys", name="uploader", accessTypes=["file_upload"])
    return sent[-1]


def take(page: Page, path: Path) -> None:
    """The whole page, once it has come to rest."""
    page.wait_for_load_state("networkidle")
    page.wait_for_function("!document.querySelector('#content .spinner')")
    page.wait_for_function("[...document.images].every((image) => image.complete)")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".webp":
        Image.open(io.BytesIO(page.screenshot())).save(path, "WEBP", quality=80, method=6)
    else:
        page.screenshot(path=path)


def take_all(browser: Browser, machine: Machine, folder: Path, count: int, only: set[str], for_docs: bool) -> None:
    admin = User(machine.api_url, ADMIN, LOCAL_PASSWORD)
    admin.sign_in()
    readers = {"admin": admin, "user": User.new(machine.api_url, "Ann"), "newcomer": User.new(machine.api_url, "Ben")}
    image = fill(readers["user"], count)
    machine.invoke("health_check")
    for theme in ("dark",) if for_docs else ("light", "dark"):
        for device, (width, height) in _SIZES.items():
            if for_docs and device == "phone":
                continue
            for shot in SHOTS:
                if only and shot.name not in only:
                    continue
                context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)  # type: ignore[arg-type]
                reader = Reader(context.new_page(), machine.api_url)
                if shot.who != "nobody":
                    reader.begin_session(readers[shot.who])
                reader.open(shot.address.format(image=image))
                name = f"{shot.name}.webp" if for_docs else f"{shot.name}-{theme}-{device}.png"
                take(reader.page, folder / name)
                if reader.complaints:
                    print(name, reader.complaints)
                if reader.is_wider_than_the_screen():
                    print(name, "is wider than the screen")
                context.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="where the pictures go")
    parser.add_argument("--docs", action="store_true", help=f"take those of {DOCS.name} anew")
    parser.add_argument("--photos", type=int, default=21, help="how many the user has (default: 21)")
    parser.add_argument("--only", nargs="*", default=[], help="names of views (default: all)")
    options = parser.parse_args()
    folder = DOCS if options.docs else options.folder
    program = chromium.find()
    if folder is None or program is None:
        print(parser.format_usage() if folder is None else chromium.HOW_TO_GET_IT, file=sys.stderr)
        return 2
    only = set(options.only) | (FOR_DOCS if options.docs else set())
    with (
        tempfile.TemporaryDirectory() as logs,
        Machine(logs=Path(logs), schedules=False) as machine,
        sync_playwright() as playwright,
    ):
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server"]
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        take_all(browser, machine, folder, options.photos, only, options.docs)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
