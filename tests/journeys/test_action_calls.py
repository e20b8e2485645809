"""How many calls to AWS an action makes, counted on the wire."""

from collections import Counter

import pytest

from chalicelib.core import clients
from local.machine import Machine
from tests import pictures
from tests.journeys.gateway import call
from tests.journeys.user import User


@pytest.fixture
def made(function: pytest.MonkeyPatch) -> Counter[str]:
    """Every call to AWS from now on, by service and operation."""
    counted: Counter[str] = Counter()

    def count(model: object, **_: object) -> None:
        counted[f"{model.service_model.service_name}:{model.name}"] += 1  # type: ignore[attr-defined]

    for service in ("dynamodb", "s3", "sqs", "secretsmanager", "ssm"):
        clients.client(service).meta.events.register("before-call", count)
    return counted


def test_an_action_makes_seven_calls_to_dynamodb_besides_its_own_work(machine: Machine, made: Counter[str]) -> None:
    ann = User.new(machine.api_url)
    image_id = ann.upload(pictures.jpeg(300, 200))
    ann.finished(image_id)
    body = {"fileId": image_id, "processingType": "resize", "options": {"width": 100}}
    # The first request of a container also reads its settings and the external service's secret.
    assert call("POST /actions/process", ann.headers, body).status == 200
    made.clear()
    assert call("POST /actions/process", ann.headers, body).status == 200
    own = Counter({"s3:GetObject": 1, "s3:PutObject": 1, "dynamodb:GetItem": 2})
    assert made - own == Counter(
        {
            "dynamodb:GetItem": 1,  # who calls
            "dynamodb:UpdateItem": 1,  # the limits: the user's and the operation's
            "dynamodb:PutItem": 4,  # the action's record, its usage record, the audit trail's: as begun, and as ended
            "dynamodb:TransactWriteItems": 1,  # the end, and when the user and the image were last used
        }
    )


def test_an_actions_changes_are_visible_at_once(machine: Machine) -> None:
    """Reads are not cached between requests, so they are never stale."""
    bob = User.new(machine.api_url)
    assert bob.get("/actions").json()["items"] == []
    image_id = bob.upload(pictures.jpeg(60, 40))
    bob.finished(image_id)
    job = bob.post("/actions/process", fileId=image_id, processingType="analyze").json()["jobId"]
    assert [each["actionId"] for each in bob.get("/actions").json()["items"]] == [job]
    assert bob.request("PATCH", "/auth/profile", json={"name": "Bob"}).status_code == 200
    assert bob.get("/auth/profile").json()["profile"]["name"] == "Bob"
