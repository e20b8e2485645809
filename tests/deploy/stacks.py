"""CloudFormation's stacks and change sets, in the states that AWS gives them."""

import itertools
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.aws import ACCOUNT, REGION
from local.cloudformation.properties import Resource
from local.errors import ProvisionError
from tests.deploy.provisioning import FailedError, Provisioning, replaces
from tests.deploy.templates import InvalidError, Reading

# The limit of a template in the request; a longer one must be in S3 ("AWS CloudFormation quotas").
LARGEST_BODY = 51_200
NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
# From these states only deletion is possible ("Stack status codes").
_DEAD = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", "REVIEW_IN_PROGRESS"}

_numbers = itertools.count(1)


class RefusedError(Exception):
    """An error of CloudFormation: code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass
class Change:
    """What a change set does to one resource."""

    action: str
    name: str
    kind: str
    replacement: str | None = None
    # Its identifier in an import.
    identifier: Mapping[str, str] = field(default_factory=dict)


@dataclass
class ChangeSet:
    """A template and its parameters, compared with the current resources."""

    id: str
    name: str
    template: dict[str, Any]
    reading: Reading
    changes: list[Change]
    status: str
    reason: str


@dataclass
class Stack:
    """A stack of resources."""

    name: str
    id: str
    status: str = "REVIEW_IN_PROGRESS"
    reason: str = ""
    template: dict[str, Any] = field(default_factory=lambda: {"Resources": {}})
    parameters: dict[str, str] = field(default_factory=dict)
    # As `Reading.described` describes them.
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    made: dict[str, Resource] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    tags: list[dict[str, str]] = field(default_factory=list)
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)

    def note(self, status: str, reason: str = "", resource: str = "") -> None:
        """Adds an event. Without a resource it is an event of the stack and sets its state."""
        kind = self._kind(resource)
        event = {
            "StackId": self.id,
            "EventId": f"{next(_numbers)}-{uuid.uuid4()}",
            "StackName": self.name,
            "LogicalResourceId": resource or self.name,
            "PhysicalResourceId": self.made[resource].ref if resource in self.made else "" if resource else self.id,
            "ResourceType": kind,
            "Timestamp": datetime.now(UTC).replace(tzinfo=None),
            "ResourceStatus": status,
            **({"ResourceStatusReason": reason} if reason else {}),
        }
        self.events.insert(0, event)
        if not resource:
            self.status, self.reason = status, reason

    def _kind(self, resource: str) -> str:
        return str(self.resources[resource]["Type"]) if resource in self.resources else "AWS::CloudFormation::Stack"


class Stacks:
    """All stacks of the account. Deleted ones are found only by id."""

    def __init__(self, provisioning: Provisioning) -> None:
        self._provisioning = provisioning
        self._stacks: list[Stack] = []

    def clear(self) -> None:
        self._stacks.clear()

    def find(self, name: str) -> Stack:
        for stack in reversed(self._stacks):
            if name == stack.id or (name == stack.name and stack.status != "DELETE_COMPLETE"):
                return stack
        raise RefusedError("ValidationError", f"Stack with id {name} does not exist")

    def existing(self) -> list[Stack]:
        return [stack for stack in self._stacks if stack.status != "DELETE_COMPLETE"]

    # ------------------------------------------------------------ change sets

    def propose(
        self,
        stack_name: str,
        name: str,
        kind: str,
        body: str | None,
        given: Mapping[str, str | None],
        capabilities: list[str],
        tags: list[dict[str, str]],
        imported: Mapping[str, Mapping[str, str]],
    ) -> tuple[ChangeSet, Stack]:
        """Creates a change set. None means the current value of a parameter, or the current template."""
        stack = self._to_change(stack_name, kind)
        template = stack.template if body is None else _parsed(body)
        values = {key: stack.parameters[key] if value is None else value for key, value in given.items()}
        _demand(capabilities, template)
        try:
            reading = Reading(template, values)
        except InvalidError as fault:
            raise RefusedError("ValidationError", str(fault)) from None
        if stack not in self._stacks:
            self._stacks.append(stack)
            stack.note("REVIEW_IN_PROGRESS", "User Initiated")
        stack.tags = tags or stack.tags
        if name in stack.change_sets:
            raise RefusedError("AlreadyExistsException", f"ChangeSet {name} already exists")
        described = reading.described()
        changes = _imports(stack, described, imported) if kind == "IMPORT" else _changes(stack.resources, described)
        status, reason = ("CREATE_COMPLETE", "") if changes else ("FAILED", NO_CHANGES)
        identity = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/{name}/{uuid.uuid4()}"
        made = ChangeSet(identity, name, template, reading, changes, status, reason)
        stack.change_sets[name] = made
        return made, stack

    def _to_change(self, name: str, kind: str) -> Stack:
        fresh = Stack(name, f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/{uuid.uuid4()}")
        if kind in ("CREATE", "IMPORT") and name not in [each.name for each in self.existing()]:
            return fresh
        if kind == "CREATE":
            stack = self.find(name)
            if stack.status != "REVIEW_IN_PROGRESS":
                raise RefusedError("ValidationError", f"Stack [{name}] already exists and cannot be created again.")
            return stack
        stack = self.find(name)
        reviewed = kind == "IMPORT" and stack.status == "REVIEW_IN_PROGRESS"
        if reviewed:
            return stack
        if stack.status in _DEAD or stack.status.endswith("_IN_PROGRESS"):
            raise RefusedError(
                "ValidationError", f"Stack:{stack.id} is in {stack.status} state and can not be updated."
            )
        return stack

    def change_set(self, name: str, stack_name: str | None) -> tuple[ChangeSet, Stack]:
        stacks = self.existing() if stack_name is None else [self.find(stack_name)]
        for stack in stacks:
            for each in stack.change_sets.values():
                if name in (each.id, each.name):
                    return each, stack
        raise RefusedError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist")

    def drop(self, name: str, stack_name: str | None) -> None:
        change_set, stack = self.change_set(name, stack_name)
        del stack.change_sets[change_set.name]

    def execute(self, name: str, stack_name: str | None, drop_retained: bool) -> None:
        """Executes a change set, and rolls back after a failure.

        `drop_retained` (RetainExceptOnCreate): what is new is taken back though it is to be retained.
        """
        change_set, stack = self.change_set(name, stack_name)
        if change_set.status != "CREATE_COMPLETE":
            message = f"ChangeSet [{change_set.id}] cannot be executed in its current status of [{change_set.status}]"
            raise RefusedError("InvalidChangeSetStatus", message)
        stack.change_sets.clear()
        if any(each.identifier for each in change_set.changes):
            self._import(stack, change_set)
        elif stack.status == "REVIEW_IN_PROGRESS":
            self._create(stack, change_set, drop_retained)
        else:
            self._update(stack, change_set, drop_retained)

    def _create(self, stack: Stack, change_set: ChangeSet, drop_retained: bool) -> None:
        stack.resources = change_set.reading.described()
        stack.note("CREATE_IN_PROGRESS", "User Initiated")
        fault = self._make(stack, change_set.reading, {})
        if fault is None:
            _settle(stack, change_set)
            stack.note("CREATE_COMPLETE")
            return
        stack.note("ROLLBACK_IN_PROGRESS", fault)
        self._take_back(stack, list(stack.made), drop_retained)
        stack.note("ROLLBACK_FAILED" if stack.made else "ROLLBACK_COMPLETE")

    def _import(self, stack: Stack, change_set: ChangeSet) -> None:
        before = dict(stack.resources)
        stack.note("IMPORT_IN_PROGRESS", "User Initiated")
        stack.resources = change_set.reading.described()
        for change in change_set.changes:
            stack.note("IMPORT_IN_PROGRESS", "", change.name)
            try:
                stack.made[change.name] = self._provisioning.adopt(change.kind, change.identifier)
            except FailedError as fault:
                stack.note("IMPORT_FAILED", str(fault), change.name)
                stack.resources = before
                stack.made = {name: each for name, each in stack.made.items() if name in before}
                stack.note("IMPORT_ROLLBACK_COMPLETE")
                return
            stack.note("IMPORT_COMPLETE", "", change.name)
        _settle(stack, change_set)
        stack.note("IMPORT_COMPLETE")

    def _update(self, stack: Stack, change_set: ChangeSet, drop_retained: bool) -> None:
        before, after = stack.resources, change_set.reading.described()
        stack.note("UPDATE_IN_PROGRESS", "User Initiated")
        stack.resources = {**before, **after}
        fault = self._make(stack, change_set.reading, before)
        if fault is not None:
            stack.note("UPDATE_ROLLBACK_IN_PROGRESS", fault)
            self._take_back(stack, [each for each in stack.made if each not in before], drop_retained)
            stack.resources = before
            stack.note("UPDATE_ROLLBACK_COMPLETE")
            return
        for name in [each for each in reversed(list(stack.made)) if each not in after]:
            self._delete(stack, name)
        _settle(stack, change_set)
        stack.note("UPDATE_COMPLETE")

    def _make(self, stack: Stack, reading: Reading, current: Mapping[str, Any]) -> str | None:
        """Creates and updates resources; returns the error, or None."""
        for name in reading.order():
            resource = stack.resources[name]
            if current.get(name) == resource:
                continue
            doing, kind = "UPDATE" if name in current else "CREATE", resource["Type"]
            stack.note(f"{doing}_IN_PROGRESS", "", name)
            try:
                properties = reading.properties(name, stack.made)
                if name in current:
                    stack.made[name] = self._provisioning.change(name, kind, properties, stack.made[name])
                else:
                    stack.made[name] = self._provisioning.make(name, kind, properties)
            except (FailedError, ProvisionError) as fault:
                stack.note(f"{doing}_FAILED", str(fault), name)
                return f"The following resource(s) failed to {doing.lower()}: [{name}]. "
            stack.note(f"{doing}_COMPLETE", "", name)
        return None

    # ------------------------------------------------------------ removal

    def delete(self, name: str) -> None:
        """Removes all resources that are not retained, if the stack exists."""
        try:
            stack = self.find(name)
        except RefusedError:
            return
        stack.note("DELETE_IN_PROGRESS", "User Initiated")
        for each in reversed(list(stack.made)):
            self._delete(stack, each)
        if stack.made:
            stack.note("DELETE_FAILED", f"The following resource(s) failed to delete: [{', '.join(stack.made)}]. ")
        else:
            stack.note("DELETE_COMPLETE")

    def _take_back(self, stack: Stack, names: list[str], drop_retained: bool) -> None:
        """Removes new resources. By default CloudFormation retains them here too ("DeletionPolicy")."""
        for name in reversed(names):
            policy = stack.resources[name].get("DeletionPolicy")
            self._remove(stack, name, retained=policy == "Retain" and not drop_retained)

    def _delete(self, stack: Stack, name: str) -> None:
        policy = stack.resources[name].get("DeletionPolicy", "Delete")
        self._remove(stack, name, retained=policy.startswith("Retain"))

    def _remove(self, stack: Stack, name: str, *, retained: bool) -> None:
        """Resources that cannot be removed stay in the stack."""
        if retained:
            stack.note("DELETE_SKIPPED", "", name)
            del stack.made[name]
            return
        stack.note("DELETE_IN_PROGRESS", "", name)
        try:
            self._provisioning.remove(stack.resources[name]["Type"], stack.made[name])
        except FailedError as fault:
            stack.note("DELETE_FAILED", str(fault), name)
            return
        stack.note("DELETE_COMPLETE", "", name)
        del stack.made[name]


def _parsed(body: str) -> dict[str, Any]:
    try:
        template = json.loads(body)
    except ValueError:
        raise RefusedError("ValidationError", "Template format error: JSON not well-formed.") from None
    if "Resources" not in template:
        raise RefusedError("ValidationError", "Template format error: At least one Resources member must be defined.")
    return dict(template)


def _demand(capabilities: list[str], template: Mapping[str, Any]) -> None:
    named = [each for each in template["Resources"].values() if each["Type"] == "AWS::IAM::Role"]
    if named and "CAPABILITY_NAMED_IAM" not in capabilities:
        raise RefusedError("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_NAMED_IAM]")


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    added = [Change("Add", name, each["Type"]) for name, each in after.items() if name not in before]
    removed = [Change("Remove", name, each["Type"]) for name, each in before.items() if name not in after]
    modified = [
        Change("Modify", name, each["Type"], str(replaces(before[name], each)))
        for name, each in after.items()
        if name in before and before[name] != each
    ]
    return [*added, *modified, *removed]


def _imports(stack: Stack, after: Mapping[str, Any], imported: Mapping[str, Mapping[str, str]]) -> list[Change]:
    if after.keys() != stack.resources.keys() | imported.keys():
        message = (
            "As part of the import operation, you cannot modify or add [Outputs] or resources that are not imported"
        )
        raise RefusedError("ValidationError", message)
    if lacking := [name for name in imported if "DeletionPolicy" not in after[name]]:
        raise RefusedError("ValidationError", f"Resources [{', '.join(lacking)}] must have a DeletionPolicy.")
    return [Change("Import", name, after[name]["Type"], None, each) for name, each in imported.items()]


def _settle(stack: Stack, change_set: ChangeSet) -> None:
    stack.resources, stack.template = change_set.reading.described(), change_set.template
    stack.parameters = change_set.reading.parameters
    stack.outputs = change_set.reading.outputs(stack.made)
