"""The pages at /docs, as a reader's browser makes them."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import requests

from local.machine import Machine
from tests import node
from tests.journeys.user import PASSWORD, User


@pytest.fixture(scope="module")
def seen(machine: Machine) -> dict[str, Any]:
    """What a reader sees, who reads everything, searches, copies, signs in and tries operations."""
    user, newcomer = User.new(machine.api_url), User(machine.api_url)
    machine.client("cognito-idp").admin_create_user(
        UserPoolId=machine.resources["UserPool"].ref,
        Username=newcomer.email,
        TemporaryPassword="Temporary-2026!",
        UserAttributes=[{"Name": "email", "Value": newcomer.email}],
    )
    arguments = [machine.api_url, user.email, user.password, newcomer.email, "Temporary-2026!", PASSWORD]
    printed: dict[str, Any] = json.loads(node.run("docs_pages.js", *arguments))
    return printed


@pytest.fixture(scope="module")
def operations(machine: Machine) -> list[str]:
    contract = requests.get(f"{machine.api_url}/openapi.json", timeout=30).json()
    paths = [*contract["paths"].values(), *contract["webhooks"].values()]
    return [each["operationId"] for path in paths for each in path.values()]


def test_every_operation_and_webhook_of_the_contract_is_shown_and_the_browser_complains_of_nothing(
    seen: dict[str, Any], operations: list[str]
) -> None:
    assert sorted(seen["everything"]["operations"]) == sorted(operations)
    assert seen["complaints"] == []


def test_no_page_is_wider_than_a_phone(seen: dict[str, Any]) -> None:
    assert seen["everything"]["overflowing"] == []


def test_the_search_finds_error_codes_paths_and_fields(seen: dict[str, Any]) -> None:
    found = {query: [str(path).replace("\u200b", "") for path in paths] for query, paths in seen["search"].items()}
    assert found["STORAGE_LIMIT_EXCEEDED"][0] == "/upload"
    assert found["post upload"][0] == "/upload"
    assert {"/upload", "/images"} <= set(found["fileType"])
    assert found["execution"] == ["image_finished"]
    assert found["nothing like this"] == []
    assert seen["search"]["opened"] == "#create_upload"
    assert seen["search"]["marked"] == ["fileType"]


def test_copied_code_runs_with_ones_token_in_the_environment(machine: Machine, ann: User, seen: dict[str, Any]) -> None:
    made = ann.announce(b"")["imageId"]
    environment = {**os.environ, "DARKROOM_TOKEN": ann.tokens["accessToken"], "NO_PROXY": "*"}
    for command in (["bash", "-c", seen["copied"]["curl"]], [sys.executable, "-c", seen["copied"]["python"]]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        assert [each["imageId"] for each in json.loads(done.stdout)["items"]] == [made]


def test_the_browser_refuses_scripts_styles_and_markup_that_are_not_in_the_files(seen: dict[str, Any]) -> None:
    assert seen["markup"]["ran"] is False
    assert {"require-trusted-types-for", "style-src-attr", "TypeError"} <= set(seen["markup"]["refused"])


def test_one_signs_in_and_tries_an_operation_behind_the_name_of_a_stage(seen: dict[str, Any]) -> None:
    assert seen["tried"]["status"] == "200 OK"
    assert seen["tried"]["answer"]["items"] == []
    assert {each["url"].partition("/prod/")[0] for each in seen["requests"]} == {""}


def test_the_token_is_in_no_address_no_copied_code_and_no_lasting_store(seen: dict[str, Any]) -> None:
    tokens = {each["authorization"].removeprefix("Bearer ") for each in seen["requests"] if "authorization" in each}
    assert tokens
    elsewhere = json.dumps([[each["url"] for each in seen["requests"]], seen["tried"]["code"], seen["tried"]["kept"]])
    assert not [token for token in tokens if token in elsewhere]
    assert seen["tried"]["kept"] == []
    assert "$DARKROOM_TOKEN" in seen["tried"]["code"][0]


def test_a_deletion_is_asked_about_first(seen: dict[str, Any]) -> None:
    assert seen["tried"]["deletionsAfterCancel"] == 0
    assert seen["tried"]["deletionsAfterSend"] == 1
    assert seen["tried"]["afterDelete"] == "404 Not Found"


def test_a_challenge_of_signing_in_is_shown_and_answered(seen: dict[str, Any]) -> None:
    assert "new password" in seen["challenge"]["asked"]
    assert seen["challenge"]["account"].startswith("Forget ")
