"""Reports for administrators hold the numbers of the daily sums, in every format."""

import csv
import io
import json
import re
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pypdf
import pytest
import requests

from chalicelib import actions
from chalicelib.actions import ActionFinishedError, reporting, service
from chalicelib.actions.reporting import ReportTooLargeError
from chalicelib.core import clients
from chalicelib.core.deadline import Deadline
from chalicelib.core.http.operations import Caller
from local.fake_api import FakeApi
from local.machine import Machine
from tests.journeys.gateway import call
from tests.journeys.issuing_keys import issue_key
from tests.journeys.user import User
from tests.waiting import wait_for

# Long before the dates that other tests use on the same machine.
MARCH = {"start": "2021-03-01", "end": "2021-03-07"}
BEFORE = {"start": "2021-02-22", "end": "2021-02-28"}

Row = tuple[str, str, str, dict[str, Any]]


def runs(requests: int, failures: int, dollars: str, milliseconds: str) -> dict[str, Any]:
    return {
        "requests": requests,
        "failures": failures,
        "dollars": Decimal(dollars),
        "milliseconds": Decimal(milliseconds),
    }


def images(**counts: int) -> list[tuple[str, dict[str, Any]]]:
    return [(what.replace("__", ":").replace("image_", "image/"), {"sum": count}) for what, count in counts.items()]


ROWS: list[Row] = [
    # The week before.
    ("all", "2021-02-22", "operation:create_upload", runs(8, 1, "0.001", "800")),
    ("all", "2021-02-28", "operation:resize", runs(2, 0, "0.003", "5000")),
    *(("all", "2021-02-28", what, by) for what, by in images(images=4, bytes=4000, completed=3, failed=1)),
    ("users", "2021-02-22", "user:ann", runs(6, 1, "0.003", "4000")),
    # The week.
    ("all", "2021-03-01", "operation:create_upload", runs(10, 2, "0.0011", "1000")),
    ("all", "2021-03-01", "operation:resize", runs(4, 1, "0.01", "8000")),
    ("all", "2021-03-03", "operation:create_upload", runs(5, 0, "0.0004", "250.5")),
    ("all", "2021-03-07", "operation:<list>", runs(1, 0, "0.0002", "3")),
    *(
        ("all", "2021-03-01", what, by)
        for what, by in images(
            images=6, bytes=6_000_000, format__image_jpeg=5, format__image_png=1, completed=3, failed=1, failed__empty=1
        )
    ),
    *(
        ("all", "2021-03-05", what, by)
        for what, by in images(images=2, bytes=500, format__image_png=2, completed=2, failed=2, failed__bomb=2)
    ),
    ("all", "2021-03-06", "deleted", {"sum": 1}),
    ("users", "2021-03-01", "user:ann", runs(9, 3, "0.008", "7000")),
    ("users", "2021-03-01", "user:bob", runs(5, 0, "0.0031", "2000")),
    ("users", "2021-03-03", "user:ann", runs(5, 0, "0.0004", "250.5")),
    ("ann", "2021-03-01", "operation:create_upload", runs(7, 2, "0.0008", "700")),
    ("ann", "2021-03-01", "key:key_1", runs(7, 2, "0.0008", "700")),
    *(("ann", "2021-03-01", what, by) for what, by in images(images=3, bytes=3000, completed=1)),
    # The day after.
    ("all", "2021-03-08", "operation:create_upload", runs(1000, 0, "9", "1")),
]


@pytest.fixture(scope="module", autouse=True)
def kept(machine: Machine) -> None:
    """Stores daily sums as the streams write them."""
    for scope, day, what, numbers in ROWS:
        item = {"scope": scope, "day#what": f"{day}#{what}", **numbers}
        machine.client("dynamodb").put_item(
            TableName=machine.environment["DAILY_TABLE"],
            Item={name: clients.marshal(value) for name, value in item.items()},
        )


def ask(user: User, kind: str, period: dict[str, str] = MARCH, **more: Any) -> requests.Response:
    return user.post("/actions/report", reportType=kind, dateRange=period, **more)


def ready(user: User, answer: requests.Response) -> dict[str, Any]:
    """The action of a requested report, once it is completed."""
    assert answer.status_code == 200, answer.text

    def look() -> dict[str, Any] | None:
        action: dict[str, Any] = user.get(f"/actions/{answer.json()['reportId']}").json()["action"]
        return action if action["status"] != "PENDING" else None

    action = wait_for(look, "the report to be made", 60, 0.05)
    assert action["status"] == "COMPLETED", action
    return action


def file_of(action: dict[str, Any], form: str) -> bytes:
    (url,) = [file["url"] for file in action["files"] if file["format"] == form]
    answer = requests.get(url, timeout=10)
    assert answer.status_code == 200
    return answer.content


