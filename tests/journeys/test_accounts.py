"""A user's account, from sign-up to erasure."""

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from local.machine import Machine
from tests.journeys.user import PASSWORD, User
from tests.waiting import wait_for


def test_a_user_signs_up_verifies_the_address_and_signs_in(machine: Machine) -> None:
    user = User(machine.api_url)
    signed_up = user.post("/auth/signup", email=user.email, password=PASSWORD, name="Bea")
    assert signed_up.status_code == 200
    assert set(signed_up.json()) == {"success", "message", "userSub"}

    early = user.post("/auth/signin", email=user.email, password=PASSWORD)
    assert (early.status_code, early.json()["error"]["code"]) == (403, "PERMISSION_DENIED")

    assert user.post("/auth/verify", email=user.email, code="123456").status_code == 200
    signed_in = user.post("/auth/signin", email=user.email, password=PASSWORD)
    assert set(signed_in.json()) == {"success", "accessToken", "idToken", "refreshToken", "expiresIn", "tokenType"}

    user.tokens = signed_in.json()
    known = user.get("/auth/validate").json()
    assert known["user"] == {
        "userId": signed_up.json()["userSub"],
        "email": user.email,
        "name": "Bea",
        "role": "USER",
    }
    assert known["claims"]["token_use"] == "access"


@pytest.mark.parametrize("path", ["/auth/signup", "/auth/resend", "/auth/forgot-password"])
def test_answers_do_not_reveal_whether_an_address_is_registered(ann: User, path: str) -> None:
    stranger = User(ann.url)
    extra = {"password": PASSWORD} if path == "/auth/signup" else {}
    taken = ann.post(path, email=ann.email, **extra)
    free = stranger.post(path, email=stranger.email, **extra)
    assert taken.status_code == free.status_code == 200
    assert {**taken.json(), "userSub": ""} == {**free.json(), "userSub": ""}
    if path == "/auth/signup":
        assert len(taken.json()["userSub"]) == len(free.json()["userSub"]) == 36
        assert taken.json()["userSub"] != ann.id


def test_a_wrong_password_or_code_does_not_reveal_whether_an_address_is_registered(ann: User) -> None:
    stranger = User(ann.url)
    for path, body in {
        "/auth/signin": {"password": "Wrong-Password-1!"},
        "/auth/verify": {"code": "123456"},
    }.items():
        known, unknown = ann.post(path, email=ann.email, **body), stranger.post(path, email=stranger.email, **body)
        assert known.status_code == unknown.status_code == (401 if path == "/auth/signin" else 400)
        assert {**known.json(), "requestId": ""} == {**unknown.json(), "requestId": ""}


@pytest.mark.parametrize(
    "password", ["Short-1!", "no-capital-2026!", "NO-SMALL-2026!", "No-Digit-At-All!", "NoSymbol2026xyz"]
)
def test_a_weak_password_is_refused_the_same_way_for_a_taken_and_a_free_address(ann: User, password: str) -> None:
    for email in (ann.email, "somebody-new@example.com"):
        answer = ann.post("/auth/signup", email=email, password=password)
        assert answer.status_code == 400
        assert answer.json()["error"]["details"][0]["field"] == "password"
        assert password not in answer.text


def test_a_refresh_token_is_exchanged_for_new_tokens(ann: User) -> None:
    answer = requests.post(f"{ann.url}/auth/refresh", json={"refreshToken": ann.tokens["refreshToken"]}, timeout=30)
    assert set(answer.json()) == {"success", "accessToken", "idToken", "expiresIn", "tokenType"}
    refused = requests.post(f"{ann.url}/auth/refresh", json={"refreshToken": "junk"}, timeout=30)
    assert refused.status_code == 401


