"""Actions, exports and usage on the page: what is under way, what came of it, and what it took."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Route, expect

from local.machine import Machine
from tests.browser.failing import see_that_it_recovers
from tests.browser.reader import Reader
from tests.journeys.issuing_keys import issue_key
from tests.journeys.user import User

SignIn = Callable[[User], Reader]
HOSTILE = "<img src=x onerror=alert(1)>\u202egpj.exe"


def allow_exports(admin: User, user: User, allowed: bool = True) -> None:
    response = admin.request("PATCH", f"/admin/users/{user.id}", json={"canExportData": allowed})
    assert response.status_code == 200, response.text


def put_action(machine: Machine, user: User, number: int, **attributes: Any) -> str:
    """Stores an action as it is while a worker has it."""
    action_id = f"act_{number:026}"
    texts = {"userId": user.id, "actionId": action_id, "createdAt": "2026-03-01T08:00:00.000Z"}
    item = {name: {"S": value} for name, value in texts.items()} | attributes
    machine.client("dynamodb").put_item(TableName=machine.environment["ACTIONS_TABLE"], Item=item)
    return action_id


def change_action(machine: Machine, user: User, action_id: str, **texts: str) -> None:
    machine.client("dynamodb").update_item(
        TableName=machine.environment["ACTIONS_TABLE"],
        Key={"userId": {"S": user.id}, "actionId": {"S": action_id}},
        AttributeUpdates={name: {"Value": {"S": text}} for name, text in texts.items()},
    )


def test_an_export_goes_from_the_form_to_a_downloaded_file(sign_in: SignIn, user: User, admin: User) -> None:
    reader = sign_in(user)
    page = reader.page
    reader.open("exports")
    expect(page.get_by_role("heading", name="You may not export data yet")).to_be_visible()
    expect(page.get_by_role("heading", name="No exports yet")).to_be_visible()
    assert reader.violations() == []

    allow_exports(admin, user)
    page.get_by_role("button", name="Look again").click()
    page.get_by_label("Images").uncheck()
    page.get_by_label("Format").select_option("csv")
    page.get_by_role("button", name="Begin the export").click()
    row = page.get_by_role("list", name="Exports so far").get_by_role("listitem")
    expect(row).to_contain_text("Done")
    expect(row).to_contain_text("Profile, Activities: actions and usage · CSV")
    with page.expect_download() as download:
        row.get_by_role("link", name="Download").click()
    archive = zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert "profile.csv" in archive.namelist()
    assert reader.violations() == []

    row.get_by_role("link", name="Export of your data").click()
    reader.see_heading("Action")
    expect(page.get_by_text("What came of it")).to_be_visible()
    assert reader.violations() == []


def test_a_refused_export_says_why_and_keeps_what_was_chosen(sign_in: SignIn, user: User, admin: User) -> None:
    allow_exports(admin, user)
    reader = sign_in(user)
    page = reader.page
    reader.open("exports")
    begin = page.get_by_role("button", name="Begin the export")
    page.get_by_label("Format").select_option("pdf")
    for kind in ("Profile", "Activities", "Images"):
        page.get_by_label(kind).uncheck()
    begin.click()
    expect(page.get_by_role("group", name="What to export")).to_contain_text("Choose at least one.")
    page.get_by_label("Profile").check()

    def too_many(route: Route) -> None:
        body = {"success": False, "message": "Too many requests.", "error": {"code": "TOO_MANY_REQUESTS"}}
        route.fulfill(status=429, headers={"Retry-After": "2"}, content_type="application/json", body=json.dumps(body))

    page.route("**/actions/export", too_many, times=1)
    begin.click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("second")
    expect(begin).to_be_disabled()
    expect(begin).to_be_enabled()

    page.get_by_label("Delivery").select_option("email")
    page.get_by_label("E-mail address").fill("somebody@elsewhere.example")
    begin.click()
    expect(page.locator(".field-error", has_text="An export is mailed to the account's own address")).to_be_visible()
    allow_exports(admin, user, False)
    begin.click()
    expect(alert).to_contain_text("Data export not enabled for this user")
    expect(page.get_by_label("Format")).to_have_value("pdf")
    expect(page.get_by_label("E-mail address")).to_have_value("somebody@elsewhere.example")


def test_an_action_changes_on_the_page_while_it_is_under_way(machine: Machine, sign_in: SignIn, user: User) -> None:
    asked = {"M": {"dataTypes": {"L": [{"S": HOSTILE}]}, "format": {"S": "json"}}}
    pending = put_action(
        machine, user, 1, actionType={"S": "EXPORT_DATA"}, status={"S": "PENDING"}, metadata=asked, progress={"N": "40"}
    )
    done = {"M": {"note": {"S": HOSTILE}, "url": {"S": "javascript:alert(1)"}}}
    other = put_action(machine, user, 2, actionType={"S": "SEND_LETTER"}, status={"S": "COMPLETED"}, result=done)
    reader = sign_in(user)
    page = reader.page
    reader.open("actions")
    row = page.get_by_role("listitem").filter(has_text="Export of your data")
    expect(row).to_contain_text("Under way · 40 records")
    expect(row).to_contain_text(HOSTILE)
    assert reader.violations() == []
    change_action(machine, user, pending, status="FAILED", reason="OUT_OF_TIME: It took too long.")
    expect(row).to_contain_text("It took too long.")
    expect(row).to_contain_text("Failed")

    page.get_by_label("State").select_option("COMPLETED")
    expect(row).to_be_hidden()
    assert page.url.endswith("#/actions?status=COMPLETED")
    page.get_by_label("Kind").select_option("EXPORT_DATA")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    reader.go(f"actions/{other}", "Action")
    expect(page.get_by_role("heading", name="Send letter")).to_be_visible()
    expect(page.get_by_text(HOSTILE)).to_be_visible()
    assert page.get_by_role("link", name="Result").get_attribute("href") == "#"


def test_a_stage_with_other_actions_offers_them(sign_in: SignIn, user: User) -> None:
    reader = sign_in(user)
    page = reader.page

    def with_types(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "customTypes": ["SEND_LETTER"]})

    page.route(f"{reader.url}/actions", with_types)
    reader.open("actions")
    page.get_by_role("button", name="Other action").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("What the service gets").fill("no")
    dialog.get_by_role("button", name="Begin").click()
    expect(dialog.get_by_role("alert")).to_have_text("This is no JSON object.")
    dialog.get_by_label("What the service gets").fill('{"template": "welcome"}')
    dialog.get_by_role("button", name="Begin").click()
    # This stage has none in truth.
    expect(dialog).to_contain_text("Is not allowed here.")
    assert reader.violations() == []


def test_usage_is_plotted_and_stands_as_numbers_too(machine: Machine, sign_in: SignIn, user: User) -> None:
    key, client = issue_key(user, "full_access")
    assert client.get("/images").status_code == 200
    sums = {"requests": 7, "failures": 2, "dollars": 0.5, "milliseconds": 900}
    for what in ("operation:create_upload", f"key:{key}"):
        item = {"scope": {"S": user.id}, "day#what": {"S": f"2021-05-04#{what}"}}
        item |= {name: {"N": str(value)} for name, value in sums.items()}
        machine.client("dynamodb").put_item(TableName=machine.environment["DAILY_TABLE"], Item=item)
    reader = sign_in(user)
    page = reader.page
    reader.open("usage")
    expect(page.get_by_role("progressbar", name="Requests a minute")).to_be_visible()
    page.get_by_label("Period").select_option("own")
    page.get_by_label("First day").fill("2021-05-03")
    page.get_by_label("Last day").fill("2021-05-05")
    page.get_by_role("button", name="Show").click()
    plot = page.get_by_role("figure", name="Requests and failures by day")
    expect(plot.locator("svg")).to_be_visible()
    plot.get_by_text("The same as numbers").click()
    expect(plot.get_by_role("row", name="May 4, 2021 7 2")).to_be_visible()
    expect(plot.get_by_role("row", name="May 3, 2021 0 0")).to_be_visible()
    expect(page.get_by_role("row", name="create_upload 7 2 $0.50")).to_be_visible()
    expect(page.get_by_role("heading", name="By API key")).to_be_visible()
    assert reader.violations() == []
    page.reload()
    expect(page.get_by_label("First day")).to_have_value("2021-05-03")


def test_a_server_that_is_away_is_said_and_tried_again(sign_in: SignIn, user: User) -> None:
    reader = sign_in(user)
    reader.open("images")
    reader.see_heading("Images")
    see_that_it_recovers(reader, "actions", "Actions", "actions")
    expect(reader.page.get_by_role("heading", name="No actions yet")).to_be_visible()
    see_that_it_recovers(reader, "exports", "Exports", "actions")
    see_that_it_recovers(reader, "usage", "Usage", "usage")
    reader.page.set_viewport_size({"width": 390, "height": 844})
    reader.page.reload()
    expect(reader.page.get_by_role("heading", name="By operation")).to_be_visible()
    assert not reader.is_wider_than_the_screen()
    assert reader.violations() == []
