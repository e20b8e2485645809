"""The stage's resources in CloudFormation: what a change set would change, its execution, and what came of it."""

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
# What follows from another resource's failure and explains nothing.
_CONSEQUENCES = ("Resource creation cancelled", "Resource update cancelled")
_REVIEW = "REVIEW_IN_PROGRESS"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ResourceChange:
    """What a change set does to one resource: "Add", "Modify", "Remove" or "Import"; `replaced` where anew."""

    action: str
    logical_id: str
    kind: str
    replaced: bool = False


@dataclass(frozen=True)
class ChangeSet:
    """A change set that waits to be executed; `arn` is None where nothing would change."""

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
        self.body = TemplateUpload(target, self.name)

    # ------------------------------------------------------------- how it stands

    def status(self) -> str | None:
        """CloudFormation's word for how it stands; None where there is no stack."""
        found = self._described()
        return None if found is None else str(found["StackStatus"])

    def exists(self) -> bool:
        """Whether there are resources: a stack that is under review alone has none."""
        return self.status() not in (None, _REVIEW)

    def outputs(self) -> dict[str, str]:
        found = self._described() or {}
        return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())}

    def check(self) -> None:
        """Raises:
        RefusedError: it is in no state that a deploy could start from.
        """
        status = self.status()
        if status is not None and (
            hindrance := why_not_deployable(self.name, status, self._target.place, self._because)
        ):
            raise RefusedError(hindrance)

    def _described(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            if _NOT_THERE in message_of(error):
                return None
            raise
        return None if found["StackStatus"] == "DELETE_COMPLETE" else found

    # -------------------------------------------------------------- change sets

    def prepare(self, only: Mapping[str, Mapping[str, str]] | None = None, former: str | None = None) -> ChangeSet:
        """A change set to the template as it stands; with `only`, one that takes over those resources.

        `former` is what becomes of the user pool's client without a secret; it goes on as it is where that is not said.

        Raises:
            DeployError: CloudFormation does not take the template.
        """
        whole = network.fitted(self._target, template.complete(self._target.stage, self._target.config))
        document = whole if only is None else _importing(whole, only)
        kind = ("UPDATE" if self.exists() else "CREATE") if only is None else "IMPORT"
        asked = {
            "StackName": self.name,
            "ChangeSetName": f"deploy-{uuid.uuid4().hex}",
            "ChangeSetType": kind,
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
            "Parameters": parameters.parameters_of(
                self._target, document, former or pool_clients.former_client_state(self._target, self.outputs())
            ),
            "Tags": [{"Key": "Environment", "Value": self._target.stage}, {"Key": "Service", "Value": "darkroom"}],
            **self.body.argument(document),
        }
        if only is not None:
            asked["ResourcesToImport"] = [
                {
                    "ResourceType": whole["Resources"][logical_id]["Type"],
                    "LogicalResourceId": logical_id,
                    "ResourceIdentifier": dict(identifier),
                }
                for logical_id, identifier in only.items()
            ]
        arn: str = self._cloudformation.create_change_set(**asked)["Id"]
        return self._made(arn)

    def _made(self, arn: str) -> ChangeSet:
        while True:
            found = self._cloudformation.describe_change_set(ChangeSetName=arn)
            if found["Status"] == "CREATE_COMPLETE":
                return ChangeSet(arn, list(self._changes(arn)))
            if found["Status"] == "FAILED":
                reason = found.get("StatusReason", "it gives no reason")
                if any(words in reason for words in _NOTHING_CHANGES):
                    self._cloudformation.delete_change_set(ChangeSetName=arn)
                    return ChangeSet(None)
                self.discard(ChangeSet(arn))
                raise DeployError(f"CloudFormation does not take the template of {self.name}: {reason}")
            time.sleep(_POLL_SECONDS)

    def _changes(self, arn: str) -> Iterator[ResourceChange]:
        token: dict[str, str] = {}
        while True:
            page = self._cloudformation.describe_change_set(ChangeSetName=arn, **token)
            for each in page.get("Changes", ()):
                change = each["ResourceChange"]
                anew = change.get("Replacement") in ("True", "Conditional")
                yield ResourceChange(change["Action"], change["LogicalResourceId"], change["ResourceType"], anew)
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}

    def discard(self, change_set: ChangeSet) -> None:
        """Takes a change set back, and with it the stack and the bucket that were made for it alone."""
        if change_set.arn is not None:
            self._cloudformation.delete_change_set(ChangeSetName=change_set.arn)
        if self.status() == _REVIEW:
            self._cloudformation.delete_stack(StackName=self.name)
        self.body.discard()

    def execute(self, change_set: ChangeSet, progress: Progress) -> None:
        """Raises:
        DeployError: something could not be made; what was there before is there again.
        """
        if change_set.arn is None:
            return
        seen = {each["EventId"] for each in self._events()}
        # What is new and empty goes again when it fails, though the template retains it: the next run makes it anew.
        anew = {} if change_set.imports else {"RetainExceptOnCreate": True}
        self._cloudformation.execute_change_set(ChangeSetName=change_set.arn, **anew)
        self._wait(seen, len(change_set.changes), progress)

    def _wait(self, seen: set[str], expected: int, progress: Progress) -> None:
        while True:
            since = [each for each in self._events() if each["EventId"] not in seen]
            status = self.status()
            # Until the first event the stack may still stand as it did.
            if since and (status is None or not status.endswith("_IN_PROGRESS")):
                break
            done = {each["LogicalResourceId"] for each in since if each["ResourceStatus"].endswith("_COMPLETE")}
            progress(f"{len(done)} of {expected} resources")
            time.sleep(_POLL_SECONDS)
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"):
            raise DeployError(
                f"The stack {self.name} is {status}{self._because(seen)}. "
                + (
                    f"Remove it by `python -m infra destroy --stage {self._target.stage}`, mend that, and deploy again."
                    if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED")
                    else "Mend that and run this again: the resources are as they were before."
                )
            )

    # ------------------------------------------------------------------ removal

    def delete(self, progress: Progress) -> None:
        """Removes the stack; what the template retains stays.

        Raises:
            DeployError: something could not be removed.
        """
        if self.status() is None:
            return
        seen = {each["EventId"] for each in self._events()}
        self._cloudformation.delete_stack(StackName=self.name)
        while (status := self.status()) is not None:
            if status == "DELETE_FAILED":
                because = self._because(seen)
                raise DeployError(f"The stack {self.name} is {status}{because}. Mend that and run this again.")
            progress(self.name)
            time.sleep(_POLL_SECONDS)

    # -------------------------------------------------------------------- events

    def _events(self) -> list[dict[str, Any]]:
        """What happened to the stack, the latest first."""
        try:
            pages = self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=self.name)
            return [event for page in pages for event in page["StackEvents"]]
        except ClientError as error:
            if _NOT_THERE in message_of(error):
                return []
            raise

    def _because(self, seen: set[str] | None = None) -> str:
        """The first failures of the last run, as a half-sentence."""
        failures = [
            f"{each['LogicalResourceId']}: {each['ResourceStatusReason'].rstrip('.')}"
            for each in reversed(self._events())
            if each["EventId"] not in (seen or set())
            and each["ResourceStatus"].endswith("_FAILED")
            and each.get("ResourceStatusReason")
            and not each["ResourceStatusReason"].startswith(_CONSEQUENCES)
        ]
        return f", because of {'; '.join(failures[:3])}" if failures else ""


