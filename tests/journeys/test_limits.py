"""Request limits: exact in each window, for a user, a key, an operation, an address and a source."""

import json
import re
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import requests

import app as manifest
from chalicelib.core import clients, ids
from chalicelib.core.http import limits
from chalicelib.core.http.budgets import Period
from chalicelib.core.http.limits import ANONYMOUS, CODES, Limit, LimitStatus, Window
from chalicelib.core.http.operations import Caller
from local.machine import Machine
from tests.journeys.ledger import runs, settled
from tests.journeys.user import User
from tests.proxy_event import proxy_event

# A time at which both windows begin, in seconds since the epoch.
NOON = 1_780_315_200.0


@pytest.fixture
def caller(function: pytest.MonkeyPatch) -> Caller:
    return Caller(id=secrets.token_hex(8), email="a@example.com")


@pytest.fixture
def ann(machine: Machine) -> User:
    """A new user for each test."""
    return User.new(machine.api_url)


def grant(machine: Machine, user: User, **numbers: int) -> None:
    """Writes limits into the user's row, as an operator would."""
    machine.client("dynamodb").update_item(
        TableName=machine.environment["USERS_TABLE"],
        Key={"userId": {"S": user.id}},
        UpdateExpression="SET limits = :limits",
        ExpressionAttributeValues={":limits": clients.marshal(numbers)},
    )


def allowed(standings: list[LimitStatus]) -> int:
    return sum(standing.allowed for standing in standings)


# -------------------------------------------------------------- the counters


def test_a_hundred_requests_at_once_pass_exactly_as_often_as_the_limit_allows(caller: Caller) -> None:
    own = Limit(20, Window.MINUTE)
    with ThreadPoolExecutor(100) as pool:
        standings = list(pool.map(lambda _: limits.count_caller(caller, "op", own, NOON), range(100)))
    assert allowed(standings) == 20
    assert sorted(s.remaining for s in standings if s.allowed) == list(range(20)), "each got another number"
    assert {(s.limit, s.remaining, s.reset) for s in standings if not s.allowed} == {(20, 0, 60)}


def test_the_strictest_limit_applies_and_refused_requests_are_not_counted(caller: Caller) -> None:
    both = replace(caller, limits={"requestsPerMinute": 3, "requestsPerHour": 5})
    first = [limits.count_caller(both, "op", now=NOON + 1) for _ in range(6)]
    assert allowed(first) == 3
    assert (first[-1].limit, first[-1].reset) == (3, 59)
    second = [limits.count_caller(both, "op", now=NOON + 60) for _ in range(6)]
    assert allowed(second) == 2, "three of five were spent in the minute before"
    assert (second[-1].limit, second[-1].reset) == (5, 3540)


def test_a_new_window_starts_at_zero(caller: Caller) -> None:
    few = replace(caller, limits={"requestsPerMinute": 2, "requestsPerHour": 3})
    moments = [0, 30, 59.999, 60, 61, 3599, 3600, 3601, 3602]
    passed = [limits.count_caller(few, "op", now=NOON + moment).allowed for moment in moments]
    assert passed == [True, True, False, True, False, False, True, True, False]


def test_a_key_has_its_own_limit_within_its_users_limit(caller: Caller) -> None:
    user = replace(caller, limits={"requestsPerMinute": 5})
    one = replace(user, api_key_id="key_1", key_limits={"requestsPerMinute": 2})
    other = replace(user, api_key_id="key_2", key_limits={"requestsPerMinute": 100})
    assert allowed([limits.count_caller(one, "op", now=NOON) for _ in range(4)]) == 2
    assert allowed([limits.count_caller(other, "op", now=NOON) for _ in range(4)]) == 3
    assert not limits.count_caller(user, "op", now=NOON).allowed


def test_an_operations_limit_applies_to_each_caller_and_to_no_other_operation(caller: Caller) -> None:
    own = Limit(1, Window.HOUR)
    assert [limits.count_caller(caller, "dear", own, NOON + 60 * i).allowed for i in range(2)] == [True, False]
    assert limits.count_caller(caller, "cheap", now=NOON).allowed
    assert limits.count_caller(replace(caller, id=f"{caller.id}-other"), "dear", own, NOON).allowed


