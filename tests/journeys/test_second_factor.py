"""The second factor: an authenticator is enrolled, asked for, guessed at, turned off, and reset when it is lost."""

import re
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from chalicelib.accounts.second_factor import _otpauth_uri
from chalicelib.core.http import attempts, limits
from local import totp
from local.machine import Machine
from tests.journeys.audit_trail import audit_entries_of
from tests.journeys.authenticator import Authenticator, answer, challenge, enrol
from tests.journeys.error_responses import error_of
from tests.journeys.gateway import Answer, call
from tests.journeys.issuing_keys import issue_key
from tests.journeys.ledger import runs
from tests.journeys.user import PASSWORD, User

# Noon, a quarter of a minute into a step.
NOON = 1_780_315_215.0


@pytest.fixture
def ann(machine: Machine) -> User:
    """A new user for each test."""
    return User.new(machine.api_url, name="Ann")


def is_on(user: User) -> bool:
    profile = user.get("/auth/profile")
    assert profile.status_code == 200, profile.text
    return bool(profile.json()["profile"]["mfaEnabled"])


def turn_off(user: User, code: str, password: str = PASSWORD) -> Any:
    return user.request("DELETE", "/auth/mfa", json={"password": password, "code": code})


def test_signing_in_asks_for_a_code_from_the_confirmation_until_it_is_turned_off(machine: Machine, ann: User) -> None:
    assert not is_on(ann)
    app = enrol(machine, ann)
    assert is_on(ann)
    signed_in = answer(ann, challenge(ann), app.code())
    assert {"accessToken", "idToken", "refreshToken"} <= set(signed_in.json())
    refreshed = ann.post("/auth/refresh", refreshToken=ann.tokens["refreshToken"])
    assert "accessToken" in refreshed.json(), "sessions from before stay"
    off = turn_off(ann, app.code())
    assert off.status_code == 200, off.text
    assert not is_on(ann)
    ann.sign_in()


def test_an_authenticator_without_its_first_code_changes_nothing(ann: User) -> None:
    assert ann.post("/auth/mfa/enrol").status_code == 200
    assert not is_on(ann)
    ann.sign_in()


def test_the_last_enrolment_counts(machine: Machine, ann: User) -> None:
    first, second = (Authenticator(machine, ann.post("/auth/mfa/enrol").json()["secret"]) for _ in range(2))
    assert first.secret != second.secret
    assert error_of(ann.post("/auth/mfa/confirm", code=first.code()), 403)["code"] == "WRONG_CODE"
    assert ann.post("/auth/mfa/confirm", code=second.code()).status_code == 200


def test_the_secret_comes_as_an_address_that_authenticators_read(ann: User) -> None:
    enrolled = ann.post("/auth/mfa/enrol")
    assert enrolled.headers["Cache-Control"] == "no-store"
    shown = enrolled.json()
    assert re.fullmatch("[A-Z2-7]{52}", shown["secret"])
    address = urlsplit(shown["otpauthUri"])
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    issuer, _, account = unquote(address.path).lstrip("/").partition(":")
    assert (issuer, account) == ("darkroom-local", ann.email)
    assert parse_qs(address.query, strict_parsing=True) == {
        "secret": [shown["secret"]], "issuer": [issuer], "algorithm": ["SHA1"], "digits": ["6"], "period": ["30"],
    }  # fmt: skip


def test_the_address_is_escaped() -> None:
    assert _otpauth_uri("Ann & Co: photos", "a+b/c?d@example.com", "ABC") == (
        "otpauth://totp/Ann%20%26%20Co%3A%20photos:a%2Bb%2Fc%3Fd%40example.com"
        "?secret=ABC&issuer=Ann%20%26%20Co%3A%20photos&algorithm=SHA1&digits=6&period=30"
    )


# ---------------------------------------------------------------------------- what is refused


def test_what_does_not_fit_the_state_is_a_conflict(machine: Machine, ann: User) -> None:
    assert error_of(ann.post("/auth/mfa/confirm", code="000000"), 409)["code"] == "MFA_NOT_ENROLLED"
    assert error_of(turn_off(ann, "000000"), 409)["code"] == "MFA_NOT_ENABLED"
    app = enrol(machine, ann)
    assert error_of(ann.post("/auth/mfa/enrol"), 409)["code"] == "MFA_ENABLED"
    assert error_of(ann.post("/auth/mfa/confirm", code=app.code()), 409)["code"] == "MFA_ENABLED"
    assert answer(ann, challenge(ann), app.code()).status_code == 200, "nothing was replaced"