def test_a_forgotten_password_is_reset(machine: Machine) -> None:
    user = User.new(machine.api_url)
    assert user.post("/auth/forgot-password", email=user.email).status_code == 200
    changed = user.post("/auth/reset-password", email=user.email, code="123456", password="Another-Day-2026!")
    assert changed.status_code == 200, changed.text
    assert user.post("/auth/signin", email=user.email, password=PASSWORD).status_code == 401
    assert user.get("/auth/validate").status_code == 401, "tokens from before the reset are refused"
    assert user.post("/auth/refresh", refreshToken=user.tokens["refreshToken"]).status_code == 401
    user.password = "Another-Day-2026!"
    user.sign_in()
    assert user.get("/auth/validate").status_code == 200


def test_an_address_in_capitals_is_the_same_address(machine: Machine) -> None:
    user = User.new(machine.api_url)
    shouted = user.email.upper()
    assert user.post("/auth/signin", email=shouted, password=PASSWORD).status_code == 200
    again = user.post("/auth/signup", email=shouted, password=PASSWORD)
    assert again.json()["userSub"] != user.id
    assert user.post("/auth/verify", email=shouted, code="123456").status_code == 400, "it is verified already"


def test_an_address_may_contain_an_apostrophe(machine: Machine) -> None:
    user = User(machine.api_url, email=f"o'neil{secrets.token_hex(6)}@example.com")
    assert user.post("/auth/signup", email=user.email, password=PASSWORD).status_code == 200
    assert user.post("/auth/verify", email=user.email, code="123456").status_code == 200
    user.sign_in()
    assert user.get("/auth/profile").json()["profile"]["email"] == user.email


@pytest.mark.parametrize(
    "email",
    ["ünï@exämple.com", "a\x00b@c.com", "a@b", "a b@c.com", "a@b..com", "@c.com", "x" * 255, ".a@c.com", "a..b@c.com"],
)
def test_an_invalid_address_is_refused_with_400_that_names_the_field(ann: User, email: str) -> None:
    answer = ann.post("/auth/signup", email=email, password=PASSWORD)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["field"] == "email"


def test_signing_out_ends_tokens_issued_before_and_none_issued_after(machine: Machine) -> None:
    user = User.new(machine.api_url)
    before = dict(user.tokens)
    assert user.post("/auth/signout").status_code == 200
    assert user.get("/auth/validate").status_code == 401
    assert user.post("/auth/refresh", refreshToken=before["refreshToken"]).status_code == 401
    user.sign_in()
    assert user.get("/auth/validate").status_code == 200


def test_a_temporary_password_leads_to_a_new_password_challenge(machine: Machine) -> None:
    user = User(machine.api_url)
    cognito = machine.client("cognito-idp")
    pool = machine.resources["UserPool"].ref
    cognito.admin_create_user(
        UserPoolId=pool,
        Username=user.email,
        TemporaryPassword="Temporary-2026!",
        UserAttributes=[{"Name": "email", "Value": user.email}],
    )
    challenged = user.post("/auth/signin", email=user.email, password="Temporary-2026!").json()
    assert challenged["challenge"] == "NEW_PASSWORD_REQUIRED"
    answer = {"challenge": challenged["challenge"], "session": challenged["session"]}
    weak = user.post("/auth/challenge", **answer, answer="weak")
    assert weak.status_code == 400
    strong = user.post("/auth/challenge", **answer, answer=PASSWORD)
    assert {"accessToken", "idToken", "refreshToken"} <= set(strong.json())
    for session in ("junk", ".", "", "ImFAYi5jb20i.abcdefghijklmnopqrstuvwxyz", answer["session"]):
        refused = user.post("/auth/challenge", challenge="SOFTWARE_TOKEN_MFA", session=session, answer="1")
        assert refused.status_code == (401 if session else 400), session