def test_without_a_row_or_a_setting_the_default_limit_applies(caller: Caller, function: pytest.MonkeyPatch) -> None:
    function.delenv("REQUESTS_PER_MINUTE")
    function.delenv("REQUESTS_PER_HOUR")
    standing = limits.count_caller(caller, "op", now=NOON)
    assert (standing.limit, standing.remaining) == (600, 599)
    function.setenv("REQUESTS_PER_MINUTE", "7")
    assert limits.count_caller(caller, "op", now=NOON).limit == 7


def test_a_limit_of_zero_refuses_every_request(caller: Caller) -> None:
    standing = limits.count_caller(replace(caller, limits={"requestsPerMinute": 0}), "op", now=NOON)
    assert (standing.allowed, standing.limit, standing.reset) == (False, 0, 60)


def test_counters_expire(machine: Machine, caller: Caller) -> None:
    limits.count_caller(caller, "op", now=NOON + 5)
    stored = machine.client("dynamodb").get_item(
        TableName=machine.environment["LIMITS_TABLE"], Key={"key": {"S": f"user#{caller.id}#{int(NOON)}"}}
    )["Item"]
    assert int(stored["ttl"]["N"]) == NOON + 7200


def test_addresses_are_counted_in_any_case_and_stored_only_as_a_hash(
    machine: Machine, function: pytest.MonkeyPatch
) -> None:
    function.setenv("AUTH_PER_ADDRESS_PER_MINUTE", "3")
    function.setenv("AUTH_PER_SOURCE_PER_MINUTE", "4")
    name = f"Eve.{secrets.token_hex(4)}"
    spellings = [f"{name}@example.com", f"{name.lower()}@EXAMPLE.com"] * 3
    assert allowed([limits.count_address(each, CODES, NOON) for each in spellings]) == 3
    source = f"2001:db8:{secrets.token_hex(2)}"
    assert allowed([limits.count_source(f"{source}::{i:x}", ANONYMOUS, NOON) for i in range(6)]) == 4
    table = machine.environment["LIMITS_TABLE"]
    stored = json.dumps(machine.client("dynamodb").scan(TableName=table)["Items"]).lower()
    assert name.lower() not in stored
    assert source not in stored


# ----------------------------------------------------------------- over HTTP


def test_every_answer_shows_what_is_left_and_a_refusal_when_to_retry(machine: Machine, ann: User) -> None:
    # Reading the id costs one request.
    grant(machine, ann, requestsPerHour=6)
    answers = [ann.get(path) for path in ("/images", "/images/img_none", "/images?odd=1", "/keys", "/images")]
    assert [answer.status_code for answer in answers] == [200, 404, 400, 200, 200]
    assert [answer.headers["RateLimit-Limit"] for answer in answers] == ["6"] * 5
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["4", "3", "2", "1", "0"]
    answer = ann.get("/images")
    refused(answer.status_code, answer.json(), answer.headers)
    assert {"RateLimit-Remaining", "Retry-After"} <= set(answer.headers["Access-Control-Expose-Headers"].split(","))


def refused(status: int, body: dict[str, Any], headers: Mapping[str, str]) -> None:
    """Asserts the shape of a 429."""
    assert status == 429, body
    assert body["success"] is False
    assert body["error"] == {"type": "TooManyRequestsError", "code": "TOO_MANY_REQUESTS"}
    assert body["message"]
    assert headers["RateLimit-Remaining"] == "0"
    assert 1 <= int(headers["Retry-After"]) <= 3600
    assert headers["Retry-After"] == headers["RateLimit-Reset"]


def test_a_keys_limits_are_set_at_creation_shown_and_kept_by_a_rotation(machine: Machine, ann: User) -> None:
    made = ann.post("/keys", name="a", accessTypes=["full_access"], limits={"requestsPerHour": 3}).json()
    assert made["apiKey"]["limits"] == {"requestsPerHour": 3}
    assert ann.get("/keys").json()["items"][0]["limits"] == {"requestsPerHour": 3}
    robot = User(ann.url, tokens={"accessToken": made["key"]})
    assert [robot.get("/images").status_code for _ in range(2)] == [200, 200]
    rotated = ann.post(f"/keys/{made['keyId']}/rotate").json()
    assert rotated["apiKey"]["limits"] == {"requestsPerHour": 3}
    fresh = User(ann.url, tokens={"accessToken": rotated["key"]})
    assert [fresh.get("/images").status_code for _ in range(2)] == [200, 429], "a rotation does not reset the limit"
    assert robot.get("/images").status_code == 429
    assert ann.get("/images").status_code == 200


