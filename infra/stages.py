"""The settings in .chalice/config.json that name a stage's resources, derived from the template."""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import botocore.session

from infra import template
from infra.function_grants import API
from infra.settings import CONFIG, LOCAL_ENDPOINT, LOCAL_STAGE

# The account number of a stage without an account. AWS never uses it.
NO_ACCOUNT = "000000000000"

# Settings with the name, the URL or the ARN of a resource of the template.
_NAMES = {
    "S3_INPUT_BUCKET": "InputBucket",
    "S3_OUTPUT_BUCKET": "OutputBucket",
    "ARCHIVE_BUCKET": "ArchiveBucket",
    "USERS_TABLE": "UsersTable",
    "IMAGES_TABLE": "ImagesTable",
    "USAGE_METRICS_DYNAMO_TABLE": "UsageTable",
    "DAILY_TABLE": "DailyTable",
    "API_KEYS_TABLE": "ApiKeysTable",
    "LIMITS_TABLE": "LimitsTable",
    "IDEMPOTENCY_TABLE": "IdempotencyTable",
    "AUDIT_INBOX_TABLE": "AuditInboxTable",
    "AUDIT_TABLE": "AuditTable",
    "ENV_VARS_TRACKING_TABLE": "DeclarationsTable",
    "ACTIONS_TABLE": "ActionsTable",
    "JOBS_TABLE": "JobsTable",
    "SYNCS_TABLE": "SyncsTable",
    "RECORDS_TABLE": "RecordsTable",
    "CRITICAL_ERRORS_SQS_QUEUE_NAME": "CriticalErrorsQueue",
}
_URLS = {
    "SQS_QUEUE_URL": "UploadsQueue",
    "ACTIONS_QUEUE_URL": "ActionsQueue",
    "IMPORTS_QUEUE_URL": "ImportsQueue",
    "SCHEDULES_DEAD_LETTERS_URL": "SchedulesDeadLetterQueue",
}
_ARNS = {
    "STEP_FUNCTIONS_ARN": "ImagePipeline",
    "SNS_TOPIC_ARN": "NotificationsTopic",
    "OPERATORS_TOPIC_ARN": "OperatorsTopic",
}
_DEAD_LETTERS = "DEAD_LETTER_QUEUE_URLS"

# The setting of a stream and the setting of its table. AWS names a stream when it creates it, so deploy records the
# name, like the user pool's ids. Until then the settings are absent, so that nothing is deployed half.
STREAMS = {
    "IMAGES_STREAM_ARN": "IMAGES_TABLE",
    "USAGE_STREAM_ARN": "USAGE_METRICS_DYNAMO_TABLE",
    "AUDIT_STREAM_ARN": "AUDIT_INBOX_TABLE",
}

# By type: the ARN without the name, and the property with the name.
_TYPES = {
    "AWS::S3::Bucket": ("s3:::", "BucketName"),
    "AWS::DynamoDB::Table": ("dynamodb:{place}:table/", "TableName"),
    "AWS::SQS::Queue": ("sqs:{place}:", "QueueName"),
    "AWS::SNS::Topic": ("sns:{place}:", "TopicName"),
    "AWS::StepFunctions::StateMachine": ("states:{place}:stateMachine:", "StateMachineName"),
}


@dataclass(frozen=True)
class Place:
    """Where a stage is. `suffix` is the end of its buckets' names."""

    stage: str
    region: str
    account: str
    suffix: str

    @classmethod
    def of(cls, stage: str, environment: Mapping[str, str]) -> "Place":
        """The place in a stage's settings."""
        _, _, _, region, account, *_ = environment["STEP_FUNCTIONS_ARN"].split(":")
        return cls(stage, region, account, environment["S3_INPUT_BUCKET"].removeprefix(f"darkroom-{stage}-input-"))

    @property
    def queues(self) -> str:
        """The beginning of its queues' URLs."""
        return f"https://sqs.{self.region}.amazonaws.com/{self.account}/"


@functools.cache
def resources() -> Mapping[str, Any]:
    """The template's resources, by logical id."""
    by_logical_id: Mapping[str, Any] = template.load()["Resources"]
    return by_logical_id


def name_of(resource: Mapping[str, Any], place: Place) -> str:
    """The name in AWS of a resource of the template."""
    name: dict[str, str] = resource["Properties"][_TYPES[resource["Type"]][1]]
    return name["Fn::Sub"].replace("${Stage}", place.stage).replace("${BucketSuffix}", place.suffix)


def arn_of(resource: Mapping[str, Any], place: Place) -> str:
    """The ARN of a resource of the template."""
    service = _TYPES[resource["Type"]][0].replace("{place}", f"{place.region}:{place.account}")
    return f"arn:aws:{service}{name_of(resource, place)}"


def arns(place: Place) -> set[str]:
    """The ARNs of all resources that settings can name."""
    return {arn_of(each, place) for each in resources().values() if each["Type"] in _TYPES}


def environment(place: Place, queues: str | None = None) -> dict[str, str]:
    """The settings that name resources. `queues` replaces the beginning of the queues' URLs."""
    queues = queues or place.queues
    dead_letter_queues = [each for name, each in resources().items() if name.endswith("DeadLetterQueue")]
    return {
        **{variable: name_of(resources()[each], place) for variable, each in _NAMES.items()},
        **{variable: queues + name_of(resources()[each], place) for variable, each in _URLS.items()},
        **{variable: arn_of(resources()[each], place) for variable, each in _ARNS.items()},
        _DEAD_LETTERS: ",".join(queues + name_of(each, place) for each in dead_letter_queues),
    }


