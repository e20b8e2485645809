"""What a stage's functions are told of their resources, in .chalice/config.json: names that the template gives."""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import botocore.session

from infra import template
from infra.function_grants import API
from infra.settings import CONFIG

# An account's number before anybody has said which; AWS gives no such.
NO_ACCOUNT = "000000000000"

# The name of a queue, bucket or table; the address of a queue; the ARN: what code asks AWS by.
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
_URLS = {"SQS_QUEUE_URL": "UploadsQueue", "ACTIONS_QUEUE_URL": "ActionsQueue"}
_ARNS = {
    "STEP_FUNCTIONS_ARN": "ImagePipeline",
    "SNS_TOPIC_ARN": "NotificationsTopic",
    "OPERATORS_TOPIC_ARN": "OperatorsTopic",
}
_DEAD_LETTERS = "DEAD_LETTER_QUEUE_URLS"

# By the variable of a stream, that of its table. AWS names a stream when it makes it: deploy writes that down, as it
# does the user pool's ids, and until then they are absent, so that nothing can be deployed by halves.
STREAMS = {
    "IMAGES_STREAM_ARN": "IMAGES_TABLE",
    "USAGE_STREAM_ARN": "USAGE_METRICS_DYNAMO_TABLE",
    "AUDIT_STREAM_ARN": "AUDIT_INBOX_TABLE",
}

# Type → what its ARN consists of, and the property that names it.
_TYPES = {
    "AWS::S3::Bucket": ("s3:::", "BucketName"),
    "AWS::DynamoDB::Table": ("dynamodb:{place}:table/", "TableName"),
    "AWS::SQS::Queue": ("sqs:{place}:", "QueueName"),
    "AWS::SNS::Topic": ("sns:{place}:", "TopicName"),
    "AWS::StepFunctions::StateMachine": ("states:{place}:stateMachine:", "StateMachineName"),
}


@dataclass(frozen=True)
class Place:
    """Where a stage is: `suffix` ends the names of its buckets."""

    stage: str
    region: str
    account: str
    suffix: str

    @classmethod
    def of(cls, stage: str, environment: Mapping[str, str]) -> "Place":
        """The place that a stage's own settings name."""
        _, _, _, region, account, *_ = environment["STEP_FUNCTIONS_ARN"].split(":")
        return cls(stage, region, account, environment["S3_INPUT_BUCKET"].removeprefix(f"darkroom-{stage}-input-"))

    @property
    def queues(self) -> str:
        """Where the addresses of its queues begin."""
        return f"https://sqs.{self.region}.amazonaws.com/{self.account}/"


@functools.cache
def resources() -> Mapping[str, Any]:
    """The template's resources, by the names that it has for them."""
    found: Mapping[str, Any] = template.load()["Resources"]
    return found


def name_of(resource: Mapping[str, Any], place: Place) -> str:
    """What AWS calls a resource of the template."""
    named: dict[str, str] = resource["Properties"][_TYPES[resource["Type"]][1]]
    return named["Fn::Sub"].replace("${Stage}", place.stage).replace("${BucketSuffix}", place.suffix)


def arn_of(resource: Mapping[str, Any], place: Place) -> str:
    """Its ARN."""
    service = _TYPES[resource["Type"]][0].replace("{place}", f"{place.region}:{place.account}")
    return f"arn:aws:{service}{name_of(resource, place)}"


def arns(place: Place) -> set[str]:
    """The ARNs of all resources that settings can name."""
    return {arn_of(each, place) for each in resources().values() if each["Type"] in _TYPES}


def environment(place: Place, queues: str | None = None) -> dict[str, str]:
    """The settings that name resources; where their queues' addresses begin may be told otherwise."""
    queues = queues or place.queues
    dead = [each for name, each in resources().items() if name.endswith("DeadLetterQueue")]
    return {
        **{variable: name_of(resources()[each], place) for variable, each in _NAMES.items()},
        **{variable: queues + name_of(resources()[each], place) for variable, each in _URLS.items()},
        **{variable: arn_of(resources()[each], place) for variable, each in _ARNS.items()},
        _DEAD_LETTERS: ",".join(queues + name_of(each, place) for each in dead),
    }


