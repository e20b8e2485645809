"""Everything that administrators see of the stage's health: the last check, each job, and each queue as it is now."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from chalicelib.core import config, ids
from chalicelib.core.aws.grants import required_env_vars
from chalicelib.core.settings import Settings
from chalicelib.jobs import heartbeats
from chalicelib.jobs.health import queues, service
from chalicelib.jobs.health.asking import Reply, ask_all
from chalicelib.jobs.health.dependencies import SECONDS
from chalicelib.jobs.health.queues import Depth, Queue
from chalicelib.jobs.heartbeats import Heartbeat


@required_env_vars(service.read_result, heartbeats.read_all, queues.work_queues, queues.dead_letter_queues)
def get_system_health() -> dict[str, Any]:
    """The last check's result with its details, each scheduled job, and the depth of each queue.

    The queues are asked now, and one that does not answer in time is shown without numbers. The check itself is not
    repeated: it runs every 15 minutes.
    """
    now = datetime.now(UTC)
    row = service.read_result()
    work, dead_letters = queues.work_queues(), queues.dead_letter_queues()
    depths = ask_all([each.depth for each in (*work, *dead_letters)], SECONDS)
    return {
        "status": service.status_of(row, now),
        "version": config.VERSION,
        "stage": Settings.STAGE.get(),
        "checkedAt": row.get("checkedAt"),
        "since": row.get("since"),
        "dependencies": row.get("dependencies", []),
        "jobs": [_show_job(each, now) for each in heartbeats.read_all().values()],
        "queues": _show_queues(work, depths),
        "deadLetterQueues": _show_queues(dead_letters, depths[len(work) :]),
    }


def _show_job(heartbeat: Heartbeat, now: datetime) -> dict[str, Any]:
    overdue, next_run = heartbeat.overdue(now), heartbeat.next_run(now)
    return {
        "name": heartbeat.name,
        "schedule": heartbeat.expression,
        "lastRun": _show_last_run(heartbeat),
        "nextRunAt": None if next_run is None else ids.timestamp(next_run),
        "overdue": None if overdue is None else {"why": overdue.why, "expectedAt": overdue.expected_at},
    }


def _show_last_run(heartbeat: Heartbeat) -> dict[str, Any] | None:
    started, ended = heartbeat.started, heartbeat.ended
    if started is None:
        return None
    return {
        "startedAt": ids.timestamp(started),
        "endedAt": None if ended is None else ids.timestamp(ended),
        "seconds": None if ended is None else (ended - started).total_seconds(),
        "outcome": heartbeat.outcome,
    }


def _show_queues(asked: Sequence[Queue], depths: Sequence[Reply[Depth]]) -> list[Mapping[str, Any]]:
    return [_show_queue(queue, reply) for queue, reply in zip(asked, depths, strict=False)]


def _show_queue(queue: Queue, reply: Reply[Depth]) -> dict[str, Any]:
    depth = reply.value
    return {
        "name": queue.name,
        "waiting": None if depth is None else depth.waiting,
        "inFlight": None if depth is None else depth.in_flight,
        "oldestSince": None if depth is None else depth.oldest_since,
        "detail": reply.failure,
    }