def test_a_wrong_code_can_be_corrected_and_a_used_one_is_wrong(machine: Machine, ann: User) -> None:
    app = enrol(machine, ann)
    asked = challenge(ann)
    refused = answer(ann, asked, app.wrong_code())
    assert error_of(refused, 403)["code"] == "WRONG_CODE"
    assert "Token" not in refused.text
    code = app.code()
    assert answer(ann, asked, code).status_code == 200
    assert error_of(answer(ann, challenge(ann), code), 403)["code"] == "WRONG_CODE"
    assert answer(ann, asked, app.code()).status_code == 401, "a session ends with its first right code"


@pytest.mark.parametrize("steps", [-1, 1])
def test_a_code_is_right_one_step_late_or_early(machine: Machine, ann: User, steps: int) -> None:
    app = enrol(machine, ann)
    machine.clock.advance(5 * totp.STEP_SECONDS)
    present = totp.step_of(machine.clock.now())
    for distance, status in ((3 * steps, 403), (steps, 200)):
        code = totp.code_at(app.secret, present + distance)
        assert answer(ann, challenge(ann), code).status_code == status, distance


def test_a_session_expires_and_is_for_its_challenge_alone(machine: Machine, ann: User) -> None:
    app = enrol(machine, ann)
    asked = challenge(ann)
    other = answer(ann, {**asked, "challenge": "NEW_PASSWORD_REQUIRED"}, "Another-Day-2026!")
    assert error_of(other, 401)["code"] == "NOT_AUTHENTICATED"
    machine.clock.advance(181)
    assert error_of(answer(ann, asked, app.code()), 401)["code"] == "NOT_AUTHENTICATED"
    assert answer(ann, challenge(ann), app.code()).status_code == 200


def test_a_stolen_token_does_not_turn_it_off(machine: Machine, ann: User) -> None:
    app = enrol(machine, ann)
    assert error_of(ann.request("DELETE", "/auth/mfa"), 400)["code"] == "INVALID_REQUEST"
    assert error_of(turn_off(ann, app.wrong_code()), 403)["code"] == "WRONG_CODE"
    assert error_of(turn_off(ann, app.code(), "Wrong-One-2026!"), 403)["code"] == "WRONG_PASSWORD"
    in_query = ann.request("DELETE", "/auth/mfa", params={"password": PASSWORD, "code": app.code()})
    assert error_of(in_query, 400)["code"] == "INVALID_REQUEST"
    assert is_on(ann)


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", 123456, None])
def test_a_code_that_is_none_is_refused_before_anything_is_tried(ann: User, code: Any) -> None:
    for refused in (ann.post("/auth/mfa/confirm", code=code), turn_off(ann, code)):
        assert error_of(refused, 400)["details"][0]["field"] == "code"


def test_only_a_users_own_token_opens_it(machine: Machine, ann: User) -> None:
    _, robot = issue_key(ann, "full_access")
    for user, status in ((robot, 403), (User(machine.api_url), 401)):
        for refused in (
            user.post("/auth/mfa/enrol"),
            user.post("/auth/mfa/confirm", code="123456"),
            turn_off(user, "123456"),
        ):
            error_of(refused, status)


def test_a_signed_out_token_opens_nothing(ann: User) -> None:
    assert ann.post("/auth/signout").status_code == 200
    assert error_of(ann.post("/auth/mfa/enrol"), 401)["code"] == "NOT_AUTHENTICATED"


# ------------------------------------------------------------------------------- guessing


@pytest.fixture
def clock(function: pytest.MonkeyPatch) -> SimpleNamespace:
    """The clock that counts attempts, of this process alone."""
    made = SimpleNamespace(now=NOON)
    made.time = lambda: made.now
    function.setattr(attempts, "time", made)
    function.setattr(limits, "time", made)
    return made


def guess(ann: User, asked: dict[str, Any], code: str, source: str = "203.0.113.7") -> Answer:
    return call("POST /auth/challenge", {}, {**asked, "answer": code}, source=source)


def test_who_guesses_codes_waits_and_the_owner_elsewhere_does_not(
    machine: Machine, clock: SimpleNamespace, ann: User
) -> None:
    app = enrol(machine, ann)
    asked = challenge(ann)
    statuses = [guess(ann, asked, app.wrong_code()).status for _ in range(7)]
    assert statuses == [403] * 5 + [429] * 2
    refused = guess(ann, asked, app.code())
    assert (refused.status, refused.headers["Retry-After"]) == (429, "45"), "even the right one"
    assert guess(ann, asked, app.code(), "192.0.2.1").status == 200
    clock.now += 60
    assert guess(ann, challenge(ann), app.code()).status == 200


