"""The check: everything asked at once, the result kept, and the operators told when it is not what they last heard."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import Any

from chalicelib.core import config, ids, log
from chalicelib.core.aws import grants
from chalicelib.core.aws.grants import SNSOperation
from chalicelib.jobs import leases
from chalicelib.jobs.health import dependencies
from chalicelib.jobs.health.dependencies import SECONDS, Dependency, Finding, State
from chalicelib.notify import operators

ROW = "health"
NEEDS: grants.Grants = grants.merge(dependencies.NEEDS, {"OPERATORS_TOPIC_ARN": [SNSOperation.PUBLISH]})

_LONGEST_DETAIL = 500


def check(options: Mapping[str, Any] | None = None, now: datetime | None = None) -> dict[str, Any]:
    """Checks everything and keeps the result: `{status, checkedAt, since, dependencies: [{name, status, detail}]}`.

    `status` is "down" where something essential is, "degraded" where anything else is not well, else "ok"; `since`
    when it became so. There are no options.
    """
    moment = now or datetime.now(UTC)
    findings = ask(list(dependencies.all_of(moment)))
    result = _kept(findings, ids.timestamp(moment))
    log.info("HEALTH_CHECKED", status=result["status"], unwell=_unwell(result))
    return result


def ask(asked: list[Dependency], seconds: float = SECONDS) -> list[Finding]:
    """How each is doing; all are asked at once, and whoever has not answered in time is down."""
    pool = ThreadPoolExecutor(max_workers=max(1, len(asked)))
    try:
        answers = [(each, pool.submit(log.carried(each.trouble))) for each in asked]
        wait([answer for _, answer in answers], timeout=seconds)
        return [_finding(each, answer, seconds) for each, answer in answers]
    finally:
        # Whoever still waits for an answer is not waited for: each call has an end of its own (core/clients.py).
        pool.shutdown(wait=False, cancel_futures=True)


def _finding(asked: Dependency, answer: "Future[str]", seconds: float) -> Finding:
    bad = State.DOWN if asked.essential else State.DEGRADED
    if not answer.done():
        return Finding(asked.name, bad, f"gave no answer within {seconds:g} s")
    error = answer.exception()
    if error is not None:
        return Finding(asked.name, bad, log.redact(f"{type(error).__name__}: {error}")[:_LONGEST_DETAIL])
    trouble = answer.result()
    return Finding(asked.name, State.DEGRADED if trouble else State.OK, trouble[:_LONGEST_DETAIL])


def overall(findings: Iterable[Finding]) -> State:
    states = {each.state for each in findings}
    return next((state for state in (State.DOWN, State.DEGRADED) if state in states), State.OK)


def _kept(findings: list[Finding], now: str) -> dict[str, Any]:
    before = leases.JOBS.get(ROW) or {}
    status = str(overall(findings))
    result = {
        "status": status,
        "checkedAt": now,
        "since": before["since"] if before.get("status") == status else now,
        "dependencies": [{"name": each.name, "status": str(each.state), "detail": each.detail} for each in findings],
    }
    leases.JOBS.update(ROW, change=result)
    # Nobody has to be told that all is well who never heard otherwise.
    if before.get("told", str(State.OK)) != status:
        _tell(result, str(before.get("told", "unknown")))
    return result


def _tell(result: Mapping[str, Any], before: str) -> None:
    """Told first and noted then: cut off in between it is told again, and never left untold."""
    unwell = _unwell(result)
    record = {"status": result["status"], "before": before, "stage": config.stage(), "unwell": unwell}
    operators.tell(f"{config.stage()}: Darkroom is {result['status']}", {**record, "checkedAt": result["checkedAt"]})
    leases.JOBS.update(ROW, change={"told": result["status"]})


def _unwell(result: Mapping[str, Any]) -> dict[str, str]:
    listed = result["dependencies"]
    return {each["name"]: f"{each['status']}: {each['detail']}" for each in listed if each["status"] != State.OK}
