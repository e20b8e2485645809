"""Uploads by the page: whatever happens on the way, each photo arrives, and arrives once."""

import io
import itertools
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Error, Page, Route, expect

from local.machine import Machine
from tests.browser.reader import Reader
from tests.journeys.user import User

Files = list[dict[str, Any]]
# The pipeline works on two shared cores.
READY_WITHIN = 360_000
HOSTILE = ("<img src=x onerror=alert(1)>.png", "\u202egnp.exe", "' OR 1=1; --.png", "a" * 300 + ".png")


def photo(number: int, name: str | None = None) -> dict[str, Any]:
    """A photo of few pixels, unlike any with another number."""
    data = io.BytesIO()
    Image.new("RGB", (8, 8), (number % 256, number // 256, 90)).save(data, "PNG")
    return {"name": name or f"photo-{number}.png", "mimeType": "image/png", "buffer": data.getvalue()}


def photos(count: int) -> Files:
    return [photo(number) for number in range(count)]


def choose(page: Page, files: Files | list[Path]) -> None:
    page.locator("#choose-files").set_input_files(files)  # type: ignore[arg-type]


def heading(page: Page) -> Any:
    return page.locator(".queue h2")


def wait_until_sent(page: Page, least: int) -> None:
    """Until so many photos have arrived."""
    script = "least => parseInt(document.querySelector('.queue h2')?.textContent) >= least"
    page.wait_for_function(script, arg=least, timeout=READY_WITHIN)


def crash(page: Page) -> None:
    """Ends the tab's process, as a lack of memory does."""
    with page.expect_event("crash"), suppress(Error):
        page.goto("chrome://crash")


def images(user: User) -> list[dict[str, Any]]:
    """All images of the user."""
    found: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": 100}
    while query:
        page = user.get("/images", **query).json()
        found += page["items"]
        query = {"limit": 100, "cursor": page["nextCursor"]} if page["nextCursor"] else {}
    return found


def assert_each_arrived_once(user: User, files: Iterable[dict[str, Any]]) -> None:
    arrived = images(user)
    assert Counter(image["fileName"] for image in arrived) == Counter(file["name"] for file in files)
    assert {image["status"] for image in arrived} == {"COMPLETED"}


def kept_in_browser(page: Page) -> dict[str, int]:
    """How many rows each table of the browser's database has."""
    script = """() => new Promise((resolve) => {
      const opening = indexedDB.open("darkroom-uploads");
      opening.onsuccess = () => {
        const work = opening.result.transaction(["entries", "files"]);
        const counts = ["entries", "files"].map((name) => [name, work.objectStore(name).count()]);
        work.oncomplete = () => {
          opening.result.close();
          resolve(Object.fromEntries(counts.map(([name, { result }]) => [name, result])));
        };
      };
    })"""
    kept: dict[str, int] = page.evaluate(script)
    return kept


@pytest.fixture
def reader_at_uploads(sign_in: Callable[[User], Reader], user: User) -> Reader:
    reader = sign_in(user)
    reader.open("uploads")
    reader.see_heading("Add photos")
    return reader


def test_two_hundred_photos_and_a_reload_at_half_are_two_hundred_images(reader_at_uploads: Reader, user: User) -> None:
    page, files = reader_at_uploads.page, photos(200)
    choose(page, files)
    wait_until_sent(page, 100)
    page.reload()
    expect(heading(page)).to_have_text("200 photos are ready", timeout=READY_WITHIN)
    assert_each_arrived_once(user, files)
    assert page.locator(".windowed > li").count() < 40, "only the rows in sight are in the document"
    assert kept_in_browser(page) == {"entries": 200, "files": 0}
    page.get_by_role("button", name="Clear finished").click()
    expect(heading(page)).to_be_hidden()
    assert kept_in_browser(page) == {"entries": 0, "files": 0}


def test_uploads_wait_while_the_network_is_away(reader_at_uploads: Reader, user: User, context: BrowserContext) -> None:
    page, files = reader_at_uploads.page, photos(6)
    choose(page, files[:5])
    wait_until_sent(page, 1)
    context.set_offline(True)
    choose(page, files[5:])
    expect(heading(page)).to_contain_text("until the network is back")
    assert reader_at_uploads.violations() == []
    context.set_offline(False)
    expect(heading(page)).to_have_text("6 photos are ready", timeout=READY_WITHIN)
    assert_each_arrived_once(user, files)


def test_lost_answers_and_a_busy_server_make_no_image_twice(reader_at_uploads: Reader, user: User) -> None:
    page, files = reader_at_uploads.page, photos(3)
    losses = {"POST": 1, "PUT": 2}
    refusals = itertools.chain([429], itertools.repeat(None))

    def pass_on(route: Route) -> None:
        """The server gets the request, and the answer gets lost; the very first one is refused for now."""
        method = route.request.method
        if method == "POST" and (status := next(refusals)):
            body = {"message": "Too many requests.", "error": {"code": "TOO_MANY_REQUESTS"}}
            route.fulfill(status=status, headers={"Retry-After": "1"}, json=body)
        elif losses.get(method):
            losses[method] -= 1
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/upload", pass_on)
    page.route("**/uploads/**", pass_on)
    choose(page, files)
    expect(page.locator(".queue .note")).to_contain_text("It goes on by itself")
    expect(heading(page)).to_have_text("3 photos are ready", timeout=READY_WITHIN)
    assert losses == {"POST": 0, "PUT": 0}
    assert_each_arrived_once(user, files)


def test_another_tab_goes_on_when_the_one_that_sends_crashes(
    reader_at_uploads: Reader, user: User, context: BrowserContext
) -> None:
    first, files = reader_at_uploads.page, photos(6)
    second = context.new_page()
    second.goto(f"{reader_at_uploads.url}/#/uploads")
    second.get_by_role("heading", name="Add photos").wait_for()
    choose(first, files)
    wait_until_sent(second, 2)
    crash(first)
    expect(heading(second)).to_have_text("6 photos are ready", timeout=READY_WITHIN)
    assert_each_arrived_once(user, files)


def test_a_session_that_ends_in_the_middle_waits_for_the_password(reader_at_uploads: Reader, user: User) -> None:
    page, files = reader_at_uploads.page, photos(6)
    choose(page, files)
    wait_until_sent(page, 1)
    assert user.post("/auth/signout").status_code == 200
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Password").fill(user.password)
    dialog.get_by_role("button", name="Sign in").click()
    expect(heading(page)).to_have_text("6 photos are ready", timeout=READY_WITHIN)
    user.sign_in()
    assert_each_arrived_once(user, files)


def test_what_is_refused_says_why_beside_it(reader_at_uploads: Reader, user: User, tmp_path: Path) -> None:
    page = reader_at_uploads.page
    cut = photo(1)["buffer"][:-20]
    hostile = [photo(number, name) for number, name in enumerate(HOSTILE, start=50)]
    others = [
        {"name": "empty.png", "mimeType": "image/png", "buffer": b""},
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"not a photo"},
        {"name": "phone.heic", "mimeType": "image/heic", "buffer": b"0000ftypheic"},
        {"name": "cut.png", "mimeType": "image/png", "buffer": cut},
    ]
    large = tmp_path / "large.png"
    large.write_bytes(photo(2)["buffer"].ljust(10 * 1024 * 1024 + 1, b"\0"))
    choose(page, [*hostile, *others])
    choose(page, [large])
    expect(heading(page)).to_have_text("4 photos are ready, 5 failed", timeout=READY_WITHIN)
    page.get_by_role("button", name="Failed 5").click()
    for name, reason in (
        ("empty.png", "The file is empty."),
        ("notes.txt", "This is not a picture."),
        ("phone.heic", "must be one of"),
        ("large.png", "at most 10,485,760"),
        ("cut.png", "The picture"),
    ):
        expect(page.get_by_role("listitem").filter(has_text=name)).to_contain_text(reason)
    assert reader_at_uploads.violations() == []
    page.get_by_role("button", name="All 9").click()
    for name in HOSTILE:
        expect(page.get_by_role("listitem").get_by_text(name[:255], exact=True)).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")
    expected = [{"name": name[:255]} for name in HOSTILE] + [{"name": "cut.png"}]
    assert Counter(image["fileName"] for image in images(user)) == Counter(file["name"] for file in expected)


def test_what_is_in_the_list_is_not_added_again_and_is_of_who_is_signed_in(
    reader_at_uploads: Reader, user: User, machine: Machine, tmp_path: Path
) -> None:
    page = reader_at_uploads.page
    files = [tmp_path / "one.png", tmp_path / "two.png"]
    for number, file in enumerate(files):
        file.write_bytes(photo(number)["buffer"])
    choose(page, files[:1])
    page.get_by_role("button", name="Pause all").click()
    choose(page, files)
    expect(page.locator("#toasts")).to_contain_text("1 photo is in the list already")
    reader_at_uploads.begin_session(User.new(machine.api_url))
    reader_at_uploads.open("uploads")
    reader_at_uploads.see_heading("Add photos")
    expect(heading(page)).to_be_hidden()
    reader_at_uploads.begin_session(user)
    reader_at_uploads.open("uploads")
    page.get_by_role("button", name="Resume all").click()
    expect(heading(page)).to_have_text("2 photos are ready", timeout=READY_WITHIN)
    assert_each_arrived_once(user, [{"name": file.name} for file in files])


def test_photos_are_made_by_the_chosen_preset_and_again_by_another(reader_at_uploads: Reader, user: User) -> None:
    page = reader_at_uploads.page
    page.get_by_label("How their variants are made").select_option("avatar")
    expect(page.locator(".preset-choice")).to_contain_text("Square portraits")
    choose(page, photos(1))
    expect(heading(page)).to_have_text("1 photo is ready", timeout=READY_WITHIN)
    (image,) = images(user)
    assert image["preset"] == "avatar"
    reader_at_uploads.open(f"images/{image['imageId']}")
    page.get_by_label("Preset").select_option("proof")
    page.get_by_role("button", name="Make variants again").click()
    expect(page.locator(".facts")).to_contain_text("Proofs", timeout=READY_WITHIN)
    assert reader_at_uploads.violations() == []
