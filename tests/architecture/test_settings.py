"""Each setting is said once: what else names it agrees with the model, and the generated document is up to date."""

import json
from pathlib import Path
from typing import Any

import pytest

import app as manifest
from chalicelib.core.settings import ALL, Source
from infra import function_grants, settings_docs, stages
from infra.settings_check import StageSettings

ROOT = Path(__file__).parents[2]
CONFIG: dict[str, Any] = json.loads((ROOT / ".chalice" / "config.json").read_text())
GRANTS = function_grants.grants_by_function(manifest.app)
# Read by the commands of infra, and not by functions.
_OF_INFRA = {"ENV_VARS_TRACKING_TABLE"}


def test_the_document_of_settings_is_up_to_date() -> None:
    assert settings_docs.DOCUMENT.read_text() == settings_docs.document(GRANTS), "stale: python -m infra settings"


def test_the_common_environment_has_the_defaults() -> None:
    """A stage may have values of its own. The common ones only save the functions a call to Parameter Store."""
    common = CONFIG["environment_variables"]
    assert common == {name: ALL[name].default for name in common}


@pytest.mark.parametrize("stage", CONFIG["stages"])
def test_every_stage_can_be_deployed_with_its_settings(stage: str) -> None:
    settings = StageSettings(CONFIG, stage, GRANTS, {})
    assert settings.problems() == []
    assert list(settings.unknown()) == []


def test_every_setting_is_read_by_a_function() -> None:
    declared = {name for each in GRANTS.values() for name in (*each["operations"], each["queue"], each["stream"])}
    read_by_all = {name for name, each in ALL.items() if each.source is Source.ENVIRONMENT}
    assert declared | read_by_all | _OF_INFRA == {*ALL, None}


def test_the_settings_that_name_resources_are_those_that_the_template_brings() -> None:
    place = stages.place("prod", "us-east-1", "123456789012", None)
    brought = {*stages.environment(place), *stages.RECORDED, "COGNITO_CLIENT_SECRET"}
    assert {name for name, each in ALL.items() if each.is_resource} == brought


def test_a_stage_that_leaves_settings_empty_is_told_what_it_skips() -> None:
    skipped = [line.partition(":")[0] for line in StageSettings(CONFIG, "prod", GRANTS, {}).skipped()]
    assert skipped == ["SCAN_COMMAND_URL", "SENDER_EMAIL", "CUSTOM_ACTION_TYPES", "EXTERNAL_API_URL"]
    stored = {"EXTERNAL_API_URL": "https://crm.example.com", "SENDER_EMAIL": "ours@example.com"}
    skipped = [line.partition(":")[0] for line in StageSettings(CONFIG, "prod", GRANTS, stored).skipped()]
    assert skipped == ["SCAN_COMMAND_URL", "SENDER_EMAIL", "CUSTOM_ACTION_TYPES"], "the environment goes before"
