"""The contract is generated, valid, worded, and changes in a way that breaks clients only if CHANGELOG says so."""

import json
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

import app as manifest
from chalicelib.core.errors import DarkroomError
from chalicelib.core.http.openapi.answers import meaning
from chalicelib.core.http.openapi.examples import NO_EXAMPLE
from infra import openapi_document, triggers
from infra.contract_changes import breaking_changes
from infra.settings import ROOT
from tests import node

CONTRACT: dict[str, Any] = json.loads(openapi_document.DOCUMENT.read_text())
HEADING = "### Changes that break clients"


def operations() -> Iterator[tuple[str, Any]]:
    for path, methods in CONTRACT["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_the_committed_contract_is_what_the_manifest_says() -> None:
    assert openapi_document.DOCUMENT.read_text() == openapi_document.text(manifest.app), "run `make policies`"


def test_every_route_is_an_operation_with_an_id_of_its_own() -> None:
    assert {name for name, _ in operations()} == {
        f"{method} {path}" for method, path, _ in triggers.routes(manifest.app)
    }
    ids = [operation["operationId"] for _, operation in operations()]
    assert len(set(ids)) == len(ids)
    used = {tag for _, operation in operations() for tag in operation["tags"]}
    assert used == {tag["name"] for tag in CONTRACT["tags"]}


def test_the_contract_is_valid_openapi() -> None:
    validate(CONTRACT)


def test_the_contract_keeps_redoclys_rules() -> None:
    cli = node.tool("@redocly/cli", "bin/cli.js")
    node.run(cli, "lint", "--config=redocly.yaml", openapi_document.DOCUMENT)


# Failures of background work, which no caller gets as an answer: a row of an action or of a sync holds them.
IN_BACKGROUND = {
    "ADDRESS_NOT_MAILABLE",
    "EXPORT_TOO_LARGE",
    "LEASE_LOST",
    "OUT_OF_TIME",
    "REPORT_TOO_LARGE",
    "SYNC_FAILED",
}


def kinds_of(error: type[DarkroomError]) -> Iterator[type[DarkroomError]]:
    for kind in error.__subclasses__():
        # Tests have errors of their own.
        if kind.__module__.startswith("chalicelib."):
            yield from (kind, *kinds_of(kind))


def test_the_contract_lists_every_error_that_a_caller_can_get() -> None:
    everywhere = json.dumps(CONTRACT)
    unlisted = {kind.code for kind in kinds_of(DarkroomError) if f'"{kind.code}"' not in everywhere}
    assert unlisted == IN_BACKGROUND, "declare it with @raises, beside the code that raises it"


def test_every_error_of_the_contract_says_what_it_means() -> None:
    meanings: dict[str, set[str]] = {}
    for kind in kinds_of(DarkroomError):
        meanings.setdefault(meaning(kind), set()).add(kind.code)
    assert not {sentence: codes for sentence, codes in meanings.items() if len(codes) > 1}


# ------------------------------------------------------------------------------ examples


def parts_with_examples(part: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Each place with an example, its schema, and the example."""
    if isinstance(part, list):
        for number, each in enumerate(part):
            yield from parts_with_examples(each, f"{place}/{number}")
    elif isinstance(part, dict):
        if "schema" in part:
            yield from ((place, part["schema"], part[word]) for word in ("example",) if word in part)
            yield from ((place, part["schema"], each["value"]) for each in part.get("examples", {}).values())
        if isinstance(part.get("examples"), list):
            yield from ((place, part, value) for value in part["examples"])
        for name, each in part.items():
            yield from parts_with_examples(each, f"{place}/{name}")


def test_every_example_fits_its_schema() -> None:
    found = list(parts_with_examples(CONTRACT))
    assert len(found) > 300
    for place, schema, value in found:
        whole = {"$schema": Draft202012Validator.META_SCHEMA["$id"], **schema, "components": CONTRACT["components"]}
        faults = list(Draft202012Validator(whole).iter_errors(value))
        assert not faults, f"{place}: {faults[0].message}"


def test_every_text_of_an_example_has_an_example_of_its_own() -> None:
    lacking = [
        place
        for place, _, value in parts_with_examples(CONTRACT)
        if NO_EXAMPLE in json.dumps(value, ensure_ascii=False)
    ]
    assert not lacking, "say what the field is: `text(description, example)` of core/schemas.py"


def test_every_operation_shows_what_it_takes_and_answers() -> None:
    for name, operation in operations():
        contents = [
            each.get("content", {}) for each in (operation.get("requestBody", {}), *operation["responses"].values())
        ]
        assert all("example" in media or "examples" in media for each in contents for media in each.values()), name
        assert operation["summary"], name
        assert operation["description"], name


# ------------------------------------------------------------------------------- changes


def unreleased() -> str:
    """What CHANGELOG says of changes that break clients since the last release."""
    latest = (ROOT / "CHANGELOG.md").read_text().split("\n## ")[1]
    return latest.partition(HEADING)[2].partition("\n### ")[0]


def test_changelog_names_every_change_that_breaks_clients() -> None:
    released = json.loads(openapi_document.RELEASED.read_text())
    named = " ".join(unreleased().split())
    missing = [change for change in breaking_changes(released, CONTRACT) if f"`{change}`" not in named]
    assert not missing, f"name them in CHANGELOG.md under {HEADING!r}, or take them back"