@pytest.mark.parametrize(
    "numbers",
    [{"requestsPerMinute": 0}, {"requestsPerMinute": 1.5}, {"requestsPerDay": 1}, {"requestsPerHour": "9"}, 5],
)
def test_a_keys_limits_must_be_whole_numbers_of_known_windows(ann: User, numbers: Any) -> None:
    answer = ann.post("/keys", name="a", accessTypes=["full_access"], limits=numbers)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["field"].startswith("limits")


def test_a_request_that_the_key_may_not_make_counts_for_the_key_and_not_its_owner(machine: Machine, ann: User) -> None:
    account = ann.id
    grant(machine, ann, requestsPerHour=50)
    made = ann.post("/keys", name="a", accessTypes=["exports"], limits={"requestsPerHour": 4}).json()
    robot = User(ann.url, tokens={"accessToken": made["key"]})
    before = int(ann.get("/images").headers["RateLimit-Remaining"])
    called = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_images", "arguments": {}}}
    refusals = [
        robot.get("/images"),
        robot.post("/keys", name="b", accessTypes=["exports"]),
        robot.post("/agent/list_images"),
        robot.post("/mcp", **called),
    ]
    assert [answer.status_code for answer in refusals] == [403, 403, 403, 200]
    assert refusals[-1].json()["result"]["isError"] is True
    assert [answer.headers["RateLimit-Remaining"] for answer in refusals] == ["3", "2", "1", "0"]
    over = robot.get("/images")
    refused(over.status_code, over.json(), over.headers)
    assert int(ann.get("/images").headers["RateLimit-Remaining"]) == before - 1
    settled(machine)
    row = clients.unmarshal(
        machine.client("dynamodb").get_item(
            TableName=machine.environment["USERS_TABLE"], Key={"userId": {"S": account}}, ConsistentRead=True
        )["Item"]
    )
    (spent,) = (sums for window, sums in row["spent"].items() if len(window) == Period.MONTH.value)
    written = runs(machine, account)
    assert spent["user"] == sum(run["lambda_cost"] for run in written if run.get("api_key_id") is None)
    assert spent[made["keyId"]] == sum(run["lambda_cost"] for run in written if run.get("api_key_id"))


def test_an_invalid_token_is_counted_against_no_limit(ann: User) -> None:
    junk = requests.get(f"{ann.url}/images", headers={"Authorization": "Bearer junk"}, timeout=30)
    assert junk.status_code == 401
    assert "RateLimit-Limit" not in junk.headers


# -------------------------------------------------------- the API in process


def test_health_requests_are_limited_per_source(function: pytest.MonkeyPatch) -> None:
    at(function, NOON)
    function.setenv("HEALTH_PER_SOURCE_PER_MINUTE", "2")
    source = f"2001:db8:1:{secrets.token_hex(2)}::1"
    answers = [call("GET", "/health", source=source) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    refused(*answers[-1])
    assert call("GET", "/health", source="203.0.113.7").status == 200


def test_anonymous_requests_leave_no_usage_record_and_are_summed_in_the_log(
    function: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[str] = []
    clients.client("dynamodb").meta.events.register("before-call", lambda model, **_: made.append(model.name))
    call("GET", "/health")
    call("POST", "/auth/signin", odd=1)
    call("GET", "/images")
    assert "PutItem" not in made
    measured = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"MEASURED"' in line]
    assert [(line["metadata"]["operation"], line["metadata"]["caller"]) for line in measured] == [
        ("get_health", "none"),
        ("sign_in", "none"),
        ("list_images", "none"),
    ]
    assert all(line["Cost"] for line in measured)


def test_a_request_is_answered_with_503_when_the_limiter_is_unavailable(
    ann: User, function: pytest.MonkeyPatch
) -> None:
    function.setenv("LIMITS_TABLE", "no-such-table")
    handled: list[str] = []
    function.setattr("chalicelib.images.list_images", lambda user, data: handled.append(user.id))
    answer = call("GET", "/images", ann.headers)
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "5"
    assert answer.body["error"]["code"] == "UNAVAILABLE"
    assert handled == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/auth/verify", {"code": "1"}, 400),
        ("/auth/reset-password", {"code": "1", "password": "Wrong-One-2026!"}, 400),
        ("/auth/resend", {}, 200),
        ("/auth/forgot-password", {}, 200),
    ],
)
def test_attempts_per_address_are_limited_without_revealing_whether_it_exists(
    ann: User, function: pytest.MonkeyPatch, path: str, body: dict[str, Any], status: int
) -> None:
    clock = at(function, NOON + 20)
    function.setenv("AUTH_PER_ADDRESS_PER_MINUTE", "3")
    refusals = []
    for address in (ann.email, f"none{secrets.token_hex(4)}@example.com"):

        def ask(n: int, email: str = address) -> Answer:
            return call("POST", path, source=f"192.0.2.{n}", email=email, **body)

        answers = [ask(n) for n in range(5)]
        assert [answer.status for answer in answers] == [status] * 3 + [429] * 2, "from any source"
        assert {answer.headers["RateLimit-Limit"] for answer in answers[:3]} == {"100000"}, "the limit of the source"
        refused(*answers[-1])
        assert answers[-1].headers["Retry-After"] == "40"
        refusals.append({**answers[-1].body, "requestId": ""})
        more: dict[str, Any]
        other, more = ("/auth/resend", {}) if status == 400 else ("/auth/verify", {"code": "1"})
        assert call("POST", other, email=address, **more).status != 429
        clock.now = NOON + 60
        assert ask(9).status == status, "a minute later there is another chance"
        clock.now = NOON + 20
    assert refusals[0] == refusals[1]


