"""A resource's properties in the template, and the resource once it is created."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.errors import ProvisionError

Client = Callable[[str], Any]


@dataclass(frozen=True)
class Resource:
    """A created resource: the value of Ref, and the values of GetAtt."""

    ref: str
    attributes: dict[str, str] = field(default_factory=dict)


class Properties:
    """A resource's properties, taken one by one: a property that nobody takes is an error."""

    def __init__(self, logical_id: str, kind: str, values: dict[str, Any]) -> None:
        self._label = f"{logical_id} ({kind})"
        self._values = dict(values)

    def take(self, name: str, default: Any = None) -> Any:
        """An optional property."""
        return self._values.pop(name, default)

    def require(self, name: str) -> Any:
        """A property that must be there."""
        if name not in self._values:
            raise ProvisionError(f"{self._label} lacks the property {name}.")
        return self._values.pop(name)

    def take_all(self, *names: str) -> dict[str, Any]:
        """Those of the named properties that are there, as arguments of a call with the same names."""
        return {name: self._values.pop(name) for name in names if name in self._values}

    def check_all_taken(self) -> None:
        """Raises ProvisionError for a property that nobody took."""
        if self._values:
            raise ProvisionError(f"{self._label}: not supported: {', '.join(sorted(self._values))}.")
