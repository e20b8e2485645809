"""What a template's conditions leave of it: the resources, branches and properties that are there."""

from collections.abc import Callable, Mapping
from typing import Any

from local.errors import ProvisionError

_NOTHING = {"Ref": "AWS::NoValue"}


class Conditions:
    """A template's conditions under the values of its parameters."""

    def __init__(self, declared: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        self._declared = declared
        self._values = values

    def holds(self, name: str) -> bool:
        """Whether a condition does.

        Raises:
            ProvisionError: the template has no such condition, or it asks for what the machine does not know.
        """
        if name not in self._declared:
            raise ProvisionError(f"The template has no condition {name}.")
        return self._is_true(self._declared[name])

    def _is_true(self, asked: Any) -> bool:
        if isinstance(asked, dict) and len(asked) == 1:
            ((name, argument),) = asked.items()
            if name in _JUDGES:
                return _JUDGES[name](self, argument)
        raise ProvisionError(f"The machine has no meaning for the condition {asked!r}.")

    def _same(self, sides: list[Any]) -> bool:
        left, right = (str(self._values[each["Ref"]]) if isinstance(each, dict) else str(each) for each in sides)
        return left == right

    def kept(self, parts: Mapping[str, Any]) -> dict[str, Any]:
        """The resources or outputs that there are: their conditions hold; of each, the chosen branches."""
        there = {name: each for name, each in parts.items() if "Condition" not in each or self.holds(each["Condition"])}
        return {
            name: {key: self.chosen(value) for key, value in each.items() if key != "Condition"}
            for name, each in there.items()
        }

    def chosen(self, value: Any) -> Any:
        """A piece of template without `Fn::If`, and without what is `AWS::NoValue`."""
        if isinstance(value, list):
            return [each for each in map(self.chosen, value) if each != _NOTHING]
        if not isinstance(value, dict):
            return value
        if "Fn::If" in value:
            name, then, otherwise = value["Fn::If"]
            return self.chosen(then if self.holds(name) else otherwise)
        return {
            key: each for key, each in ((key, self.chosen(each)) for key, each in value.items()) if each != _NOTHING
        }


_JUDGES: dict[str, Callable[[Conditions, Any], bool]] = {
    "Condition": Conditions.holds,
    "Fn::Equals": Conditions._same,
    "Fn::Not": lambda self, inner: not self._is_true(inner[0]),
    "Fn::And": lambda self, inner: all(map(self._is_true, inner)),
    "Fn::Or": lambda self, inner: any(map(self._is_true, inner)),
}
