"""Each function's IAM policy, made of what it declares and what its stage's settings name; nothing more.

    python -m infra policies

Pure: the same declarations and the same .chalice/config.json give the same documents. What IAM calls otherwise than
the API does is told here, and what Lambda itself needs of a function's role.
"""

import functools
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import botocore.session

from chalicelib.core import config as settings
from infra import event_delivery, key_statements, stages
from infra.function_grants import API, FunctionGrants
from infra.settings import CONFIG, sources_of
from infra.stages import Place

Statement = dict[str, Any]
Document = dict[str, Any]

FOLDER = CONFIG.parent / "policies"
# What stands for the user pool before AWS has named one: it opens nothing.
NO_POOL = "not-deployed-yet"

# IAM's prefix where it is not boto3's name of the service.
_PREFIXES = {"stepfunctions": "states", "bedrock-runtime": "bedrock"}
# What IAM calls otherwise, or covers by another action. Deletions name versions (core/objects.py).
_ACTIONS = {
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:DeleteObjects": "s3:DeleteObjectVersion",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:UploadPart": "s3:PutObject",
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "lambda:Invoke": "lambda:InvokeFunction",
}
# IAM has no such action: it asks for those of the writes within.
_NO_ACTIONS = {"dynamodb:TransactWriteItems"}
# SES asks for a configuration set only where the sender's identity has one by default.
ONE_OF = {"ses:SendRawEmail"}
_OF_BUCKETS = {"s3:ListBucket", "s3:ListBucketVersions"}
# What is on a table's indexes, and not on itself.
_OF_INDEXES = {"dynamodb:QueryIndex": "dynamodb:Query"}
# When Lambda makes a function in a network, it tests the role for these without a resource: on a list of ARNs they are
# denied, and the function cannot be made (AWS Lambda, "Giving Lambda functions access to resources in an Amazon VPC").
_TESTED_WITHOUT_RESOURCE = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}
# The actions that are allowed on "*": AWS takes no ARN for them.
NAMELESS = {
    *_TESTED_WITHOUT_RESOURCE,
    "cloudwatch:PutMetricData",
    "cloudwatch:GetMetricData",
    "dynamodb:ListStreams",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}

# Where in a bucket files are kept; where a function keeps to less than all of it.
_KEPT_UNDER = {
    "S3_INPUT_BUCKET": ("uploads/",),
    "S3_OUTPUT_BUCKET": ("processed/", "reports/", "exports/"),
    "ARCHIVE_BUCKET": ("records/",),
}
_KEPT_BY = {
    ("resize", "S3_OUTPUT_BUCKET"): ("processed/",),
    ("watermark", "S3_OUTPUT_BUCKET"): ("processed/",),
    ("monthly_report", "S3_OUTPUT_BUCKET"): ("reports/system/",),
}
# By function ("" for any other) and action, where it is narrower: written in parts is what grows as it is read, and
# the worker hands out links in e-mails alone, and reads variants for an export's thumbnails.
_ONLY = {
    ("", "s3:AbortMultipartUpload"): ("exports/", "records/"),
    ("action_worker", "s3:GetObject"): ("exports/", "processed/"),
}
# A setting that names one more object to be read, and who reads it.
_MARK = "WATERMARK_IMAGE_KEY"
_READS_MARK = ("watermark", "S3_OUTPUT_BUCKET", "s3:GetObject")

# The statements that Lambda needs of a role, beside what the function's own code does.
OF_LAMBDA = {
    "Logs",
    "Tracing",
    "Network",
    "NetworkOfLambda",
    "Polled",
    "PolledStream",
    "Streams",
    "Undelivered",
    *key_statements.SIDS,
}


def documents(declared: Mapping[str, FunctionGrants], config: Mapping[str, Any], stage: str) -> dict[str, Document]:
    """By function, its policy in a stage of the configuration."""
    return {
        name: document(name, each, environment(config, stage, name), settings_of_function(config, stage, name))
        for name, each in declared.items()
    }


def document(
    function: str,
    declared: FunctionGrants,
    environment: Mapping[str, str],
    config: Mapping[str, Any],
    pool: str = NO_POOL,
) -> Document:
    """One function's policy: `environment` is what the function is given, `config` what else holds in its stage.

    `pool` is the user pool's id where the environment does not say it.

    Raises:
        ValueError: a variable whose resource is used names none.
    """
    maker = _Maker(function, {"COGNITO_USER_POOL_ID": pool, **environment}, str(environment["STAGE"]))
    needed = list(maker.of_lambda(declared, config))
    own = (each for name, operations in declared["operations"].items() for each in maker.on(name, operations))
    asked = maker.parameters(name for name in declared["operations"] if name not in environment)
    statements = [*needed, *_beside(needed, own), *asked]
    if key := config.get("kms_key_arn"):
        statements += maker.on_key(str(key), statements)
    return {"Version": "2012-10-17", "Statement": statements}


