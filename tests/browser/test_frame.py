"""What stands around every view: signing in, the navigation, an ended session, colors, a page that is not there."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.reader import Reader
from tests.journeys.user import User


def sign_in_by_form(page: Page, user: User) -> None:
    page.get_by_label("E-mail address").fill(user.email)
    page.get_by_label("Password").fill(user.password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_one_signs_in_is_still_signed_in_after_a_reload_and_signs_out(reader: Reader, user: User) -> None:
    reader.open()
    sign_in_by_form(reader.page, user)
    reader.see_heading("Images")
    reader.page.reload()
    reader.see_heading("Images")
    reader.page.get_by_role("button", name="Sign out").click()
    expect(reader.page.get_by_label("Password")).to_be_visible()


def test_a_wrong_password_is_said_in_the_form_and_nothing_typed_is_lost(reader: Reader, user: User) -> None:
    reader.open()
    user.password, right = "Wrong-2026!", user.password
    sign_in_by_form(reader.page, user)
    expect(reader.page.get_by_role("alert").filter(has_text="wrong")).to_be_visible()
    expect(reader.page.get_by_label("E-mail address")).to_have_value(user.email)
    user.password = right
    sign_in_by_form(reader.page, user)
    reader.see_heading("Images")


def test_who_comes_to_a_view_signs_in_first_and_is_then_where_the_address_leads(reader: Reader, user: User) -> None:
    reader.open("images")
    sign_in_by_form(reader.page, user)
    reader.see_heading("Images")
    assert reader.page.url.endswith("#/images")


def test_a_view_that_is_not_there_says_so(sign_in: Callable[[User], Reader], user: User) -> None:
    reader = sign_in(user)
    reader.open("nothing/like/this")
    expect(reader.page.get_by_role("alert")).to_contain_text("no such page")
