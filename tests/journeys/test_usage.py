"""What a user used and what it cost, summed by day: each usage record counts exactly once."""

import json
import random
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib import metering
from chalicelib.actions import Action, estimates
from chalicelib.core import clients, ids
from chalicelib.metering import daily_sums
from chalicelib.metering.models import DAILY, Entry, Row
from local.machine import Machine
from tests import pictures
from tests.journeys.error_responses import error_of
from tests.journeys.gateway import call, calls_made
from tests.journeys.issuing_keys import issue_key
from tests.journeys.ledger import damaged, runs, settled, spent_by, summed
from tests.journeys.user import User

SUMS = ("requests", "failures", "dollars", "milliseconds")
TODAY = datetime.now(UTC).date()


@pytest.fixture
def ann(machine: Machine) -> User:
    """A new user for each test."""
    return User.new(machine.api_url)


def by(written: list[dict[str, Any]], attribute: str) -> dict[str, dict[str, Any]]:
    """The sums by an attribute's values, without records that lack it."""
    names = {run[attribute] for run in written if run.get(attribute)}
    return {name: summed([run for run in written if run.get(attribute) == name]) for name in names}


def shown(found: list[dict[str, Any]], name: str) -> dict[str, dict[str, Any]]:
    return {row[name]: {sum_: row[sum_] for sum_ in SUMS} for row in found}


