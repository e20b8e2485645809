"""Create the resources of a template in the order of their dependencies, with all references resolved."""

import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from local.cloudformation.conditions import Conditions
from local.cloudformation.properties import Client, Properties, Resource
from local.cloudformation.resources import TYPES
from local.errors import ProvisionError

_PLACEHOLDER = re.compile(r"\$\{([^!{}][^{}]*)\}")
# Attributes that only CloudFormation itself uses.
_RESOURCE_ATTRIBUTES = {"Type", "Properties", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy", "Metadata"}


def provision(
    template: Mapping[str, Any], parameters: Mapping[str, str], client: Client, pseudo: Mapping[str, str]
) -> dict[str, Resource]:
    """Create all resources of the template; the resources by logical id.

    Raises:
        ProvisionError: the template uses something that is not supported, or a call fails.
    """
    values = _parameters(template.get("Parameters", {}), parameters) | dict(pseudo)
    declared = Conditions(template.get("Conditions", {}), values).select(template["Resources"])
    created: dict[str, Resource] = {}
    for logical_id in in_order(declared):
        resource = declared[logical_id]
        kind = resource["Type"]
        if kind not in TYPES:
            raise ProvisionError(f"{logical_id}: the resource type {kind} is not supported.")
        if unknown := set(resource) - _RESOURCE_ATTRIBUTES:
            raise ProvisionError(f"{logical_id}: not supported: {', '.join(sorted(unknown))}.")
        properties = Properties(logical_id, kind, resolve(resource.get("Properties", {}), values, created))
        created[logical_id] = _create(logical_id, kind, client, properties)
    return created


def _create(logical_id: str, kind: str, client: Client, properties: Properties) -> Resource:
    try:
        resource = TYPES[kind](client, properties)
    except ProvisionError:
        raise
    except Exception as error:
        raise ProvisionError(f"{logical_id} ({kind}): {error}") from error
    properties.check_all_taken()
    return resource


def _parameters(declared: Mapping[str, Any], arguments: Mapping[str, str]) -> dict[str, Any]:
    values = {name: parameter["Default"] for name, parameter in declared.items() if "Default" in parameter}
    values |= {name: value for name, value in arguments.items() if name in declared}
    if missing := set(declared) - set(values):
        raise ProvisionError(f"The template wants a value for {', '.join(sorted(missing))}.")
    return values


def in_order(resources: Mapping[str, Any]) -> list[str]:
    """The logical ids in the order of creation."""
    graph = {name: set(references(resource)) & set(resources) for name, resource in resources.items()}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise ProvisionError(f"Resources that need each other: {' → '.join(error.args[1])}.") from error


def references(value: Any) -> Iterator[str]:
    """The resources and parameters that a piece of template refers to."""
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


def resolve(value: Any, values: Mapping[str, Any], created: Mapping[str, Resource]) -> Any:
    """A piece of template with its functions replaced by their values; `values` are the parameters' values."""
    if isinstance(value, list):
        return [resolve(each, values, created) for each in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((name, argument),) = value.items()
        if name == "Ref":
            return _ref(argument, values, created)
        if name == "Fn::GetAtt":
            return _attribute(argument[0], argument[1], created)
        if name == "Fn::Sub":
            return _sub(argument, values, created)
        if name == "Fn::Split":
            separator, text = argument
            return str(resolve(text, values, created)).split(separator)
        if name.startswith("Fn::"):
            raise ProvisionError(f"The function {name} is not supported.")
    return {key: resolve(each, values, created) for key, each in value.items()}


def _ref(name: str, values: Mapping[str, Any], created: Mapping[str, Resource]) -> Any:
    if name in created:
        return created[name].ref
    if name in values:
        return values[name]
    raise ProvisionError(f"The template refers to {name}, which does not exist.")


def _attribute(name: str, attribute: str, created: Mapping[str, Resource]) -> str:
    if name not in created or attribute not in created[name].attributes:
        raise ProvisionError(f"The attribute {name}.{attribute} is not supported.")
    return created[name].attributes[attribute]


def _sub(argument: Any, values: Mapping[str, Any], created: Mapping[str, Resource]) -> str:
    text, variables = (argument, {}) if isinstance(argument, str) else argument
    all_values = dict(values) | {name: resolve(value, values, created) for name, value in variables.items()}

    def replacement(match: re.Match[str]) -> str:
        name, _, attribute = match[1].partition(".")
        return _attribute(name, attribute, created) if attribute else str(_ref(name, all_values, created))

    return _PLACEHOLDER.sub(replacement, text).replace("${!", "${")
