"""API keys: what they open, how they change, and how they end."""

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.accounts import api_keys
from chalicelib.accounts.api_keys import ApiKey
from chalicelib.core import clients, ids
from chalicelib.core.errors import ConflictError, NotAuthenticatedError
from chalicelib.core.http.operations import APIAccessType
from local.machine import Machine
from tests import pictures
from tests.journeys.issuing_keys import issue_key, key_holder
from tests.journeys.user import PASSWORD, User


def checked(start: str) -> str:
    """An invented secret with a correct checksum."""
    return start + base64.urlsafe_b64encode(zlib.crc32(start.encode()).to_bytes(4, "big")).decode().rstrip("=")


def rows(machine: Machine) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = machine.client("dynamodb").scan(
        TableName=machine.environment["API_KEYS_TABLE"], ConsistentRead=True
    )["Items"]
    return items


def test_a_key_uploads_and_reads_as_its_owner(machine: Machine, ann: User) -> None:
    key_id, robot = issue_key(ann, "file_upload")
    image_id = robot.upload(pictures.jpeg(320, 240))
    assert robot.finished(image_id)["status"] == "COMPLETED"
    assert ann.image(image_id)["status"] == "COMPLETED"
    assert image_id in robot.get("/images").text
    used = machine.client("dynamodb").query(
        TableName=machine.environment["USAGE_METRICS_DYNAMO_TABLE"],
        KeyConditionExpression="account = :user",
        FilterExpression="api_key_id = :key",
        ExpressionAttributeValues={":user": {"S": ann.id}, ":key": {"S": key_id}},
    )
    assert {"create_upload", "get_image"} <= {each["operation"]["S"] for each in used["Items"]}


@pytest.mark.parametrize(
    ("kinds", "method", "path", "allowed"),
    [
        (["file_upload"], "GET", "/images", True),
        (["full_access"], "GET", "/images", True),
        (["reports", "exports", "actions"], "GET", "/images", False),
        (["file_upload"], "GET", "/auth/validate", False),
        (["full_access"], "GET", "/auth/validate", True),
        (["file_upload"], "DELETE", "/images/img_1", False),
        (["full_access"], "GET", "/auth/profile", False),
        (["full_access"], "PATCH", "/auth/profile", False),
        (["full_access"], "DELETE", "/auth/profile", False),
        (["full_access"], "POST", "/auth/signout", False),
        (["full_access"], "GET", "/keys", False),
        (["full_access"], "POST", "/keys", False),
    ],
)
def test_a_key_opens_the_routes_of_its_access_types_and_no_others(
    ann: User, kinds: list[str], method: str, path: str, allowed: bool
) -> None:
    _, robot = issue_key(ann, *kinds)
    answer = robot.request(method, path, json={} if method in ("POST", "PATCH") else None)
    assert answer.status_code == (200 if allowed else 403), answer.text


def test_only_an_administrator_may_create_a_key_with_admin_access(ann: User, admin: User) -> None:
    assert ann.post("/keys", name="a", accessTypes=["admin"]).status_code == 403
    assert admin.post("/keys", name="a", accessTypes=["admin"]).status_code == 200


def test_a_keys_secret_is_shown_once_and_never_stored(machine: Machine, ann: User) -> None:
    answer = ann.post("/keys", name="secret one", accessTypes=["full_access"])
    secret = answer.json()["key"]
    assert re.fullmatch("drk_[A-Za-z0-9_-]{49}", secret), "32 bytes in base 64, and a checksum"
    stored = json.dumps(rows(machine))
    assert secret not in stored
    assert secret.removeprefix("drk_") not in stored
    assert secret[4:47] not in stored
    assert hashlib.sha256(secret.encode()).hexdigest() in stored
    listed = ann.get("/keys")
    assert secret not in listed.text
    assert "Hash" not in listed.text
    assert [each["name"] for each in listed.json()["items"]].count("secret one") == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda secret: secret[:-1],
        lambda secret: secret + "A",
        lambda secret: secret.swapcase(),
        lambda secret: "drk_",
        lambda secret: "drk_ü",
        lambda secret: "drk_" + "A" * 43,
        lambda secret: "drk_" + "A" * 49,
        lambda secret: checked("drk_" + "A" * 43),
        lambda secret: checked(secret[:-7] + ("A" if secret[-7] != "A" else "Q")),
        lambda secret: "DRK_" + secret[4:],
        lambda secret: secret[4:],
        lambda secret: secret + "\u00a0",
    ],
    ids=[
        "last character cut",
        "character appended",
        "case swapped",
        "prefix only",
        "not ASCII",
        "no checksum",
        "wrong checksum",
        "unknown secret",
        "one character changed",
        "prefix in capitals",
        "no prefix",
        "no-break space appended",
    ],
)
def test_a_key_that_differs_in_any_character_is_refused(ann: User, spoil: Callable[[str], str]) -> None:
    _, robot = issue_key(ann, "full_access")
    wrong = spoil(robot.tokens["accessToken"])
    answer = robot.request("GET", "/images", headers={"Authorization": f"Bearer {wrong}".encode()})
    assert answer.status_code == 401


