"""IAM at work: refuses the calls that a function's policy does not allow, as AWS does, and logs the grants used.

The check is in the clients of the function's own process, where a call still has its plain parameters. A link that is
signed there counts as the call that it stands for.
"""

import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from botocore import handlers
from botocore.exceptions import ClientError

from infra import iam_actions, iam_evaluation, pipeline_policy

# An IAM action and the ARN of its resource.
Need = tuple[str, str]

_WRITES = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
# The error codes of services that have their own for a refused call.
_CODES = {"s3": "AccessDenied", "sqs": "AccessDenied", "sns": "AuthorizationError"}


def enforce(grants: Mapping[str, Any]) -> None:
    """Check all calls of the clients that this process makes from now on.

    `grants`: `function`, `policy`, `region`, `account`, and `log`, the file for used and refused grants (None: no log).
    """
    handlers.BUILTIN_HANDLERS.append(("provide-client-params", Role.of(grants).check))


# The roles of state machines, by ARN. Their tasks' calls are made in the local machine's own process.
ROLES: dict[str, "Role"] = {}


def enforce_role(client: Any, role_arn: str) -> None:
    """Check each call of a client against what the role allows at that moment."""

    def check(**call: Any) -> None:
        if (role := ROLES.get(role_arn)) is not None:
            role.check(**call)

    client.meta.events.register("provide-client-params", check)


def without(grants: Mapping[str, Any], statement: str, action: str) -> dict[str, Any]:
    """The grants without one action of one policy statement.

    Raises:
        ValueError: the statement does not have the action.
    """
    kept = [
        {**each, "Action": [name for name in each["Action"] if (each["Sid"], name) != (statement, action)]}
        for each in grants["policy"]["Statement"]
    ]
    if kept == grants["policy"]["Statement"]:
        raise ValueError(f"{grants['function']} has no right to {action} by a statement {statement}.")
    return {**grants, "policy": {**grants["policy"], "Statement": kept}}


def inline_policy(iam: Any, role_name: str) -> dict[str, Any]:
    """All inline policies of a role in IAM, as one policy."""
    names = iam.list_role_policies(RoleName=role_name)["PolicyNames"]
    documents = [iam.get_role_policy(RoleName=role_name, PolicyName=each)["PolicyDocument"] for each in names]
    return pipeline_policy.with_lists(
        {"Statement": [statement for document in documents for statement in document["Statement"]]}
    )


class Role:
    """The grants of a function or a state machine. `check` is an event handler of botocore."""

    def __init__(
        self, function: str, policy: Mapping[str, Any], region: str, account: str, log: str | None = None
    ) -> None:
        self._function = function
        self._policy = policy
        self._place = f"{region}:{account}"
        self._log = log
        self._logged: set[tuple[str, ...]] = set()
        self._lock = threading.Lock()

    @classmethod
    def of(cls, grants: Mapping[str, Any]) -> "Role":
        """From grants as `enforce` takes them."""
        return cls(grants["function"], grants["policy"], grants["region"], grants["account"], grants["log"])

    def check(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        """Raises ClientError for a call that the policy does not allow."""
        service = model.service_model.service_name
        operation = f"{service}:{model.name}"
        for action, resource in needs(operation, params, self._place):
            allowed = iam_evaluation.allows(self._policy, action, resource, _context(service, params))
            if allowed is None:
                self._write_log("refused", action, resource)
                raise self._access_denied(service, model.name, action, resource)
            sid, pattern = allowed
            self._write_log("used", action, pattern, sid)

    def _access_denied(self, service: str, operation: str, action: str, resource: str) -> ClientError:
        message = (
            f"{self._function} is not authorized to perform: {action} on resource: {resource} because no "
            "identity-based policy allows it"
        )
        error = {"Code": _CODES.get(service, "AccessDeniedException"), "Message": message}
        response = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 403}}
        return ClientError(response, operation)

    def _write_log(self, *entry: str) -> None:
        """Append an entry once, in the format of infra.iam_report."""
        with self._lock:
            if self._log is None or entry in self._logged:
                return
            self._logged.add(entry)
            line = json.dumps([self._function, *entry]) + "\n"
            # One write call a line: several processes append to the file.
            target = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.write(target, line.encode())
            os.close(target)