def test_answers_to_a_challenge_are_limited(function: pytest.MonkeyPatch) -> None:
    at(function, NOON)
    function.setenv("AUTH_PER_ADDRESS_PER_MINUTE", "3")
    session = f"{ids.to_cursor(secrets.token_hex(8))}.{'s' * 20}"
    asked: dict[str, Any] = {"challenge": "SOFTWARE_TOKEN_MFA", "answer": "1"}
    answers = [call("POST", "/auth/challenge", session=f"{session}{n}", **asked) for n in range(4)]
    assert [answer.status for answer in answers] == [401, 401, 401, 429]


def test_addresses_tried_by_one_source_are_limited(function: pytest.MonkeyPatch) -> None:
    at(function, NOON)
    function.setenv("AUTH_PER_SOURCE_PER_MINUTE", "2")
    source = f"2001:db8:0:{secrets.token_hex(2)}::1"

    def sign_in(source: str) -> Answer:
        address = f"none{secrets.token_hex(4)}@example.com"
        return call("POST", "/auth/signin", source=source, email=address, password="wrong")

    answers = [sign_in(source) for _ in range(3)]
    assert [answer.status for answer in answers] == [401, 401, 429]
    refused(*answers[-1])
    assert sign_in("203.0.113.1").status == 401
    assert call("POST", "/auth/refresh", source=source, refreshToken="junk").status == 429
    assert call("POST", "/auth/challenge", source=source, odd=1).status == 429, "before the body is read"


def test_a_request_makes_one_call_for_its_limits_and_an_invalid_token_none(
    ann: User, function: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    clients.client("dynamodb").meta.events.register("before-call", lambda model, **_: made.append(model.name))
    assert call("GET", "/auth/validate", ann.headers).status == 200
    assert made == ["GetItem", "UpdateItem", "PutItem"], "who calls, the limits, the usage record"
    made.clear()
    assert call("GET", "/auth/validate", {"Authorization": "Bearer junk"}).status == 401
    assert made == []


class Answer(NamedTuple):
    status: int
    body: dict[str, Any]
    headers: dict[str, str]


def at(function: pytest.MonkeyPatch, now: float) -> SimpleNamespace:
    """Replaces the clock of the limits; it shows `.now`."""
    clock = SimpleNamespace(now=now)
    clock.time = lambda: clock.now
    function.setattr(limits, "time", clock)
    return clock


def call(
    method: str, path: str, headers: dict[str, str] | None = None, source: str = "192.0.2.1", **body: Any
) -> Answer:
    """The API's answer in this process; path parameters are taken from the body's values."""
    named = {name: body.pop(name) for name in re.findall(r"{(\w+)}", path)}
    event = proxy_event(method, path, headers=headers, body=body or None, path=named, source=source)
    answer = manifest.app(event, None)
    return Answer(answer["statusCode"], json.loads(answer["body"]), answer["headers"])
