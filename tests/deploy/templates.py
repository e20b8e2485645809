"""CloudFormation's processing of a template: checks parameters, resolves conditions, compares with another."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from local.aws import ACCOUNT, REGION
from local.cloudformation.conditions import Conditions
from local.cloudformation.properties import Resource
from local.cloudformation.provision import in_order, references, resolve
from local.errors import ProvisionError

PSEUDO = {
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}


class InvalidError(Exception):
    """CloudFormation refuses the template before any change."""


class Reading:
    """A template with the values of its parameters."""

    def __init__(self, template: Mapping[str, Any], given: Mapping[str, str]) -> None:
        """Raises InvalidError: a parameter or a reference is invalid."""
        self.parameters = _parameters(template.get("Parameters", {}), given)
        self.values = {**PSEUDO, **self.parameters}
        try:
            conditions = Conditions(template.get("Conditions", {}), self.values)
            self.resources: dict[str, Any] = conditions.select(template["Resources"])
            self._outputs = conditions.select(template.get("Outputs", {}))
        except ProvisionError as fault:
            raise InvalidError(f"Template error: {fault}") from None
        known = {*self.resources, *self.values}
        if unknown := set(references([*self.resources.values(), *self._outputs.values()])) - known:
            raise InvalidError(f"Unresolved resource dependencies [{', '.join(sorted(unknown))}] in the template")

    def order(self) -> list[str]:
        """The resources' names, each after those that it depends on."""
        return in_order(self.resources)

    def described(self) -> dict[str, Any]:
        """Each resource with resolved values, for comparison. Placeholders replace values that are still unknown."""
        marks = _Marks(self.resources)
        return {name: resolve(each, self.values, marks) for name, each in self.resources.items()}

    def properties(self, name: str, made: Mapping[str, Resource]) -> dict[str, Any]:
        """The properties of a resource whose references all exist."""
        found: dict[str, Any] = resolve(self.resources[name].get("Properties", {}), self.values, made)
        return found

    def outputs(self, made: Mapping[str, Resource]) -> dict[str, str]:
        """The outputs of the template."""
        return {name: str(resolve(each["Value"], self.values, made)) for name, each in self._outputs.items()}


def _parameters(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    if unknown := given.keys() - declared.keys():
        raise InvalidError(f"Parameters: [{', '.join(sorted(unknown))}] do not exist in the template")
    values = {name: str(each["Default"]) for name, each in declared.items() if "Default" in each} | dict(given)
    if missing := declared.keys() - values.keys():
        raise InvalidError(f"Parameters: [{', '.join(sorted(missing))}] must have values")
    for name, each in declared.items():
        if "AllowedValues" in each and values[name] not in map(str, each["AllowedValues"]):
            raise InvalidError(f"Parameter '{name}' must be one of AllowedValues")
        if "AllowedPattern" in each and re.fullmatch(each["AllowedPattern"], values[name]) is None:
            raise InvalidError(f"Parameter {name} failed to satisfy constraint: {each['AllowedPattern']}")
        if each["Type"] == "Number" and re.fullmatch(r"-?\d+(\.\d+)?", values[name]) is None:
            raise InvalidError(f"Parameter '{name}' must be a number")
    return values


class _Marks(Mapping[str, Resource]):
    """Resources that all exist, each with a placeholder as its id."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names

    def __getitem__(self, name: str) -> Resource:
        if name not in self._names:
            raise KeyError(name)
        return Resource(f"<{name}>", _Attributes(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class _Attributes(dict[str, str]):
    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def __contains__(self, attribute: object) -> bool:
        return True

    def __missing__(self, attribute: str) -> str:
        return f"<{self._name}.{attribute}>"