@pytest.mark.usefixtures("function")
def test_malformed_keys_are_refused_without_reading_the_table(ann: User) -> None:
    _, robot = issue_key(ann, "full_access")
    secret = robot.tokens["accessToken"]
    calls: list[str] = []
    clients.client("dynamodb").meta.events.register("before-call", lambda model, **_: calls.append(model.name))

    junk = ["drk_", secret[:-1], secret + "A", secret.swapcase(), secret + "\n", "drk_" + "A" * 49, "drk_\x00", "drk_ü"]
    wrong_everywhere = [
        secret[:at] + ("A" if secret[at] != "A" else "B") + secret[at + 1 :] for at in range(len(secret))
    ]
    for each in junk + wrong_everywhere:
        with pytest.raises(NotAuthenticatedError):
            api_keys.authenticate(each)
    assert calls == []

    with pytest.raises(NotAuthenticatedError):
        api_keys.authenticate(checked("drk_" + "A" * 43))
    assert calls == ["GetItem"], "an unknown key of the right form costs one read"
    assert api_keys.authenticate(secret).id == ann.id


@given(junk=st.text() | st.from_regex(r"drk_[A-Za-z0-9_-]{47,51}", fullmatch=True))
def test_any_text_as_a_key_is_refused_without_another_error(junk: str) -> None:
    # No table is configured here: a key that passed the check of its form would raise another error.
    with pytest.raises(NotAuthenticatedError):
        api_keys.authenticate(junk)


def test_a_stored_hash_does_not_work_as_a_key(machine: Machine, ann: User) -> None:
    issue_key(ann, "full_access")
    for row in rows(machine):
        for attribute in ("keyHash", "current"):
            value = row.get(attribute, {}).get("S", "-")
            for guess in (value, f"drk_{value}"):
                assert key_holder(ann, guess).get("/images").status_code == 401


def test_a_revoked_key_is_refused_from_the_next_request_on(machine: Machine, ann: User) -> None:
    key_id, robot = issue_key(ann, "full_access")
    assert robot.get("/images").status_code == 200
    assert ann.request("DELETE", f"/keys/{key_id}").status_code == 200
    assert robot.get("/images").status_code == 401
    assert key_id not in ann.get("/keys").text
    assert ann.request("DELETE", f"/keys/{key_id}").status_code == 404
    assert not [row for row in rows(machine) if key_id in json.dumps(row)]


def test_after_a_rotation_the_old_secret_works_for_its_grace_period(machine: Machine, ann: User) -> None:
    key_id, first = issue_key(ann, "full_access")
    rotated = ann.post(f"/keys/{key_id}/rotate").json()
    second = key_holder(ann, rotated["key"])
    assert rotated["keyId"] == key_id
    assert first.get("/images").status_code == second.get("/images").status_code == 200
    grace = datetime.fromisoformat(rotated["graceEnd"]) - datetime.now(UTC)
    assert timedelta(hours=23) < grace <= timedelta(hours=24)

    third = key_holder(ann, ann.post(f"/keys/{key_id}/rotate", graceSeconds=0).json()["key"])
    assert first.get("/images").status_code == 200, "its grace period does not depend on later rotations"
    assert second.get("/images").status_code == 401, "its grace period was zero"
    assert third.get("/images").status_code == 200
    assert ann.request("DELETE", f"/keys/{key_id}").status_code == 200
    assert first.get("/images").status_code == third.get("/images").status_code == 401
    assert not [row for row in rows(machine) if key_id in json.dumps(row)]


def test_a_key_rotated_by_an_earlier_version_keeps_its_grace_and_can_be_revoked(machine: Machine, ann: User) -> None:
    key_id, first = issue_key(ann, "full_access")
    second = key_holder(ann, ann.post(f"/keys/{key_id}/rotate").json()["key"])
    (anchor,) = [row for row in rows(machine) if row["keyHash"]["S"].endswith(f"#{key_id}")]
    # An earlier version named one former secret in `previous`, without its grace period.
    old = {"keyHash": anchor["keyHash"], "current": anchor["current"]}
    old["previous"] = anchor["inGrace"]["L"][0]["M"]["keyHash"]
    table = machine.environment["API_KEYS_TABLE"]
    machine.client("dynamodb").put_item(TableName=table, Item=old)

    third = key_holder(ann, ann.post(f"/keys/{key_id}/rotate").json()["key"])
    assert [each.get("/images").status_code for each in (first, second, third)] == [200, 200, 200]
    machine.client("dynamodb").put_item(TableName=table, Item={**old, "current": hashed_of(third)})
    assert ann.request("DELETE", f"/keys/{key_id}").status_code == 200
    assert [each.get("/images").status_code for each in (first, third)] == [401, 401]


