"""The settings of the stage as a whole, and those that name its resources. See `model`."""

from typing import Any

from chalicelib.core.settings import setting
from chalicelib.core.settings.kinds import ORIGIN, URL, Choice, Flag, Kind, ListOf, Text
from chalicelib.core.settings.setting import Setting, Source


class Stage:
    """The stage as a whole"""

    STAGE = setting.STAGE
    SERVICE_NAME = setting.SERVICE_NAME
    LOG_LEVEL = Setting(
        Choice(("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),
        "The lowest level of the lines in the log.",
        default="INFO",
        source=Source.ENVIRONMENT,
    )
    CORS_ORIGIN = Setting(
        ORIGIN, "The origin of the web pages that may call the API.", default="*", source=Source.ENVIRONMENT
    )
    CHECK_ANSWERS = Setting(
        Flag(),
        "Whether each response is checked against its schema before it is sent, for tests.",
        default="false",
        source=Source.ENVIRONMENT,
    )


def _resource(kind: Kind[Any], does: str, **more: Any) -> Setting[Any]:
    """A setting that comes with the stage's resources."""
    return Setting(kind, does, is_resource=True, **more)


def _name(does: str) -> Setting[str]:
    """The name, URL or ARN of a resource."""
    return _resource(Text("the name of a resource"), does)


class Resources:
    """Names of the stage's resources"""

    S3_INPUT_BUCKET = _name("The bucket of originals.")
    S3_OUTPUT_BUCKET = _name("The bucket of variants, reports and exports.")
    ARCHIVE_BUCKET: Setting[str] = _resource(
        Text("the name of a resource"),
        "The bucket of archived records.",
        default="",
        nothing="",
        skipped="inactive records are not archived: they stay in the table",
    )
    USERS_TABLE = _name("The table of accounts.")
    IMAGES_TABLE = _name("The table of images.")
    ACTIONS_TABLE = _name("The table of actions.")
    API_KEYS_TABLE = _name("The table of API keys.")
    LIMITS_TABLE = _name("The table of counters of requests.")
    IDEMPOTENCY_TABLE = _name("The table of requests with an `Idempotency-Key`.")
    USAGE_METRICS_DYNAMO_TABLE = _name("The table of usage records.")
    DAILY_TABLE = _name("The table of the sums of each day.")
    AUDIT_INBOX_TABLE = _name("The table of audit entries that wait for their place in the trail.")
    AUDIT_TABLE = _name("The table of the audit trail.")
    JOBS_TABLE = _name("The table of leases, heartbeats and the last health result.")
    SYNCS_TABLE = _name("The table of the runs of the sync jobs.")
    RECORDS_TABLE = _name("The table of copied customers.")
    ENV_VARS_TRACKING_TABLE = _name("The table of what each operation declares.")
    SQS_QUEUE_URL = _name("The queue of uploads.")
    ACTIONS_QUEUE_URL = _name("The queue of actions.")
    IMPORTS_QUEUE_URL = _name("The queue of pictures to fetch.")
    CRITICAL_ERRORS_SQS_QUEUE_NAME = _name("The queue of alerts to operators.")
    DEAD_LETTER_QUEUE_URLS: Setting[tuple[str, ...]] = _resource(ListOf(URL), "The queues of dead letters.")
    SCHEDULES_DEAD_LETTERS_URL = _name("The queue of dead letters of scheduled runs.")
    SNS_TOPIC_ARN = _name("The topic of finished images.")
    OPERATORS_TOPIC_ARN = _name("The topic of operators.")
    STEP_FUNCTIONS_ARN = _name("The state machine of the image pipeline.")
    IMAGES_STREAM_ARN: Setting[str] = _resource(
        Text("the name of a resource"), "The stream of the table of images.", source=Source.ENVIRONMENT
    )
    USAGE_STREAM_ARN: Setting[str] = _resource(
        Text("the name of a resource"), "The stream of the table of usage records.", source=Source.ENVIRONMENT
    )
    AUDIT_STREAM_ARN: Setting[str] = _resource(
        Text("the name of a resource"), "The stream of the audit trail's inbox.", source=Source.ENVIRONMENT
    )
    COGNITO_USER_POOL_ID = _name("The user pool.")
    COGNITO_CLIENT_ID = _name("The user pool's client.")
    COGNITO_CLIENT_SECRET: Setting[str] = _resource(
        Text("a text"), "The secret of that client.", source=Source.PARAMETER_STORE, is_secret=True
    )
    COGNITO_FORMER_CLIENT_ID: Setting[str] = _resource(
        Text("the name of a resource"),
        "The user pool's client without a secret, from before 0.2.0, whose tokens still work.",
        default="",
        nothing="",
        empty="there is no such client",
    )
    JWKS_URL: Setting[str] = _resource(URL, "The keys that the user pool's tokens are signed with.")