def configured(config: dict[str, Any], place: Place) -> dict[str, Any]:
    """The configuration in which that stage is at that place; what else it says of the stage stays."""
    functions = [API, *config["lambda_functions"]]
    stage = config["stages"].get(place.stage, {})
    settings = stage.get("environment_variables", {})
    if "STEP_FUNCTIONS_ARN" in settings and Place.of(place.stage, settings) != place:
        # What AWS named elsewhere is not here.
        stage = without_recorded(config, place.stage)["stages"][place.stage]
        settings = stage["environment_variables"]
    own = stage.get("lambda_functions", {})
    made = {
        # API Gateway names its figures by it: stages that share an account have figures of their own.
        "api_gateway_stage": place.stage,
        **stage,
        "tags": {**config.get("tags", {}), "Environment": place.stage},
        "environment_variables": {**settings, "STAGE": place.stage, **environment(place)},
        "lambda_functions": {
            name: {**own.get(name, {}), "iam_policy_file": f"policies/{place.stage}-{name}.json"} for name in functions
        },
    }
    return {**config, "stages": {**config["stages"], place.stage: made}}


# What AWS names when it is made: deploy records it.
RECORDED = {*STREAMS, "COGNITO_USER_POOL_ID", "COGNITO_CLIENT_ID", "COGNITO_FORMER_CLIENT_ID", "JWKS_URL"}
# The API's address is recorded too, where it is API Gateway's and none of the owner's.
ADDRESS, GATEWAYS_OWN = "API_BASE_URL", ".execute-api."
# The same, of what Chalice and the policies read beside the environment.
_RECORDED_OF_STAGE = {"kms_key_arn", "subnet_ids", "security_group_ids"}

# The template's key of the customer's own, and its condition.
KEY, KEY_CONDITION = "EncryptionKey", "WithCustomerKey"


def without_recorded(config: dict[str, Any], stage: str) -> dict[str, Any]:
    """The configuration without what deploy recorded of a stage."""
    of_stage = {name: value for name, value in config["stages"][stage].items() if name not in _RECORDED_OF_STAGE}
    settings = of_stage.get("environment_variables", {})
    of_stage["environment_variables"] = {name: value for name, value in settings.items() if not _recorded(name, value)}
    return {**config, "stages": {**config["stages"], stage: of_stage}}


def _recorded(name: str, value: str) -> bool:
    return name in RECORDED or (name == ADDRESS and GATEWAYS_OWN in value)


def deployed_stages(config: Mapping[str, Any]) -> Iterator[str]:
    """The stages whose functions have policies: all but those that the machine of one plays."""
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
    """JSON as people write it: what fits on a line stands on one."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict) or (indent and len(line) + indent <= _WIDTH):
        return line
    inner = indent + 2
    entries = (f"{' ' * inner}{json.dumps(name)}: {to_json(each, inner)}" for name, each in value.items())
    return "{\n" + ",\n".join(entries) + "\n" + " " * indent + "}"


def check_partition(region: str) -> None:
    """Raises ValueError for a region whose ARNs and addresses are not those that policies and template are made for."""
    if botocore.session.get_session().get_partition_for_region(region) != "aws":
        raise ValueError(f"Darkroom runs in AWS's ordinary regions, not in GovCloud, China or others apart: {region}")


def place(stage: str, region: str, account: str, suffix: str | None = None) -> Place:
    """A place whose buckets bear the account's number unless told otherwise.

    Raises:
        ValueError: AWS has no such account or region, or CloudFormation would refuse the names.
    """
    suffix = suffix or account
    if re.fullmatch(r"[a-z][a-z0-9]{1,11}", stage) is None or stage == "local":
        raise ValueError(f"A stage is named by 2 to 12 of a-z and 0-9, a letter first, and not local: {stage!r}")
    if re.fullmatch(r"\d{12}", account) is None:
        raise ValueError(f"An account of AWS is 12 digits: {account!r}")
    if re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", region) is None:
        raise ValueError(f"A region of AWS looks like eu-west-1: {region!r}")
    check_partition(region)
    if re.fullmatch(r"[a-z0-9][a-z0-9-]{1,23}", suffix) is None:
        raise ValueError(f"A suffix of buckets is 2 to 24 of a-z, 0-9 and -: {suffix!r}")
    return Place(stage, region, account, suffix)
