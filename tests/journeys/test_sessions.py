"""Sessions: only the API starts them, an interrupted end is finished, and deactivated users get none."""

import re
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from chalicelib import accounts
from chalicelib.accounts.cognito import secret_hash
from chalicelib.core import clients
from local.machine import Machine
from tests.journeys.gateway import Answer, call
from tests.journeys.user import PASSWORD, User

ANOTHER = "Another-Day-2026!"


@pytest.fixture
def ann(machine: Machine) -> User:
    """A new user for each test."""
    return User.new(machine.api_url, name="Ann")


# ------------------------------------------------------------------- directly to Cognito


def straight(machine: Machine, email: str, **proof: str) -> dict[str, Any]:
    """By unsigned call of Cognito: the request of a caller who knows the client's id."""
    named = {"ClientId": machine.resources["ApiClient"].ref}
    about = {**named, "Username": email}
    hashed = {**about, **({"SecretHash": proof["hash"]} if "hash" in proof else {})}
    within = {"USERNAME": email, **({"SECRET_HASH": proof["hash"]} if "hash" in proof else {})}
    session = "s" * 20
    return {
        "sign_up": {**hashed, "Password": PASSWORD},
        "confirm_sign_up": {**hashed, "ConfirmationCode": "123456"},
        "resend_confirmation_code": hashed,
        "forgot_password": hashed,
        "confirm_forgot_password": {**hashed, "ConfirmationCode": "123456", "Password": PASSWORD},
        "initiate_auth": {
            **named,
            "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": {**within, "PASSWORD": PASSWORD},
        },
        "respond_to_auth_challenge": {
            **named,
            "ChallengeName": "NEW_PASSWORD_REQUIRED",
            "Session": session,
            "ChallengeResponses": {**within, "NEW_PASSWORD": PASSWORD},
        },
        "get_tokens_from_refresh_token": {**named, "RefreshToken": "r", "ClientSecret": "w" * 51},
    }


@pytest.mark.parametrize("proof", [{}, {"hash": "d3Jvbmc="}], ids=["without a hash", "with a wrong one"])
def test_the_clients_id_without_its_secret_is_refused(machine: Machine, ann: User, proof: dict[str, str]) -> None:
    cognito = machine.client("cognito-idp")
    for operation, asked in straight(machine, ann.email, **proof).items():
        with pytest.raises(cognito.exceptions.NotAuthorizedException, match=r"(?i)secret"):
            getattr(cognito, operation)(**asked)
    token = ann.tokens["refreshToken"]
    with pytest.raises(cognito.exceptions.NotAuthorizedException, match=r"(?i)secret"):
        cognito.get_tokens_from_refresh_token(ClientId=machine.resources["ApiClient"].ref, RefreshToken=token)


def test_the_secret_is_read_from_parameter_store_and_never_from_the_environment(
    function: pytest.MonkeyPatch, ann: User
) -> None:
    function.setenv("COGNITO_CLIENT_SECRET", "from-the-environment")
    assert sign_in(ann).status == 200


def test_a_secret_that_cognito_refuses_is_an_internal_error_and_is_read_again(
    machine: Machine, function: pytest.MonkeyPatch, ann: User
) -> None:
    name = f"/darkroom/{machine.environment['STAGE']}/darkroom/COGNITO_CLIENT_SECRET"
    ssm = machine.client("ssm")
    right = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    ssm.put_parameter(Name=name, Value="former", Type="SecureString", Overwrite=True)
    try:
        answer = sign_in(ann)
    finally:
        ssm.put_parameter(Name=name, Value=right, Type="SecureString", Overwrite=True)
    assert (answer.status, answer.body["error"]["code"]) == (503, "UNAVAILABLE")
    assert sign_in(ann).status == 200


def sign_in(user: User) -> Answer:
    return call("POST /auth/signin", {}, {"email": user.email, "password": user.password})