def why_not_deployable(name: str, status: str, place: Place, because: Callable[[], str]) -> str:
    """Why no deploy can start from a stack's status, and what to do next; "" where one can.

    `because` tells the failures that led there, as a half-sentence.
    """
    if status == _REVIEW or (status.endswith("_COMPLETE") and status != "ROLLBACK_COMPLETE"):
        return ""
    at = f"--stack-name {name} --region {place.region}"
    if status.endswith("_IN_PROGRESS"):
        return (
            f"The stack {name} is {status}: another deploy or a destroy is under way. Wait until it has ended "
            f"(`aws cloudformation describe-stacks {at}`), then run this again."
        )
    if status == "UPDATE_ROLLBACK_FAILED":
        return (
            f"The stack {name} is {status}{because()}. Mend what is said there, then "
            f"`aws cloudformation continue-update-rollback {at}`, wait for it, and run this again."
        )
    return (
        f"The stack {name} is {status}{because()}. It was never made completely and cannot be updated. Mend what is "
        f"said there, remove it by `python -m infra destroy --stage {place.stage}`, and deploy again."
    )


def _importing(whole: Mapping[str, Any], only: Mapping[str, Any]) -> dict[str, Any]:
    """The template with those resources alone, as an import takes it: nothing in it may name what is not there yet."""
    kept = {name: each for name, each in whole["Resources"].items() if name in only}
    decided = _decided(kept, {stages.KEY_CONDITION: stages.KEY in only})
    return {**{name: each for name, each in whole.items() if name != "Outputs"}, "Resources": decided}


def _decided(value: Any, truths: Mapping[str, bool]) -> Any:
    """The value with those conditions' branches chosen."""
    if isinstance(value, list):
        return [_decided(each, truths) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Fn::If"} and value["Fn::If"][0] in truths:
        condition, yes, no = value["Fn::If"]
        return _decided(yes if truths[condition] else no, truths)
    return {name: _decided(each, truths) for name, each in value.items()}
