"""Spending limits of the user, the stage and the key: calls over a limit are refused until its window ends."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.accounts.api_keys import MAX_KEYS
from chalicelib.core import clients, ids
from chalicelib.core.errors import InvalidSettingError
from chalicelib.core.http import budgets
from chalicelib.core.http.budgets import Period, SpendingLimitError
from chalicelib.core.http.operations import Caller
from local.machine import Machine
from tests.breadth import mostly_slow
from tests.journeys.gateway import call
from tests.journeys.issuing_keys import issue_key
from tests.journeys.ledger import runs, settled
from tests.journeys.user import User

NOW = datetime(2026, 11, 21, 7, 59, 30, tzinfo=UTC)
ANN = Caller(id="u1", email="ann@example.com")
HOUR, DAY, MONTH = "2026-11-21T07", "2026-11-21", "2026-11"


@pytest.fixture
def ann(machine: Machine) -> User:
    """A new user for each test."""
    return User.new(machine.api_url)


def limit(admin: User, account: str, **numbers: float) -> None:
    """Gives a user limits of their own, as an administrator does."""
    answer = admin.request("PATCH", f"/admin/users/{account}", json={"limits": numbers})
    assert answer.status_code == 200, answer.text
    assert answer.json()["user"]["limits"] == numbers


def refused(status: int, body: Mapping[str, Any], headers: Mapping[str, str], longest: int) -> None:
    """Asserts the shape of a refusal that lasts at most `longest` seconds."""
    assert status == 429, body
    assert body["success"] is False
    assert body["error"] == {"type": "SpendingLimitError", "code": "SPENDING_LIMIT"}
    assert headers["RateLimit-Limit"] == headers["RateLimit-Remaining"] == "0"
    assert 1 <= int(headers["Retry-After"]) <= longest
    assert headers["Retry-After"] == headers["RateLimit-Reset"]


# ------------------------------------------------------------------------------ over HTTP


@pytest.mark.parametrize(
    ("name", "longest"),
    mostly_slow([("dollarsPerHour", 3600), ("dollarsPerDay", 86_400), ("dollarsPerMonth", 31 * 86_400)], quick=1),
)
def test_a_user_over_the_limit_is_refused_until_an_administrator_raises_it(
    machine: Machine, ann: User, admin: User, name: str, longest: int
) -> None:
    account = ann.id
    settled(machine)
    cost = float(sum(run["lambda_cost"] for run in runs(machine, account)))
    assert cost > 0
    limit(admin, account, **{name: cost * 100})
    assert ann.get("/images").status_code == 200
    settled(machine)
    limit(admin, account, **{name: cost})
    answer = ann.get("/images")
    refused(answer.status_code, answer.json(), answer.headers, longest)
    assert "SPENDING_LIMIT" in ann.post("/agent/list_images").text
    assert ann.get("/images/img_none").status_code == 429, "every operation that costs"
    assert runs(machine, account)[-1]["error_type"] == "SpendingLimitError"
    limit(admin, account, **{name: 1.5})
    assert ann.get("/images").status_code == 200, "with the very next request"


def test_a_spending_limit_of_zero_refuses_every_request(machine: Machine, ann: User, admin: User) -> None:
    limit(admin, ann.id, dollarsPerDay=0)
    assert ann.get("/images").status_code == 429
    assert issue_status(ann) == 429


def test_a_user_over_the_limit_can_see_the_usage_and_revoke_keys(machine: Machine, ann: User, admin: User) -> None:
    key_id, robot = issue_key(ann, "full_access")
    limit(admin, ann.id, dollarsPerMonth=0)
    assert robot.get("/images").status_code == 429
    assert ann.get("/usage").status_code == 200
    assert [key["keyId"] for key in ann.get("/keys").json()["items"]] == [key_id]
    assert ann.request("DELETE", f"/keys/{key_id}").status_code == 200
    assert robot.get("/images").status_code == 401, "a leaked key can be ended"
    assert ann.post(f"/keys/{key_id}/rotate").status_code == 429
    assert ann.request("DELETE", "/auth/profile").status_code == 200


def issue_status(user: User) -> int:
    return user.post("/keys", name="a", accessTypes=["exports"]).status_code


def test_a_keys_limit_applies_only_to_its_own_runs(machine: Machine, ann: User) -> None:
    account = ann.id
    for _ in range(3):
        ann.get("/images")
    answer = ann.post("/keys", name="a", accessTypes=["file_upload"], limits={"dollarsPerDay": 0.0000003})
    assert answer.status_code == 200, answer.text
    robot = User(ann.url, tokens={"accessToken": answer.json()["key"]})
    other = issue_key(ann, "file_upload", limits={"dollarsPerDay": 1})[1]
    settled(machine)
    assert sum(run["lambda_cost"] for run in runs(machine, account)) > Decimal("0.0000003")
    assert robot.get("/images").status_code == 200, "the owner's own runs do not count for the key"
    assert robot.get("/images").status_code in (200, 429)
    settled(machine)
    answer = robot.get("/images")
    refused(answer.status_code, answer.json(), answer.headers, 86_400)
    assert other.get("/images").status_code == 200
    assert ann.get("/images").status_code == 200


def test_the_stages_limit_applies_to_users_without_their_own(ann: User, function: pytest.MonkeyPatch) -> None:
    assert call("GET /images", ann.headers).status == 200
    function.setenv("DOLLARS_PER_MONTH", "0")
    refused(*call("GET /images", ann.headers), 31 * 86_400)
    function.setenv("DOLLARS_PER_MONTH", "100")
    assert call("GET /images", ann.headers).status == 200


def test_invalid_spending_limits_are_refused_when_they_are_set(admin: User, ann: User) -> None:
    account = ann.id
    for numbers in ({"dollarsPerDay": -1}, {"dollarsPerDay": "1"}, {"dollarsPerWeek": 1}, {"dollarsPerHour": 1e10}):
        answer = admin.request("PATCH", f"/admin/users/{account}", json={"limits": numbers})
        assert answer.status_code == 400, numbers
        assert answer.json()["error"]["details"][0]["field"].startswith("limits")


# ---------------------------------------------------------------------- limits and windows


@pytest.fixture
def stage(function: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for _, setting in budgets.DOLLAR_LIMITS.values():
        function.delenv(setting.name, raising=False)
    return function


def passes(caller: Caller, now: datetime = NOW) -> bool:
    try:
        budgets.check_spending(caller, {}, now)
    except SpendingLimitError:
        return False
    return True


def spent(hour: float, day: float = 0, month: float = 0, whose: str = "user") -> dict[str, dict[str, float]]:
    return {HOUR: {whose: hour}, DAY: {whose: day}, MONTH: {whose: month}}


def test_without_a_setting_the_default_spending_limit_applies(stage: pytest.MonkeyPatch) -> None:
    assert passes(replace(ANN, spent=spent(0.99, 9.99, 99.99)))
    assert not passes(replace(ANN, spent=spent(1)))
    assert not passes(replace(ANN, spent=spent(0, 10)))
    assert not passes(replace(ANN, spent=spent(0, 0, 100)))


def test_a_setting_that_is_no_number_lets_no_request_pass(stage: pytest.MonkeyPatch) -> None:
    stage.setenv("DOLLARS_PER_DAY", "nan")
    with pytest.raises(InvalidSettingError, match="DOLLARS_PER_DAY must be a number, 0 or more"):
        passes(ANN)


def test_a_users_own_limit_replaces_the_stages_whether_higher_or_lower(stage: pytest.MonkeyPatch) -> None:
    assert passes(replace(ANN, limits={"dollarsPerHour": 5}, spent=spent(4)))
    assert not passes(replace(ANN, limits={"dollarsPerHour": 0.5}, spent=spent(0.6)))
    assert not passes(replace(ANN, limits={"dollarsPerHour": 5}, spent=spent(4, day=10))), "the others still hold"


def test_the_stricter_limit_of_user_and_key_applies_to_separate_sums(stage: pytest.MonkeyPatch) -> None:
    key = replace(ANN, api_key_id="key_1", key_limits={"dollarsPerHour": 0.1})
    assert passes(replace(key, spent=spent(0.5)))
    assert not passes(replace(key, spent=spent(0.1, whose="key_1")))
    assert passes(replace(key, spent=spent(0.1, whose="key_2")))
    assert not passes(replace(key, key_limits={"dollarsPerHour": 50}, spent=spent(1))), (
        "a key does not lift its user's limit"
    )
    assert passes(replace(key, spent=spent(0.1, whose="key_1")), NOW + timedelta(seconds=30))


def test_a_refusal_names_the_window_that_lasts_longest(stage: pytest.MonkeyPatch) -> None:
    rate: dict[str, str] = {}
    with pytest.raises(SpendingLimitError) as hour:
        budgets.check_spending(replace(ANN, spent=spent(1)), rate, NOW)
    assert hour.value.retry_after == 30
    assert rate == {"RateLimit-Limit": "0", "RateLimit-Remaining": "0", "RateLimit-Reset": "30"}
    with pytest.raises(SpendingLimitError) as month:
        budgets.check_spending(replace(ANN, spent=spent(1, 10, 100)), rate, NOW)
    assert month.value.retry_after == (datetime(2026, 12, 1, tzinfo=UTC) - NOW).total_seconds()


MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2104, 12, 31), timezones=st.just(UTC))


@given(now=MOMENTS, period=st.sampled_from(Period))
def test_a_window_ends_exactly_when_the_refusal_says(now: datetime, period: Period) -> None:
    window = period.window(ids.timestamp(now))
    end = now + timedelta(seconds=period.seconds_left(now))
    assert period.window(ids.timestamp(end)) > window
    last = end - timedelta(seconds=1, milliseconds=1)
    assert last <= now or period.window(ids.timestamp(last)) == window


@pytest.mark.parametrize(
    ("now", "days"),
    [((2024, 2, 1), 29), ((2023, 2, 1), 28), ((2100, 2, 1), 28), ((2026, 12, 1), 31), ((2026, 1, 31), 1)],
)
def test_a_month_has_its_calendar_length(now: tuple[int, int, int], days: int) -> None:
    assert Period.MONTH.seconds_left(datetime(*now, tzinfo=UTC)) == days * 86_400


@given(
    costs=st.lists(
        st.tuples(
            st.datetimes(datetime(2024, 2, 28, 22), datetime(2024, 3, 1, 2)),
            st.integers(1, 10**6),
            st.sampled_from(["key_1", None]),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_only_the_newest_window_of_each_length_is_stored(
    costs: list[tuple[datetime, int, str | None]],
) -> None:
    paid_runs = [(ids.timestamp(moment.replace(tzinfo=UTC)), Decimal(n).scaleb(-12), key) for moment, n, key in costs]
    kept: dict[str, Any] = {}
    for moment, dollars, key in sorted(paid_runs, key=lambda each: each[0]):
        kept = budgets.add_spending(kept, moment, {whose: dollars for whose in ("user", key) if whose})
    latest = max(moment for moment, _, _ in paid_runs)
    expected = {
        period.window(latest): [each for each in paid_runs if period.window(each[0]) == period.window(latest)]
        for period in Period
    }
    assert set(kept) == set(expected)
    for window, its in expected.items():
        assert kept[window]["user"] == sum(dollars for _, dollars, _ in its)
        assert kept[window].get("key_1", 0) == sum(dollars for _, dollars, key in its if key)


def test_sums_of_former_keys_do_not_accumulate() -> None:
    moment = ids.timestamp(NOW)
    keys = [f"key_{number:026d}" for number in range(1000)]
    kept: dict[str, Any] = {}
    for key_id in keys:
        kept = budgets.add_spending(kept, moment, {"user": Decimal(1), key_id: Decimal(1)})
    for sums in kept.values():
        assert sums["user"] == len(keys), "a user's own sum is never forgotten"
        assert set(keys[-MAX_KEYS:]) < set(sums), "nor are the sums of a user's current keys"
        assert len(sums) < 3 * MAX_KEYS


def test_a_late_record_of_an_old_window_does_not_replace_a_new_one(machine: Machine, ann: User) -> None:
    account = ann.id
    settled(machine)
    run = {
        "account": account,
        "timestamp": f"2026-01-31T23:59:59.999Z#{secrets.token_hex(4)}",
        "operation": "op",
        "lambda_cost": Decimal(5000),
        "duration_ms": 1,
        "success": True,
    }
    record = {
        "eventID": secrets.token_hex(16),
        "eventName": "INSERT",
        "dynamodb": {"NewImage": {name: clients.marshal(value) for name, value in run.items()}},
    }
    assert not machine.invoke("usage_records", {"Records": [record]})[1]
    assert ann.get("/images").status_code == 200, "that month is over"
