"""The pages at /docs: how they are sent, and what a reader's browser makes of them."""

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from local.machine import Machine
from tests import node
from tests.journeys.user import PASSWORD, User

ASSETS = Path(__file__).parents[2] / "chalicelib" / "web" / "assets"
LARGEST_GZIP = 40_000
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
ROUTES = {path.name: "/docs" if path.suffix == ".html" else f"/assets/{path.name}" for path in ASSETS.iterdir()}


def get(machine: Machine, path: str, **headers: str) -> requests.Response:
    return requests.get(machine.api_url + path, headers=headers, timeout=30, allow_redirects=False)


# ------------------------------------------------------------------------ the files


@pytest.mark.parametrize("name", ROUTES)
def test_a_file_is_sent_with_its_type_and_the_policy_and_again_only_when_it_has_changed(
    machine: Machine, name: str
) -> None:
    first = get(machine, ROUTES[name])
    assert (first.status_code, first.content) == (200, (ASSETS / name).read_bytes())
    assert first.headers["Content-Type"] == MEDIA_TYPES[Path(name).suffix]
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    assert first.headers["Cache-Control"] == "no-cache"
    rules = dict(each.strip().partition(" ")[::2] for each in first.headers["Content-Security-Policy"].split(";"))
    assert rules["default-src"] == "'none'"
    assert {rules[name] for name in ("script-src", "style-src", "connect-src", "img-src")} == {"'self'"}
    assert {rules[name] for name in ("base-uri", "form-action", "frame-ancestors")} == {"'none'"}
    tag = first.headers["ETag"]
    for known in (tag, tag.removeprefix("W/"), f'"another", {tag}', "*"):
        again = get(machine, ROUTES[name], **{"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert get(machine, ROUTES[name], **{"If-None-Match": 'W/"another"'}).status_code == 200


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("docs.html", "NOT_FOUND"),
        ("service.py", "NOT_FOUND"),
        ("unknown.js", "NOT_FOUND"),
        ("..%2Fservice.py", "INVALID_REQUEST"),
        ("%2e%2e%2fservice.py", "INVALID_REQUEST"),
        ("docs.js%00", "INVALID_REQUEST"),
    ],
)
def test_nothing_else_is_sent(machine: Machine, name: str, code: str) -> None:
    assert get(machine, f"/assets/{name}").json()["error"]["code"] == code


def test_the_page_has_one_address_because_its_own_addresses_are_relative(machine: Machine) -> None:
    other = get(machine, "/docs/")
    assert (other.status_code, other.headers["Location"]) == (308, "../docs")
    page = get(machine, "/docs").text
    addresses = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert {each for each in addresses if not each.startswith("#")} == {
        "assets/icon.svg",
        "assets/docs.css",
        "assets/docs.js",
        "openapi.json",
    }
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page), "nothing is inline"


def test_a_page_is_shown_to_readers_without_javascript_too(machine: Machine) -> None:
    without = get(machine, "/docs").text.partition("<noscript>")[2].partition("</noscript>")[0]
    assert '<a href="openapi.json">' in without


def test_all_files_together_are_small() -> None:
    sizes = {path.name: len(gzip.compress(path.read_bytes())) for path in ASSETS.iterdir()}
    assert sum(sizes.values()) < LARGEST_GZIP, sizes


def test_every_file_can_be_read_at_a_glance() -> None:
    for path in ASSETS.iterdir():
        lines = path.read_text().splitlines()
        assert len(lines) <= 300, path.name
        assert max(map(len, lines)) <= 120, path.name


def test_the_types_that_scripts_name_agree_and_nothing_is_unused() -> None:
    options = "--noEmit --allowJs --checkJs --strict --noUnusedLocals --noUnusedParameters --skipLibCheck"
    more = "--target es2022 --module es2022 --moduleResolution bundler --lib es2023,dom,dom.iterable"
    scripts = ASSETS.glob("*.js")
    node.run(node.tool("typescript", "bin/tsc"), *options.split(), *more.split(), *scripts)


# ----------------------------------------------------------------------- in a browser


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
    contract = get(machine, "/openapi.json").json()
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