def test_a_key_rotated_by_this_version_and_then_an_earlier_one_is_revoked_completely(
    machine: Machine, ann: User
) -> None:
    """This happens if an upgrade is undone for a while."""
    key_id, first = issue_key(ann, "full_access")
    second = key_holder(ann, ann.post(f"/keys/{key_id}/rotate").json()["key"])
    (anchor,) = [row for row in rows(machine) if row["keyHash"]["S"].endswith(f"#{key_id}")]
    assert anchor["previous"] == hashed_of(first), "the one secret that an earlier version looks for"
    third = key_holder(ann, ann.post(f"/keys/{key_id}/rotate").json()["key"])
    # An earlier version deletes the secret in `previous`, names the one it replaces, and leaves `inGrace` unchanged.
    table = machine.environment["API_KEYS_TABLE"]
    machine.client("dynamodb").delete_item(TableName=table, Key={"keyHash": hashed_of(first)})
    left = {**anchor, "current": hashed_of(third), "previous": hashed_of(second)}
    machine.client("dynamodb").put_item(TableName=table, Item=left)

    fourth = key_holder(ann, ann.post(f"/keys/{key_id}/rotate").json()["key"])
    assert [each.get("/images").status_code for each in (second, third, fourth)] == [200, 200, 200]
    assert ann.request("DELETE", f"/keys/{key_id}").status_code == 200
    assert [each.get("/images").status_code for each in (second, third, fourth)] == [401, 401, 401]
    assert not [row for row in rows(machine) if key_id in json.dumps(row)]


def hashed_of(holder: User) -> dict[str, str]:
    return {"S": hashlib.sha256(holder.tokens["accessToken"].encode()).hexdigest()}


def test_expired_secrets_are_removed_by_the_next_rotation(machine: Machine, ann: User) -> None:
    key_id, _ = issue_key(ann, "full_access")
    assert ann.post(f"/keys/{key_id}/rotate").status_code == 200
    table, long_ago = machine.environment["API_KEYS_TABLE"], "2020-01-01T00:00:00.000Z"
    (anchor,) = [row for row in rows(machine) if row["keyHash"]["S"].endswith(f"#{key_id}")]
    anchor["inGrace"]["L"][0]["M"]["graceEnd"]["S"] = long_ago
    machine.client("dynamodb").put_item(TableName=table, Item=anchor)
    assert ann.post(f"/keys/{key_id}/rotate").status_code == 200
    assert len([row for row in rows(machine) if row.get("keyId") == {"S": key_id}]) == 2
    assert ann.request("DELETE", f"/keys/{key_id}").status_code == 200


def test_two_rotations_at_once_leave_one_current_secret(machine: Machine, ann: User) -> None:
    key_id, _ = issue_key(ann, "full_access")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ann.post(f"/keys/{key_id}/rotate", graceSeconds=0), range(4)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    works = [key_holder(ann, a.json()["key"]).get("/images").status_code for a in answers if a.status_code == 200]
    assert works.count(200) == 1


@pytest.mark.usefixtures("function")
@pytest.mark.parametrize("rotations", [1, 2, 3])
def test_a_revocation_also_ends_secrets_that_were_made_while_it_ran(
    machine: Machine, ann: User, rotations: int
) -> None:
    key_id, robot = issue_key(ann, "full_access")
    caller = api_keys.authenticate(robot.tokens["accessToken"])
    left = list(range(rotations))
    secrets: list[str] = []

    def before_it_is_written(**_: Any) -> None:
        if left:
            left.pop()
            secrets.append(ann.post(f"/keys/{key_id}/rotate").json()["key"])

    clients.client("dynamodb").meta.events.register("before-call.dynamodb.TransactWriteItems", before_it_is_written)
    api_keys.revoke_key(caller, key_id)
    assert len(secrets) == rotations
    for secret in secrets:
        assert key_holder(ann, secret).get("/images").status_code == 401
    assert not [row for row in rows(machine) if key_id in json.dumps(row)]


@pytest.mark.usefixtures("function")
def test_a_rotation_overtaken_by_other_rotations_is_a_conflict(ann: User) -> None:
    key_id, robot = issue_key(ann, "full_access")
    caller = api_keys.authenticate(robot.tokens["accessToken"])
    reads: list[None] = []

    def before_its_key_is_read(**_: Any) -> None:
        reads.append(None)
        if len(reads) == 2:
            for _turn in range(2):
                assert ann.post(f"/keys/{key_id}/rotate", graceSeconds=0).status_code == 200

    clients.client("dynamodb").meta.events.register("before-call.dynamodb.GetItem", before_its_key_is_read)
    with pytest.raises(ConflictError):
        api_keys.rotate_key(caller, {"keyId": key_id})