def usage_of(user: User, **query: str) -> dict[str, Any]:
    answer = user.get("/usage", **query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


# ------------------------------------------------------------------- sums and their parts


def test_the_sums_match_the_usage_records(machine: Machine, ann: User) -> None:
    account = ann.id
    key_id, robot = issue_key(ann, "file_upload")
    for _ in range(3):
        robot.get("/images")
    robot.get("/images/img_none")
    ann.post("/agent/list_images")
    ann.get("/images", odd=1)
    settled(machine)
    written = runs(machine, account)
    found = usage_of(ann)
    assert found["totals"] == summed(written)
    operations = shown(found["byOperation"], "operation")
    assert operations == by(written, "operation")
    assert (operations["list_images"]["requests"], operations["list_images"]["failures"]) == (5, 1)
    assert (operations["get_image"]["requests"], operations["get_image"]["failures"]) == (1, 1)
    assert shown(found["byKey"], "keyId") == by(written, "api_key_id")
    assert found["byKey"][0]["keyId"] == key_id
    days = by([{**run, "day": run["timestamp"][:10]} for run in written], "day")
    assert shown(found["byDay"], "day") == days
    dollars = [row["dollars"] for row in found["byOperation"]]
    assert dollars == sorted(dollars, reverse=True), "sorted by cost"
    assert found["period"] == {"start": str(TODAY - timedelta(days=29)), "end": str(TODAY)}


def test_a_damaged_user_row_does_not_stop_the_counting_of_usage(machine: Machine, ann: User, admin: User) -> None:
    account = ann.id
    settled(machine)
    with damaged(machine, account):
        late = runs(machine, account)[-1] | {"timestamp": ids.now() + "#late"}
        machine.client("dynamodb").put_item(
            TableName=machine.environment["USAGE_METRICS_DYNAMO_TABLE"],
            Item={name: clients.marshal(value) for name, value in late.items()},
        )
        settled(machine)
    counted = admin.get("/admin/usage", userId=account).json()
    assert counted["totals"]["requests"] == len(runs(machine, account))


def test_work_on_a_picture_counts_for_its_owner_and_the_key(machine: Machine, ann: User) -> None:
    key_id, robot = issue_key(ann, "file_upload")
    data = pictures.jpeg(320, 240)
    robot.finished(robot.upload(data), every=1.0)
    ann.finished(ann.upload(b"no picture"), every=1.0)
    account = ann.id
    settled(machine)
    found = usage_of(ann)
    steps = shown(found["byOperation"], "operation")
    assert {"validation", "resize", "watermark"} <= set(steps)
    assert (steps["validation"]["requests"], steps["validation"]["failures"]) == (2, 1)
    assert (steps["resize"]["requests"], steps["watermark"]["requests"]) == (1, 1)
    written = runs(machine, account)
    with_key = [run for run in written if run.get("api_key_id") == key_id]
    assert {"create_upload", "validation", "resize", "watermark"} <= {run["operation"] for run in with_key}
    assert {run["event_source"] for run in with_key if run["operation"] == "resize"} == {"Step Functions"}
    assert shown(found["byKey"], "keyId") == {key_id: summed(with_key)}
    assert found["images"] == {
        "images": 2,
        "bytes": len(data) + 10,
        "format:image/jpeg": 2,
        "completed": 1,
        "failed": 1,
        "failed:not_an_image": 1,
    }


def test_a_user_sees_their_own_usage_and_a_key_that_of_its_user(machine: Machine, ann: User) -> None:
    bob = User.new(machine.api_url)
    accounts = ann.id, bob.id
    robot = issue_key(ann, "exports")[1]
    for asking, account in ((robot, accounts[0]), (bob, accounts[1]), (ann, accounts[0])):
        settled(machine)
        written = runs(machine, account)
        assert usage_of(asking)["totals"] == summed(written)
    assert error_of(ann.get("/usage", userId=accounts[1]), 400)["details"][0]["field"] == "userId"


def test_a_user_sees_what_is_left_of_each_limit(machine: Machine, ann: User, admin: User) -> None:
    own = {"requestsPerMinute": 500, "requestsPerHour": 700, "dollarsPerHour": 2, "storedBytes": 5_000_000}
    assert admin.request("PATCH", f"/admin/users/{ann.id}", json={"limits": own}).status_code == 200
    image_id = ann.upload(pictures.jpeg(64, 64))
    ann.finished(image_id)
    settled(machine)
    answer = ann.get("/usage")
    usage, now = answer.json(), datetime.now(UTC)
    limits = usage["limits"]
    assert {name: limits[name]["limit"] for name in own} == own
    per_minute, per_hour = limits["requestsPerMinute"], limits["requestsPerHour"]
    assert per_minute["left"] == int(answer.headers["RateLimit-Remaining"]) == 500 - per_minute["used"]
    assert 0 < (datetime.fromisoformat(per_minute["endsAt"]) - now).total_seconds() <= 60
    assert 0 < (datetime.fromisoformat(per_hour["endsAt"]) - now).total_seconds() <= 3600
    month = limits["dollarsPerMonth"]
    assert (month["limit"], month["used"]) == (100, pytest.approx(usage["totals"]["dollars"]))
    assert month["left"] == month["limit"] - month["used"]
    assert datetime.fromisoformat(month["endsAt"]) == datetime.combine(first_of_next_month(now), time(), UTC)
    stored = usage["storage"]["bytes"]
    assert limits["storedBytes"] == {"limit": 5_000_000, "used": stored, "left": 5_000_000 - stored, "endsAt": None}
    # The key has more requests than its owner, and fewer dollars.
    robot = issue_key(ann, "exports", limits={"requestsPerHour": 900, "dollarsPerDay": 0.5})[1]
    of_key = robot.get("/usage").json()["limits"]
    assert of_key["requestsPerHour"]["limit"] == 700
    assert of_key["requestsPerHour"]["used"] == per_hour["used"] + 2, "making the key, and this request"
    assert (of_key["dollarsPerDay"]["limit"], of_key["dollarsPerDay"]["used"]) == (0.5, 0)


def first_of_next_month(now: datetime) -> date:
    return (now.date().replace(day=1) + timedelta(days=32)).replace(day=1)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"start": "2026-02-30"}, "start"),
        ({"end": "2026-13-01"}, "end"),
        ({"start": "yesterday"}, "start"),
        ({"start": "2026-1-1"}, "start"),
        ({"start": "2026-01-02", "end": "2026-01-01"}, "end"),
        ({"start": "2024-01-01", "end": "2025-01-01"}, "start"),
        ({"start": "2026-01-01\n"}, "start"),
        ({"day": "2026-01-01"}, "day"),
    ],
)
def test_an_invalid_period_is_refused_with_400_that_names_the_field(
    ann: User, query: dict[str, str], field: str
) -> None:
    assert error_of(ann.get("/usage", **query), 400)["details"][0]["field"] == field


def test_the_first_days_of_the_calendar_are_a_valid_period(ann: User) -> None:
    assert usage_of(ann, end="0001-01-05")["period"] == {"start": "0001-01-01", "end": "0001-01-05"}


def test_a_period_includes_its_first_and_last_day_and_no_others(function: pytest.MonkeyPatch) -> None:
    scope = secrets.token_hex(8)
    days = ["2024-02-28", "2024-02-29", "2024-03-01", "2024-03-02"]
    daily_sums.add_once(
        Entry(f"{scope}-{day}", {Row(scope, day, "operation:op"): {"requests": 1, "dollars": Decimal("0.1")}}, scope)
        for day in days
    )
    found = metering.summarize(scope, "2024-02-29", "2024-03-01")
    assert [row["day"] for row in found["byDay"]] == days[1:3]
    assert found["totals"]["requests"] == 2
    assert metering.summarize(scope, "2024-01-01", "2024-12-31")["totals"]["requests"] == 4
    assert metering.parse_period({"start": "2024-01-01", "end": "2024-12-31"}), "a leap year fits"


