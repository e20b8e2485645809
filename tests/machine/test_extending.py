"""The recipes of docs/extending.md: all of them applied to a copy of the project, which then runs."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "extending.md").read_text()
# What may stand beside the tracked files.
_LEFT_OUT = (".git", ".venv", "__pycache__", ".*_cache", ".hypothesis", "node_modules", "deployed", "deployments")
# Between the outputs of two recipes.
_MARK = "--- next recipe ---"
# An example response that has this value accepts any.
_ANY = "…"

pytestmark = [
    pytest.mark.skipif(shutil.which("git") is None, reason="applies diffs by git"),
]


@dataclass(frozen=True)
class Recipe:
    title: str
    diff: str
    commands: str
    responses: list[Any]


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def _all_json(text: str) -> list[Any]:
    """The values of a text that is one JSON document after another."""
    decoder, values = json.JSONDecoder(), []
    rest = text.strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        values.append(value)
        rest = rest[end:].strip()
    return values


def _recipe(section: str) -> Recipe:
    title = section.partition("\n")[0]
    (diff,), (commands,), (responses,) = (_blocks(section, language) for language in ("diff", "bash", "json"))
    return Recipe(title, diff, commands, _all_json(responses))


_START, *_SECTIONS = DOCUMENT.split("\n## ")
RECIPES = {recipe.title: recipe for recipe in map(_recipe, _SECTIONS)}


def _git_apply(diff: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    # Inside of another repository, git would leave out the files that this one does not have.
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    command = ["git", "apply", *options, "-"]
    return subprocess.run(command, cwd=folder, env=environment, input=diff, capture_output=True, text=True, check=False)


@dataclass(frozen=True)
class Extended:
    """The copy with all recipes, its embedded AWS, and the output of each recipe's commands."""

    folder: Path
    aws_url: str
    outputs: dict[str, str]

    def client(self, service: str) -> Any:
        secret = "darkroom-local"
        return boto3.client(
            service,
            endpoint_url=self.aws_url,
            region_name="us-east-1",
            aws_access_key_id=secret,
            aws_secret_access_key=secret,
        )


def _run(command: str, folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [shutil.which("bash") or "bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with all recipes, and what the document's command generates for them."""
    folder = tmp_path_factory.mktemp("extended") / "darkroom"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "tests" / "npm" / "node_modules").symlink_to(ROOT / "tests" / "npm" / "node_modules")
    for recipe in RECIPES.values():
        done = _git_apply(recipe.diff, folder)
        assert done.returncode == 0, f"docs/extending.md: {recipe.title!r} does not apply to the copy: {done.stderr}"
    for commands in _blocks(DOCUMENT, "sh"):
        _run(commands, folder, _environment(folder))
    return folder


def _environment(folder: Path) -> dict[str, str]:
    """The test's own settings of AWS would hide those of the copy."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_") and name != "STAGE"}
    return {**kept, "XDG_STATE_HOME": str(folder.parent / "state")}


@pytest.fixture(scope="module")
def extended(copy: Path) -> Iterator[Extended]:
    """The copy as `make run` starts it, with the commands of all recipes done in their order."""
    environment = _environment(copy)
    command = [sys.executable, "-m", "local", "run", "--port", "0", "--aws-port", "0", "--ephemeral"]
    process = subprocess.Popen(
        command, cwd=copy, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        lines: list[str] = []
        while line := process.stdout.readline():
            lines.append(line)
            if "Ctrl-C" in line:
                break
        else:
            pytest.fail(f"The copy with the recipes does not start: {process.communicate()[1]}")
        api_url, aws_url = (line.split()[-1] for line in lines[:2])
        script = f"\necho '{_MARK}'\n".join(
            ["\n".join(_blocks(_START, "bash")), *(each.commands for each in RECIPES.values())]
        )
        script = script.replace("http://127.0.0.1:8000", api_url)
        _, *outputs = _run(script, copy, {**environment, "AWS_ENDPOINT_URL": aws_url}).split(_MARK)
        yield Extended(copy, aws_url, dict(zip(RECIPES, outputs, strict=True)))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _is_shown(shown: Any, actual: Any) -> bool:
    """Whether a response has all that the document shows of it."""
    if shown == _ANY:
        return True
    if isinstance(shown, dict) and shown:
        return isinstance(actual, dict) and all(
            name in actual and _is_shown(value, actual[name]) for name, value in shown.items()
        )
    if isinstance(shown, list):
        return isinstance(actual, list) and len(shown) == len(actual) and all(map(_is_shown, shown, actual))
    return bool(shown == actual)


def test_there_is_a_recipe_for_each_thing_that_is_added_often() -> None:
    words = ("route", "tool", "action kind", "scheduled job", "pipeline step", "setting", "table")
    assert len(RECIPES) == len(words)
    for word, title in zip(words, RECIPES, strict=True):
        assert word in title


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_applies_by_itself(title: str) -> None:
    done = _git_apply(RECIPES[title].diff, ROOT, "--check")
    mend = "Use `git apply --reject`, correct the rest by hand, and put the output of `git diff -U1` there."
    assert done.returncode == 0, f"docs/extending.md: {title!r} no longer applies: {done.stderr}{mend}"


@pytest.mark.slow
@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_responds_as_the_document_shows(extended: Extended, title: str) -> None:
    actual = _all_json(extended.outputs[title])
    assert len(actual) == len(RECIPES[title].responses), extended.outputs[title]
    for shown, response in zip(RECIPES[title].responses, actual, strict=True):
        assert _is_shown(shown, response), f"The document shows {shown}, the response is {response}"


@pytest.mark.slow
def test_the_action_has_the_digest_of_the_file(extended: Extended) -> None:
    (response,) = _all_json(extended.outputs["An action kind"])
    expected = hashlib.sha256((extended.folder / "photo.jpg").read_bytes()).hexdigest()
    assert response["action"]["result"] == {"sha256": expected}


@pytest.mark.slow
def test_the_job_leaves_a_heartbeat(extended: Extended) -> None:
    key = {"name": {"S": "beat#action_backlog"}}
    row = extended.client("dynamodb").get_item(TableName="darkroom-local-jobs", Key=key, ConsistentRead=True)["Item"]
    assert row["outcome"] == {"S": "success"}


@pytest.mark.slow
def test_the_table_is_in_the_policy_and_in_no_other_function(copy: Path) -> None:
    policies = {
        path.stem: json.loads(path.read_text()) for path in (copy / ".chalice" / "policies").glob("prod-*.json")
    }
    found = {
        (name, action)
        for name, policy in policies.items()
        for statement in policy["Statement"]
        if any(resource.endswith("table/darkroom-prod-notices") for resource in statement["Resource"])
        for action in statement["Action"]
    }
    assert found == {("prod-api_handler", "dynamodb:GetItem"), ("prod-api_handler", "dynamodb:PutItem")}


@pytest.mark.slow
def test_the_recipes_keep_the_rules_of_the_project(copy: Path) -> None:
    checks = "ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy app.py chalicelib"
    _run(f".venv/bin/{checks} && .venv/bin/python -m pytest tests/architecture -x", copy, _environment(copy))