def needs(operation: str, params: Mapping[str, Any], place: str) -> Iterable[Need]:
    """What IAM requires for a call. `place` is "region:account".

    Raises:
        NotImplementedError: the resources of this service's calls are not known here.
    """
    service, _, name = operation.partition(":")
    if service == "dynamodb":
        return _needs_of_dynamodb(name, params, place)
    if service == "s3":
        return _needs_of_s3(name, params)
    actions = iam_actions.iam_actions(operation)
    return [(action, resource) for action in actions for resource in _resources(service, params, place)]


def _context(service: str, params: Mapping[str, Any]) -> dict[str, str]:
    """The values of the IAM condition keys that our policies use."""
    if service == "s3" and "Prefix" in params:
        return {"s3:prefix": params["Prefix"]}
    return {"ses:FromAddress": params["Source"]} if service == "ses" else {}


def _needs_of_dynamodb(name: str, params: Mapping[str, Any], place: str) -> Iterator[Need]:
    def arn(table: str) -> str:
        return f"arn:aws:dynamodb:{place}:table/{table}"

    if name == "TransactWriteItems":
        for write in params["TransactItems"]:
            for kind, request in write.items():
                yield f"dynamodb:{_WRITES[kind]}", arn(request["TableName"])
    elif "RequestItems" in params:
        for table in params["RequestItems"]:
            yield f"dynamodb:{name}", arn(table)
    else:
        index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
        yield f"dynamodb:{name}", arn(params["TableName"]) + index


def _needs_of_s3(name: str, params: Mapping[str, Any]) -> Iterator[Need]:
    bucket = f"arn:aws:s3:::{params['Bucket']}"
    if name == "DeleteObjects":
        for each in params["Delete"]["Objects"]:
            yield ("s3:DeleteObjectVersion" if "VersionId" in each else "s3:DeleteObject"), f"{bucket}/{each['Key']}"
        return
    if name == "CreateBucket":
        # boto3 signs forms under this name and does not give the key. Forms are for uploads.
        yield "s3:PutObject", f"{bucket}/uploads/"
        return
    versioned = "Version" if "VersionId" in params and name in ("GetObject", "HeadObject", "DeleteObject") else ""
    for action in iam_actions.iam_actions(f"s3:{name}"):
        yield action + versioned, bucket + (f"/{params['Key']}" if "Key" in params else "")


def _resources(service: str, params: Mapping[str, Any], place: str) -> list[str]:
    if service == "sqs":
        name = params.get("QueueName") or params["QueueUrl"].rsplit("/", 1)[-1]
        return [f"arn:aws:sqs:{place}:{name}"]
    if service == "ssm":
        return [f"arn:aws:ssm:{place}:parameter{name}" for name in params.get("Names") or [params["Name"]]]
    if service == "lambda":
        return [params["FunctionName"]]
    if service == "cognito-idp":
        return [f"arn:aws:cognito-idp:{place}:userpool/{params.get('UserPoolId')}"]
    if service == "secretsmanager":
        return [f"arn:aws:secretsmanager:{place}:secret:{params['SecretId']}-AbCdEf"]
    if service == "ses":
        # As in the sandbox, where every account starts: the recipients' identities are checked too.
        return [f"arn:aws:ses:{place}:identity/{each}" for each in (params["Source"], *params["Destinations"])]
    for name in ("TopicArn", "stateMachineArn"):
        if name in params:
            return [params[name]]
    raise NotImplementedError(f"The resource of a call to {service} with {', '.join(params)} is not known here yet.")