# -------------------------------------------------------------------- redelivery


def batch(account: str, count: int, key_id: str | None = None) -> list[dict[str, Any]]:
    """Stream records of that many runs."""
    now = ids.now()
    made = []
    for place in range(count):
        run = {
            "account": account,
            "timestamp": f"{now}#{place:08x}",
            "operation": f"op{place % 3}",
            "lambda_cost": round(0.0000002 + place * 0.000000031, 12),
            "duration_ms": round(place * 1.001, 3),
            "success": place % 5 != 0,
            **({} if key_id is None else {"api_key_id": key_id}),
        }
        image = {name: clients.marshal(Decimal(str(v)) if isinstance(v, float) else v) for name, v in run.items()}
        made.append(
            {
                "eventID": secrets.token_hex(16),
                "eventName": "INSERT",
                "eventSource": "aws:dynamodb",
                "dynamodb": {"NewImage": image, "StreamViewType": "NEW_IMAGE"},
            }
        )
    return made


def written_in(stream_records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [clients.unmarshal(record["dynamodb"]["NewImage"]) for record in stream_records]


def test_batches_that_repeat_overlap_or_run_at_once_count_once(machine: Machine, ann: User) -> None:
    account = ann.id
    settled(machine)
    own_runs = runs(machine, account)
    stream_records = batch(account, 60, "key_1")
    overlapping = [
        stream_records[:40],
        stream_records[:40],
        stream_records[25:60],
        [stream_records[3]],
        stream_records[::-1],
    ]
    with ThreadPoolExecutor(len(overlapping)) as pool:
        results = list(pool.map(lambda part: machine.invoke("usage_records", {"Records": part}), overlapping))
    # A batch that lost the race too often is delivered again, as by Lambda.
    for part, (_, errored) in zip(overlapping, results, strict=True):
        if errored:
            assert not machine.invoke("usage_records", {"Records": part})[1]
    day = spent_by(machine, account)[ids.now()[:10]]
    found = usage_of(ann)
    assert found["totals"] == summed([*written_in(stream_records), *own_runs])
    assert shown(found["byKey"], "keyId")["key_1"] == summed(written_in(stream_records))
    own = {name: sums for name, sums in shown(found["byOperation"], "operation").items() if name.startswith("op")}
    assert own == by(written_in(stream_records), "operation")
    assert day["key_1"] == sum(run["lambda_cost"] for run in written_in(stream_records))
    assert day["user"] == sum(run["lambda_cost"] for run in [*written_in(stream_records), *own_runs])


def test_queued_work_is_estimated_by_what_its_kind_took_before(
    machine: Machine, function: pytest.MonkeyPatch, ann: User
) -> None:
    kind = f"KIND_{secrets.token_hex(4)}"
    action = Action(user_id=ann.id, action_id="act_1", action_type=kind, created_at=ids.now())
    assert estimates.estimated_time(action, 0.2) == "About 1 second.", "nothing is measured yet"
    assert estimates.estimated_time(action, 150) == "About 3 minutes."
    stream_records = batch("system", 4)
    for record, seconds in zip(stream_records, (10, 20, 30, 600), strict=True):
        more = {"operation": "action_worker", "kind": kind, "duration_ms": 1000 * seconds, "success": seconds < 100}
        record["dynamodb"]["NewImage"].update({name: clients.marshal(value) for name, value in more.items()})
    for _ in range(2):
        assert machine.invoke("usage_records", {"Records": stream_records}) == (None, False)
    assert estimates.estimated_time(action, 1) == "About 20 seconds.", "only successful runs, each once"


def test_expired_records_are_not_counted_again(machine: Machine, ann: User) -> None:
    account = ann.id
    stream_records = batch(account, 2, "key_1")
    gone = [
        {**record, "eventName": "REMOVE", "dynamodb": {"OldImage": record["dynamodb"]["NewImage"]}}
        for record in stream_records
    ]
    answer, errored = machine.invoke("usage_records", {"Records": gone})
    assert not errored, answer
    assert "key_1" not in shown(usage_of(ann)["byKey"], "keyId")


def test_a_deleted_user_does_not_stop_a_batch(machine: Machine, ann: User) -> None:
    nobody = f"gone-{secrets.token_hex(4)}"
    mixed = batch(nobody, 3) + batch(ann.id, 3, "key_1")
    answer, errored = machine.invoke("usage_records", {"Records": mixed})
    assert not errored, answer
    assert shown(usage_of(ann)["byKey"], "keyId")["key_1"]["requests"] == 3


def test_runs_are_counted_in_the_hour_in_which_they_ran(machine: Machine, ann: User) -> None:
    account = ann.id
    settled(machine)
    stream_records = batch(account, 2, "key_1")
    # Later than this account's own requests.
    for record, moment in zip(
        stream_records, ("2099-12-31T22:59:59.999Z#1", "2099-12-31T23:00:00.000Z#1"), strict=True
    ):
        record["dynamodb"]["NewImage"]["timestamp"] = {"S": moment}
    _, errored = machine.invoke("usage_records", {"Records": stream_records[::-1]})
    assert not errored
    early, late = (run["lambda_cost"] for run in written_in(stream_records))
    spent = spent_by(machine, account)
    assert spent["2099-12-31T23"]["key_1"] == late
    assert spent["2099-12-31"]["key_1"] == early + late
    assert "2099-12-31T22" not in spent


SHARED = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@SHARED
@given(data=st.data())
def test_any_redelivery_of_events_gives_the_same_sums(function: pytest.MonkeyPatch, data: st.DataObject) -> None:
    scope = secrets.token_hex(8)
    numbers = data.draw(st.lists(st.integers(1, 1000), min_size=1, max_size=20))
    groups = data.draw(st.lists(st.sampled_from([None, "operation:"]), min_size=2, max_size=2))
    entries = [
        Entry(
            f"{scope}-{place}",
            {Row(scope, "2026-11-21", f"operation:op{place % 2}", groups[place % 2]): {"requests": 1, "dollars": n}},
            origin=f"{scope}-{place % 3}",
        )
        for place, n in enumerate(numbers)
    ]
    deliveries = data.draw(st.lists(st.lists(st.sampled_from(entries), max_size=30), max_size=4))
    for delivery in [*deliveries, random.Random(0).sample(entries, len(entries)), *deliveries]:
        daily_sums.add_once(delivery)
    totals = metering.summarize(scope, "2026-11-21", "2026-11-21")["totals"]
    assert (totals["requests"], totals["dollars"]) == (len(numbers), sum(numbers))


# -------------------------------------------------------------------------- administrators


def test_an_administrator_sees_the_usage_of_everyone_and_of_one_user(machine: Machine, ann: User, admin: User) -> None:
    account = ann.id
    settled(machine)
    one = admin.get("/admin/usage", userId=account).json()
    assert one["totals"] == summed(runs(machine, account))
    assert one["totals"]["requests"] >= 1
    everyone = admin.get("/admin/usage").json()
    assert everyone["totals"]["requests"] > one["totals"]["requests"]
    counted = set(shown(everyone["byOperation"], "operation"))
    assert {"sign_in", "validate_token"} <= counted
    assert not {"sign_up", "get_health"} & counted, "nobody is known behind them"
    assert admin.get("/admin/usage", userId="nobody").json()["totals"]["requests"] == 0


def usage_pages(admin: User, limit: int) -> list[list[dict[str, Any]]]:
    """All pages of everybody's daily usage."""
    pages: list[list[dict[str, Any]]] = []
    query: dict[str, Any] = {"by": "user", "limit": limit}
    while not pages or "cursor" in query:
        page = admin.get("/admin/usage", **query).json()
        pages.append(page["items"])
        query = {"by": "user", "limit": limit} | ({"cursor": page["nextCursor"]} if page["nextCursor"] else {})
    return pages


def test_daily_usage_by_user_comes_in_pages(machine: Machine, ann: User, admin: User) -> None:
    account = ann.id
    accounts = {account, *(User.new(machine.api_url).id for _ in range(4))}
    settled(machine)
    # The rows of all other tests' users are in the pages too.
    rows = [row for page in usage_pages(admin, 100) for row in page]
    size = max(2, len(rows) // 4)
    pages = usage_pages(admin, size)
    assert len(pages) == -(-len(rows) // size) >= 3
    assert {len(page) for page in pages[:-1]} == {size}
    assert [each["userId"] for page in pages for each in page] == [each["userId"] for each in rows]
    assert accounts <= {row["userId"] for row in rows}
    assert len({(row["day"], row["userId"]) for row in rows}) == len(rows)
    assert [row["day"] for row in rows] == sorted((row["day"] for row in rows), reverse=True)
    assert shown(rows, "userId")[account] == summed(runs(machine, account))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"by": "day"}, "by"),
        ({"by": "user", "limit": "0"}, "limit"),
        ({"by": "user", "limit": "1001"}, "limit"),
        ({"by": "user", "cursor": "%%"}, "cursor"),
        ({"by": "user", "cursor": ""}, "cursor"),
        ({"by": "user", "cursor": ids.to_cursor("odd")}, "cursor"),
        (
            {
                "by": "user",
                "start": "2020-01-01",
                "end": "2020-01-02",
                "cursor": ids.to_cursor("2026-01-01#user:x"),
            },
            "cursor",
        ),
        ({"userId": ""}, "userId"),
        ({"start": "2026-02-30"}, "start"),
    ],
)
def test_an_invalid_query_of_an_administrator_is_refused_with_400(
    admin: User, query: dict[str, str], field: str
) -> None:
    assert error_of(admin.get("/admin/usage", **query), 400)["details"][0]["field"] == field


