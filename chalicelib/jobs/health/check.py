"""The health check: asks all dependencies at once, stores the result, and tells operators when it changes."""

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.core import ids, log
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.settings import Settings
from chalicelib.jobs import leases
from chalicelib.jobs.health import dependencies
from chalicelib.jobs.health.asking import Reply, ask_all
from chalicelib.jobs.health.dependencies import SECONDS, Dependency, Finding, State
from chalicelib.jobs.runner import Job, Run
from chalicelib.notify import operators

ROW = "health"

_LONGEST_DETAIL = 500


@required_env_vars(
    dependencies.list_dependencies,
    {"JOBS_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.UPDATE_ITEM]},
    operators.publish,
)
def check(run: Run) -> dict[str, Any]:
    """Checks everything and stores the result: `{status, checkedAt, since, dependencies: [{name, status, detail}]}`.

    `status` is "down" if something essential is down, "degraded" if anything else is not well, else "ok"; `since` is
    when it became so.
    """
    findings = ask(list(dependencies.list_dependencies(run.now)))
    result = _store(findings, ids.timestamp(run.now))
    log.info("HEALTH_CHECKED", status=result["status"], unwell=_unwell(result))
    return result


def ask(asked: list[Dependency], seconds: float = SECONDS) -> list[Finding]:
    """The state of each; all are asked at once, and one that has not answered in time is down."""
    replies = ask_all([each.trouble for each in asked], seconds)
    return [_finding(each, reply) for each, reply in zip(asked, replies, strict=True)]


def _finding(asked: Dependency, reply: Reply[str]) -> Finding:
    if reply.value is None:
        return Finding(asked.name, State.DOWN if asked.essential else State.DEGRADED, reply.failure)
    return Finding(asked.name, State.DEGRADED if reply.value else State.OK, reply.value[:_LONGEST_DETAIL])


def overall(findings: Iterable[Finding]) -> State:
    states = {each.state for each in findings}
    return next((state for state in (State.DOWN, State.DEGRADED) if state in states), State.OK)


def _store(findings: list[Finding], now: str) -> dict[str, Any]:
    before = leases.JOBS.get(ROW) or {}
    status = str(overall(findings))
    result = {
        "status": status,
        "checkedAt": now,
        "since": before["since"] if before.get("status") == status else now,
        "dependencies": [{"name": each.name, "status": str(each.state), "detail": each.detail} for each in findings],
    }
    leases.JOBS.update(ROW, change=result)
    # The first result is only told if it is not "ok".
    if before.get("told", str(State.OK)) != status:
        _tell(result, str(before.get("told", "unknown")))
    return result


def _tell(result: Mapping[str, Any], before: str) -> None:
    """Publishes first and writes that down after: a run that is killed in between tells again, never not at all."""
    unwell = _unwell(result)
    record = {"status": result["status"], "before": before, "stage": Settings.STAGE.get(), "unwell": unwell}
    operators.publish(
        f"{Settings.STAGE.get()}: Darkroom is {result['status']}", {**record, "checkedAt": result["checkedAt"]}
    )
    leases.JOBS.update(ROW, change={"told": result["status"]})


def _unwell(result: Mapping[str, Any]) -> dict[str, str]:
    listed = result["dependencies"]
    return {each["name"]: f"{each['status']}: {each['detail']}" for each in listed if each["status"] != State.OK}


HEALTH_CHECK = Job("health_check", check)
