"""Every kind of secret is sent through the real API, right and wrong, and none of them appears in a log."""

import base64
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests

from local.machine import Machine
from tests import pictures
from tests.journeys.authenticator import Authenticator, challenge
from tests.journeys.ledger import damaged
from tests.journeys.receiver import Receiver
from tests.journeys.user import User
from tests.waiting import wait_for


def canary() -> str:
    """A text that appears nowhere by chance."""
    return f"Canary-{secrets.token_hex(12)}-2026!"


def signature_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["X-Amz-Signature"][0]


class Aviary:
    """The secrets that were sent, and the requests that carried them and must be in the log."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.request_ids: list[str] = []

    def plant(self, name: str, secret: str) -> str:
        assert len(secret) >= 16, name
        self.secrets[name] = secret
        return secret

    def refused(self, answer: requests.Response, *statuses: int) -> None:
        assert answer.status_code in statuses, answer.text
        self.request_ids.append(answer.json()["requestId"])

    def pieces(self) -> Iterator[tuple[str, str]]:
        """Each secret's start, middle and end, plain and in every encoding that a log may use."""
        for name, secret in self.secrets.items():
            middle = len(secret) // 2
            yield from ((name, piece) for piece in (secret[:16], secret[middle - 8 : middle + 8], secret[-16:]))
            yield name, quote(secret, safe="")
            yield name, json.dumps(secret)[1:-1]
            yield name, base64.b64encode(secret.encode()).decode()[:24]


@pytest.fixture(scope="module")
def hook() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def aviary(machine: Machine, hook: Receiver) -> Aviary:
    birds = Aviary()
    client = machine.client("cognito-idp").describe_user_pool_client(
        UserPoolId=machine.resources["UserPool"].ref, ClientId=machine.resources["ApiClient"].ref
    )
    birds.plant("the client's secret", client["UserPoolClient"]["ClientSecret"])
    user = signed_up(machine.api_url, birds)
    with_an_image(machine, user, birds, hook)
    robot = with_keys(user, birds)
    for holder in (user, robot):
        ask_wrongly(holder, birds)
    give_wrong_passwords(user, birds)
    be_challenged(machine, birds)
    enrol_an_authenticator(machine, birds)
    break_on_our_side(machine, birds, user, robot)
    return birds


def signed_up(url: str, birds: Aviary) -> User:
    user = User(url, password=birds.plant("password", canary()))
    code = birds.plant("verification code", secrets.token_hex(10))
    assert user.post("/auth/signup", email=user.email, password=user.password).status_code == 200
    birds.refused(user.post("/auth/signin", email=user.email, password=user.password), 403)
    assert user.post("/auth/verify", email=user.email, code=code).status_code == 200
    user.sign_in()
    for kind in ("accessToken", "idToken"):
        _head, claims, signature = user.tokens[kind].split(".")
        birds.plant(f"{kind}'s claims", claims)
        birds.plant(f"{kind}'s signature", signature)
    birds.plant("refreshToken", user.tokens["refreshToken"])
    refreshed = user.post("/auth/refresh", refreshToken=user.tokens["refreshToken"]).json()
    birds.plant("refreshed accessToken", refreshed["accessToken"].rpartition(".")[2])
    return user


