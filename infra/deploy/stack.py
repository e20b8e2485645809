"""The CloudFormation stack of the stage's resources: its status, change sets, their execution, its removal."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from infra import stages, template
from infra.deploy import network, parameters, pool_clients
from infra.deploy.errors import DeployError, RefusedError, message_of
from infra.deploy.target import Target
from infra.deploy.template_upload import TemplateUpload
from infra.stages import Place

_POLL_SECONDS = 3.0
_NOT_THERE = "does not exist"
_NOTHING_CHANGES = ("didn't contain changes", "No updates are to be performed")
# Reasons that only follow from the failure of another resource.
_CONSEQUENCES = ("Resource creation cancelled", "Resource update cancelled")
_REVIEW = "REVIEW_IN_PROGRESS"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ResourceChange:
    """What a change set does to a resource: "Add", "Modify", "Remove" or "Import"; `replaced` if by a new one."""

    action: str
    logical_id: str
    kind: str
    replaced: bool = False


@dataclass(frozen=True)
class ChangeSet:
    """A change set that can be executed. `arn` is None if nothing would change."""

    arn: str | None
    changes: Sequence[ResourceChange] = field(default_factory=list)

    @property
    def imports(self) -> bool:
        return any(each.action == "Import" for each in self.changes)


class Stack:
    """The stack of a stage's resources."""

    def __init__(self, target: Target) -> None:
        self.name = f"darkroom-{target.stage}-resources"
        self._target = target
        self._cloudformation = target.client("cloudformation")
        self.template_upload = TemplateUpload(target, self.name)

    # -------------------------------------------------------------------- status

    def status(self) -> str | None:
        """CloudFormation's status of the stack; None if there is no stack."""
        stack = self._describe()
        return None if stack is None else str(stack["StackStatus"])

    def exists(self) -> bool:
        """Whether the stack has resources. A stack that is only under review has none."""
        return self.status() not in (None, _REVIEW)

    def outputs(self) -> dict[str, str]:
        stack = self._describe() or {}
        return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}

    def check(self) -> None:
        """Raises:
        RefusedError: a deploy cannot start from its status.
        """
        status = self.status()
        if status is not None:
            reason = why_not_deployable(self.name, status, self._target.place, self._reason)
            if reason:
                raise RefusedError(reason)

    def _describe(self) -> dict[str, Any] | None:
        try:
            stack: dict[str, Any] = self._cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            if _NOT_THERE in message_of(error):
                return None
            raise
        return None if stack["StackStatus"] == "DELETE_COMPLETE" else stack

    # -------------------------------------------------------------- change sets

    def prepare(self, to_import: Mapping[str, Mapping[str, str]] | None = None, former: str | None = None) -> ChangeSet:
        """Creates a change set to the current template or, with `to_import`, one that imports those resources.

        `former` is the new state of the user pool's client without a secret; by default it stays as it is.

        Raises:
            DeployError: CloudFormation refuses the template.
        """
        complete = network.with_available_endpoints(
            self._target, template.complete(self._target.stage, self._target.config)
        )
        document = complete if to_import is None else _import_document(complete, to_import)
        kind = ("UPDATE" if self.exists() else "CREATE") if to_import is None else "IMPORT"
        arguments = {
            "StackName": self.name,
            "ChangeSetName": f"deploy-{uuid.uuid4().hex}",
            "ChangeSetType": kind,
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
            "Parameters": parameters.parameters_of(
                self._target, document, former or pool_clients.former_client_state(self._target, self.outputs())
            ),
            "Tags": [{"Key": "Environment", "Value": self._target.stage}, {"Key": "Service", "Value": "darkroom"}],
            **self.template_upload.argument(document),
        }
        if to_import is not None:
            arguments["ResourcesToImport"] = [
                {
                    "ResourceType": complete["Resources"][logical_id]["Type"],
                    "LogicalResourceId": logical_id,
                    "ResourceIdentifier": dict(identifier),
                }
                for logical_id, identifier in to_import.items()
            ]
        arn: str = self._cloudformation.create_change_set(**arguments)["Id"]
        return self._wait_for_change_set(arn)

    def _wait_for_change_set(self, arn: str) -> ChangeSet:
        while True:
            change_set = self._cloudformation.describe_change_set(ChangeSetName=arn)
            if change_set["Status"] == "CREATE_COMPLETE":
                return ChangeSet(arn, list(self._changes(arn)))
            if change_set["Status"] == "FAILED":
                reason = change_set.get("StatusReason", "no reason given")
                if any(words in reason for words in _NOTHING_CHANGES):
                    self._cloudformation.delete_change_set(ChangeSetName=arn)
                    return ChangeSet(None)
                self.discard(ChangeSet(arn))
                raise DeployError(f"CloudFormation refuses the template of {self.name}: {reason}")
            time.sleep(_POLL_SECONDS)

    def _changes(self, arn: str) -> Iterator[ResourceChange]:
        token: dict[str, str] = {}
        while True:
            page = self._cloudformation.describe_change_set(ChangeSetName=arn, **token)
            for each in page.get("Changes", ()):
                change = each["ResourceChange"]
                replaced = change.get("Replacement") in ("True", "Conditional")
                yield ResourceChange(change["Action"], change["LogicalResourceId"], change["ResourceType"], replaced)
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}

    def discard(self, change_set: ChangeSet) -> None:
        """Deletes a change set, and the stack and the bucket if they were created only for it."""
        if change_set.arn is not None:
            self._cloudformation.delete_change_set(ChangeSetName=change_set.arn)
        if self.status() == _REVIEW:
            self._cloudformation.delete_stack(StackName=self.name)
        self.template_upload.discard()

    def execute(self, change_set: ChangeSet, progress: Progress) -> None:
        """Raises:
        DeployError: a resource could not be created or changed. CloudFormation has rolled back.
        """
        if change_set.arn is None:
            return
        seen = {each["EventId"] for each in self._events()}
        # After a failure, new resources are removed although the template retains them. They are empty.
        options = {} if change_set.imports else {"RetainExceptOnCreate": True}
        self._cloudformation.execute_change_set(ChangeSetName=change_set.arn, **options)
        self._wait(seen, len(change_set.changes), progress)

    def _wait(self, seen: set[str], expected: int, progress: Progress) -> None:
        while True:
            since = [each for each in self._events() if each["EventId"] not in seen]
            status = self.status()
            # Until the first event the status may be the one of before.
            if since and (status is None or not status.endswith("_IN_PROGRESS")):
                break
            done = {each["LogicalResourceId"] for each in since if each["ResourceStatus"].endswith("_COMPLETE")}
            progress(f"{len(done)} of {expected} resources")
            time.sleep(_POLL_SECONDS)
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"):
            raise DeployError(
                f"The stack {self.name} is {status}{self._reason(seen)}. "
                + (
                    f"Fix that, then `python -m infra destroy --stage {self._target.stage}` and deploy again."
                    if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED")
                    else "Fix that and run this again: the resources are as they were before."
                )
            )

    # ------------------------------------------------------------------ removal

    def delete(self, progress: Progress) -> None:
        """Removes the stack. Resources that the template retains stay.

        Raises:
            DeployError: a resource could not be removed.
        """
        if self.status() is None:
            return
        seen = {each["EventId"] for each in self._events()}
        self._cloudformation.delete_stack(StackName=self.name)
        while (status := self.status()) is not None:
            if status == "DELETE_FAILED":
                raise DeployError(
                    f"The stack {self.name} is {status}{self._reason(seen)}. Fix that and run this again."
                )
            progress(self.name)
            time.sleep(_POLL_SECONDS)

    # -------------------------------------------------------------------- events

    def _events(self) -> list[dict[str, Any]]:
        """The events of the stack, the latest first."""
        try:
            pages = self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=self.name)
            return [event for page in pages for event in page["StackEvents"]]
        except ClientError as error:
            if _NOT_THERE in message_of(error):
                return []
            raise

    def _reason(self, seen: set[str] | None = None) -> str:
        """The first failures of the last run, as a part of a sentence."""
        failures = [
            f"{each['LogicalResourceId']}: {each['ResourceStatusReason'].rstrip('.')}"
            for each in reversed(self._events())
            if each["EventId"] not in (seen or set())
            and each["ResourceStatus"].endswith("_FAILED")
            and each.get("ResourceStatusReason")
            and not each["ResourceStatusReason"].startswith(_CONSEQUENCES)
        ]
        return f", because of {'; '.join(failures[:3])}" if failures else ""