def test_only_administrators_see_the_usage_of_others(ann: User, admin: User) -> None:
    assert error_of(ann.get("/admin/usage"), 403)["code"] == "PERMISSION_DENIED"
    assert error_of(ann.get("/admin/usage", by="user"), 403)["code"] == "PERMISSION_DENIED"
    assert error_of(issue_key(ann, "full_access")[1].get("/admin/usage"), 403)["code"] == "PERMISSION_DENIED"
    assert error_of(issue_key(admin, "full_access")[1].get("/admin/usage"), 403)["code"] == "PERMISSION_DENIED"
    assert issue_key(admin, "admin")[1].get("/admin/usage").status_code == 200
    assert error_of(User(ann.url).get("/admin/usage"), 401)["code"] == "NOT_AUTHENTICATED"


# -------------------------------------------------------------------------- calls to AWS


def test_reading_usage_is_one_query_and_a_batch_a_few_transactions(
    machine: Machine, ann: User, admin: User, function: pytest.MonkeyPatch
) -> None:
    account = ann.id
    made = calls_made()
    for route, user, query in [
        ("GET /usage", ann, {}),
        ("GET /admin/usage", admin, {}),
        ("GET /admin/usage", admin, {"by": "user"}),
        ("GET /admin/users", admin, {}),
    ]:
        assert call(route, user.headers, query=query).status == 200
        # The indexes of users lack the attributes that change with every request.
        rows = ["BatchGetItem"] if route == "GET /admin/users" else []
        assert made == ["GetItem", "UpdateItem", "Query", *rows, "PutItem"], f"{route} {json.dumps(query)}"
        made.clear()
    # The machine counts these calls too: a transaction on the same rows would make ours repeat.
    settled(machine)
    made.clear()
    # The function that counts these requests writes to the same rows.
    settled(machine)
    stream_records = {"Records": batch(account, 50)}
    metering.count_records(stream_records)
    assert made == ["GetItem", "GetItem", "TransactWriteItems"], "whether there is such a user, and what was spent"
    made.clear()
    metering.count_records(stream_records)
    assert made == ["GetItem", "GetItem", "TransactWriteItems", "BatchGetItem"], "refused by the dedupe key"