def with_an_image(machine: Machine, user: User, birds: Aviary, hook: Receiver) -> None:
    """Both kinds of upload, the links to variants, and a webhook whose address holds a secret."""
    address = f"{hook.url}?token={birds.plant('secret in the webhook address', secrets.token_hex(12))}"
    changed = user.request("PATCH", "/auth/profile", json={"preferences": {"webhook": {"url": address}}}).json()
    birds.plant("webhook secret", changed["profile"]["webhookSecret"])
    hook.answers = [500]

    posted = user.announce(b"", method="POST")
    birds.plant("POST signature", posted["fields"]["x-amz-signature"])
    birds.plant("POST policy", posted["fields"]["policy"])
    picture = pictures.jpeg(320, 240)
    announced = user.announce(picture)
    birds.plant("PUT signature", signature_of(announced["uploadUrl"]))
    assert requests.put(announced["uploadUrl"], data=b"another length", timeout=30).status_code == 403
    put = requests.put(announced["uploadUrl"], data=picture, headers=announced["headers"], timeout=30)
    assert put.status_code == 200
    image = user.finished(announced["imageId"])
    for variant in image["variants"]:
        birds.plant(f"GET signature of {variant['name']}", signature_of(variant["url"]))
    link = user.request("GET", f"/images/{image['imageId']}/variants/small").headers["Location"]
    birds.plant("GET signature of a redirect", signature_of(link))

    def tried_again() -> bool:
        machine.clock.advance(61)
        return len(hook.received) >= 2

    wait_for(tried_again, "the webhook to be tried again")
    delivered = hook.received[-1]
    birds.plant("webhook signature", delivered.headers["X-Darkroom-Signature"].rpartition("=")[2])


def with_keys(user: User, birds: Aviary) -> User:
    """A rotated key, and a client that calls with it."""
    issued = user.post("/keys", name="a key", accessTypes=["file_upload"]).json()
    birds.plant("API key", issued["key"].removeprefix("drk_"))
    rotated = user.post(f"/keys/{issued['keyId']}/rotate", graceSeconds=0).json()
    birds.plant("rotated API key", rotated["key"].removeprefix("drk_"))
    dead = User(user.url, tokens={"accessToken": issued["key"]})
    birds.refused(dead.get("/images"), 401)
    robot = User(user.url, tokens={"accessToken": rotated["key"]})
    assert robot.get("/images").status_code == 200
    birds.refused(robot.get("/keys"), 403)
    return robot


def ask_wrongly(holder: User, birds: Aviary) -> None:
    """Secrets in the wrong places: in paths, queries, names, values, broken JSON and other headers."""
    secret = holder.tokens["accessToken"]
    json_type = {"Content-Type": "application/json"}
    birds.refused(holder.get(f"/images/{secret}"), 404, 400)
    birds.refused(holder.get("/images", access_token=secret), 400)
    birds.refused(holder.get("/images", **{secret: "1"}), 400)
    birds.refused(holder.get("/images", cursor=secret), 400)
    birds.refused(holder.post("/upload", fileName=secret, fileType=secret, method=secret), 400, 415)
    birds.refused(holder.post("/upload", **{secret: secret}), 400)
    birds.refused(holder.request("POST", "/upload", data=f'{{"key": "{secret}"', headers=json_type), 400)
    birds.refused(holder.request("POST", "/upload", data=(secret * 9000)[:300_000], headers=json_type), 413)
    birds.refused(holder.post(f"/agent/{secret[-80:]}", data={"key": secret}), 404)
    birds.refused(holder.post("/agent/get_image", imageId=secret, token=secret), 400)
    assert "error" in holder.post("/mcp", jsonrpc="2.0", id=secret, method=secret, params={"token": secret}).json()
    birds.refused(holder.get("/images", status=secret), 400)
    for header in (f"Basic {secret}", secret, f"Bearer {secret}x", f"Bearer {secret[:-9]}", f"Bearer x{secret}"):
        birds.refused(holder.request("GET", "/images", headers={"Authorization": header}), 401)
    odd = {"User-Agent": secret, "Cookie": f"token={secret}", "X-Api-Key": secret, "Accept": secret}
    birds.refused(holder.request("GET", "/images/img_none", headers=odd), 404)


def give_wrong_passwords(user: User, birds: Aviary) -> None:
    wrong, weak = birds.plant("wrong password", canary()), birds.plant("weak password", secrets.token_hex(12))
    code = birds.plant("wrong code", secrets.token_hex(10))
    birds.refused(user.post("/auth/signin", email=user.email, password=wrong), 401)
    birds.refused(user.post("/auth/signin", email=wrong, password=user.password), 400)
    birds.refused(user.post("/auth/signin", email=user.email, password=[user.password]), 400)
    birds.refused(user.post("/auth/signup", email=f"new-{user.email}", password=weak), 400)
    birds.refused(user.post("/auth/verify", email=user.email, code=code), 400)
    birds.refused(user.post("/auth/reset-password", email=user.email, code=code, password=weak), 400)
    birds.refused(user.post("/auth/refresh", refreshToken=birds.plant("no refresh token", canary())), 401)
    birds.refused(user.post("/auth/refresh", refreshToken=user.tokens["accessToken"]), 401)


