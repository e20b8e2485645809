"""A newcomer's way through the page, from signing up to a downloaded variant."""

import io

from PIL import Image
from playwright.sync_api import expect

from local.machine import Machine
from tests import pictures
from tests.browser.reader import Reader
from tests.journeys.user import PASSWORD, User

READY_WITHIN = 60_000


def test_a_newcomer_signs_up_adds_a_photo_sees_it_made_and_downloads_a_variant(
    reader: Reader, machine: Machine
) -> None:
    page = reader.page
    reader.open()
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("E-mail address").fill(User(machine.api_url).email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    reader.see_heading("Check your e-mail")
    page.get_by_label("Code").fill("123456")
    page.get_by_role("button", name="Verify").click()

    reader.see_heading("Images")
    page.get_by_role("main").get_by_role("link", name="Add photos").first.click()
    reader.see_heading("Add photos")
    photo = {"name": "first light.jpg", "mimeType": "image/jpeg", "buffer": pictures.jpeg(1600, 1200)}
    page.locator("#choose-files").set_input_files(photo)  # type: ignore[arg-type]
    expect(page.get_by_text("1 photo is ready").first).to_be_visible(timeout=READY_WITHIN)

    page.get_by_role("link", name="Open first light.jpg").click()
    reader.see_heading("first light.jpg")
    with page.expect_download() as variant:
        page.get_by_role("button", name="Download Small", exact=True).click()
    assert variant.value.suggested_filename == "first light-small.jpg"
    small = Image.open(io.BytesIO(variant.value.path().read_bytes()))
    assert (small.format, small.size) == ("JPEG", (800, 600))
