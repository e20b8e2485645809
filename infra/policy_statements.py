"""The statements of a function's policy: for what its code declares, and for what Lambda does with its role."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chalicelib.core import settings
from infra import event_delivery, key_statements, stages
from infra.function_grants import FunctionGrants, lambda_name
from infra.iam_actions import iam_actions
from infra.stages import Place

Statement = dict[str, Any]

_BUCKET_ACTIONS = {"s3:ListBucket", "s3:ListBucketVersions"}
# Declared operations on the indexes of a table and not on the table itself.
_INDEX_ACTIONS = {"dynamodb:QueryIndex": "dynamodb:Query"}
# When a function is created in a network, Lambda checks that its role has these actions on "*". With ARNs the function
# cannot be created (AWS Lambda, "Giving Lambda functions access to resources in an Amazon VPC").
_NETWORK_ACTIONS = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}
# The actions that are allowed on "*", because AWS supports no ARN for them.
WITHOUT_ARN = {
    *_NETWORK_ACTIONS,
    "dynamodb:ListStreams",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}

# The prefixes of a bucket that functions use; below, functions that use fewer of them.
_PREFIXES = {
    "S3_INPUT_BUCKET": ("uploads/",),
    "S3_OUTPUT_BUCKET": ("processed/", "reports/", "exports/"),
    "ARCHIVE_BUCKET": ("records/",),
}
_PREFIXES_OF_FUNCTION = {
    ("resize", "S3_OUTPUT_BUCKET"): ("processed/",),
    ("watermark", "S3_OUTPUT_BUCKET"): ("processed/",),
    ("monthly_report", "S3_OUTPUT_BUCKET"): ("reports/system/",),
}
# By function ("" means any) and action, where fewer prefixes are needed. Only exports and archives are uploaded in
# parts. The worker reads exports (for links in e-mails) and variants (for the thumbnails of an export).
_PREFIXES_OF_ACTION = {
    ("", "s3:AbortMultipartUpload"): ("exports/", "records/"),
    ("action_worker", "s3:GetObject"): ("exports/", "processed/"),
}
# A setting that names one more object, and what reads that object.
_WATERMARK = "WATERMARK_IMAGE_KEY"
_READS_WATERMARK = ("watermark", "S3_OUTPUT_BUCKET", "s3:GetObject")

# Settings that name objects by the beginning of their keys, and the setting that names their bucket.
_PREFIX_SETTINGS = {"FONTS_PREFIX": "S3_OUTPUT_BUCKET"}

# The names of the statements that Lambda itself needs, not the function's code.
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


class StatementBuilder:
    """Builds the policy statements of one function."""

    def __init__(self, function: str, environment: Mapping[str, str], stage: str) -> None:
        self._function = function
        self._environment = environment
        self._place = Place.of(stage, environment)
        self._at = f"{self._place.region}:{self._place.account}"

    # ------------------------------------------------------------ declared grants

    def for_variable(self, variable: str, operations: Iterable[str]) -> Iterator[Statement]:
        """The operations on the resource that a variable names."""
        actions: set[str] = set()
        for operation in operations:
            actions |= iam_actions(operation)
        value = self._value(variable) if actions else ""
        # Without a sender address no e-mail is sent.
        if not value:
            return
        sid = "".join(part.capitalize() for part in variable.split("_"))
        if variable in _PREFIX_SETTINGS:
            yield from self._under_prefix(sid, self._value(_PREFIX_SETTINGS[variable]), value, actions)
            return
        for suffix, some, resources in self._split(variable, value, actions):
            if some and resources:
                yield _statement(sid + suffix, some, resources) | _condition(some, value)

    def _under_prefix(self, sid: str, bucket: str, prefix: str, actions: set[str]) -> Iterator[Statement]:
        """Objects whose keys begin with the prefix: list them and no others, and read them."""
        on_bucket, arn = actions & _BUCKET_ACTIONS, f"arn:aws:s3:::{bucket}"
        yield _statement(sid, on_bucket, [arn]) | {"Condition": {"StringEquals": {"s3:prefix": prefix}}}
        yield _statement(f"{sid}Objects", actions - on_bucket, [f"{arn}/{prefix}*"])

    def _split(self, variable: str, value: str, actions: set[str]) -> list[tuple[str, set[str], list[str]]]:
        """For each statement: the suffix of its name, its actions and its ARNs."""
        (service,) = {action.partition(":")[0] for action in actions}
        if service == "s3":
            on_bucket, on_objects = actions & _BUCKET_ACTIONS, actions - _BUCKET_ACTIONS
            bucket = f"arn:aws:s3:::{value}"
            return [("", on_bucket, [bucket]), *self._objects(variable, bucket, on_objects)]
        if service == "dynamodb":
            table = f"arn:aws:dynamodb:{self._at}:table/{value}"
            on_indexes = {_INDEX_ACTIONS[each] for each in actions if each in _INDEX_ACTIONS}
            return [("", actions - _INDEX_ACTIONS.keys(), [table]), ("Indexes", on_indexes, [f"{table}/index/*"])]
        return [("", actions, self._arns(service, value))]

    def _objects(self, variable: str, bucket: str, actions: set[str]) -> Iterator[tuple[str, set[str], list[str]]]:
        """Statements on objects: one for most actions, and one for each action with other prefixes."""
        keys = {action: self._keys(variable, action) for action in sorted(actions)}
        usual = self._keys(variable)
        yield "Objects", {each for each in keys if keys[each] == usual}, [f"{bucket}/{key}" for key in usual]
        for action, own in keys.items():
            if own != usual:
                yield f"Objects{action.removeprefix('s3:')}", {action}, [f"{bucket}/{key}" for key in own]

    def _arns(self, service: str, value: str) -> list[str]:
        if value.startswith("arn:"):
            return [value]
        if service == "sqs":
            return [f"arn:aws:sqs:{self._at}:{each.rsplit('/', 1)[-1]}" for each in value.split(",")]
        if service == "cognito-idp":
            return [f"arn:aws:cognito-idp:{self._at}:userpool/{value}"]
        if service == "secretsmanager":
            # Secrets Manager adds six characters to the ARN of a secret.
            name = value.replace("{stage}", self._place.stage)
            return [f"arn:aws:secretsmanager:{self._at}:secret:{name}-??????"]
        if service == "ses":
            # In the sandbox SES also checks the recipient's identity. A condition restricts the sender.
            return [f"arn:aws:ses:{self._at}:{each}/*" for each in ("identity", "configuration-set")]
        raise ValueError(f"{value!r} names no resource of {service} that a policy can be written for.")

    def _keys(self, variable: str, action: str = "") -> list[str]:
        """Patterns of the object keys that the function, or one of its actions, may access."""
        prefixes = _PREFIXES_OF_FUNCTION.get((self._function, variable), _PREFIXES[variable])
        allowed = _PREFIXES_OF_ACTION.get((self._function, action), _PREFIXES_OF_ACTION.get(("", action), prefixes))
        watermark = (
            self._environment.get(_WATERMARK) if (self._function, variable, action) == _READS_WATERMARK else None
        )
        return [*(f"{prefix}*" for prefix in prefixes if prefix in allowed), *([watermark] if watermark else [])]

    def _value(self, variable: str) -> str:
        known = settings.ALL.get(variable)
        value = self._environment.get(variable, None if known is None else known.default)
        if value is None:
            raise ValueError(f"{self._function} declares operations on {variable}, and that setting has no value.")
        return value

    def parameters(self, variables: Iterable[str]) -> Iterator[Statement]:
        """The settings that the environment does not contain, and Parameter Store may."""
        service = self._environment.get("SERVICE_NAME", settings.Settings.SERVICE_NAME.default)
        path = f"arn:aws:ssm:{self._at}:parameter/darkroom/{self._place.stage}/{service}"
        if names := sorted(variables):
            yield _statement("Settings", {"ssm:GetParameters"}, [f"{path}/{name}" for name in names])

    # ------------------------------------------------------------ Lambda itself

    def for_lambda(self, grants: FunctionGrants, config: Mapping[str, Any]) -> Iterator[Statement]:
        """What Lambda does with the function's role."""
        group = f"arn:aws:logs:{self._at}:log-group:/aws/lambda/{lambda_name(self._function, self._place.stage)}"
        yield _statement("Logs", {"logs:CreateLogStream", "logs:PutLogEvents"}, [f"{group}:*"])
        if config.get("xray"):
            yield _statement("Tracing", {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}, ["*"])
        if subnets := config.get("subnet_ids"):
            yield from self._network(subnets, config.get("security_group_ids", []))
        if (queue := grants["queue"]) is not None:
            actions = {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
            yield _statement("Polled", actions, self._arns("sqs", self._value(queue)))
        if (stream := grants["stream"]) is not None:
            table = f"arn:aws:dynamodb:{self._at}:table/{self._value(stages.STREAMS[stream])}"
            actions = {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"}
            yield _statement("PolledStream", actions, [f"{table}/stream/*"])
            yield _statement("Streams", {"dynamodb:ListStreams"}, ["*"])
        deliveries: list[Mapping[str, Any]] = [event_delivery.ASYNC, event_delivery.STREAMS]
        if queues := [each[self._function].on_failure for each in deliveries if self._function in each]:
            arns = [stages.arn_of(stages.resources()[each], self._place) for each in queues]
            yield _statement("Undelivered", {"sqs:SendMessage"}, arns)

    def _network(self, subnets: Iterable[str], groups: Iterable[str]) -> Iterator[Statement]:
        """Lambda connects the function to the network with the function's role. The condition excludes its code."""
        resources = [f"subnet/{each}" for each in subnets] + [f"security-group/{each}" for each in groups]
        arns = [f"arn:aws:ec2:{self._at}:{each}" for each in ["network-interface/*", *resources]]
        not_by_code = {"Condition": {"Null": {"lambda:SourceFunctionArn": "true"}}}
        yield _statement("Network", {"ec2:CreateNetworkInterface"}, arns) | not_by_code
        yield _statement("NetworkOfLambda", _NETWORK_ACTIONS, ["*"]) | not_by_code

    def for_key(self, key: str, statements: Iterable[Statement]) -> Iterator[Statement]:
        """The grants on the customer's key that the other statements need."""
        function = f"arn:aws:lambda:{self._at}:function:{lambda_name(self._function, self._place.stage)}"
        return key_statements.statements(key, function, {action for each in statements for action in each["Action"]})


def _statement(sid: str, actions: Iterable[str], resources: list[str]) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": resources}


def _condition(actions: set[str], value: str) -> dict[str, Any]:
    """The condition of a statement: for e-mail, the sender; otherwise none."""
    if not all(action.startswith("ses:") for action in actions):
        return {}
    return {"Condition": {"StringEquals": {"ses:FromAddress": value}}}