def be_challenged(machine: Machine, birds: Aviary) -> None:
    user, first = User(machine.api_url), birds.plant("temporary password", canary())
    machine.client("cognito-idp").admin_create_user(
        UserPoolId=machine.resources["UserPool"].ref,
        Username=user.email,
        TemporaryPassword=first,
        UserAttributes=[{"Name": "email", "Value": user.email}],
    )
    asked = user.post("/auth/signin", email=user.email, password=first).json()
    answer: dict[str, Any] = {"challenge": asked["challenge"], "session": birds.plant("session", asked["session"])}
    birds.refused(user.post("/auth/challenge", **answer, answer=birds.plant("weak answer", secrets.token_hex(12))), 400)
    assert user.post("/auth/challenge", **answer, answer=birds.plant("new password", canary())).status_code == 200


def enrol_an_authenticator(machine: Machine, birds: Aviary) -> None:
    user = User.new(machine.api_url)
    enrolled = user.post("/auth/mfa/enrol").json()
    birds.plant("authenticator's secret", enrolled["secret"])
    birds.plant("authenticator's address", enrolled["otpauthUri"])
    app = Authenticator(machine, enrolled["secret"])
    birds.refused(user.post("/auth/mfa/confirm", code=app.wrong_code()), 403)
    birds.refused(user.post("/auth/mfa/confirm", code=enrolled["secret"]), 400)
    birds.refused(user.post("/auth/mfa/confirm", **{enrolled["otpauthUri"]: enrolled["secret"]}), 400)
    assert user.post("/auth/mfa/confirm", code=app.code()).status_code == 200
    session = birds.plant("session of a code", challenge(user)["session"].partition(".")[2])
    wrong = {"password": birds.plant("wrong password to turn it off", canary()), "code": app.wrong_code()}
    birds.refused(user.request("DELETE", "/auth/mfa", json=wrong), 403)
    birds.refused(user.request("DELETE", "/auth/mfa", params={"password": session}), 400)


def break_on_our_side(machine: Machine, birds: Aviary, *holders: User) -> None:
    """An unexpected error (a row without a required attribute) for callers with a token or a key."""
    with damaged(machine, holders[0].id):
        for holder in holders:
            birds.refused(holder.get("/images"), 500)
            birds.refused(holder.post("/upload", fileName="a.jpg", fileType="image/jpeg"), 500)


def lines(machine: Machine) -> dict[str, str]:
    """What each function has logged so far, by the log's name."""
    assert machine.logs is not None
    return {log.stem: log.read_text() for log in Path(machine.logs).glob("*.log")}


def test_no_log_holds_a_secret(machine: Machine, aviary: Aviary) -> None:
    last = requests.get(f"{machine.api_url}/images", timeout=30).json()["requestId"]
    wait_for(lambda: last in lines(machine)["api"], "the last request to be written down")
    written = lines(machine)
    leaked = {f"{name} in {log}.log" for name, piece in aviary.pieces() for log in written if piece in written[log]}
    assert not leaked


def test_the_logs_cover_all_that_happened(machine: Machine, aviary: Aviary) -> None:
    """Empty logs would hold no secret either."""
    assert len(aviary.secrets) > 25
    assert len(aviary.request_ids) > 40
    wait_for(lambda: all(each in lines(machine)["api"] for each in aviary.request_ids), "every refusal to be there")
    written = {name for name, text in lines(machine).items() if text.strip()}
    assert written >= {"api", "s3_event", "orchestrator", "validation", "resize", "watermark", "notifications"}
