"""An answer of AWS that is lost on its way changes nothing for a user: their own deed is not taken for another's."""

import io
import secrets
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from moto.backends import get_backend

from chalicelib.actions.models import ACTIONS
from chalicelib.core.http import limits
from chalicelib.core.http.idempotency import RECORDS
from chalicelib.core.http.limits import COUNTERS
from chalicelib.core.http.operations import Caller
from chalicelib.images.models import IMAGES
from local.aws import ACCOUNT, REGION
from local.machine import Machine
from tests import pictures
from tests.journeys.exporter import downloaded, exporter
from tests.journeys.gateway import Answer, call
from tests.journeys.issuing_keys import key_holder
from tests.journeys.user import PASSWORD, User
from tests.lost_answers import ALL_TRIES, Loss, losing

PHOTO = {"fileName": "a.jpg", "fileType": "image/jpeg"}
# A time at which both windows of the limits begin, in seconds since the epoch.
NOON = 1_780_315_200.0
HAPPENED = pytest.mark.parametrize("loss", [Loss.ANSWER_LOST, Loss.ERROR_AFTER], ids=lambda loss: loss.name.lower())

pytestmark = pytest.mark.usefixtures("function")


@pytest.fixture
def ann(machine: Machine) -> User:
    """A new user for each test."""
    return User.new(machine.api_url)


def announce(user: User, key: str) -> Answer:
    return call("POST /upload", {**user.headers, "Idempotency-Key": key}, PHOTO)


def analyze(user: User, image_id: str) -> Answer:
    return call("POST /actions/process", user.headers, {"fileId": image_id, "processingType": "analyze"})


@HAPPENED
@pytest.mark.parametrize("table", [RECORDS, IMAGES], ids=["the claim of the key", "the image's row"])
def test_an_announcement_succeeds_once(ann: User, table: Any, loss: Loss) -> None:
    key = secrets.token_hex(8)
    with losing("dynamodb", "PutItem", loss, about=table.name) as lost:
        first = announce(ann, key)
    assert (first.status, lost()) == (200, 1)
    again = announce(ann, key)
    assert (again.body["imageId"], again.headers["Idempotency-Replayed"]) == (first.body["imageId"], "true")
    assert [each["imageId"] for each in ann.get("/images").json()["items"]] == [first.body["imageId"]]


@pytest.mark.parametrize("loss", [Loss.NOT_ARRIVED, Loss.ERROR_BEFORE], ids=lambda loss: loss.name.lower())
def test_an_announcement_that_does_not_arrive_is_made_by_the_next_try(ann: User, loss: Loss) -> None:
    with losing("dynamodb", "PutItem", loss, about=RECORDS.name):
        assert announce(ann, secrets.token_hex(8)).status == 200


@HAPPENED
def test_a_request_counts_once_and_the_last_one_that_a_limit_allows_passes(loss: Loss) -> None:
    caller = Caller(id=secrets.token_hex(8), email="a@example.com", limits={"requestsPerMinute": 2})
    for remaining in (1, 0):
        with losing("dynamodb", "UpdateItem", loss, loss, about=COUNTERS.name) as lost:
            status = limits.count_caller(caller, "list_images", now=NOON)
        assert (status.allowed, status.remaining, lost()) == (True, remaining, 2)
    assert not limits.count_caller(caller, "list_images", now=NOON).allowed


@HAPPENED
@pytest.mark.parametrize(
    ("operation", "tries"),
    [("PutItem", 1), ("TransactWriteItems", 1), ("TransactWriteItems", ALL_TRIES)],
    ids=["its row", "its end", "its end, for good"],
)
def test_an_action_is_done_once_and_ends(ann: User, operation: str, tries: int, loss: Loss) -> None:
    image_id = ann.upload(pictures.jpeg(60, 40))
    ann.finished(image_id)
    with losing("dynamodb", operation, *[loss] * tries, about=ACTIONS.name) as lost:
        answer = analyze(ann, image_id)
    assert (answer.status, lost()) == (200, tries)
    (action,) = ann.get("/actions").json()["items"]
    assert (action["actionId"], action["status"]) == (answer.body["jobId"], "COMPLETED")