def test_a_signed_in_user_is_not_shown_the_clients_id(ann: User) -> None:
    shown = ann.get("/auth/validate").json()
    assert shown["claims"]["token_use"] == "access"
    assert "client_id" not in shown["claims"]


# ----------------------------------------------------------------------- interrupted


def cut_off(function: pytest.MonkeyPatch, service: str, operation: str, **asked: str) -> None:
    """Makes the next call of that operation fail as if AWS did not answer; `asked` are parameters of it."""
    left = [True]

    def fail(params: dict[str, Any], **_: Any) -> None:
        if left and asked.items() <= params.items():
            left.clear()
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": "cut off"}}, operation)

    clients.client(service).meta.events.register_first(f"provide-client-params.{service}.{operation}", fail)


def cut_end_of_session(function: pytest.MonkeyPatch, machine: Machine, part: str) -> None:
    if part == "Cognito's part":
        cut_off(function, "cognito-idp", "AdminUserGlobalSignOut")
    else:
        cut_off(function, "dynamodb", "UpdateItem", TableName=machine.environment["USERS_TABLE"])


PARTS = ["Cognito's part", "the row's part"]


def is_refreshed(user: User) -> bool:
    answer = requests.post(f"{user.url}/auth/refresh", json={"refreshToken": user.tokens["refreshToken"]}, timeout=30)
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


@pytest.mark.parametrize("part", PARTS)
def test_an_interrupted_sign_out_is_finished_by_the_next_request(
    machine: Machine, function: pytest.MonkeyPatch, ann: User, part: str
) -> None:
    cut_end_of_session(function, machine, part)
    assert call("POST /auth/signout", ann.headers).status >= 500
    assert call("POST /auth/signout", ann.headers).status == 200
    assert not is_refreshed(ann)
    assert ann.get("/auth/validate").status_code == 401


@pytest.mark.parametrize("part", PARTS)
def test_an_interrupted_reset_is_finished_by_the_next_request(
    machine: Machine, function: pytest.MonkeyPatch, ann: User, part: str
) -> None:
    assert ann.post("/auth/forgot-password", email=ann.email).status_code == 200
    asked = {"email": ann.email, "code": "123456", "password": ANOTHER}
    cut_end_of_session(function, machine, part)
    assert call("POST /auth/reset-password", {}, asked).status >= 500
    wrong = call("POST /auth/reset-password", {}, {**asked, "password": f"{ANOTHER}?"})
    assert (wrong.status, wrong.body["message"]) == (400, "The code is wrong or has expired.")
    assert ann.get("/auth/validate").status_code == 200, "without a valid code or password nothing ends"
    assert call("POST /auth/reset-password", {}, asked).status == 200
    assert not is_refreshed(ann)
    assert ann.get("/auth/validate").status_code == 401
    ann.password = ANOTHER
    ann.sign_in()


def test_an_interrupted_erasure_is_finished_by_the_next_request(
    machine: Machine, function: pytest.MonkeyPatch, ann: User
) -> None:
    cut_off(function, "dynamodb", "DeleteItem", TableName=machine.environment["USERS_TABLE"])
    assert call("DELETE /auth/profile", ann.headers).status >= 500
    assert not is_refreshed(ann)
    assert call("DELETE /auth/profile", ann.headers).status == 200
    assert ann.get("/auth/validate").status_code == 401


# -------------------------------------------------------------------------- not active


def test_a_deactivated_user_gets_no_tokens(machine: Machine, ann: User) -> None:
    def switch(on: bool) -> None:
        machine.client("dynamodb").update_item(
            TableName=machine.environment["USERS_TABLE"],
            Key={"userId": {"S": user_id}},
            UpdateExpression="SET isActive = :on",
            ExpressionAttributeValues={":on": {"BOOL": on}},
        )

    user_id = ann.id
    switch(on=False)
    for path, body in {
        "/auth/signin": {"email": ann.email, "password": PASSWORD},
        "/auth/refresh": {"refreshToken": ann.tokens["refreshToken"]},
    }.items():
        answer = ann.post(path, **body)
        assert (answer.status_code, answer.json()["message"]) == (403, "User account is not active"), path
        assert "Token" not in answer.text
    switch(on=True)
    assert is_refreshed(ann)
    ann.sign_in()


