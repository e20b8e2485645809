"""A user who may export data, and the files of their exports."""

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
    """A new user to whom an administrator gave the right to export."""
    user, admin = User.new(machine.api_url, name), User(machine.api_url, ADMIN, LOCAL_PASSWORD)
    admin.sign_in()
    response = admin.request("PATCH", f"/admin/users/{user.id}", json={"canExportData": True})
    assert response.status_code == 200, response.text
    return user


def export(user: User, file_format: str, *data_types: str, **body: Any) -> dict[str, Any]:
    """The response of POST /actions/export."""
    response = user.post("/actions/export", dataTypes=data_types or EVERYTHING, format=file_format, **body)
    assert response.status_code == 200, response.text
    content: dict[str, Any] = response.json()
    return content


def action_of(user: User, exported: dict[str, Any]) -> dict[str, Any]:
    """The action of an export's response."""
    action: dict[str, Any] = user.get(f"/actions/{exported['exportId']}").json()["action"]
    return action


def ended(user: User, exported: dict[str, Any]) -> dict[str, Any]:
    """The export's action once it is COMPLETED."""

    def look() -> dict[str, Any] | None:
        action = action_of(user, exported)
        return action if action["status"] != "PENDING" else None

    action = wait_for(look, "the export to end", 60, 0.05)
    assert action["status"] == "COMPLETED", action["reason"]
    return action


def downloaded(url: str) -> bytes:
    response = requests.get(url, timeout=10)
    assert response.status_code == 200, response.text
    return response.content


def files_kept(machine: Machine, user_id: str) -> list[str]:
    """The keys of all versions and unfinished uploads of the user's exports."""
    s3, bucket, prefix = machine.client("s3"), machine.environment["S3_OUTPUT_BUCKET"], f"exports/{user_id}/"
    versions = s3.list_object_versions(Bucket=bucket, Prefix=prefix)
    uploads = s3.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads", ())
    objects = [*versions.get("Versions", ()), *versions.get("DeleteMarkers", ()), *uploads]
    return [each["Key"] for each in objects]


def begun(user: User) -> actions.Action:
    """A new export that has not run yet."""
    request = {"dataTypes": ["profile"], "format": "json"}
    return actions.begin(Caller(user.id, user.email), actions.ActionType.EXPORT_DATA, request)
