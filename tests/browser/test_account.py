"""A person's way in, their account, and what they read when something goes wrong."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from PIL import Image
from playwright.sync_api import Locator, Page, expect

from local.machine import Machine
from tests import node
from tests.browser.reader import Reader
from tests.journeys import authenticator
from tests.journeys.receiver import Receiver
from tests.journeys.user import PASSWORD, User
from tests.waiting import wait_for

BOLD = "<b>Bo & Co</b><img src=x onerror=alert(1)>"
NEW_PASSWORD = "Rainy-Day-2027!"


def press(where: Page | Locator, name: str) -> None:
    where.get_by_role("button", name=name, exact=True).click()


def fill(where: Page | Locator, **typed: str) -> None:
    for name, text in typed.items():
        where.locator(f"[name={name}]").fill(text)


def card(page: Page, title: str) -> Locator:
    return page.locator("section.card").filter(has=page.get_by_role("heading", name=title, level=2))


def sign_in_by_form(page: Page, email: str, password: str = PASSWORD) -> None:
    fill(page, email=email, password=password)
    press(page, "Sign in")


def sign_up_by_form(reader: Reader, email: str, name: str = "") -> None:
    reader.see_heading("Create an account")
    fill(reader.page, name=name, email=email, password=PASSWORD)
    press(reader.page, "Create account")
    reader.see_heading("Check your e-mail")


def test_a_newcomer_signs_up_and_is_where_the_address_led(reader: Reader, machine: Machine) -> None:
    page, email = reader.page, User(machine.api_url).email
    reader.open("account")
    page.get_by_role("link", name="Create an account").click()
    reader.see_heading("Create an account")
    fill(page, name=BOLD, email=email, password="sunny-day")
    expect(page.locator(".rules .met")).to_have_count(2)
    press(page, "Create account")
    expect(page.get_by_label("Password")).to_have_attribute("aria-invalid", "true")
    expect(page.locator(".field-error:visible")).to_have_text("The password does not follow all of the rules yet.")
    sign_up_by_form(reader, email, BOLD)
    fill(page, code="123 456")
    press(page, "Verify")
    reader.see_heading("Account")
    expect(page.locator("#who")).to_have_text(BOLD)
    reader.go("images", "Images")
    expect(page.get_by_text("No images yet")).to_be_visible()


def test_a_reload_and_back_lose_nothing_of_a_sign_up(reader: Reader, machine: Machine) -> None:
    page, email = reader.page, User(machine.api_url).email
    reader.open("sign-up")
    sign_up_by_form(reader, email, "Ann")
    page.go_back()
    reader.see_heading("Create an account")
    expect(page.get_by_label("Name")).to_have_value("Ann")
    expect(page.get_by_label("E-mail address")).to_have_value(email)
    page.go_forward()
    page.reload()
    reader.see_heading("Check your e-mail")
    expect(page.get_by_label("E-mail address")).to_have_value(email)
    expect(page.get_by_role("button", name="Send again in")).to_be_disabled()
    assert PASSWORD not in page.url + page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")
    fill(page, code="1")
    press(page, "Verify")
    expect(page.get_by_text("Your address is verified. Sign in.")).to_be_visible()
    expect(page.get_by_label("E-mail address")).to_have_value(email)
    fill(page, password=PASSWORD)
    press(page, "Sign in")
    reader.see_heading("Images")


def test_an_address_that_is_not_verified_is_verified_at_the_sign_in(reader: Reader, machine: Machine) -> None:
    late = User(machine.api_url)
    late.post("/auth/signup", email=late.email, password=late.password)
    reader.open()
    sign_in_by_form(reader.page, late.email)
    reader.see_heading("Check your e-mail")
    press(reader.page, "Send the code again")
    expect(reader.page.get_by_role("button", name="Send again in")).to_be_disabled()
    fill(reader.page, code="1")
    press(reader.page, "Verify")
    reader.see_heading("Images")


def test_who_was_invited_sets_a_password_of_their_own(reader: Reader, machine: Machine) -> None:
    page, email = reader.page, User(machine.api_url).email
    machine.client("cognito-idp").admin_create_user(
        UserPoolId=machine.resources["UserPool"].ref,
        Username=email,
        TemporaryPassword="Temporary-2026!",
        UserAttributes=[{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}],
    )
    reader.open("account")
    sign_in_by_form(page, email, "Temporary-2026!")
    page.get_by_label("New password").fill(NEW_PASSWORD)
    press(page, "Continue")
    reader.see_heading("Account")


def test_a_taken_address_reads_the_same_words_and_a_wrong_code_is_said_beside_it(reader: Reader, user: User) -> None:
    page = reader.page
    reader.open("sign-up")
    sign_up_by_form(reader, User("").email)
    words = page.locator("main").inner_text()
    reader.go("sign-up", "Create an account")
    sign_up_by_form(reader, user.email)
    assert page.locator("main").inner_text() == words
    fill(page, code="999999")
    press(page, "Verify")
    expect(page.locator(".field-error:visible")).to_have_text("Is wrong or has expired.")
    expect(page.get_by_label("Code")).to_have_value("999999")


def test_a_forgotten_password_is_replaced(reader: Reader, user: User) -> None:
    page = reader.page
    reader.open("account")
    fill(page, email=user.email)
    press(page, "Forgot your password?")
    reader.see_heading("Forgot your password")
    expect(page.get_by_label("E-mail address")).to_have_value(user.email)
    press(page, "Send the code")
    reader.see_heading("Set a new password")
    fill(page, code="1", password=NEW_PASSWORD)
    press(page, "Set the password")
    expect(page.get_by_text("Your password is changed.")).to_be_visible()
    sign_in_by_form(page, user.email)
    expect(page.get_by_role("alert").filter(has_text="password is wrong")).to_be_visible()
    fill(page, password=NEW_PASSWORD)
    press(page, "Sign in")
    reader.see_heading("Account")


def test_too_many_tries_are_counted_down_and_a_server_that_is_away_is_said(reader: Reader, user: User) -> None:
    page = reader.page
    page.clock.install()
    reader.open()
    page.route("**/auth/signin", lambda route: route.abort())
    sign_in_by_form(page, user.email, "Wrong-2026!")
    expect(page.get_by_role("alert").filter(has_text="The server does not answer.")).to_be_visible()
    page.unroute("**/auth/signin")
    while user.post("/auth/signin", email=user.email, password="Wrong-2026!").status_code != 429:
        pass
    press(page, "Sign in")
    expect(page.get_by_role("alert").filter(has_text="That was too often. Try again in")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_disabled()
    expect(page.get_by_label("E-mail address")).to_have_value(user.email)
    page.clock.run_for(15 * 60_000)
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_enabled()


def read_qr_code(picture: Locator, folder: Path) -> str:
    with Image.open(io.BytesIO(picture.screenshot())) as shot:
        pixels = folder / "qr.rgba"
        pixels.write_bytes(shot.convert("RGBA").tobytes())
        return node.run("read_qr.js", pixels, str(shot.width), str(shot.height)).strip()


def test_a_second_factor_is_enrolled_by_its_qr_code_used_and_turned_off(
    sign_in: Callable[[User], Reader], user: User, machine: Machine, tmp_path: Path
) -> None:
    reader = sign_in(user)
    page = reader.page
    reader.open("account")
    press(card(page, "Second factor"), "Turn on")
    secret = parse_qs(urlsplit(read_qr_code(page.locator(".qr"), tmp_path)).query)["secret"][0]
    assert secret == page.locator(".enrol code").inner_text().replace(" ", "")
    app = authenticator.Authenticator(machine, secret)
    fill(page, code=app.wrong_code())
    press(page, "Confirm")
    expect(page.locator(".field-error:visible")).to_contain_text("This code is wrong")
    fill(page, code=app.code())
    press(page, "Confirm")
    expect(card(page, "Second factor").locator(".badge")).to_have_text("On")

    press(page, "Sign out")
    sign_in_by_form(page, user.email)
    fill(page, answer=app.wrong_code())
    press(page, "Continue")
    expect(page.locator(".field-error:visible")).to_contain_text("This code is wrong")
    code = app.code()
    fill(page, answer=f"{code[:3]} {code[3:]}")
    press(page, "Continue")
    reader.see_heading("Images")

    reader.go("account", "Account")
    factor = card(page, "Second factor")
    press(factor, "Turn off")
    fill(factor, password="Wrong-2026!", code=app.wrong_code())
    press(factor, "Turn off")
    expect(page.locator(".field-error:visible")).to_have_text("The password is wrong.")
    fill(factor, password=user.password, code=app.code())
    press(factor, "Turn off")
    expect(factor.locator(".badge")).to_have_text("Off")


def test_name_and_webhook_are_changed_and_its_last_error_is_read(sign_in: Callable[[User], Reader], user: User) -> None:
    reader = sign_in(user)
    page = reader.page
    reader.open("account")
    profile, webhook = card(page, "Profile"), card(page, "Webhook")
    fill(profile, name=BOLD)
    press(profile, "Save")
    expect(page.locator("#who")).to_have_text(BOLD)
    address = webhook.get_by_label("Address")
    address.fill("ftp://example.com/hook")
    press(webhook, "Save")
    expect(webhook.locator(".field-error:visible")).to_contain_text("begins with https://")
    expect(address).to_have_value("ftp://example.com/hook")
    with Receiver() as hook:
        hook.answers = [404]
        address.fill(hook.url)
        press(webhook, "Save")
        expect(webhook.get_by_text("No delivery has failed.")).to_be_visible()
        press(webhook, "Copy")
        secret = page.evaluate("navigator.clipboard.readText()")
        user.upload(b"no picture")
        delivery = wait_for(lambda: hook.received, "the webhook")[0]
        assert delivery.signed_with(secret)
        wait_for(lambda: user.get("/auth/profile").json()["profile"]["webhook"]["lastError"], "its error")
    page.reload()
    expect(webhook.locator(".note.bad:visible")).to_contain_text("It answered 404.")
    press(webhook, "Turn off")
    press(page.get_by_role("dialog"), "Turn off")
    expect(webhook.get_by_role("button", name="Turn off")).to_be_hidden()
    assert user.get("/auth/profile").json()["profile"]["preferences"] == {}


def break_session(page: Page, email: str) -> None:
    tokens = {"accessToken": "gone", "refreshToken": "gone", "expiresAt": 4_102_444_800_000, "email": email}
    page.evaluate("tokens => localStorage.setItem('darkroom-session', tokens)", json.dumps(tokens))


def test_an_ended_session_asks_over_the_view_and_goes_on(sign_in: Callable[[User], Reader], user: User) -> None:
    reader = sign_in(user)
    page = reader.page
    reader.open("account")
    fill(card(page, "Profile"), name="Bea")
    card(page, "Webhook").get_by_label("Address").fill("https://example.com/not-sent-yet")
    break_session(page, user.email)
    press(card(page, "Profile"), "Save")
    dialog = page.get_by_role("dialog", name="Sign in again")
    expect(dialog.get_by_label("E-mail address")).to_have_value(user.email)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    fill(dialog, password="Wrong-2026!")
    press(dialog, "Sign in")
    expect(dialog.get_by_role("alert").filter(has_text="password is wrong")).to_be_visible()
    assert reader.violations() == []
    press(dialog, "Forgot your password?")
    press(dialog, "Send the code")
    fill(dialog, code="1", password=NEW_PASSWORD)
    press(dialog, "Set the password")
    expect(dialog.get_by_text("Your password is changed.")).to_be_visible()
    fill(dialog, password=NEW_PASSWORD)
    press(dialog, "Sign in")
    expect(dialog).to_be_hidden()
    expect(page.locator("#who")).to_have_text("Bea")
    expect(card(page, "Webhook").get_by_label("Address")).to_have_value("https://example.com/not-sent-yet")


def test_signing_in_again_in_one_tab_does_for_the_other(sign_in: Callable[[User], Reader], user: User) -> None:
    reader = sign_in(user)
    reader.open("account")
    other = reader.page.context.new_page()
    other.goto(reader.page.url)
    names = {reader.page: "Bea", other: "Cleo"}
    for page, name in names.items():
        fill(card(page, "Profile"), name=name)
    break_session(reader.page, user.email)
    for page in names:
        press(card(page, "Profile"), "Save")
        expect(page.get_by_role("dialog", name="Sign in again")).to_be_visible()
    fill(other.get_by_role("dialog"), password=user.password)
    press(other.get_by_role("dialog"), "Sign in")
    for page, name in names.items():
        expect(page.get_by_role("dialog")).to_be_hidden()
        expect(page.locator("#who")).to_have_text(name)


def test_an_account_is_signed_out_everywhere_and_erased(sign_in: Callable[[User], Reader], user: User) -> None:
    reader = sign_in(user)
    page = reader.page
    reader.open("account")
    press(page, "Sign out everywhere")
    press(page.get_by_role("dialog"), "Sign out everywhere")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert user.get("/auth/profile").status_code == 401
    sign_in_by_form(page, user.email)
    reader.see_heading("Images")
    reader.go("account", "Account")
    press(page, "Erase the account …")
    dialog = page.get_by_role("dialog")
    fill(dialog, typed="somebody@example.com")
    press(dialog, "Erase everything")
    expect(dialog.locator(".field-error:visible")).to_have_text("That is another address.")
    assert reader.violations() == []
    fill(dialog, typed=user.email)
    press(dialog, "Erase everything")
    expect(page.get_by_text("Your account and all that it owned are erased.")).to_be_visible()
    sign_in_by_form(page, user.email)
    expect(page.get_by_role("alert").filter(has_text="wrong")).to_be_visible()


def test_every_form_is_accessible_and_fits_a_phone(reader: Reader, user: User) -> None:
    page = reader.page
    page.set_viewport_size({"width": 390, "height": 844})
    headings = {
        "": "Put photos in",
        "sign-up": "Create an account",
        "verify?email=ann%40example.com": "Check your e-mail",
        "forgot": "Forgot your password",
        "reset?email=ann%40example.com": "Set a new password",
    }
    reader.open()
    for view, heading in headings.items():
        reader.go(view, heading)
        assert reader.violations() == [], view
        assert not reader.is_wider_than_the_screen(), view
    page.locator("button.primary").click()
    expect(page.locator("[aria-invalid]").first).to_be_visible()
    assert reader.violations() == [], "with errors"

    user.request("PATCH", "/auth/profile", json={"preferences": {"webhook": {"url": "https://example.com/x"}}})
    reader.begin_session(user)
    reader.open("account")
    press(card(page, "Second factor"), "Turn on")
    expect(page.locator(".qr")).to_be_visible()
    assert reader.violations() == []
    assert not reader.is_wider_than_the_screen()
