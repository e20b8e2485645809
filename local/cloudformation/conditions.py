"""A template's conditions: which resources exist, and which branches of Fn::If apply."""

from collections.abc import Callable, Mapping
from typing import Any

from local.errors import ProvisionError

_NOTHING = {"Ref": "AWS::NoValue"}


class Conditions:
    """A template's conditions for the values of its parameters."""

    def __init__(self, declared: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        self._declared = declared
        self._values = values

    def is_met(self, name: str) -> bool:
        """Whether a condition is true.

        Raises:
            ProvisionError: the template has no such condition, or it uses a function that is not supported.
        """
        if name not in self._declared:
            raise ProvisionError(f"The template has no condition {name}.")
        return self._is_true(self._declared[name])

    def _is_true(self, expression: Any) -> bool:
        if isinstance(expression, dict) and len(expression) == 1:
            ((name, argument),) = expression.items()
            if name in _FUNCTIONS:
                return _FUNCTIONS[name](self, argument)
        raise ProvisionError(f"The condition {expression!r} is not supported.")

    def _are_equal(self, sides: list[Any]) -> bool:
        left, right = (str(self._values[each["Ref"]]) if isinstance(each, dict) else str(each) for each in sides)
        return left == right

    def select(self, parts: Mapping[str, Any]) -> dict[str, Any]:
        """The resources or outputs whose conditions are met, without their conditions."""
        return {
            name: {key: self.resolve(value) for key, value in each.items() if key != "Condition"}
            for name, each in parts.items()
            if "Condition" not in each or self.is_met(each["Condition"])
        }

    def resolve(self, value: Any) -> Any:
        """A piece of template with each `Fn::If` replaced by its branch, and without `AWS::NoValue`."""
        if isinstance(value, list):
            return [each for each in map(self.resolve, value) if each != _NOTHING]
        if not isinstance(value, dict):
            return value
        if "Fn::If" in value:
            name, then, otherwise = value["Fn::If"]
            return self.resolve(then if self.is_met(name) else otherwise)
        resolved = {key: self.resolve(each) for key, each in value.items()}
        return {key: each for key, each in resolved.items() if each != _NOTHING}


_FUNCTIONS: dict[str, Callable[[Conditions, Any], bool]] = {
    "Condition": Conditions.is_met,
    "Fn::Equals": Conditions._are_equal,
    "Fn::Not": lambda self, inner: not self._is_true(inner[0]),
    "Fn::And": lambda self, inner: all(map(self._is_true, inner)),
    "Fn::Or": lambda self, inner: any(map(self._is_true, inner)),
}