def test_a_day_with_more_operations_than_one_write_allows_is_counted(function: pytest.MonkeyPatch) -> None:
    scope, by = secrets.token_hex(8), {"requests": 1, "failures": 0, "dollars": Decimal("0.1"), "milliseconds": 2}
    entries = [
        Entry(f"{scope}-{place}", {Row(scope, "2026-11-21", f"operation:op{place}", "operation:"): by}, scope)
        for place in range(100)
    ]
    made = calls_made()
    assert len(daily_sums.add_once(entries)) == 100
    assert made == ["TransactWriteItems"] * 4, "of a hundred numbers each"
    assert metering.summarize(scope, "2026-11-21", "2026-11-21")["totals"]["requests"] == 100


def test_a_batch_with_more_users_than_one_transaction_allows_is_counted_in_several(
    function: pytest.MonkeyPatch,
) -> None:
    scopes = [secrets.token_hex(8) for _ in range(70)]
    entries = [Entry(scope, {Row(scope, "2026-11-21", "operation:op"): {"requests": 1}}, scope) for scope in scopes]
    made = calls_made()

    def spent(some: list[Entry]) -> list[dict[str, Any]]:
        whose = [f"spent-{entry.event_id}" for entry in some]
        return [DAILY.to_add(DAILY.key(each, "sum"), {"sum": 1}) for each in whose]

    added = daily_sums.add_once(entries, also=spent)
    assert [entry.event_id for entry in added] == scopes
    assert made == ["TransactWriteItems"] * 3, "33 users at once: each needs a dedupe key, a row and another write"