def configured(config: dict[str, Any], place: Place) -> dict[str, Any]:
    """The configuration with that stage at that place. Other settings of the stage stay."""
    functions = [API, *config["lambda_functions"]]
    stage = config["stages"].get(place.stage, {})
    settings = stage.get("environment_variables", {})
    if "STEP_FUNCTIONS_ARN" in settings and Place.of(place.stage, settings) != place:
        # Names recorded at another place are not valid here.
        stage = without_recorded(config, place.stage)["stages"][place.stage]
        settings = stage["environment_variables"]
    own = stage.get("lambda_functions", {})
    configured_stage = {
        # A dimension of API Gateway's metrics, so that stages in one account have separate metrics.
        "api_gateway_stage": place.stage,
        **stage,
        "tags": {**config.get("tags", {}), "Environment": place.stage},
        "environment_variables": {**settings, "STAGE": place.stage, **environment(place)},
        "lambda_functions": {
            name: {**own.get(name, {}), "iam_policy_file": f"policies/{place.stage}-{name}.json"} for name in functions
        },
    }
    return {**config, "stages": {**config["stages"], place.stage: configured_stage}}


def updated(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration with the names of new resources and the policy files of new functions in every stage."""
    for stage in deployed_stages(config):
        config = configured(config, Place.of(stage, config["stages"][stage]["environment_variables"]))
    local = config["stages"][LOCAL_STAGE]
    settings = local["environment_variables"]
    place = Place.of(LOCAL_STAGE, settings)
    settings = {**settings, **environment(place, f"{LOCAL_ENDPOINT}/{place.account}/")}
    return {**config, "stages": {**config["stages"], LOCAL_STAGE: {**local, "environment_variables": settings}}}


# The settings that deploy records, because AWS chooses their values.
RECORDED = {*STREAMS, "COGNITO_USER_POOL_ID", "COGNITO_CLIENT_ID", "COGNITO_FORMER_CLIENT_ID", "JWKS_URL"}
# The API's address is recorded too, unless it is the owner's own domain.
API_URL, API_GATEWAY_DOMAIN = "API_BASE_URL", ".execute-api."
# Recorded settings outside of the environment, for Chalice and the policies.
_RECORDED_OF_STAGE = {"kms_key_arn", "subnet_ids", "security_group_ids"}

# The customer's key in the template, and its condition.
KEY, KEY_CONDITION = "EncryptionKey", "WithCustomerKey"


def without_recorded(config: dict[str, Any], stage: str) -> dict[str, Any]:
    """The configuration without what deploy recorded for a stage."""
    of_stage = {name: value for name, value in config["stages"][stage].items() if name not in _RECORDED_OF_STAGE}
    settings = of_stage.get("environment_variables", {})
    of_stage["environment_variables"] = {
        name: value for name, value in settings.items() if not _is_recorded(name, value)
    }
    return {**config, "stages": {**config["stages"], stage: of_stage}}


def _is_recorded(name: str, value: str) -> bool:
    return name in RECORDED or (name == API_URL and API_GATEWAY_DOMAIN in value)


def deployed_stages(config: Mapping[str, Any]) -> Iterator[str]:
    """The stages with policies: all except the local ones."""
    for stage, settings in config["stages"].items():
        if settings.get("lambda_functions"):
            yield stage


def read() -> dict[str, Any]:
    config: dict[str, Any] = json.loads(CONFIG.read_text())
    return config


def write(config: Mapping[str, Any]) -> None:
    CONFIG.write_text(to_json(config) + "\n")


_WIDTH = 110


def to_json(value: Any, indent: int = 0) -> str:
    """JSON for people: what fits on one line is on one line."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict) or (indent and len(line) + indent <= _WIDTH):
        return line
    inner = indent + 2
    entries = (f"{' ' * inner}{json.dumps(name)}: {to_json(each, inner)}" for name, each in value.items())
    return "{\n" + ",\n".join(entries) + "\n" + " " * indent + "}"


def check_partition(region: str) -> None:
    """Raises ValueError for a region of another partition: policies and template contain ARNs of `aws`."""
    if botocore.session.get_session().get_partition_for_region(region) != "aws":
        raise ValueError(f"Darkroom runs in AWS's standard regions, not in GovCloud, China or others: {region}")


def place(stage: str, region: str, account: str, suffix: str | None = None) -> Place:
    """A place. The default suffix of its buckets is the account number.

    Raises:
        ValueError: an argument is invalid.
    """
    suffix = suffix or account
    if re.fullmatch(r"[a-z][a-z0-9]{1,11}", stage) is None or stage == "local":
        raise ValueError(f"A stage name is 2 to 12 of a-z and 0-9, starts with a letter, and is not local: {stage!r}")
    if re.fullmatch(r"\d{12}", account) is None:
        raise ValueError(f"An AWS account number has 12 digits: {account!r}")
    if re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", region) is None:
        raise ValueError(f"An AWS region looks like eu-west-1: {region!r}")
    check_partition(region)
    if re.fullmatch(r"[a-z0-9][a-z0-9-]{1,23}", suffix) is None:
        raise ValueError(f"A bucket suffix is 2 to 24 of a-z, 0-9 and -: {suffix!r}")
    return Place(stage, region, account, suffix)
