"""API keys: created, used, rotated and revoked in the page."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page, expect

from tests.browser.reader import Reader
from tests.journeys.user import User

NAME = "<i>Holiday & Co</i>"


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def take_secret(page: Page) -> str:
    """Copies the secret that is shown, and says that it is stored."""
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Copy").click()
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    # It is not lost by a slip.
    page.keyboard.press("Escape")
    dialog.get_by_role("button", name="I have stored it").click()
    expect(dialog).to_be_hidden()
    return str(page.evaluate("navigator.clipboard.readText()"))


def status_with(user: User, key: str, path: str = "/images") -> int:
    return User(user.url, more_headers={"Authorization": f"Bearer {key}"}).get(path).status_code


def test_a_key_is_created_used_rotated_and_revoked(sign_in: Callable[[User], Reader], user: User) -> None:
    reader = sign_in(user)
    page = reader.page
    reader.open("keys")
    expect(page.get_by_text("No API keys yet")).to_be_visible()
    assert reader.violations() == []
    press(page, "New key")
    press(page, "Create key")
    expect(page.locator(".field-error:visible")).to_have_text("Fill this in.")
    page.get_by_label("Name").fill(NAME)
    press(page, "Create key")
    expect(page.locator(".field-error:visible")).to_have_text("Choose at least one.")
    page.get_by_label("Uploads:").check()
    page.get_by_text("Limits of its own").click()
    page.get_by_label("Requests a minute").fill("1.5")
    press(page, "Create key")
    expect(page.get_by_label("Requests a minute")).to_have_attribute("aria-invalid", "true")
    assert reader.violations() == []
    page.get_by_label("Requests a minute").fill("90")
    page.get_by_label("Dollars a day").fill("0.5")
    press(page, "Create key")
    first = take_secret(page)
    key = page.get_by_role("article", name=NAME)
    expect(key).to_contain_text("90 requests a minute, $0.50 a day")
    assert status_with(user, first) == 200
    assert status_with(user, first, "/auth/validate") == 403, "it opens uploads alone"

    page.reload()
    expect(key).to_contain_text("Uploads")
    expect(key.locator("dd").first).to_contain_text(re.compile("now|ago"))
    assert first not in page.content()
    key.get_by_role("button", name="Rotate").click()
    page.get_by_label("The old secret works").select_option("no longer")
    page.get_by_role("dialog").get_by_role("button", name="Rotate").click()
    second = take_secret(page)
    assert (status_with(user, first), status_with(user, second)) == (401, 200)

    assert reader.violations() == []
    key.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(key).to_be_hidden()
    expect(page.get_by_text("No API keys yet")).to_be_visible()
    assert status_with(user, second) == 401


def test_what_a_key_cannot_be_is_said_and_nothing_typed_is_lost(sign_in: Callable[[User], Reader], user: User) -> None:
    soon = (datetime.now(UTC) + timedelta(days=2)).isoformat(timespec="seconds").replace("+00:00", "Z")
    user.post("/keys", name="ends soon", accessTypes=["full_access"], expiresAt=soon)
    reader = sign_in(user)
    page = reader.page
    page.set_viewport_size({"width": 390, "height": 844})
    reader.open("keys")
    expect(page.get_by_role("article", name="ends soon")).to_contain_text("Ends soon")
    press(page, "New key")
    expect(page.get_by_label("Administration:")).to_have_count(0)
    page.get_by_label("Name").fill("uploader")
    page.get_by_label("Everything of yours:").check()
    page.get_by_label("Until when it works").select_option("Until a day that I choose")
    page.get_by_label("Last day (UTC)").fill("2020-01-01")
    press(page, "Create key")
    expect(page.get_by_label("Last day (UTC)")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Last day (UTC)").fill("2099-01-01")
    page.route("**/keys", lambda route: route.abort())
    press(page, "Create key")
    expect(page.get_by_role("alert").filter(has_text="The server does not answer.")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("uploader")
    assert not reader.is_wider_than_the_screen()
    page.unroute("**/keys")
    press(page, "Create key")
    take_secret(page)
    expect(page.get_by_role("article", name="uploader")).to_contain_text("2099")
    assert len(user.get("/keys").json()["items"]) == 2
