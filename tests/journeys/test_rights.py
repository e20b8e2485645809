"""Every function on the machine runs under the policy that deploy would give it: what it may is what it declares."""

import pytest
from botocore import handlers

from infra import iam_report
from local import rights
from local.machine import Machine
from tests import pictures
from tests.journeys.gateway import call
from tests.journeys.user import User


def test_a_picture_goes_its_way_with_no_more_than_was_declared(machine: Machine) -> None:
    ann = User.new(machine.api_url)
    image_id = ann.upload(pictures.jpeg(300, 200))
    assert ann.finished(image_id)["status"] == "COMPLETED"
    assert machine.rights is not None
    used = {each.function for each in iam_report.noted(machine.rights) if each.how == "used"}
    assert {"api_handler", "s3_event", "orchestrator", "validation", "resize", "watermark"} <= used


# What a request cannot do without: the route, its input, and what is refused where the right is missing.
UPLOAD = {"fileName": "a.jpg", "fileType": "image/jpeg"}
VITAL = [
    ("POST /upload", UPLOAD, "ImagesTable", "dynamodb:PutItem"),
    ("POST /upload", UPLOAD, "S3InputBucketObjects", "s3:PutObject"),
    ("POST /upload", UPLOAD, "UsersTable", "dynamodb:GetItem"),
    ("POST /upload", UPLOAD, "LimitsTable", "dynamodb:UpdateItem"),
    ("GET /images", None, "ImagesTableAndIndexes", "dynamodb:Query"),
    ("GET /keys", None, "ApiKeysTableAndIndexes", "dynamodb:Query"),
    ("GET /usage", None, "DailyTable", "dynamodb:Query"),
]


@pytest.mark.parametrize(("route", "body", "statement", "action"), VITAL)
def test_without_one_of_its_rights_a_request_fails(
    machine: Machine,
    function: pytest.MonkeyPatch,
    route: str,
    body: dict[str, str] | None,
    statement: str,
    action: str,
) -> None:
    ben = User.new(machine.api_url)
    method, _, path = route.partition(" ")
    assert ben.request(method, path, json=body).status_code == 200
    order = next(each for each in machine.manifest["functions"] if each["name"] == "api_handler")["rights"]
    less = [
        {**each, "Action": [name for name in each["Action"] if (each["Sid"], name) != (statement, action)]}
        for each in order["policy"]["Statement"]
    ]
    assert less != order["policy"]["Statement"]
    function.setattr("botocore.handlers.BUILTIN_HANDLERS", list(handlers.BUILTIN_HANDLERS))
    rights.enforce({**order, "record": None, "policy": {"Statement": less}})
    assert call(route, ben.headers, body).status >= 500