def iam_actions(operation: str) -> set[str]:
    """What IAM asks for an operation (`"s3:UploadPart"` is `{"s3:PutObject"}`); nothing where it is not asked.

    Raises:
        ValueError: it stands for others, which are to be declared instead.
    """
    if operation in _NO_ACTIONS:
        raise ValueError(f"{operation} is no action of IAM: declare the writes that it consists of.")
    service, _, name = operation.partition(":")
    if name in _unsigned(service):
        return set()
    return {_ACTIONS.get(operation, f"{_PREFIXES.get(service, service)}:{name}")}


@functools.cache
def _unsigned(service: str) -> frozenset[str]:
    """The operations that anybody may call: their requests bear no signature, so no policy is looked at."""
    model = botocore.session.get_session().get_service_model(service)
    return frozenset(name for name in model.operation_names if model.operation_model(name).auth_type == "none")


class _Maker:
    """The statements of one function."""

    def __init__(self, function: str, environment: Mapping[str, str], stage: str) -> None:
        self._function = function
        self._environment = environment
        self._place = Place.of(stage, environment)
        self._at = f"{self._place.region}:{self._place.account}"

    # ------------------------------------------------------------ declared

    def on(self, variable: str, operations: Iterable[str]) -> Iterator[Statement]:
        """What a function does with what a variable names."""
        actions: set[str] = set()
        for operation in operations:
            actions |= iam_actions(operation)
        named = self._value(variable) if actions else ""
        # Without a sender no mail is sent.
        if not named:
            return
        sid = "".join(part.capitalize() for part in variable.split("_"))
        for suffix, some, resources in self._split(variable, named, actions):
            if some and resources:
                yield _statement(sid + suffix, some, resources) | _condition(some, named)

    def _split(self, variable: str, named: str, actions: set[str]) -> list[tuple[str, set[str], list[str]]]:
        """By resource: a suffix of the statement's name, the actions, the ARNs."""
        (service,) = {action.partition(":")[0] for action in actions}
        if service == "s3":
            own, objects = actions & _OF_BUCKETS, actions - _OF_BUCKETS
            bucket = f"arn:aws:s3:::{named}"
            return [("", own, [bucket]), *self._objects(variable, bucket, objects)]
        if service == "dynamodb":
            table = f"arn:aws:dynamodb:{self._at}:table/{named}"
            read = {_OF_INDEXES[each] for each in actions if each in _OF_INDEXES}
            return [("", actions - _OF_INDEXES.keys(), [table]), ("Indexes", read, [f"{table}/index/*"])]
        return [("", actions, self._arns(service, named))]

    def _objects(self, variable: str, bucket: str, actions: set[str]) -> Iterator[tuple[str, set[str], list[str]]]:
        """What is on files: one statement for most actions, and one each for those that reach less, or more."""
        keys = {action: self._keys(variable, action) for action in sorted(actions)}
        usual = self._keys(variable)
        yield "Objects", {each for each in keys if keys[each] == usual}, [f"{bucket}/{key}" for key in usual]
        for action, own in keys.items():
            if own != usual:
                yield f"Objects{action.removeprefix('s3:')}", {action}, [f"{bucket}/{key}" for key in own]

    def _arns(self, service: str, named: str) -> list[str]:
        if named.startswith("arn:"):
            return [named]
        if service == "sqs":
            return [f"arn:aws:sqs:{self._at}:{each.rsplit('/', 1)[-1]}" for each in named.split(",")]
        if service == "cognito-idp":
            return [f"arn:aws:cognito-idp:{self._at}:userpool/{named}"]
        if service == "secretsmanager":
            # Secrets Manager ends a secret's ARN with six characters of its own.
            name = named.replace("{stage}", self._place.stage)
            return [f"arn:aws:secretsmanager:{self._at}:secret:{name}-??????"]
        if service == "ses":
            # In the sandbox SES asks for the recipient's identity as well. The sender is held by a condition.
            return [f"arn:aws:ses:{self._at}:{each}/*" for each in ("identity", "configuration-set")]
        raise ValueError(f"{named!r} names no resource of {service} that a policy can be written for.")

    def _keys(self, variable: str, action: str = "") -> list[str]:
        """What the keys of the files begin with that the function, or one action of it, reaches."""
        under = _KEPT_BY.get((self._function, variable), _KEPT_UNDER[variable])
        only = _ONLY.get((self._function, action), _ONLY.get(("", action), under))
        mark = self._environment.get(_MARK) if (self._function, variable, action) == _READS_MARK else None
        return [*(f"{prefix}*" for prefix in under if prefix in only), *([mark] if mark else [])]

    def _value(self, variable: str) -> str:
        value = self._environment.get(variable, settings.DEFAULTS.get(variable))
        if value is None:
            raise ValueError(f"{self._function} declares operations on what {variable} names, and it names nothing.")
        return value

    def parameters(self, variables: Iterable[str]) -> Iterator[Statement]:
        """The settings that the environment lacks are looked for in Parameter Store."""
        service = self._environment.get("SERVICE_NAME", settings.DEFAULTS["SERVICE_NAME"])
        path = f"arn:aws:ssm:{self._at}:parameter/darkroom/{self._place.stage}/{service}"
        if found := sorted(variables):
            yield _statement("Settings", {"ssm:GetParameters"}, [f"{path}/{name}" for name in found])

    # ------------------------------------------------------------ Lambda's own

    def of_lambda(self, declared: FunctionGrants, config: Mapping[str, Any]) -> Iterator[Statement]:
        """What Lambda does in the function's name."""
        group = f"arn:aws:logs:{self._at}:log-group:/aws/lambda/{lambda_name(self._function, self._place.stage)}"
        yield _statement("Logs", {"logs:CreateLogStream", "logs:PutLogEvents"}, [f"{group}:*"])
        if config.get("xray"):
            yield _statement("Tracing", {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}, ["*"])
        if subnets := config.get("subnet_ids"):
            yield from self._network(subnets, config.get("security_group_ids", []))
        if (queue := declared["queue"]) is not None:
            actions = {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
            yield _statement("Polled", actions, self._arns("sqs", self._value(queue)))
        if (stream := declared["stream"]) is not None:
            table = f"arn:aws:dynamodb:{self._at}:table/{self._value(stages.STREAMS[stream])}"
            actions = {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"}
            yield _statement("PolledStream", actions, [f"{table}/stream/*"])
            yield _statement("Streams", {"dynamodb:ListStreams"}, ["*"])
        if rest := [each[self._function].on_failure for each in (_ASYNC, _STREAMS) if self._function in each]:
            arns = [stages.arn_of(stages.resources()[each], self._place) for each in rest]
            yield _statement("Undelivered", {"sqs:SendMessage"}, arns)

    def _network(self, subnets: Iterable[str], groups: Iterable[str]) -> Iterator[Statement]:
        """Lambda ties a function to a network with the function's role; the function's own code may not."""
        named = [f"subnet/{each}" for each in subnets] + [f"security-group/{each}" for each in groups]
        arns = [f"arn:aws:ec2:{self._at}:{each}" for each in ["network-interface/*", *named]]
        not_by_code = {"Condition": {"Null": {"lambda:SourceFunctionArn": "true"}}}
        yield _statement("Network", {"ec2:CreateNetworkInterface"}, arns) | not_by_code
        yield _statement("NetworkOfLambda", _TESTED_WITHOUT_RESOURCE, ["*"]) | not_by_code

    def on_key(self, key: str, made: Iterable[Statement]) -> Iterator[Statement]:
        """What is encrypted under the customer's key asks for rights on that too, beside the statements `made`."""
        function = f"arn:aws:lambda:{self._at}:function:{lambda_name(self._function, self._place.stage)}"
        return key_statements.statements(key, function, {action for each in made for action in each["Action"]})


_ASYNC: Mapping[str, Any] = event_delivery.ASYNC
_STREAMS: Mapping[str, Any] = event_delivery.STREAMS


def _beside(needed: Iterable[Statement], own: Iterable[Statement]) -> Iterator[Statement]:
    """The function's own statements without what Lambda needs anyway: who polls a queue may delete its messages."""
    held = {(action, tuple(each["Resource"])) for each in needed for action in each["Action"]}
    for each in own:
        actions = [action for action in each["Action"] if (action, tuple(each["Resource"])) not in held]
        if actions:
            yield {**each, "Action": actions}


def _statement(sid: str, actions: Iterable[str], resources: list[str]) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": resources}


def _condition(actions: set[str], named: str) -> dict[str, Any]:
    """The condition of a statement on what a setting names; none but for mail."""
    if not all(action.startswith("ses:") for action in actions):
        return {}
    return {"Condition": {"StringEquals": {"ses:FromAddress": named}}}


def lambda_name(function: str, stage: str) -> str:
    """What Chalice calls a function in AWS."""
    return f"darkroom-{stage}" + ("" if function == API else f"-{function}")


def environment(config: Mapping[str, Any], stage: str, function: str) -> dict[str, str]:
    """What Chalice gives a function, the nearest last."""
    found = sources_of(config, stage, function)
    return {name: value for each in found for name, value in each.get("environment_variables", {}).items()}


def settings_of_function(config: Mapping[str, Any], stage: str, function: str) -> dict[str, Any]:
    """What else holds for a function."""
    return {name: value for each in sources_of(config, stage, function) for name, value in each.items()}


def files(declared: Mapping[str, FunctionGrants], config: Mapping[str, Any]) -> dict[str, str]:
    """By name, the text of every file of the folder."""
    return {
        f"{stage}-{function}.json": json.dumps(made, indent=2) + "\n"
        for stage in stages.deployed_stages(config)
        for function, made in documents(declared, config, stage).items()
    }


def write(declared: Mapping[str, FunctionGrants], config: Mapping[str, Any]) -> int:
    """Makes the folder say what is declared now; how many files changed, came or went."""
    FOLDER.mkdir(exist_ok=True)
    wanted = files(declared, config)
    standing = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
    for name in standing.keys() - wanted.keys():
        (FOLDER / name).unlink()
    for name, text in wanted.items():
        if standing.get(name) != text:
            (FOLDER / name).write_text(text)
    return len({name for name in standing.keys() | wanted.keys() if standing.get(name) != wanted.get(name)})
