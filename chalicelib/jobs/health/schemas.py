"""JSON Schemas of the answers about health: for everybody, and for administrators."""

from typing import Any

from chalicelib.core.schemas import TIME, Schema, says, shape, text

HEALTH = shape(
    {
        "status": {
            "enum": ["ok", "degraded", "unknown"],
            **says("`unknown`: there was no check for 45 minutes.", "ok"),
        },
        "version": text("Darkroom's version.", "0.2.0"),
        "stage": text("The stage.", "prod"),
        "checkedAt": {**TIME, "type": ["string", "null"]},
        "dependencies": {
            "type": "array",
            "items": shape(
                {
                    "name": text("What was asked.", "storage"),
                    "status": text("`ok`, `degraded` or `down`.", "ok"),
                }
            ),
        },
    }
)


def _or_null(schema: Schema) -> dict[str, Any]:
    """The schema of a value that may be null."""
    return {**schema, "type": [schema["type"], "null"]}


def _count(description: str, example: int) -> dict[str, Any]:
    return {"type": ["integer", "null"], **says(description, example)}


_DEPENDENCY = shape(
    {
        "name": text("What was asked.", "dead-letters"),
        "status": {"enum": ["ok", "degraded", "down"], **says("How it is.", "degraded")},
        "detail": text("What is wrong with it; empty if nothing is.", "darkroom-prod-uploads-dead: 1"),
    }
)
_LAST_RUN = shape(
    {
        "startedAt": {**TIME, **says("When it began.", "2026-11-28T09:30:00.412Z")},
        "endedAt": _or_null({**TIME, **says("When it ended; null while it runs.", "2026-11-28T09:30:03.127Z")}),
        "seconds": {"type": ["number", "null"], **says("How long it took; null while it runs.", 2.715)},
        "outcome": text(
            "`running`, `failed`, or the status that it ended with, such as `success` or `skipped`.", "success"
        ),
    }
)
_OVERDUE = shape(
    {
        "why": {
            "enum": ["missed", "unfinished"],
            **says("`missed`: it did not run when it should have. `unfinished`: it began and never ended.", "missed"),
        },
        "expectedAt": {**TIME, **says("When it should have run, or when it began.", "2026-11-28T09:15:00.000Z")},
    }
)
_JOB = {
    "title": "ScheduledJob",
    **shape(
        {
            "name": text("Which job.", "sweeper"),
            "schedule": _or_null(
                text("When it runs in this stage, in EventBridge's notation; null if switched off.", "rate(15 minutes)")
            ),
            "lastRun": {**_or_null(_LAST_RUN), **says("Its last run; null before the first.")},
            "nextRunAt": _or_null(
                {**TIME, **says("When it runs next; null if switched off. A rate counts from the last start.")}
            ),
            "overdue": {**_or_null(_OVERDUE), **says("Set if it did not run as it should have, else null.")},
        }
    ),
}
_QUEUE = {
    "title": "QueueDepth",
    **shape(
        {
            "name": text("Which queue.", "uploads-queue"),
            "waiting": _count("About how many messages wait; null if the queue did not answer.", 3),
            "inFlight": _count("About how many a function works on now; null if the queue did not answer.", 1),
            "oldestSince": _or_null(
                {**TIME, **says("Since when the oldest work waits; null if none does, or if that is not known.")}
            ),
            "detail": text("Why the queue did not answer; empty if it did.", ""),
        }
    ),
}
SYSTEM_HEALTH = shape(
    {
        "status": {
            "enum": ["ok", "degraded", "down", "unknown"],
            **says("What the last check found. `unknown`: there was none for 45 minutes.", "degraded"),
        },
        "version": HEALTH["properties"]["version"],
        "stage": HEALTH["properties"]["stage"],
        "checkedAt": _or_null({**TIME, **says("When it was checked; null before the first check.")}),
        "since": _or_null({**TIME, **says("Since when the checks have found that status.")}),
        "dependencies": {"type": "array", "items": _DEPENDENCY},
        "jobs": {"type": "array", "items": _JOB},
        "queues": {"type": "array", "items": _QUEUE, **says("The queues that functions read, as they are now.")},
        "deadLetterQueues": {
            "type": "array",
            "items": _QUEUE,
            **says("The queues of what failed too often, as they are now."),
        },
    }
)
