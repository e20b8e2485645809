"""infra's template in the embedded AWS: references resolved, resources made in the order of their dependencies."""

import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from local.conditions import Conditions
from local.errors import ProvisionError
from local.properties import Client, Made, Properties
from local.resources import TYPES

_PLACEHOLDER = re.compile(r"\$\{([^!{}][^{}]*)\}")
# What concerns CloudFormation's own dealings with a resource and means nothing to the resource.
_OF_CLOUDFORMATION = {"Type", "Properties", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy", "Metadata"}


def provision(
    template: Mapping[str, Any], parameters: Mapping[str, str], client: Client, pseudo: Mapping[str, str]
) -> dict[str, Made]:
    """Make all that the template describes; by logical id, what was made."""
    values = _parameters(template.get("Parameters", {}), parameters) | dict(pseudo)
    resources = Conditions(template.get("Conditions", {}), values).kept(template["Resources"])
    made: dict[str, Made] = {}
    for logical_id in in_order(resources):
        resource = resources[logical_id]
        kind = resource["Type"]
        if kind not in TYPES:
            raise ProvisionError(f"{logical_id}: the machine has no meaning for the resource type {kind}.")
        if unknown := set(resource) - _OF_CLOUDFORMATION:
            raise ProvisionError(f"{logical_id}: the machine has no meaning for {', '.join(sorted(unknown))}.")
        properties = Properties(logical_id, kind, resolve(resource.get("Properties", {}), values, made))
        made[logical_id] = _make(logical_id, kind, client, properties)
    return made


def _make(logical_id: str, kind: str, client: Client, properties: Properties) -> Made:
    try:
        made = TYPES[kind](client, properties)
    except ProvisionError:
        raise
    except Exception as fault:
        raise ProvisionError(f"{logical_id} ({kind}): {fault}") from fault
    properties.done()
    return made


def _parameters(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    values = {name: parameter["Default"] for name, parameter in declared.items() if "Default" in parameter}
    values |= {name: value for name, value in given.items() if name in declared}
    if missing := set(declared) - set(values):
        raise ProvisionError(f"The template wants a value for {', '.join(sorted(missing))}.")
    return values


def in_order(resources: Mapping[str, Any]) -> list[str]:
    graph = {name: set(references(resource)) & set(resources) for name, resource in resources.items()}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as fault:
        raise ProvisionError(f"Resources that need each other: {' → '.join(fault.args[1])}.") from fault


def references(value: Any) -> Iterator[str]:
    """The names that a piece of template mentions; names of parameters among them."""
    if isinstance(value, list):
        for each in value:
            yield from references(each)
    if not isinstance(value, dict):
        return
    for key, each in value.items():
        if key == "Ref":
            yield each
        elif key == "Fn::GetAtt":
            yield each[0]
        elif key == "DependsOn":
            yield from [each] if isinstance(each, str) else each
        elif key == "Fn::Sub":
            text = each if isinstance(each, str) else each[0]
            yield from (name.partition(".")[0] for name in _PLACEHOLDER.findall(text))
            yield from references([] if isinstance(each, str) else each[1])
        else:
            yield from references(each)


def resolve(value: Any, values: Mapping[str, Any], made: Mapping[str, Made]) -> Any:
    if isinstance(value, list):
        return [resolve(each, values, made) for each in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((name, argument),) = value.items()
        if name == "Ref":
            return _ref(argument, values, made)
        if name == "Fn::GetAtt":
            return _attribute(argument[0], argument[1], made)
        if name == "Fn::Sub":
            return _substituted(argument, values, made)
        if name == "Fn::Split":
            separator, text = argument
            return str(resolve(text, values, made)).split(separator)
        if name.startswith("Fn::"):
            raise ProvisionError(f"The machine has no meaning for the function {name}.")
    return {key: resolve(each, values, made) for key, each in value.items()}


def _ref(name: str, values: Mapping[str, Any], made: Mapping[str, Made]) -> Any:
    if name in made:
        return made[name].ref
    if name in values:
        return values[name]
    raise ProvisionError(f"The template refers to {name}, which is nowhere.")


def _attribute(name: str, attribute: str, made: Mapping[str, Made]) -> str:
    if name not in made or attribute not in made[name].attributes:
        raise ProvisionError(f"The template asks for {name}.{attribute}, which the machine does not know.")
    return made[name].attributes[attribute]


def _substituted(argument: Any, values: Mapping[str, Any], made: Mapping[str, Made]) -> str:
    text, own = (argument, {}) if isinstance(argument, str) else argument
    known = dict(values) | {name: resolve(value, values, made) for name, value in own.items()}

    def fill(match: re.Match[str]) -> str:
        name, _, attribute = match[1].partition(".")
        return _attribute(name, attribute, made) if attribute else str(_ref(name, known, made))

    return _PLACEHOLDER.sub(fill, text).replace("${!", "${")
