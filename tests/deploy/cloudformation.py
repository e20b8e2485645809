"""CloudFormation's API in the embedded AWS. It replaces moto's, which lacks most resource types of the template.

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


def replace_motos(provisioning: Provisioning) -> Stacks:
    """Makes the API use these stacks."""
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


def _create_change_set(stacks: Stacks, arguments: Any) -> Answer:
    body = arguments.get("TemplateBody")
    if body is not None and len(body.encode()) > LARGEST_BODY:
        message = f"1 validation error detected: Value at 'templateBody' failed to satisfy constraint: {LARGEST_BODY}"
        raise RefusedError("ValidationError", message)
    if "TemplateURL" in arguments:
        body = _template_at(arguments["TemplateURL"])
    if body is None and not arguments.get("UsePreviousTemplate"):
        raise RefusedError("ValidationError", "Either Template URL or Template Body must be specified.")
    given = {
        each["ParameterKey"]: None if each.get("UsePreviousValue") else each["ParameterValue"]
        for each in arguments.get("Parameters", [])
    }
    made, stack = stacks.propose(
        arguments["StackName"],
        arguments["ChangeSetName"],
        arguments.get("ChangeSetType", "UPDATE"),
        body,
        given,
        arguments.get("Capabilities", []),
        arguments.get("Tags", []),
        {each["LogicalResourceId"]: each["ResourceIdentifier"] for each in arguments.get("ResourcesToImport", [])},
    )
    return {"Id": made.id, "StackId": stack.id}


def _template_at(url: str) -> str:
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


def _describe_change_set(stacks: Stacks, arguments: Any) -> Answer:
    found, stack = stacks.change_set(arguments["ChangeSetName"], arguments.get("StackName"))
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


def _delete_change_set(stacks: Stacks, arguments: Any) -> Answer:
    stacks.drop(arguments["ChangeSetName"], arguments.get("StackName"))
    return {}


def _execute_change_set(stacks: Stacks, arguments: Any) -> Answer:
    stacks.execute(arguments["ChangeSetName"], arguments.get("StackName"), bool(arguments.get("RetainExceptOnCreate")))
    return {}


def _describe_stacks(stacks: Stacks, arguments: Any) -> Answer:
    found = [stacks.find(arguments["StackName"])] if "StackName" in arguments else stacks.existing()
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


def _describe_stack_events(stacks: Stacks, arguments: Any) -> Answer:
    return {"StackEvents": stacks.find(arguments["StackName"]).events}


def _delete_stack(stacks: Stacks, arguments: Any) -> Answer:
    stacks.delete(arguments["StackName"])
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