def test_a_profile_patch_changes_only_the_fields_it_names(machine: Machine) -> None:
    user = User.new(machine.api_url, name="Cleo")
    before = user.get("/auth/profile").json()["profile"]
    assert before["preferences"] == {}

    hook = {"webhook": {"url": "https://example.com/hook"}}
    hooked = user.request("PATCH", "/auth/profile", json={"preferences": hook}).json()["profile"]
    assert hooked["name"] == "Cleo"
    assert hooked["preferences"] == hook
    assert hooked["webhookSecret"]

    renamed = user.request("PATCH", "/auth/profile", json={"name": "Cléo"}).json()["profile"]
    assert renamed == {**hooked, "name": "Cléo"}

    cleared = user.request("PATCH", "/auth/profile", json={"preferences": {"webhook": None}}).json()["profile"]
    assert cleared == {**before, "name": "Cléo"}
    assert user.get("/auth/profile").json()["profile"] == cleared


def test_two_profile_patches_at_the_same_time_both_take_effect(machine: Machine) -> None:
    user = User.new(machine.api_url)
    hook = {"webhook": {"url": "https://example.com/hook"}}
    bodies: list[dict[str, Any]] = [{"name": "Dora"}, {"preferences": hook}]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda body: user.request("PATCH", "/auth/profile", json=body), bodies))
    assert {answer.status_code for answer in answers} == {200}
    profile = user.get("/auth/profile").json()["profile"]
    assert (profile["name"], profile["preferences"]) == ("Dora", hook)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role": "ADMIN"}, "role"),
        ({"canExportData": True}, "canExportData"),
        ({"email": "x@example.com"}, "email"),
        ({"preferences": {"odd": 1}}, "preferences.odd"),
        ({"preferences": {"webhook": {"url": "ftp://example.com"}}}, "preferences.webhook.url"),
        ({"preferences": {"webhook": {"url": "http://[bad"}}}, "preferences.webhook.url"),
        ({"preferences": {"webhook": {"url": "http://h:99999/"}}}, "preferences.webhook.url"),
        ({"preferences": {"webhook": {"url": "http://a..b/"}}}, "preferences.webhook.url"),
        ({}, "body"),
    ],
)
def test_a_profile_patch_with_any_other_field_is_refused(ann: User, body: dict[str, Any], field: str) -> None:
    before = ann.get("/auth/profile").json()["profile"]
    answer = ann.request("PATCH", "/auth/profile", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["field"] == field
    assert ann.get("/auth/profile").json()["profile"] == before


def test_an_account_erased_three_times_at_once_is_erased_without_errors(machine: Machine) -> None:
    user = User.new(machine.api_url)
    for _ in range(5):
        user.announce(b"")
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: user.request("DELETE", "/auth/profile").status_code, range(3)))
    assert set(answers) <= {200, 401}
    assert 200 in answers
    assert user.post("/auth/refresh", refreshToken=user.tokens["refreshToken"]).status_code == 401


def test_each_operation_leaves_a_usage_record(machine: Machine) -> None:
    user = User.new(machine.api_url)
    started = time.time()
    user.get("/images")
    user.get("/images/img_none")

    def records() -> list[dict[str, Any]]:
        found = machine.client("dynamodb").query(
            TableName=machine.environment["USAGE_METRICS_DYNAMO_TABLE"],
            KeyConditionExpression="account = :user",
            ExpressionAttributeValues={":user": {"S": user.id}},
        )["Items"]
        return [each for each in found if each["operation"]["S"] in ("list_images", "get_image")]

    listed, missed = wait_for(lambda: records() if len(records()) == 2 else [], "two usage records")
    assert listed["endpoint"]["S"] == "GET /images"
    assert listed["event_source"]["S"] == "HTTP"
    assert listed["success"]["BOOL"] is True
    assert missed["endpoint"]["S"] == "GET /images/{imageId}"
    assert (missed["success"]["BOOL"], missed["error_type"]["S"]) == (False, "ImageNotFoundError")
    assert float(listed["duration_ms"]["N"]) > 0
    assert float(listed["lambda_cost"]["N"]) > 0
    assert int(listed["ttl"]["N"]) > started
