"""What a deploy stores of the functions' declared grants: names and operations, changed by no request."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from local.machine import Machine
from tests.journeys.user import User

ROOT = Path(__file__).parents[2]


def recorded(machine: Machine) -> str:
    # The command gets the machine's settings only: this process may have others.
    environment = {"PATH": os.environ["PATH"], **machine.environment}
    done = subprocess.run(
        [sys.executable, "-m", "infra.declarations", "--stage", "local"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(machine: Machine) -> list[dict[str, Any]]:
    pages = (
        machine.client("dynamodb")
        .get_paginator("scan")
        .paginate(TableName=machine.environment["ENV_VARS_TRACKING_TABLE"])
    )
    return [item for page in pages for item in page["Items"]]


def test_a_deploy_stores_every_declaration_once_without_values(machine: Machine) -> None:
    stale = {"service#variable": {"S": "darkroom#GONE_TABLE"}, "function": {"S": "nobody"}}
    table = machine.environment["ENV_VARS_TRACKING_TABLE"]
    machine.client("dynamodb").put_item(TableName=table, Item=stale)
    recorded(machine)
    found = rows(machine)
    by_key = {(row["service#variable"]["S"], row["function"]["S"]): row for row in found}
    uploads = by_key["darkroom#IMAGES_TABLE", "create_upload"]
    assert [each["S"] for each in uploads["operations"]["L"]] == ["dynamodb:GetItem", "dynamodb:PutItem"]
    assert ("darkroom#S3_INPUT_BUCKET", "resize") in by_key
    assert ("darkroom#GONE_TABLE", "nobody") not in by_key, "former declarations are removed"
    # Values that differ from the names of their settings.
    text = repr(found)
    assert all(machine.environment[name] not in text for name in ("SQS_QUEUE_URL", "USERS_TABLE"))


def test_a_second_deploy_without_changes_writes_nothing(machine: Machine) -> None:
    recorded(machine)
    assert recorded(machine).startswith("0 rows written, 0 removed")


def test_requests_do_not_write_declarations(machine: Machine) -> None:
    recorded(machine)
    before = rows(machine)
    assert User.new(machine.api_url).get("/images").status_code == 200
    assert rows(machine) == before
