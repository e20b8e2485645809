"""What administrators do on the page: users and rights, reports, syncs, the audit trail, the stage's health."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import expect

from local.machine import Machine
from tests.browser.failing import see_that_it_recovers
from tests.browser.reader import Reader
from tests.conftest import Eventually
from tests.journeys.user import User

SignIn = Callable[[User], Reader]
HOSTILE = "<img src=x onerror=alert(1)>\u202e\"'"
VIEWS = [
    ("users", "Users", "admin/users"),
    ("reports", "Reports", "actions"),
    ("syncs", "Syncs", "admin/syncs"),
    ("audit", "Audit", "admin/audit"),
    ("usage/everyone", "Usage", "admin/usage"),
    ("health", "Health", "admin/health"),
]


@contextmanager
def dead_letter(machine: Machine) -> Iterator[str]:
    """A message that failed too often; the name of its queue."""
    sqs = machine.client("sqs")
    url = next(url for url in machine.environment["DEAD_LETTER_QUEUE_URLS"].split(",") if "actions" in url)
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    yield url.rpartition("/")[2]
    sqs.purge_queue(QueueUrl=url)


def put_sync(machine: Machine) -> None:
    """Stores a run of the sync that could not read two records."""
    errors = [("customer-000007", HOSTILE), ("", "it has no id")]
    texts = {
        "source": "customers",
        "executedAt": "2026-03-01T02:00:00.000Z",
        "syncId": "sync_00000000000000000000000001",
        "date": "2026-03-01",
        "kind": "comprehensive",
        "status": "partial",
        "data": json.dumps({"created": ["customer-000001"]}),
    }
    counts = {"recordCount": 1200, "created": 1, "rejected": 2, "processingTime": 8412}
    rows = [{"M": {"recordId": {"S": record}, "reason": {"S": reason}}} for record, reason in errors]
    item = {
        **{name: {"S": text} for name, text in texts.items()},
        **{name: {"N": str(count)} for name, count in counts.items()},
        "dryRun": {"BOOL": False},
        "errors": {"L": rows},
    }
    machine.client("dynamodb").put_item(TableName=machine.environment["SYNCS_TABLE"], Item=item)


def test_a_day_of_an_administrator(machine: Machine, sign_in: SignIn, admin: User, eventually: Eventually) -> None:
    user = User.new(machine.api_url, name=HOSTILE)
    reader = sign_in(admin)
    page = reader.page

    reader.open("users")
    page.get_by_label("E-mail address").fill(user.email)
    page.get_by_role("button", name="Show").click()
    row = page.get_by_role("list", name="Users").get_by_role("listitem")
    expect(row).to_contain_text(HOSTILE)
    row.get_by_role("button", name="Change rights").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Nothing changes yet.")
    dialog.get_by_label("May export their data").check()
    dialog.get_by_text("Limits of this user").click()
    dialog.get_by_label("Requests a minute").fill("600")
    expect(dialog.get_by_role("listitem")).to_have_text(["May export their data.", "Requests a minute: 600."])
    assert reader.violations() == []
    dialog.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("May export")
    expect(row).to_contain_text("Own limits")
    assert user.get("/auth/profile").json()["profile"]["canExportData"] is True

    # The trail is written a moment after the request.
    eventually(lambda: user.id in admin.get("/admin/audit", limit=200).text.partition("change_rights")[2])
    reader.go("audit", "Audit")
    entry = page.get_by_role("listitem").filter(has_text="Changed rights").filter(has_text=user.id).first
    expect(entry).to_contain_text("may export yes")
    expect(entry).to_contain_text("Done")
    page.get_by_role("button", name="Verify this day").click()
    expect(page.get_by_text("is intact:")).to_be_visible()
    assert reader.violations() == []

    reader.go("reports", "Reports")
    page.get_by_label("About").select_option("usage")
    page.get_by_label("Period").select_option("7")
    page.get_by_role("button", name="Make the report").click()
    report = page.get_by_role("list", name="Reports so far").get_by_role("listitem").first
    expect(report).to_contain_text("Report: Usage and cost")
    assert reader.violations() == []
    with page.expect_download() as download:
        report.get_by_role("link", name="PDF").click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF")
    report.get_by_role("link", name="Report: Usage and cost").click()
    reader.see_heading("Report")
    plot = page.get_by_role("figure", name="Requests, Failures by day")
    expect(plot.locator("svg")).to_be_visible()
    plot.get_by_text("The same as numbers").click()
    expect(plot.get_by_role("row")).to_have_count(8)
    expect(page.get_by_role("region", name="By operation", exact=True)).to_contain_text("sign_in")
    assert reader.violations() == []


def test_syncs_and_health_say_what_went_wrong(machine: Machine, sign_in: SignIn, admin: User) -> None:
    put_sync(machine)
    machine.invoke("health_check")
    reader = sign_in(admin)
    page = reader.page
    reader.open("syncs")
    row = page.get_by_role("listitem").filter(has_text="Mar 1, 2026")
    expect(row).to_contain_text("Done in part")
    expect(row).to_contain_text("Read 1,200 · new 1 · rejected 2")
    row.get_by_text("2 errors").click()
    expect(row.get_by_role("row", name="customer-000007")).to_contain_text(HOSTILE)
    assert reader.violations() == []

    with dead_letter(machine) as queue:
        reader.go("health", "Health")
        expect(page.get_by_text("This work failed in all its tries.")).to_be_visible()
        expect(page.get_by_role("row", name=f"{queue} 1 0")).to_be_visible()
        assert reader.violations() == []
    page.get_by_role("button", name="Look now").click()
    expect(page.get_by_text("Nothing failed for good.")).to_be_visible()
    expect(page.get_by_role("row", name="Sweeper")).to_be_visible()


def test_administrators_cannot_take_their_own_rights(sign_in: SignIn, admin: User) -> None:
    reader = sign_in(admin)
    page = reader.page
    reader.open("users?role=ADMIN")
    page.get_by_role("listitem").filter(has_text=admin.email).get_by_role("button", name="Change rights").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("another administrator can")
    expect(dialog.get_by_label("Role")).to_be_disabled()
    expect(dialog.get_by_label("The account may be used")).to_be_disabled()
    expect(dialog.get_by_role("button", name="Reset the second factor")).to_be_hidden()


def test_who_is_no_administrator_neither_sees_nor_reaches_these_views(sign_in: SignIn, user: User) -> None:
    reader = sign_in(user)
    reader.open("images")
    reader.see_heading("Images")
    expect(reader.page.get_by_role("link", name="Users")).to_be_hidden()
    for view, _, _ in VIEWS:
        reader.page.evaluate("view => { location.hash = `#/${view}` }", view)
        expect(reader.page.get_by_role("alert")).to_contain_text("no such page, or it is not for you")
        assert reader.page.evaluate("document.body.dataset.view") == view.partition("/")[0]


def test_a_server_that_is_away_is_said_and_tried_again_on_a_phone(sign_in: SignIn, admin: User) -> None:
    reader = sign_in(admin)
    reader.page.set_viewport_size({"width": 390, "height": 844})
    reader.open("images")
    reader.see_heading("Images")
    for view, heading, path in VIEWS:
        see_that_it_recovers(reader, view, heading, path)
        assert not reader.is_wider_than_the_screen(), view
        assert reader.violations() == [], view