def test_a_key_accepts_only_an_expiry_in_the_future(ann: User) -> None:
    past = (datetime.now(UTC) - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    refused = ann.post("/keys", name="a", accessTypes=["full_access"], expiresAt=past)
    assert (refused.status_code, refused.json()["error"]["details"][0]["field"]) == (400, "expiresAt")
    _, robot = issue_key(ann, "full_access", expiresAt="2099-01-01T00:00:00Z")
    assert robot.get("/images").status_code == 200


def test_a_secret_works_until_its_grace_or_expiry_ends() -> None:
    def good(moment: str, **ends: Any) -> bool:
        kept = {"expires_at": "2026-01-03T00:00:00.000Z", "grace_end": "2026-01-02T00:00:00.000Z", **ends}
        key = ApiKey(
            key_hash="hash",
            user_id="u",
            key_id="key_1",
            name="a",
            access_types=frozenset({APIAccessType.ACTIONS}),
            created_at=moment,
            **kept,
        )
        return key.is_valid_at(moment)

    assert good("2026-01-01T23:59:59.999Z")
    assert not good("2026-01-02T00:00:00.000Z")
    assert good("2026-01-02T23:59:59.999Z", grace_end=None)
    assert not good("2026-01-03T00:00:00.000Z", grace_end=None)
    assert good("2026-01-04T00:00:00.000Z", grace_end=None, expires_at=None)


def test_last_use_is_stored_at_most_once_a_minute(machine: Machine, ann: User) -> None:
    key_id, robot = issue_key(ann, "full_access")

    def last_used() -> str | None:
        shown = next(each for each in ann.get("/keys").json()["items"] if each["keyId"] == key_id)
        return shown["lastUsedAt"]  # type: ignore[no-any-return]

    assert last_used() is None
    robot.get("/images")
    first = last_used()
    assert first is not None
    robot.get("/images")
    assert last_used() == first
    long_ago = ids.timestamp(datetime.now(UTC) - timedelta(minutes=2))
    machine.client("dynamodb").update_item(
        TableName=machine.environment["API_KEYS_TABLE"],
        Key={"keyHash": next(row["keyHash"] for row in rows(machine) if row.get("keyId") == {"S": key_id})},
        UpdateExpression="SET lastUsedAt = :then",
        ExpressionAttributeValues={":then": {"S": long_ago}},
    )
    robot.get("/images")
    assert str(last_used()) > first


def test_another_users_key_looks_like_one_that_does_not_exist(machine: Machine, ann: User) -> None:
    bob = User.new(machine.api_url)
    key_id, robot = issue_key(ann, "full_access")
    never = "key_" + "0" * 26
    for method, path in [("DELETE", "/keys/{}"), ("POST", "/keys/{}/rotate")]:
        theirs, unknown = (bob.request(method, path.format(one)) for one in (key_id, never))
        assert theirs.status_code == unknown.status_code == 404
        assert {**theirs.json(), "requestId": ""} == {**unknown.json(), "requestId": ""}
    assert robot.get("/images").status_code == 200
    assert bob.get("/keys").json()["items"] == []


def test_erasing_an_account_ends_its_keys(machine: Machine) -> None:
    user = User.new(machine.api_url)
    key_id, robot = issue_key(user, "full_access")
    assert user.request("DELETE", "/auth/profile").status_code == 200
    assert robot.get("/images").status_code == 401
    assert not [row for row in rows(machine) if key_id in json.dumps(row)]
    assert user.post("/auth/signup", email=user.email, password=PASSWORD).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"accessTypes": ["full_access"]}, "name"),
        ({"name": "a"}, "accessTypes"),
        ({"name": "a", "accessTypes": []}, "accessTypes"),
        ({"name": "a", "accessTypes": ["all"]}, "accessTypes.0"),
        ({"name": "a", "accessTypes": ["actions", "actions"]}, "accessTypes"),
        ({"name": "a", "accessTypes": ["actions"], "expiresAt": "tomorrow"}, "expiresAt"),
        ({"name": "a", "accessTypes": ["actions"], "expiresAt": "2099-13-45T00:00:00Z"}, "expiresAt"),
        ({"name": "a", "accessTypes": ["actions"], "userId": "somebody"}, "userId"),
    ],
)
def test_an_invalid_request_for_a_key_is_refused_with_400_that_names_the_field(
    ann: User, body: dict[str, Any], field: str
) -> None:
    answer = ann.post("/keys", **body)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["field"] == field
