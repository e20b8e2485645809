"""The gallery and the view of one image, from the first photo to the last one deleted."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from playwright.sync_api import Locator, Page, Route, expect

from local.machine import Machine
from tests import pictures
from tests.browser.reader import Reader
from tests.journeys.user import User

SignIn = Callable[[User], Reader]
# For what the pipeline makes, on a machine that has much else to do.
LONG = 40_000
HOSTILE = "<img src=x onerror=alert(1)>"


def tile(page: Page, name: str) -> Locator:
    return page.get_by_role("gridcell").filter(has_text=name)


def picture(page: Page, name: str) -> Locator:
    """The picture of an image in the gallery, once it is loaded over its placeholder."""
    return tile(page, name).locator(".picture.loaded img")


def describe(user: User, image_id: str, **words: Any) -> None:
    assert user.request("PATCH", f"/images/{image_id}", json=words).status_code == 200


def assert_fits_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")


def is_gone(user: User, image_id: str) -> bool:
    return user.get(f"/images/{image_id}").status_code == 404


@pytest.fixture
def photo(user: User) -> str:
    """The id of a finished image, "lake.jpg"."""
    image_id = user.upload(pictures.jpeg(), name="lake.jpg")
    assert user.finished(image_id)["status"] == "COMPLETED"
    return image_id


def test_photos_appear_while_they_are_made_and_say_why_they_fail(sign_in: SignIn, user: User) -> None:
    reader = sign_in(user)
    page = reader.page
    reader.open("images")
    expect(page.get_by_role("heading", name="No images yet")).to_be_visible()
    assert page.get_by_role("main").get_by_role("link", name="Add photos").last.get_attribute("href") == "#/uploads"
    assert reader.violations() == []

    announced = user.announce(b"", name="lake.jpg")
    page.reload()
    expect(tile(page, "lake.jpg")).to_contain_text("Waiting for its file")
    requests.put(announced["uploadUrl"], data=pictures.jpeg(), headers=announced["headers"], timeout=30)
    user.upload(pictures.jpeg()[:3000], name=f"{HOSTILE}.jpg")
    expect(picture(page, "lake.jpg")).to_be_visible(timeout=LONG)
    assert "data:image/" in tile(page, "lake.jpg").locator(".picture").evaluate("each => each.style.backgroundImage")
    failed = tile(page, f"{HOSTILE}.jpg")
    expect(failed).to_contain_text("The picture ends before its data is complete.", timeout=LONG)
    assert reader.violations() == []

    failed.get_by_role("link").click()
    reader.see_heading(f"{HOSTILE}.jpg")
    expect(page.get_by_text("The upload or the copy was cut short.")).to_be_visible()
    assert reader.violations() == []
    assert_fits_a_phone(page)


def test_a_search_stands_in_the_address_and_back_comes_back_to_it(sign_in: SignIn, user: User, photo: str) -> None:
    other = user.upload(pictures.png(), "image/png", name="other.png")
    user.finished(other)
    describe(user, photo, title="Evening at the lake", tags=["lake", HOSTILE])
    reader = sign_in(user)
    page = reader.page
    reader.open("images")
    expect(page.get_by_role("gridcell")).to_have_count(2)
    page.get_by_label("begins with").fill("evening")
    expect(page.get_by_role("gridcell")).to_have_count(1)
    assert page.url.endswith("#/images?name=evening")
    tile(page, "Evening").get_by_role("link").click()
    reader.see_heading("Evening at the lake")
    page.keyboard.press("ArrowRight")
    page.go_back()
    expect(page.get_by_label("begins with")).to_have_value("evening")
    expect(page.get_by_role("gridcell")).to_have_count(1)
    expect(tile(page, "Evening").get_by_role("link")).to_be_focused()
    page.get_by_label("begins with").fill("nowhere")
    expect(page.get_by_role("heading", name="No image fits")).to_be_visible()
    assert reader.violations() == []

    for search, shown in [
        (f"tag={HOSTILE}", "Evening"),
        ("status=FAILED", ""),
        ("from=2020-01-01&name=oth", "other.png"),
    ]:
        reader.open(f"images?{search}")
        expect(page.get_by_role("gridcell")).to_have_text([re.compile(shown)] if shown else [])
    assert_fits_a_phone(page)
    page.get_by_label("Added until").fill("2019-01-01")
    expect(page.get_by_text("This day is before the first one.")).to_be_visible()


def test_an_image_is_described_where_it_stands_and_nothing_typed_is_lost(
    sign_in: SignIn, user: User, photo: str
) -> None:
    reader = sign_in(user)
    page = reader.page
    reader.open(f"images/{photo}")
    reader.see_heading("lake.jpg")
    page.get_by_role("button", name="Change the title").click()
    title = page.get_by_role("textbox", name="Title")
    title.fill(HOSTILE)
    page.route("**/images/*", lambda route: route.fulfill(status=500, json={}), times=1)
    title.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="went wrong")).to_be_visible()
    expect(title).to_have_value(HOSTILE)
    title.press("Enter")
    reader.see_heading(HOSTILE)

    tags = page.get_by_role("textbox", name="New tag")
    tags.fill("x" * 51)
    tags.press("Enter")
    expect(page.get_by_role("complementary").get_by_text("must have at most 50 characters")).to_be_visible()
    tags.fill(f"Lake, {HOSTILE}")
    tags.press("Enter")
    expect(page.get_by_role("list", name="Tags").get_by_role("link")).to_have_text(["lake", HOSTILE])
    page.get_by_role("button", name="Remove the tag lake").click()
    expect(page.get_by_role("list", name="Tags").get_by_role("link")).to_have_text([HOSTILE])

    page.get_by_role("button", name="Focal point").click()
    page.locator(".frame").click(position={"x": 11, "y": 11})
    expect(page.get_by_label("From the left")).to_have_value("2")
    page.get_by_label("From the left").press("End")
    page.get_by_label("From the top").press("Home")
    assert reader.violations() == []
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("100% from the left, 0% from the top")).to_be_visible()
    image = user.image(photo)
    assert (image["title"], image["tags"], image["focalPoint"]) == (HOSTILE, [HOSTILE], {"x": 1, "y": 0})


def test_an_image_is_compared_processed_analyzed_and_downloaded(sign_in: SignIn, user: User, photo: str) -> None:
    reader = sign_in(user)
    page = reader.page
    reader.open(f"images/{photo}")
    variants = page.get_by_role("region", name="Variants").get_by_role("listitem")
    expect(variants).to_have_count(6)
    expect(variants.nth(1)).to_contain_text(re.compile(r"Small, watermark\d+ × \d+ · JPEG · [\d.]+ kB"))
    page.get_by_label("Compare").check()
    slide = page.get_by_label("How much of the picture is plain")
    slide.press("Home")
    assert page.locator(".upper").evaluate("each => each.style.clipPath") == "inset(0px 0px 0px 0%)"

    page.get_by_label("Width").fill("9000")
    page.get_by_role("button", name="Resize").click()
    expect(page.get_by_label("Width")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Width").fill("200")
    page.get_by_label("Format").first.select_option("WebP")
    page.get_by_role("button", name="Resize").click()
    made = page.get_by_role("img", name="Preview of the result")
    expect(made).to_be_visible()
    expect(page.get_by_text("200 × 150 · WEBP")).to_be_visible()
    page.wait_for_function("() => document.querySelector('.made img').naturalWidth === 200")

    page.get_by_role("tab", name="Analyze").click()
    page.get_by_role("button", name="Analyze").click()
    expect(page.get_by_text(re.compile("#[0-9a-f]{6}")).first).to_be_visible()
    expect(page.locator(".plot svg").first).to_be_visible()
    page.get_by_role("tab", name="Green").click()
    page.get_by_text("The same as numbers").locator("visible=true").click()
    expect(page.get_by_role("rowheader", name="248–255").locator("visible=true")).to_be_visible()
    assert reader.violations() == []
    assert_fits_a_phone(page)

    with page.expect_download() as original:
        page.get_by_role("button", name="Download the original").click()
    assert original.value.suggested_filename == "lake.jpg"
    assert original.value.path().read_bytes() == pictures.jpeg()
    with page.expect_download() as variant:
        page.get_by_role("button", name="Download Medium, watermark").click()
    assert variant.value.suggested_filename == "lake-medium-watermarked.jpg"
    with page.expect_response("**/reprocess") as answer:
        page.get_by_role("button", name="Make variants again").click()
    assert answer.value.ok


def test_an_image_says_that_it_was_not_made_anew_and_that_it_waits_for_another_try(
    machine: Machine, sign_in: SignIn, user: User, photo: str
) -> None:
    def change(**texts: str) -> None:
        machine.client("dynamodb").update_item(
            TableName=machine.environment["IMAGES_TABLE"],
            Key={"userId": {"S": user.id}, "imageId": {"S": photo}},
            AttributeUpdates={name: {"Value": {"S": text}} for name, text in texts.items()},
        )

    change(lastFailure="processing_failed: A fault on our side.")
    reader = sign_in(user)
    page = reader.page
    reader.open(f"images/{photo}")
    expect(page.get_by_text("A fault on our side.")).to_be_visible()
    expect(page.get_by_text("Its variants could not be made anew.")).to_be_visible()
    assert reader.violations() == []
    since = user.image(photo)["processedAt"]
    waits = {"unfinished": "RETRY-0", "unfinishedSince": since, "startedAt": since}
    change(status="PROCESSING", reason="stuck: It is tried again by itself.", **waits)
    page.reload()
    expect(page.get_by_text("It is tried again by itself.")).to_be_visible()
    assert reader.violations() == []
    page.get_by_role("button", name="Make variants again").click()
    expect(page.get_by_text("A fault on our side.")).to_have_count(0, timeout=LONG)
    image = user.finished(photo)
    assert (image["status"], image["lastFailure"]) == ("COMPLETED", None)


def test_what_is_deleted_comes_back_by_undo_and_else_is_gone(sign_in: SignIn, user: User, photo: str) -> None:
    second, third = (user.upload(pictures.jpeg(), name=f"{name}.jpg") for name in ("second", "third"))
    user.finished(third)
    reader = sign_in(user)
    page = reader.page
    reader.open("images")
    cells = page.get_by_role("gridcell")
    expect(cells).to_have_count(3)
    # With the keyboard alone: the newest one has the focus first, then the next.
    cells.first.get_by_role("link").focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(page.get_by_text("2 images selected")).to_be_visible()
    expect(page.get_by_role("gridcell", selected=True)).to_have_count(2)
    page.get_by_role("button", name="Delete").click()
    expect(cells).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(cells).to_have_count(3)

    tile(page, "third.jpg").get_by_role("link").click()
    page.get_by_role("button", name="Delete").click()
    expect(cells).to_have_count(2)
    assert not is_gone(user, third)
    with page.expect_response(lambda response: response.request.method == "DELETE"):
        page.locator(".toast").get_by_role("button", name="Close").click()
    assert is_gone(user, third)

    tile(page, "second.jpg").get_by_role("checkbox").check()
    page.get_by_role("button", name="Delete").click()
    expect(cells).to_have_count(1)
    page.reload()
    expect(cells).to_have_count(2)
    assert not is_gone(user, second)
    reader.open(f"images/{third}")
    expect(page.get_by_role("heading", name="There is no such image")).to_be_visible()
    assert reader.violations() == []


def test_a_link_that_ended_is_asked_for_anew_and_a_server_that_is_away_is_said(
    sign_in: SignIn, user: User, photo: str
) -> None:
    reader = sign_in(user)
    page = reader.page
    page.route("**/images?*", lambda route: route.fulfill(status=503, json={}), times=1)
    reader.open("images")
    expect(page.get_by_role("alert")).to_contain_text("status 503")
    assert reader.violations() == []
    ended: list[str] = []

    def refuse(route: Route) -> None:
        ended.append(route.request.url)
        route.fulfill(status=403)

    page.clock.install()
    page.route(f"**/{photo}-small.jpg?*", refuse, times=1)
    page.get_by_role("button", name="Try again").click()
    # More than the moment in which a page's links count as new.
    page.clock.run_for(11_000)
    expect(picture(page, "lake.jpg")).to_be_visible()
    assert len(ended) == 1


COUNT = 5_000


def made_up(number: int) -> dict[str, Any]:
    """An image of a gallery that nobody has, as the API shows it."""
    width, height = [(1600, 1067), (1067, 1600), (1200, 1200), (1920, 1080)][number % 4]
    pixel = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
    variant = {"name": "small", "size": "small", "dimensions": f"{width}x{height}", "format": "jpeg", "url": pixel}
    return {
        "imageId": f"img_{COUNT - number:06}",
        "fileName": f"photo {number}.jpg",
        "fileType": "image/jpeg",
        "fileSize": 1_000_000,
        "title": None,
        "tags": [],
        "focalPoint": None,
        "status": "COMPLETED",
        "reason": None,
        "metadata": {"width": width, "height": height},
        "placeholder": pixel,
        "createdAt": "2026-11-28T09:30:00.000Z",
        "processedAt": "2026-11-28T09:30:04.000Z",
        "variants": [{**variant, "s3Key": f"{number}", "fileSize": 50_000, "watermarked": False}],
    }


def answer_page(route: Route) -> None:
    query = {name: values[0] for name, values in parse_qs(urlsplit(route.request.url).query).items()}
    start = int(query.get("cursor", "0"))
    end = min(COUNT, start + int(query["limit"]))
    items = [made_up(number) for number in range(start, end)]
    body = {"success": True, "items": items, "nextCursor": str(end) if end < COUNT else None}
    route.fulfill(body=json.dumps(body), content_type="application/json")


# All the way down, as fast as pages come; the most elements that there were.
SCROLL_TO_THE_END = """async () => {
    let most = 0
    for (let height = 0; document.querySelector("main .waiting") || height !== document.body.scrollHeight;) {
        height = document.body.scrollHeight
        scrollTo(0, height)
        await new Promise(requestAnimationFrame)
        await new Promise(requestAnimationFrame)
        most = Math.max(most, document.querySelectorAll("*").length)
    }
    return most
}"""
MOST_ELEMENTS = 700


def test_five_thousand_images_scroll_with_few_elements_and_back_comes_to_the_same_place(
    sign_in: SignIn, user: User
) -> None:
    reader = sign_in(user)
    page = reader.page
    page.route("**/images?*", answer_page)
    reader.open("images")
    expect(tile(page, "photo 0.jpg")).to_be_visible(timeout=LONG)
    page.get_by_role("gridcell").first.get_by_role("link").focus()
    page.keyboard.press("Control+End")
    most = page.evaluate(SCROLL_TO_THE_END)
    last = tile(page, f"photo {COUNT - 1}.jpg")
    page.keyboard.press("Control+End")
    expect(last.get_by_role("link")).to_be_focused()
    # What is said to those who hear it: how many rows there are, and in which one this image is.
    rows = page.get_by_role("grid").get_attribute("aria-rowcount")
    assert last.locator("..").get_attribute("aria-rowindex") == rows
    page.mouse.wheel(0, -100_000)
    page.wait_for_function("() => scrollY > 0 && history.state?.scroll === scrollY")
    there = page.evaluate("scrollY")
    assert most < MOST_ELEMENTS, most

    page.evaluate("location.hash = '#/nowhere'")
    expect(page.get_by_role("grid")).to_have_count(0)
    page.go_back()
    page.wait_for_function("there => Math.abs(scrollY - there) < 2", arg=there)
    expect(page.get_by_role("gridcell").first).to_be_attached()
    print(f"at most {most} elements")
