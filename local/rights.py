"""A function's role at work: what its policy does not allow is refused as AWS refuses it, what it uses is written down.

Held at the clients that the function's process makes, where a call still has its plain parameters; links that are
signed there count as the calls that they stand for.
"""

import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from botocore import handlers
from botocore.exceptions import ClientError

from infra import iam_evaluation, pipeline_policy
from infra.iam_actions import iam_actions

Need = tuple[str, str]

_WRITES = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
# What each service says of a call that it does not allow.
_CODES = {"s3": "AccessDenied", "sqs": "AccessDenied", "sns": "AuthorizationError"}


def enforce(order: Mapping[str, Any]) -> None:
    """Holds all clients that this process makes from now on to a policy.

    `order`: `function`, `policy`, `region`, `account`, and `record`, the file for what is used (None: nowhere).
    """
    handlers.BUILTIN_HANDLERS.append(("provide-client-params", Role.of(order).check))


# By ARN, the roles that state machines run under; their tasks' calls are made in the machine's own process.
ROLES: dict[str, "Role"] = {}


def hold(client: Any, role_arn: str) -> None:
    """Holds a client to what that role may at the moment of each call."""

    def check(**call: Any) -> None:
        if (role := ROLES.get(role_arn)) is not None:
            role.check(**call)

    client.meta.events.register("provide-client-params", check)


def without(order: Mapping[str, Any], statement: str, action: str) -> dict[str, Any]:
    """An order whose policy lacks one action of one statement.

    Raises:
        ValueError: it has no such action there.
    """
    kept = [
        {**each, "Action": [name for name in each["Action"] if (each["Sid"], name) != (statement, action)]}
        for each in order["policy"]["Statement"]
    ]
    if kept == order["policy"]["Statement"]:
        raise ValueError(f"{order['function']} has no right to {action} by a statement {statement}.")
    return {**order, "policy": {**order["policy"], "Statement": kept}}


def attached(iam: Any, role_name: str) -> dict[str, Any]:
    """The policy of all that is written into a role in IAM."""
    names = iam.list_role_policies(RoleName=role_name)["PolicyNames"]
    written = [iam.get_role_policy(RoleName=role_name, PolicyName=each)["PolicyDocument"] for each in names]
    return pipeline_policy.with_lists(
        {"Statement": [statement for document in written for statement in document["Statement"]]}
    )


class Role:
    """The rights of a function or a state machine: `check` is botocore's handler."""

    def __init__(
        self, function: str, policy: Mapping[str, Any], region: str, account: str, record: str | None = None
    ) -> None:
        self._function = function
        self._policy = policy
        self._at = f"{region}:{account}"
        self._record = record
        self._noted: set[tuple[str, ...]] = set()
        self._noting = threading.Lock()

    @classmethod
    def of(cls, order: Mapping[str, Any]) -> "Role":
        """From an order as `enforce` takes it."""
        return cls(order["function"], order["policy"], order["region"], order["account"], order["record"])

    def check(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        """Raises ClientError for a call that the policy does not allow."""
        service = model.service_model.service_name
        operation = f"{service}:{model.name}"
        for action, resource in needs(operation, params, self._at):
            allowed = iam_evaluation.allows(self._policy, action, resource, _context(service, params))
            if allowed is None:
                self._note("refused", action, resource)
                raise self._refusal(service, model.name, action, resource)
            sid, pattern = allowed
            self._note("used", action, pattern, sid)

    def _refusal(self, service: str, operation: str, action: str, resource: str) -> ClientError:
        message = (
            f"{self._function} is not authorized to perform: {action} on resource: {resource} because no "
            "identity-based policy allows it"
        )
        error = {"Code": _CODES.get(service, "AccessDeniedException"), "Message": message}
        answer = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 403}}
        return ClientError(answer, operation)

    def _note(self, *what: str) -> None:
        with self._noting:
            if self._record is None or what in self._noted:
                return
            self._noted.add(what)
            # As infra.iam_report reads it.
            line = json.dumps([self._function, *what]) + "\n"
            # One write a line: several processes play one function.
            target = os.open(self._record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.write(target, line.encode())
            os.close(target)


def needs(operation: str, params: Mapping[str, Any], at: str) -> Iterable[Need]:
    """What IAM asks for a call: the actions, each with the ARN that it is on. `at` is "region:account".

    Raises:
        NotImplementedError: nobody has told here what the service's calls are on.
    """
    service, _, name = operation.partition(":")
    if service == "dynamodb":
        return _of_tables(name, params, at)
    if service == "s3":
        return _of_objects(name, params)
    actions = iam_actions(operation)
    return [(action, resource) for action in actions for resource in _resources(service, params, at)]


def _context(service: str, params: Mapping[str, Any]) -> dict[str, str]:
    """The values of IAM's condition keys that our policies name."""
    return {"ses:FromAddress": params["Source"]} if service == "ses" else {}


def _of_tables(name: str, params: Mapping[str, Any], at: str) -> Iterator[Need]:
    def arn(table: str) -> str:
        return f"arn:aws:dynamodb:{at}:table/{table}"

    if name == "TransactWriteItems":
        for write in params["TransactItems"]:
            for kind, what in write.items():
                yield f"dynamodb:{_WRITES[kind]}", arn(what["TableName"])
    elif "RequestItems" in params:
        for table in params["RequestItems"]:
            yield f"dynamodb:{name}", arn(table)
    else:
        index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
        yield f"dynamodb:{name}", arn(params["TableName"]) + index


def _of_objects(name: str, params: Mapping[str, Any]) -> Iterator[Need]:
    bucket = f"arn:aws:s3:::{params['Bucket']}"
    if name == "DeleteObjects":
        for each in params["Delete"]["Objects"]:
            yield ("s3:DeleteObjectVersion" if "VersionId" in each else "s3:DeleteObject"), f"{bucket}/{each['Key']}"
        return
    if name == "CreateBucket":
        # So boto3 speaks of a form that it signs, and does not say for which key: forms are for uploads.
        yield "s3:PutObject", f"{bucket}/uploads/"
        return
    versioned = "Version" if "VersionId" in params and name in ("GetObject", "HeadObject", "DeleteObject") else ""
    for action in iam_actions(f"s3:{name}"):
        yield action + versioned, bucket + (f"/{params['Key']}" if "Key" in params else "")


def _resources(service: str, params: Mapping[str, Any], at: str) -> list[str]:
    if service == "sqs":
        name = params.get("QueueName") or params["QueueUrl"].rsplit("/", 1)[-1]
        return [f"arn:aws:sqs:{at}:{name}"]
    if service == "ssm":
        return [f"arn:aws:ssm:{at}:parameter{name}" for name in params.get("Names") or [params["Name"]]]
    if service == "lambda":
        return [params["FunctionName"]]
    if service == "cognito-idp":
        return [f"arn:aws:cognito-idp:{at}:userpool/{params.get('UserPoolId')}"]
    if service == "secretsmanager":
        return [f"arn:aws:secretsmanager:{at}:secret:{params['SecretId']}-AbCdEf"]
    if service == "ses":
        # As in the sandbox, in which each account begins: the recipients' identities are asked for too.
        return [f"arn:aws:ses:{at}:identity/{each}" for each in (params["Source"], *params["Destinations"])]
    for name in ("TopicArn", "stateMachineArn"):
        if name in params:
            return [params[name]]
    raise NotImplementedError(f"What {service} is asked for with {', '.join(params)} has no resource here yet.")