@HAPPENED
def test_a_deletion_is_the_callers_own(ann: User, loss: Loss) -> None:
    image_id = announce(ann, secrets.token_hex(8)).body["imageId"]
    with losing("dynamodb", "PutItem", loss, about=IMAGES.name) as lost:
        assert call("DELETE /images/{imageId}", ann.headers, imageId=image_id).status == 200
    assert lost() == 1
    assert call("DELETE /images/{imageId}", ann.headers, imageId=image_id).status == 404


@HAPPENED
@pytest.mark.parametrize("operation", ["create", "rotate", "revoke"])
def test_an_api_key_is_changed_once(ann: User, operation: str, loss: Loss) -> None:
    def create() -> Answer:
        return call("POST /keys", ann.headers, {"name": "camera", "accessTypes": ["file_upload"]})

    def lossy(send: Callable[[], Answer]) -> Answer:
        with losing("dynamodb", "TransactWriteItems", loss) as lost:
            answer = send()
        assert (answer.status, lost()) == (200, 1)
        return answer

    if operation == "create":
        key = lossy(create).body
    else:
        key_id, route = (
            create().body["keyId"],
            {"rotate": "POST /keys/{keyId}/rotate", "revoke": "DELETE /keys/{keyId}"},
        )
        key = lossy(lambda: call(route[operation], ann.headers, keyId=key_id)).body
    keys = ann.get("/keys").json()["items"]
    assert [each["keyId"] for each in keys] == ([] if operation == "revoke" else [key["keyId"]])
    if operation != "revoke":
        assert key_holder(ann, key["key"]).get("/images").status_code == 200


# ----------------------------------------------------------------------- other services


@HAPPENED
def test_a_sign_up_gives_the_new_users_own_id(machine: Machine, loss: Loss) -> None:
    email = f"u{secrets.token_hex(6)}@example.com"
    with losing("cognito-idp", "SignUp", loss) as lost:
        answer = call("POST /auth/signup", {}, {"email": email, "password": PASSWORD})
    assert (answer.status, lost()) == (200, 1)
    user = User(machine.api_url, email)
    assert user.post("/auth/verify", email=email, code="123456").status_code == 200
    user.sign_in()
    assert user.id == answer.body["userSub"]


@HAPPENED
@pytest.mark.parametrize("verified", [True, False])
def test_a_sign_up_of_an_address_that_was_registered_before_does_not_tell_its_id(
    machine: Machine, verified: bool, loss: Loss
) -> None:
    user = User.new(machine.api_url)
    email, known = user.email, user.id
    if not verified:
        email = f"u{secrets.token_hex(6)}@example.com"
        known = user.post("/auth/signup", email=email, password=PASSWORD).json()["userSub"]
        age(email)
    with losing("cognito-idp", "SignUp", loss) as lost:
        answer = call("POST /auth/signup", {}, {"email": email, "password": PASSWORD})
    assert (answer.status, lost()) == (200, 1)
    assert answer.body["userSub"] != known


@HAPPENED
def test_an_address_is_verified(machine: Machine, loss: Loss) -> None:
    email = f"u{secrets.token_hex(6)}@example.com"
    body = {"email": email, "code": "123456"}
    assert call("POST /auth/signup", {}, {"email": email, "password": PASSWORD}).status == 200
    with losing("cognito-idp", "ConfirmSignUp", loss) as lost:
        assert call("POST /auth/verify", {}, body).status == 200
    assert lost() == 1
    assert call("POST /auth/verify", {}, body).status == 400, "a code works once"
    age(email)
    with losing("cognito-idp", "ConfirmSignUp", loss):
        assert call("POST /auth/verify", {}, body).status == 400, "it was verified by somebody before"


def age(email: str) -> None:
    """Lets the account be an hour old, and unchanged since."""
    for pool in get_backend("cognito-idp")[ACCOUNT][REGION].user_pools.values():
        if user := pool._get_user(email):
            user.create_date = user.last_modified_date = user.create_date - timedelta(hours=1)


@HAPPENED
def test_a_file_that_is_written_in_parts_is_complete(machine: Machine, loss: Loss) -> None:
    with losing("s3", "CompleteMultipartUpload", loss) as lost:
        export = call("POST /actions/export", exporter(machine).headers, {"dataTypes": ["files"], "format": "csv"})
    assert (export.status, lost()) == (200, 1)
    with zipfile.ZipFile(io.BytesIO(downloaded(export.body["downloadUrl"]))) as files:
        assert files.namelist() == ["files.csv"]