def why_not_deployable(name: str, status: str, place: Place, reason: Callable[[], str]) -> str:
    """Why a deploy cannot start from a stack's status, and what to do; "" if it can.

    `reason` returns the failures as a part of a sentence.
    """
    if status == _REVIEW or (status.endswith("_COMPLETE") and status != "ROLLBACK_COMPLETE"):
        return ""
    arguments = f"--stack-name {name} --region {place.region}"
    if status.endswith("_IN_PROGRESS"):
        return (
            f"The stack {name} is {status}: another deploy or destroy is running. Wait until it has ended "
            f"(`aws cloudformation describe-stacks {arguments}`), then run this again."
        )
    if status == "UPDATE_ROLLBACK_FAILED":
        return (
            f"The stack {name} is {status}{reason()}. Fix that, then run "
            f"`aws cloudformation continue-update-rollback {arguments}`, wait for it, and run this again."
        )
    return (
        f"The stack {name} is {status}{reason()}. It was never created completely and cannot be updated. Fix that, "
        f"remove it with `python -m infra destroy --stage {place.stage}`, and deploy again."
    )


def _import_document(complete: Mapping[str, Any], to_import: Mapping[str, Any]) -> dict[str, Any]:
    """The template with only those resources, for an import. It may not refer to resources that do not exist yet."""
    imported = {name: each for name, each in complete["Resources"].items() if name in to_import}
    decided = _decided(imported, {stages.KEY_CONDITION: stages.KEY in to_import})
    return {**{name: each for name, each in complete.items() if name != "Outputs"}, "Resources": decided}


def _decided(value: Any, conditions: Mapping[str, bool]) -> Any:
    """The value with the `Fn::If` of those conditions resolved."""
    if isinstance(value, list):
        return [_decided(each, conditions) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Fn::If"} and value["Fn::If"][0] in conditions:
        condition, yes, no = value["Fn::If"]
        return _decided(yes if conditions[condition] else no, conditions)
    return {name: _decided(each, conditions) for name, each in value.items()}
