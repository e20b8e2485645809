"""CloudFormation's API in the embedded AWS, in the place of moto's, which lacks most of the template's types.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from local.patching import patch
from tests.deploy.provisioning import Provisioning
from tests.deploy.stacks import LARGEST_BODY, RefusedError, Stack, Stacks

_BUCKET_IN_HOST = re.compile(r"^([a-z0-9.-]+)\.s3[.-]")

Answer = Mapping[str, Any]


def answer_as_aws_does(provisioning: Provisioning) -> Stacks:
    """Put these stacks behind the API."""
    from moto.cloudformation.exceptions import CloudFormationError
    from moto.cloudformation.responses import CloudFormationResponse
    from moto.core.responses import ActionResult

    stacks = Stacks(provisioning)
    patch(CloudFormationResponse, "RESPONSE_KEY_PATH_TO_TRANSFORMER", {})

    def answering(operation: Callable[[Stacks, Any], Answer]) -> Callable[[Any], Any]:
        def answer(self: Any) -> Any:
            try:
                return ActionResult(operation(stacks, dict(self.params)))
            except RefusedError as refused:
                fault = CloudFormationError(refused.message)
                fault.code = refused.code
                raise fault from None

        return answer

    for name, operation in _OPERATIONS.items():
        patch(CloudFormationResponse, name, answering(operation))
    return stacks


def _create_change_set(stacks: Stacks, asked: Any) -> Answer:
    body = asked.get("TemplateBody")
    if body is not None and len(body.encode()) > LARGEST_BODY:
        message = f"1 validation error detected: Value at 'templateBody' failed to satisfy constraint: {LARGEST_BODY}"
        raise RefusedError("ValidationError", message)
    if "TemplateURL" in asked:
        body = _lying_at(asked["TemplateURL"])
    if body is None and not asked.get("UsePreviousTemplate"):
        raise RefusedError("ValidationError", "Either Template URL or Template Body must be specified.")
    given = {
        each["ParameterKey"]: None if each.get("UsePreviousValue") else each["ParameterValue"]
        for each in asked.get("Parameters", [])
    }
    made, stack = stacks.propose(
        asked["StackName"],
        asked["ChangeSetName"],
        asked.get("ChangeSetType", "UPDATE"),
        body,
        given,
        asked.get("Capabilities", []),
        asked.get("Tags", []),
        {each["LogicalResourceId"]: each["ResourceIdentifier"] for each in asked.get("ResourcesToImport", [])},
    )
    return {"Id": made.id, "StackId": stack.id}


def _lying_at(url: str) -> str:
    from moto.s3.models import s3_backends

    parts = urlsplit(url)
    host = _BUCKET_IN_HOST.match(parts.netloc)
    path = unquote(parts.path).lstrip("/")
    bucket, key = (host[1], path) if host else path.split("/", 1)
    for backends in list(s3_backends.values()):
        found = backends["aws"].buckets.get(bucket)
        if found is not None and key in found.keys:
            return str(found.keys[key].value.decode())
    raise RefusedError("ValidationError", "S3 error: Access Denied")


def _describe_change_set(stacks: Stacks, asked: Any) -> Answer:
    found, stack = stacks.change_set(asked["ChangeSetName"], asked.get("StackName"))
    return {
        "ChangeSetName": found.name,
        "ChangeSetId": found.id,
        "StackId": stack.id,
        "StackName": stack.name,
        "Parameters": _parameters(found.reading.parameters),
        "Status": found.status,
        "ExecutionStatus": "AVAILABLE" if found.status == "CREATE_COMPLETE" else "UNAVAILABLE",
        **({"StatusReason": found.reason} if found.reason else {}),
        "Changes": [
            {
                "Type": "Resource",
                "ResourceChange": {
                    "Action": each.action,
                    "LogicalResourceId": each.name,
                    "ResourceType": each.kind,
                    **({"Replacement": each.replacement} if each.replacement else {}),
                },
            }
            for each in found.changes
        ],
    }


def _delete_change_set(stacks: Stacks, asked: Any) -> Answer:
    stacks.drop(asked["ChangeSetName"], asked.get("StackName"))
    return {}


def _execute_change_set(stacks: Stacks, asked: Any) -> Answer:
    stacks.execute(asked["ChangeSetName"], asked.get("StackName"), bool(asked.get("RetainExceptOnCreate")))
    return {}


def _describe_stacks(stacks: Stacks, asked: Any) -> Answer:
    found = [stacks.find(asked["StackName"])] if "StackName" in asked else stacks.standing()
    return {"Stacks": [_told(each) for each in found]}


def _told(stack: Stack) -> Answer:
    outputs = [{"OutputKey": name, "OutputValue": value} for name, value in stack.outputs.items()]
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "CreationTime": stack.events[-1]["Timestamp"],
        "StackStatus": stack.status,
        **({"StackStatusReason": stack.reason} if stack.reason else {}),
        "Parameters": _parameters(stack.parameters),
        "Outputs": outputs,
        "Tags": stack.tags,
    }


def _parameters(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]


def _describe_stack_events(stacks: Stacks, asked: Any) -> Answer:
    return {"StackEvents": stacks.find(asked["StackName"]).events}


def _delete_stack(stacks: Stacks, asked: Any) -> Answer:
    stacks.delete(asked["StackName"])
    return {}


_OPERATIONS: dict[str, Callable[[Stacks, Any], Answer]] = {
    "create_change_set": _create_change_set,
    "describe_change_set": _describe_change_set,
    "delete_change_set": _delete_change_set,
    "execute_change_set": _execute_change_set,
    "describe_stacks": _describe_stacks,
    "describe_stack_events": _describe_stack_events,
    "delete_stack": _delete_stack,
}