def test_a_deactivated_user_gets_no_tokens_for_a_challenge(machine: Machine) -> None:
    user, row = invited(machine)
    challenged = user.post("/auth/signin", email=user.email, password=user.password).json()
    machine.client("dynamodb").put_item(TableName=machine.environment["USERS_TABLE"], Item=row)
    answer = user.post("/auth/challenge", **answering(challenged))
    assert (answer.status_code, answer.json()["message"]) == (403, "User account is not active")
    assert "Token" not in answer.text


def invited(machine: Machine) -> tuple[User, dict[str, Any]]:
    """A user whom an administrator of the pool has invited, with a deactivated row."""
    user = User(machine.api_url, password="Temporary-2026!")
    made = machine.client("cognito-idp").admin_create_user(
        UserPoolId=machine.resources["UserPool"].ref,
        Username=user.email,
        TemporaryPassword=user.password,
        UserAttributes=[{"Name": "email", "Value": user.email}],
    )["User"]
    sub = next(each["Value"] for each in made["Attributes"] if each["Name"] == "sub")
    row = {"userId": sub, "email": user.email, "role": "USER", "createdAt": "2026-01-01T00:00:00Z"}
    return user, {name: {"S": value} for name, value in row.items()} | {"isActive": {"BOOL": False}}


def answering(challenged: dict[str, Any]) -> dict[str, str]:
    return {"challenge": challenged["challenge"], "session": challenged["session"], "answer": PASSWORD}


def test_a_challenge_can_be_answered_only_for_the_address_it_was_issued_to(
    machine: Machine, function: pytest.MonkeyPatch
) -> None:
    user, row = invited(machine)
    challenged = user.post("/auth/signin", email=user.email, password=user.password).json()

    def answer(name: str) -> Any:
        return machine.client("cognito-idp").respond_to_auth_challenge(
            ClientId=machine.resources["ApiClient"].ref,
            ChallengeName="NEW_PASSWORD_REQUIRED",
            Session=challenged["session"].partition(".")[2],
            ChallengeResponses={"USERNAME": name, "SECRET_HASH": secret_hash(name), "NEW_PASSWORD": PASSWORD},
        )

    with pytest.raises(ClientError, match="NotAuthorizedException"):
        answer(user.email)
    assert accounts.user_of_session(challenged["session"]) == row["userId"]["S"]
    assert {"accessToken", "refreshToken"} <= set(user.post("/auth/challenge", **answering(challenged)).json())


# ---------------------------------------------------------------- who has an account

FORM = re.compile(r"[0-9a-f]{8}-[0-9a-f]0[0-9a-f]1-70[0-9a-f]{2}-[0-9a-f]{4}-[0-9a-f]{12}")


def test_a_made_up_user_id_looks_real_and_differs_each_time(ann: User) -> None:
    def sub(user: User) -> str:
        return str(user.post("/auth/signup", email=user.email, password=PASSWORD).json()["userSub"])

    def fixed(user_id: str) -> str:
        """The digits that all ids of a pool share."""
        return "".join(user_id[place] for place in (1, 3, 5, 7, 10, 12, 14, 15))

    real, made_up = [sub(User(ann.url)) for _ in range(8)], [sub(ann) for _ in range(8)]
    assert all(map(FORM.fullmatch, [*real, *made_up]))
    assert {*map(fixed, real)} == {*map(fixed, made_up)}
    assert len({*made_up, ann.id}) == 9
    # No other digit is the same in all of them.
    for user_ids in (real, made_up):
        for place in {*range(36)} - {1, 3, 5, 7, 8, 10, 12, 13, 14, 15, 18, 23}:
            assert len({each[place] for each in user_ids}) > 1, (place, user_ids)
