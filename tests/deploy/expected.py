"""The expected state of the stage prod in AWS, written by hand and independent of the code."""

from typing import Any

ACCOUNT = "123456789012"
AT = f"us-east-1:{ACCOUNT}"
APP = "darkroom-prod"
API = "api_handler"

# Megabytes and seconds.
SIZES = {
    API: (512, 28),
    "s3_event": (512, 60),
    "orchestrator": (512, 60),
    "validation": (1024, 60),
    "resize": (2048, 120),
    "watermark": (1024, 90),
    "action_worker": (2048, 300),
    "import_worker": (512, 90),
    "image_changes": (256, 60),
    "usage_records": (256, 60),
    "audit_entries": (256, 60),
    "notifications": (256, 30),
    "critical_errors": (256, 30),
    "nightly_sync": (1024, 300),
    "business_hours_sync": (1024, 300),
    "weekly_cleanup": (1024, 300),
    "monthly_report": (1024, 300),
    "quarterly_archive": (1024, 300),
    "health_check": (1024, 300),
    "sweeper": (1024, 300),
}

# By function: the queue, and how many messages a run may be given. None returns batchItemFailures: they delete what
# succeeded by themselves, or are given one at a time.
QUEUES = {
    "orchestrator": ("darkroom-prod-uploads", 10),
    "action_worker": ("darkroom-prod-actions", 1),
    "import_worker": ("darkroom-prod-imports", 1),
    "critical_errors": ("darkroom-prod-critical-errors.fifo", 10),
}
# By function: the table, records a run, seconds that are waited for more, whether only what is new counts.
STREAMS = {
    "image_changes": ("darkroom-prod-images", 25, 5, False),
    "usage_records": ("darkroom-prod-usage", 100, 5, True),
    "audit_entries": ("darkroom-prod-audit-inbox", 40, 1, True),
}
# UTC.
SCHEDULES = {
    "nightly_sync": "cron(0 2 * * ? *)",
    "business_hours_sync": "cron(0/30 9-17 ? * MON-FRI *)",
    "weekly_cleanup": "cron(0 3 ? * SUN *)",
    "monthly_report": "cron(0 1 1 * ? *)",
    "quarterly_archive": "cron(0 2 1 JAN,APR,JUL,OCT ? *)",
    "health_check": "rate(15 minutes)",
    "sweeper": "rate(15 minutes)",
}
# By function that runs on events that nobody waits for: further runs after a failed one, and where the event rests.
UNDELIVERED = {
    "s3_event": (2, "darkroom-prod-s3-event-dead"),
    "notifications": (2, "darkroom-prod-notifications-dead"),
    **{name: (0 if name == "health_check" else 2, "darkroom-prod-schedules-dead") for name in SCHEDULES},
}
# Whom the state machine calls.
STEPS = {"validation", "resize", "watermark"}

# API Gateway writes logs by one role of the account, whichever stage or application was the first to need it.
ACCOUNTS_ROLE = "darkroom-api-gateway-logs"
# What remains of prod when it is destroyed and its data is not; and the key that encrypts it.
KEPT: dict[str, set[str]] = {
    "bucket": {f"darkroom-prod-{name}-{ACCOUNT}" for name in ("input", "output", "archive")},
    "table": {
        f"darkroom-prod-{name}"
        for name in (
            *("users", "images", "usage", "daily", "actions", "api-keys", "limits", "idempotency"),
            *("audit-inbox", "audit", "jobs", "syncs", "records"),
        )
    },
    "user pool": {"darkroom-prod"},
    "secret": {"darkroom/prod/external-services"},
}


def lambda_name(function: str) -> str:
    """What Chalice calls a function."""
    return APP if function == API else f"{APP}-{function}"


def lambda_arn(function: str) -> str:
    return f"arn:aws:lambda:{AT}:function:{lambda_name(function)}"


def queue_arn(name: str) -> str:
    return f"arn:aws:sqs:{AT}:{name}"


def undelivered(function: str) -> dict[str, Any]:
    """The settings of asynchronous invocations."""
    tries, queue = UNDELIVERED[function]
    return {
        "MaximumRetryAttempts": tries,
        "MaximumEventAgeInSeconds": 3600,
        "DestinationConfig": {"OnFailure": {"Destination": queue_arn(queue)}},
    }
