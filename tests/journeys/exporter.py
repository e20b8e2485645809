"""A user who may export, as the journeys see one; and what their exports leave in the bucket."""

from typing import Any

import requests

from chalicelib import actions
from chalicelib.core.http.operations import Caller
from local.accounts import ADMIN
from local.accounts import PASSWORD as LOCAL_PASSWORD
from local.machine import Machine
from tests.journeys.user import User
from tests.waiting import wait_for

EVERYTHING = ["profile", "activities", "files"]


def exporter(machine: Machine, name: str | None = None) -> User:
    """A new user whom an administrator has given the right to export."""
    user, admin = User.new(machine.api_url, name), User(machine.api_url, ADMIN, LOCAL_PASSWORD)
    admin.sign_in()
    answer = admin.request("PATCH", f"/admin/users/{user.id}", json={"canExportData": True})
    assert answer.status_code == 200, answer.text
    return user


def export(user: User, file_format: str, *data_types: str, **more: Any) -> dict[str, Any]:
    answer = user.post("/actions/export", dataTypes=data_types or EVERYTHING, format=file_format, **more)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def action_of(user: User, told: dict[str, Any]) -> dict[str, Any]:
    action: dict[str, Any] = user.get(f"/actions/{told['exportId']}").json()["action"]
    return action


def ended(user: User, told: dict[str, Any]) -> dict[str, Any]:
    """The export's action once it has ended well."""

    def look() -> dict[str, Any] | None:
        action = action_of(user, told)
        return action if action["status"] != "PENDING" else None

    action = wait_for(look, "the export to end", 60, 0.05)
    assert action["status"] == "COMPLETED", action["reason"]
    return action


def downloaded(url: str) -> bytes:
    answer = requests.get(url, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.content


def files_kept(machine: Machine, user_id: str) -> list[str]:
    """Whatever there is of the user's exports: versions of files, and uploads that were never finished."""
    s3, bucket, prefix = machine.client("s3"), machine.environment["S3_OUTPUT_BUCKET"], f"exports/{user_id}/"
    versions = s3.list_object_versions(Bucket=bucket, Prefix=prefix)
    uploads = s3.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads", ())
    found = [*versions.get("Versions", ()), *versions.get("DeleteMarkers", ()), *uploads]
    return [each["Key"] for each in found]


def begun(user: User) -> actions.Action:
    """An export that waits for its run."""
    asked = {"dataTypes": ["profile"], "format": "json"}
    return actions.begin(Caller(user.id, user.email), actions.ActionType.EXPORT_DATA, asked)
