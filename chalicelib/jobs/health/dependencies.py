"""What Darkroom depends on, and how each is asked about its state."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib import external
from chalicelib.core import clients, ids
from chalicelib.core.aws.grants import (
    CognitoOperation,
    DynamoDBOperation,
    S3Operation,
    StepFunctionsOperation,
    required_env_vars,
)
from chalicelib.core.deadline import Deadline
from chalicelib.core.observing import metrics
from chalicelib.core.settings import Setting, Settings
from chalicelib.jobs import heartbeats
from chalicelib.jobs.health import queues
from chalicelib.jobs.health.queues import Queue

# A dependency that does not answer within so many seconds is down.
SECONDS = 10.0
_EXTERNAL_SECONDS = 5.0
# A queue whose oldest work waits longer than this is not being read.
_PATIENCE = timedelta(minutes=15)


class State(StrEnum):
    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True)
class Finding:
    """The state of one dependency; `detail` is for operators alone."""

    name: str
    state: State
    detail: str = ""


@dataclass(frozen=True)
class Dependency:
    """`name` is public. `trouble` gives what is wrong ("": nothing), and raises if the dependency is down.

    If an `essential` dependency is down, Darkroom is down; without the others users are still served.
    """

    name: str
    trouble: Callable[[], str]
    essential: bool = False


# By public name: the variable, and whether requests need the table.
TABLES = {
    "users-table": (Settings.USERS_TABLE, True),
    "images-table": (Settings.IMAGES_TABLE, True),
    "actions-table": (Settings.ACTIONS_TABLE, True),
    "keys-table": (Settings.API_KEYS_TABLE, True),
    "limits-table": (Settings.LIMITS_TABLE, True),
    "idempotency-table": (Settings.IDEMPOTENCY_TABLE, True),
    "usage-table": (Settings.USAGE_METRICS_DYNAMO_TABLE, False),
    "daily-table": (Settings.DAILY_TABLE, False),
    "syncs-table": (Settings.SYNCS_TABLE, False),
    "records-table": (Settings.RECORDS_TABLE, False),
    "audit-inbox-table": (Settings.AUDIT_INBOX_TABLE, False),
    "audit-table": (Settings.AUDIT_TABLE, False),
}
BUCKETS = {"input-bucket": Settings.S3_INPUT_BUCKET, "output-bucket": Settings.S3_OUTPUT_BUCKET}


@required_env_vars(
    {setting.name: [DynamoDBOperation.DESCRIBE_TABLE] for setting, _ in TABLES.values()},
    {setting.name: [S3Operation.LIST_BUCKET] for setting in BUCKETS.values()},
    heartbeats.list_overdue,
    queues.work_queues,
    queues.dead_letter_queues,
    {
        "COGNITO_USER_POOL_ID": [CognitoOperation.DESCRIBE_USER_POOL],
        "STEP_FUNCTIONS_ARN": [StepFunctionsOperation.DESCRIBE_STATE_MACHINE],
        "EXTERNAL_API_URL": [],
        "ALLOW_PRIVATE_ADDRESSES": [],
    },
)
def list_dependencies(now: datetime) -> Iterator[Dependency]:
    """All dependencies of this stage."""
    for name, (setting, essential) in TABLES.items():
        yield Dependency(name, functools.partial(_table, setting), essential)
    for name, setting in BUCKETS.items():
        yield Dependency(name, functools.partial(_bucket, setting), essential=True)
    for queue in queues.work_queues():
        yield Dependency(queue.name, functools.partial(_backlog, queue, now), essential=queue is queues.UPLOADS)
    yield Dependency("dead-letters", _dead_letters)
    yield Dependency("user-pool", _user_pool, essential=True)
    yield Dependency("image-pipeline", _state_machine, essential=True)
    yield Dependency("schedules", functools.partial(_schedules, now))
    if Settings.EXTERNAL_API_URL.get():
        yield Dependency("external-api", _external_api)


def _table(setting: Setting[str]) -> str:
    table = clients.client("dynamodb").describe_table(TableName=setting.get())["Table"]
    return "" if table["TableStatus"] in ("ACTIVE", "UPDATING") else f"is {table['TableStatus']}"


def _bucket(setting: Setting[str]) -> str:
    clients.client("s3").list_objects_v2(Bucket=setting.get(), MaxKeys=1)
    return ""


def _backlog(queue: Queue, now: datetime) -> str:
    """Messages wait, and the oldest work is too old."""
    depth = queue.depth()
    if depth.oldest_since is None or depth.oldest_since > ids.timestamp(now - _PATIENCE):
        return ""
    return f"{depth.waiting} messages wait, since {depth.oldest_since}"


def _dead_letters() -> str:
    depths = {queue.name: queue.depth() for queue in queues.dead_letter_queues()}
    # The sweeper may have some of them in its hands.
    counts = {name: depth.waiting + depth.in_flight for name, depth in depths.items()}
    return ", ".join(f"{name}: {number}" for name, number in counts.items() if number)


def _user_pool() -> str:
    clients.client("cognito-idp").describe_user_pool(UserPoolId=Settings.COGNITO_USER_POOL_ID.get())
    return ""


def _state_machine() -> str:
    arn = Settings.STEP_FUNCTIONS_ARN.get()
    status = clients.client("stepfunctions").describe_state_machine(stateMachineArn=arn).get("status", "ACTIVE")
    return "" if status == "ACTIVE" else f"is {status}"


def _schedules(now: datetime) -> str:
    late = heartbeats.list_overdue(now)
    # For the alarm: CloudWatch looks back a week at most, and some schedules fire less often.
    metrics.emit({"SchedulesOverdue": (len(late), metrics.COUNT)}, about={"late": [each.name for each in late]})
    return ", ".join(f"{each.name} {each.why} (expected at {each.expected_at})" for each in late)


def _external_api() -> str:
    """Whether it answers at all; whether it accepts our key is the sync's business."""
    url = Settings.EXTERNAL_API_URL.get()
    answer = external.request("GET", url, deadline=Deadline.within(_EXTERNAL_SECONDS), redirects=0, trusted=True)
    return f"answers {answer.status}" if answer.status >= 500 else ""