def report_content(user: User, kind: str, **more: Any) -> dict[str, Any]:
    """The content of that report's JSON file."""
    report: dict[str, Any] = json.loads(file_of(ready(user, ask(user, kind, **more)), "json"))
    return report


def test_a_usage_report_adds_up_the_daily_sums(admin: User) -> None:
    report = report_content(admin, "usage")
    assert report["period"] == MARCH
    assert report["figures"] == {
        "requests": 20,
        "failures": 3,
        "failureRate": 15,
        "dollars": 0.0117,
        "milliseconds": 9253.5,
        "averageMilliseconds": 462.675,
    }
    assert [(row["day"], row["requests"], row["dollars"]) for row in report["byDay"]] == [
        ("2021-03-01", 14, 0.0111),
        ("2021-03-03", 5, 0.0004),
        ("2021-03-07", 1, 0.0002),
    ]
    assert [(row["operation"], row["requests"], row["failures"], row["dollars"]) for row in report["byOperation"]] == [
        ("resize", 4, 1, 0.01),
        ("create_upload", 15, 2, 0.0015),
        ("<list>", 1, 0, 0.0002),
    ]
    assert [(row["operation"], row["averageMilliseconds"]) for row in report["slowestOperations"]] == [
        ("resize", 2000),
        ("create_upload", 83.367),
        ("<list>", 3),
    ]
    assert [(row["operation"], row["failures"], row["failureRate"]) for row in report["failuresByOperation"]] == [
        ("create_upload", 2, 13.33),
        ("resize", 1, 25),
    ]


def test_an_analytics_report_counts_images_and_users(admin: User) -> None:
    report = report_content(admin, "analytics")
    assert report["figures"] == {
        "images": 8,
        "bytes": 6_000_500,
        "completed": 5,
        "failed": 3,
        "deleted": 1,
        "completionRate": 62.5,
        "activeUsers": 2,
    }
    assert [tuple(row.values()) for row in report["byDay"]] == [
        ("2021-03-01", 6, 6_000_000, 3, 1),
        ("2021-03-05", 2, 500, 2, 2),
    ]
    assert [tuple(row.values()) for row in report["usersByDay"]] == [("2021-03-01", 2), ("2021-03-03", 1)]
    assert report["formats"] == [
        {"format": "image/jpeg", "images": 5, "share": 62.5},
        {"format": "image/png", "images": 3, "share": 37.5},
    ]
    assert [(row["reason"], row["images"]) for row in report["failuresByReason"]] == [("bomb", 2), ("empty", 1)]
    ann, bob = report["users"]
    assert (ann["userId"], ann["dollars"], ann["requests"], ann["activeDays"]) == ("ann", 0.0084, 14, 2)
    assert (bob["userId"], bob["dollars"], bob["requests"], bob["activeDays"]) == ("bob", 0.0031, 5, 1)


def test_a_summary_compares_with_the_period_before(admin: User) -> None:
    report = report_content(admin, "summary")
    assert report["before"] == BEFORE
    compared = {row["figure"]: (row["value"], row["before"], row["change"]) for row in report["comparison"]}
    assert compared["Requests"] == (20, 10, 100)
    assert compared["Failures"] == (3, 1, 200)
    assert compared["Cost, dollars"] == (0.0117, 0.004, 192.5)
    assert compared["Images uploaded"] == (8, 4, 100)
    assert compared["Completion rate, percent"] == (62.5, 75, -16.67)
    assert compared["Images deleted"] == (1, 0, None)
    assert compared["Active users"] == (2, 1, 100)
    assert report["figures"]["requests"] == 20


def test_a_report_on_one_user_holds_nothing_of_other_users(admin: User) -> None:
    usage = report_content(admin, "usage", filters={"userId": "ann"})
    assert (usage["figures"]["requests"], usage["figures"]["dollars"]) == (7, 0.0008)
    analytics = report_content(admin, "analytics", filters={"userId": "ann"})
    assert (analytics["figures"]["images"], analytics["figures"]["bytes"]) == (3, 3000)
    assert "users" not in analytics
    assert "activeUsers" not in analytics["figures"]
    assert "bob" not in json.dumps(analytics)


def test_a_report_on_one_operation_holds_nothing_of_other_operations(admin: User) -> None:
    report = report_content(admin, "usage", filters={"operation": "resize"})
    assert (report["figures"]["requests"], report["figures"]["dollars"]) == (4, 0.01)
    assert [row["operation"] for row in report["byOperation"]] == ["resize"]
    assert [row["day"] for row in report["byDay"]] == ["2021-03-01"]