def test_codes_of_an_account_are_limited_a_day_for_all_sources_and_all_doors(
    machine: Machine, function: pytest.MonkeyPatch, clock: SimpleNamespace, ann: User
) -> None:
    function.setenv("WRONG_CODES_PER_DAY", "3")
    app = enrol(machine, ann)
    asked = challenge(ann)
    assert [guess(ann, asked, app.wrong_code(), f"203.0.113.{n}").status for n in range(3)] == [403] * 3
    right = {"password": PASSWORD, "code": app.code()}
    assert call("DELETE /auth/mfa", ann.headers, right).status == 429
    clock.now += 43_200
    assert call("DELETE /auth/mfa", ann.headers, {**right, "code": app.code()}).status == 200


def test_sessions_that_are_made_up_do_not_use_up_the_tries(
    machine: Machine, function: pytest.MonkeyPatch, clock: SimpleNamespace, ann: User
) -> None:
    function.setenv("WRONG_CODES_PER_DAY", "1")
    app = enrol(machine, ann)
    asked = challenge(ann)
    for n in range(3):
        assert guess(ann, {**asked, "session": f"{asked['session']}{n}"}, "000000").status == 401
    assert guess(ann, asked, app.code()).status == 200


def test_tries_of_a_signed_in_user_are_limited(function: pytest.MonkeyPatch, clock: SimpleNamespace, ann: User) -> None:
    assert ann.post("/auth/mfa/enrol").status_code == 200
    statuses = [call("POST /auth/mfa/confirm", ann.headers, {"code": f"{n:06}"}).status for n in range(11)]
    assert statuses == [403] * 10 + [429]


# ------------------------------------------------------------------------- the rest of an account


def test_a_new_password_does_not_turn_it_off(machine: Machine, ann: User) -> None:
    app = enrol(machine, ann)
    assert ann.post("/auth/forgot-password", email=ann.email).status_code == 200
    new = "Another-Day-2026!"
    assert ann.post("/auth/reset-password", email=ann.email, code="123456", password=new).status_code == 200
    ann.password = new
    signed_in = answer(ann, challenge(ann), app.code())
    ann.tokens = signed_in.json()
    assert is_on(ann)


def test_keys_and_erasure_ask_for_no_code(machine: Machine, ann: User) -> None:
    _, robot = issue_key(ann, "file_upload")
    enrol(machine, ann)
    assert robot.get("/images").status_code == 200
    assert ann.request("DELETE", "/auth/profile").status_code == 200
    assert ann.post("/auth/signin", email=ann.email, password=PASSWORD).status_code == 401


def test_an_administrator_turns_it_off_for_a_user_who_lost_the_authenticator(
    machine: Machine, admin: User, ann: User
) -> None:
    enrol(machine, ann)
    account = ann.id
    for user, status in ((ann, 403), (issue_key(admin, "admin")[1], 403), (User(machine.api_url), 401)):
        error_of(user.request("DELETE", f"/admin/users/{account}/mfa"), status)
    assert is_on(ann)
    for _ in range(2):
        assert admin.request("DELETE", f"/admin/users/{account}/mfa").status_code == 200
    ann.sign_in()
    assert not is_on(ann)
    own = admin.request("DELETE", f"/admin/users/{admin.id}/mfa")
    assert error_of(own, 409)["code"] == "CONFLICT", "a stolen token of an administrator is not enough"
    assert error_of(admin.request("DELETE", "/admin/users/nobody/mfa"), 404)["code"] == "USER_NOT_FOUND"
    entries = [each for each in audit_entries_of(machine, admin.id) if each["operation"] == "reset_mfa"]
    done = [each["outcome"] for each in entries if each["target"].get("userId") == account]
    assert done[-2:] == ["ok", "ok"]


def test_everything_is_audited_and_nothing_keeps_the_secret(machine: Machine, ann: User) -> None:
    account = ann.id
    app = enrol(machine, ann)
    code = app.wrong_code()
    assert turn_off(ann, code).status_code == 403
    assert turn_off(ann, app.code()).status_code == 200
    entries = [each for each in audit_entries_of(machine, account) if "mfa" in each["operation"]]
    assert [(each["operation"], each["outcome"]) for each in entries] == [
        ("enrol_mfa", "ok"),
        ("confirm_mfa", "ok"),
        ("turn_off_mfa", "WRONG_CODE"),
        ("turn_off_mfa", "ok"),
    ]
    stored = f"{entries}{runs(machine, account)}"
    assert app.secret not in stored
    assert "otpauth" not in stored
