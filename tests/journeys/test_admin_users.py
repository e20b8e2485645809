"""Administrators find users and change their rights from the next request on."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.machine import Machine
from tests.journeys.audit_trail import audit_entries_of
from tests.journeys.error_responses import error_of
from tests.journeys.issuing_keys import issue_key
from tests.journeys.ledger import runs
from tests.journeys.user import User
from tests.waiting import wait_for


@pytest.fixture
def ann(machine: Machine) -> User:
    """A new user for each test."""
    return User.new(machine.api_url, name="Ann")


def change(by: User, account: str, **rights: Any) -> Any:
    return by.request("PATCH", f"/admin/users/{account}", json=rights)


def changed(by: User, account: str, **rights: Any) -> dict[str, Any]:
    answer = change(by, account, **rights)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()["user"]
    return shown


# --------------------------------------------------------------------------------- finding


def test_users_are_listed_by_role_in_pages(machine: Machine, admin: User) -> None:
    made = {User.new(machine.api_url).id for _ in range(5)}

    def listed() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        cursor, begun = None, False
        while cursor or not begun:
            page = admin.get("/admin/users", limit=2, **({"cursor": cursor} if cursor else {})).json()
            assert len(page["items"]) <= 2
            rows, cursor, begun = rows + page["items"], page["nextCursor"], True
        return rows

    def all_of_them() -> list[dict[str, Any]] | None:
        rows = listed()
        return rows if made <= {row["userId"] for row in rows} else None

    # An index is updated a moment after its table.
    rows = wait_for(all_of_them, "the new users in the list")
    ids = [row["userId"] for row in rows]
    assert len(set(ids)) == len(ids)
    assert {row["role"] for row in rows} == {"USER"}
    admins = admin.get("/admin/users", role="ADMIN").json()["items"]
    assert "admin@example.com" in {row["email"] for row in admins}
    assert not made & {row["userId"] for row in admins}


def test_a_user_is_found_by_their_address_in_any_case(admin: User, ann: User) -> None:
    account = ann.id
    found = wait_for(lambda: admin.get("/admin/users", email=ann.email.upper()).json()["items"], "the user")
    assert [(row["userId"], row["email"], row["name"]) for row in found] == [(account, ann.email, "Ann")]
    assert set(found[0]) == {
        "userId", "email", "name", "role", "isActive", "canExportData", "limits", "createdAt", "lastActionAt",
    }, "what they prefer, and their webhook's secret, are theirs"  # fmt: skip
    assert admin.get("/admin/users", email="nobody@example.com").json()["items"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"role": "ROOT"}, "role"),
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"cursor": "%%"}, "cursor"),
        ({"cursor": ""}, "cursor"),
        ({"email": "a"}, "email"),
        ({"email": "a..b@example.com"}, "email"),
        ({"name": "Ann"}, "name"),
    ],
)
def test_an_invalid_query_is_refused_with_400_that_names_the_field(
    admin: User, query: dict[str, Any], field: str
) -> None:
    assert error_of(admin.get("/admin/users", **query), 400)["details"][0]["field"] == field


# -------------------------------------------------------------------------------- changing


def test_a_deactivated_user_is_refused_from_the_next_request_on(admin: User, ann: User) -> None:
    account = ann.id
    robot = issue_key(ann, "full_access")[1]
    assert changed(admin, account, isActive=False)["isActive"] is False
    for user in (ann, robot):
        refused = user.get("/images")
        assert error_of(refused, 403)["code"] == "PERMISSION_DENIED"
        assert refused.json()["message"] == "User account is not active"
    assert changed(admin, account, isActive=True)["isActive"] is True
    for user in (ann, robot):
        assert user.get("/images").status_code == 200


def test_requests_of_a_deactivated_user_are_counted_and_audited(admin: User, ann: User, machine: Machine) -> None:
    account = ann.id
    key_id, robot = issue_key(ann, "full_access")
    changed(admin, account, isActive=False, limits={"requestsPerHour": 8})
    refused = [user.get("/images") for user in (ann, robot) for _ in range(6)]
    assert {answer.status_code for answer in refused} == {403, 429}, "entries are limited"
    assert "RateLimit-Remaining" in refused[0].headers
    named = [entry for entry in audit_entries_of(machine, account) if entry["operation"] == "list_images"]
    assert [entry["outcome"] for entry in named] == ["PERMISSION_DENIED"] * sum(
        answer.status_code == 403 for answer in refused
    )
    assert {run["api_key_id"] for run in runs(machine, account) if "api_key_id" in run} == {key_id}


def test_a_role_takes_effect_and_ends_with_the_next_request(admin: User, ann: User) -> None:
    account = ann.id
    assert ann.get("/admin/users").status_code == 403
    assert changed(admin, account, role="ADMIN")["role"] == "ADMIN"
    assert ann.get("/admin/users").status_code == 200
    key = issue_key(ann, "admin")[1]
    assert key.get("/admin/users").status_code == 200
    changed(admin, account, role="USER")
    assert ann.get("/admin/users").status_code == 403
    assert key.get("/admin/users").status_code == 403, "the key's owner is no longer an administrator"


def test_fields_that_are_not_named_keep_their_values(admin: User, ann: User) -> None:
    account = ann.id
    changed(admin, account, canExportData=True, limits={"requestsPerHour": 500, "dollarsPerDay": 0.25})
    shown = changed(admin, account, isActive=True)
    assert shown["canExportData"] is True
    assert shown["limits"] == {"requestsPerHour": 500, "dollarsPerDay": 0.25}
    assert ann.get("/images").headers["RateLimit-Limit"] == "500"
    shown = changed(admin, account, limits={})
    assert shown["limits"] == {}, "limits are replaced as a whole"
    assert shown["canExportData"] is True


@pytest.mark.parametrize("rights", [{"role": "USER"}, {"isActive": False}, {"role": "USER", "canExportData": True}])
def test_administrators_cannot_take_away_their_own_rights(admin: User, rights: dict[str, Any]) -> None:
    assert error_of(change(admin, admin.id, **rights), 409)["code"] == "CONFLICT"
    assert admin.get("/admin/users").status_code == 200
    assert changed(admin, admin.id, role="ADMIN", isActive=True)["role"] == "ADMIN"


def test_two_administrators_who_demote_each_other_at_once_do_not_both_succeed(admin: User, machine: Machine) -> None:
    for _ in range(4):
        pair = [User.new(machine.api_url) for _ in range(2)]
        accounts = [user.id for user in pair]
        for account in accounts:
            changed(admin, account, role="ADMIN")
        with ThreadPoolExecutor(2) as both:
            answers = [
                both.submit(change, by, account, role="USER")
                for by, account in zip(pair, reversed(accounts), strict=True)
            ]
        assert sorted(answer.result().status_code for answer in answers) == [200, 403]


def test_changing_an_unknown_user_is_404_and_creates_no_user(admin: User) -> None:
    for _ in range(2):
        assert error_of(change(admin, "nobody", canExportData=True), 404)["code"] == "USER_NOT_FOUND"


@pytest.mark.parametrize(
    ("rights", "field"),
    [
        ({}, "body"),
        ({"email": "x@example.com"}, "email"),
        ({"canExportData": True, "createdAt": "2020-01-01"}, "createdAt"),
        ({"canExportData": True, "spent": {}}, "spent"),
        ({"canExportData": True, "webhookSecret": "a"}, "webhookSecret"),
        ({"canExportData": True, "tokensValidFrom": 0}, "tokensValidFrom"),
        ({"canExportData": "yes"}, "canExportData"),
        ({"isActive": None}, "isActive"),
        ({"role": "OWNER"}, "role"),
        ({"limits": None}, "limits"),
        ({"limits": {"requestsPerMinute": 0}}, "limits.requestsPerMinute"),
    ],
)
def test_administrators_can_change_only_rights_of_a_user(
    admin: User, ann: User, rights: dict[str, Any], field: str
) -> None:
    answer = change(admin, ann.id, **rights)
    assert error_of(answer, 400)["details"][0]["field"] == field


def test_only_administrators_may_list_and_change_users(admin: User, ann: User) -> None:
    account = ann.id
    for user in (ann, issue_key(ann, "full_access")[1], issue_key(admin, "full_access")[1]):
        assert error_of(user.get("/admin/users"), 403)["code"] == "PERMISSION_DENIED"
        assert error_of(change(user, account, role="ADMIN"), 403)["code"] == "PERMISSION_DENIED"
    assert ann.get("/admin/users").json()["message"] == "Only administrators may do this"
    assert error_of(User(ann.url).get("/admin/users"), 401)["code"] == "NOT_AUTHENTICATED"
    assert issue_key(admin, "admin")[1].get("/admin/users").status_code == 200
    assert ann.get("/auth/validate").json()["user"]["role"] == "USER"