def test_days_without_activity_are_listed_on_request(admin: User) -> None:
    report = report_content(admin, "usage", filters={"includeInactive": True})
    assert [row["day"] for row in report["byDay"]] == [f"2021-03-0{day}" for day in range(1, 8)]
    assert report["byDay"][1]["requests"] == 0
    analytics = report_content(admin, "analytics", filters={"includeInactive": True})
    assert (len(analytics["byDay"]), len(analytics["usersByDay"])) == (7, 7)
    without = report_content(admin, "usage", filters={"includeInactive": False})
    assert "2021-03-02" not in {row["day"] for row in without["byDay"]}


def test_a_short_period_is_reported_in_the_request(admin: User) -> None:
    answer = ask(admin, "usage").json()
    assert answer["status"] == "COMPLETED"
    assert [file["format"] for file in answer["files"]] == ["html", "json"]
    page = requests.get(answer["downloadUrl"], timeout=10)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "usage-2021-03-01-to-2021-03-07.html" in page.headers["Content-Disposition"]
    action = admin.get(f"/actions/{answer['reportId']}").json()["action"]
    assert (action["actionType"], action["result"]["requests"]) == ("GENERATE_REPORT", 20)


def test_a_long_period_goes_through_the_queue(admin: User) -> None:
    year = {"start": "2020-03-08", "end": "2021-03-07"}
    answer = ask(admin, "summary", year, formats=["json"])
    assert (answer.json()["status"], answer.json()["downloadUrl"]) == ("PENDING", None)
    assert re.fullmatch(r"About \d+ (second|minute)s?\.", answer.json()["estimatedTime"])
    report = json.loads(file_of(ready(admin, answer), "json"))
    assert report["figures"]["requests"] == 30
    assert report["figures"]["activeUsers"] == 2


def test_every_format_holds_the_same_numbers(admin: User) -> None:
    action = ready(admin, ask(admin, "usage", formats=["csv", "pdf", "html"]))
    assert [file["format"] for file in action["files"]] == ["csv", "pdf", "html", "json"]
    assert action["resultUrl"].split("?")[0].endswith(f"/reports/{admin.id}/{action['actionId']}.zip")
    for file in action["files"]:
        assert len(file_of(action, file["format"])) == file["fileSize"]

    with zipfile.ZipFile(io.BytesIO(file_of(action, "csv"))) as archive:
        tables = {
            name: list(csv.reader(io.StringIO(archive.read(name).decode("utf-8-sig")))) for name in archive.namelist()
        }
    assert ["Requests", "20", "number"] in tables["figures.csv"]
    assert tables["byOperation.csv"][1][:4] == ["resize", "4", "1", "0.01"]

    page = file_of(action, "html").decode()
    assert not re.search(r"<(script|link|iframe|img|object|embed)|\b(src|href|srcset|onload)=|@import|url\(", page)
    assert "&lt;list&gt;" in page
    assert "$0.01" in page

    text = "".join(each.extract_text() for each in pypdf.PdfReader(io.BytesIO(file_of(action, "pdf"))).pages)
    for words in ("Usage of all users", "2021-03-01 – 2021-03-07", "create_upload", "2021-03-03", "Slowest operations"):
        assert words in text


@pytest.mark.parametrize("kind", ["usage", "analytics", "summary"])
def test_a_period_without_activity_is_reported_as_empty(admin: User, kind: str) -> None:
    action = ready(admin, ask(admin, kind, {"start": "2019-01-01", "end": "2019-01-31"}))
    report = json.loads(file_of(action, "json"))
    assert not any(report["figures"].values())
    page = file_of(action, "html").decode()
    assert "No data in this period" in page


def test_only_administrators_may_request_reports(machine: Machine, admin: User) -> None:
    ann = User.new(machine.api_url)
    refused = ask(ann, "usage")
    assert (refused.status_code, refused.json()["message"]) == (403, "Insufficient permissions for report generation")
    assert ask(User(machine.api_url), "usage").status_code == 401
    assert ask(issue_key(ann, "reports")[1], "usage").status_code == 403
    assert ask(issue_key(admin, "actions", "exports")[1], "usage").status_code == 403
    assert ask(issue_key(admin, "reports")[1], "usage").status_code == 200


TOMORROW = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()


@pytest.mark.parametrize(
    ("period", "field"),
    [
        ({"start": "2021-03-07", "end": "2021-03-01"}, "dateRange.end"),
        ({"start": "2021-02-30", "end": "2021-03-01"}, "dateRange.start"),
        ({"start": "2021-03-01", "end": "2021-13-01"}, "dateRange.end"),
        ({"start": "2020-03-01", "end": "2021-03-02"}, "dateRange.start"),
        ({"start": "0001-01-01", "end": "0001-01-02"}, "dateRange.start"),
        ({"start": TOMORROW, "end": TOMORROW}, "dateRange.start"),
        ({"start": "yesterday", "end": "2021-03-01"}, "dateRange.start"),
        ({"start": "2021-03-01"}, "dateRange.end"),
        ({**MARCH, "zone": "UTC"}, "dateRange.zone"),
    ],
)
def test_an_invalid_period_is_refused(admin: User, period: dict[str, str], field: str) -> None:
    answer = ask(admin, "usage", period)
    assert answer.status_code == 400
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == [field]


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("everything", {}),
        ("usage", {"color": "red"}),
        ("usage", {"filters": {"country": "FR"}}),
        ("usage", {"filters": {"userId": "users"}}),
        ("usage", {"filters": {"userId": "a/b"}}),
        ("usage", {"filters": {"includeInactive": "yes"}}),
        # Images are not counted by operation, so such a report has no numbers.
        ("analytics", {"filters": {"operation": "resize"}}),
        ("summary", {"filters": {"operation": "resize"}}),
        ("usage", {"formats": []}),
        ("usage", {"formats": ["xlsx"]}),
        ("usage", {"formats": ["pdf", "pdf"]}),
    ],
)
def test_unknown_options_of_a_report_are_refused(admin: User, kind: str, more: dict[str, Any]) -> None:
    assert ask(admin, kind, **more).status_code == 400


def test_a_refused_report_leaves_no_action(admin: User) -> None:
    def newest() -> list[str]:
        return [each["actionId"] for each in admin.get("/actions", limit=1).json()["items"]]

    before = newest()
    assert ask(admin, "usage", {"start": "2021-03-07", "end": "2021-03-01"}).status_code == 400
    assert newest() == before


def test_a_repeated_message_changes_no_file(machine: Machine, admin: User, function: pytest.MonkeyPatch) -> None:
    done = ready(admin, ask(admin, "usage"))
    page = file_of(done, "html")
    with pytest.raises(ActionFinishedError):
        reporting.run(actions.get(admin.id, done["actionId"]), Deadline.within(60))
    assert file_of(done, "html") == page
    versions = machine.client("s3").list_object_versions(
        Bucket=machine.environment["S3_OUTPUT_BUCKET"], Prefix=f"reports/{admin.id}/{done['actionId']}."
    )
    assert sorted(each["Key"].rpartition(".")[2] for each in versions["Versions"]) == ["html", "json"]


def test_a_report_that_takes_too_long_for_the_request_is_left_to_the_queue(
    admin: User, function: pytest.MonkeyPatch
) -> None:
    function.setattr(service, "SECONDS_AT_ONCE", -1.0)
    caller = Caller(admin.id, admin.email, role="ADMIN")
    queued = actions.submit(reporting.KIND, caller, {"reportType": "usage", "dateRange": MARCH})
    assert queued["status"] == "PENDING"
    action = wait_for(
        lambda: [each for each in [actions.get(admin.id, queued["reportId"])] if each.status != "PENDING"], "the queue"
    )[0]
    assert (action.status, action.result["requests"]) == ("COMPLETED", 20)


def test_a_report_that_takes_too_long_for_the_queue_fails_with_a_reason(
    admin: User, function: pytest.MonkeyPatch
) -> None:
    asked = {"reportType": "usage", "dateRange": MARCH}
    action = actions.begin(Caller(admin.id, admin.email), actions.ActionType.GENERATE_REPORT, asked)
    with pytest.raises(ReportTooLargeError), actions.fail_on_error(action):
        reporting.run(action, Deadline.within(-1))
    assert admin.get(f"/actions/{action.action_id}").json()["action"]["reason"] == {
        "code": "REPORT_TOO_LARGE",
        "message": "This period holds too much for one report; ask for fewer days.",
    }


def test_only_agents_of_administrators_find_the_report_tool(machine: Machine, admin: User) -> None:
    def tools(user: User) -> set[str]:
        return {tool["name"] for tool in user.get("/agent/tools").json()["tools"]}

    assert "generate_report" in tools(admin)
    assert "generate_report" not in tools(User.new(machine.api_url))


def test_an_external_service_makes_the_report_if_the_stage_has_one(admin: User, fake_api: FakeApi) -> None:
    asked = {"reportType": "usage", "dateRange": MARCH, "filters": {"userId": "ann"}}
    answer = call("POST /actions/report", admin.headers, asked)
    assert (answer.status, answer.body["status"], answer.body["downloadUrl"]) == (200, "PENDING", None)
    taken = fake_api.received[-1]
    assert taken.path == "/report-generator/create"
    sent = taken.json()
    assert {name: sent[name] for name in asked} == asked
    assert (sent["actionId"], sent["formats"]) == (answer.body["reportId"], ["html"])
    fake_api.done_at_once = True
    assert call("POST /actions/report", admin.headers, asked).body["status"] == "COMPLETED"
