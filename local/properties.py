"""What the template says of a resource, and what there is of it once it is made."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.errors import ProvisionError

Client = Callable[[str], Any]


@dataclass(frozen=True)
class Made:
    """A resource that is there: what Ref stands for, and what GetAtt can ask."""

    ref: str
    attributes: dict[str, str] = field(default_factory=dict)


class Properties:
    """A resource's properties, taken one by one, so that none is left without a meaning."""

    def __init__(self, logical_id: str, kind: str, values: dict[str, Any]) -> None:
        self._label = f"{logical_id} ({kind})"
        self._values = dict(values)

    def take(self, name: str, default: Any = None) -> Any:
        """A property that may be absent."""
        return self._values.pop(name, default)

    def need(self, name: str) -> Any:
        """A property that has to be there."""
        if name not in self._values:
            raise ProvisionError(f"{self._label} lacks the property {name}.")
        return self._values.pop(name)

    def pick(self, *names: str) -> dict[str, Any]:
        """Those of the named properties that are there, as arguments of a call that has the same names."""
        return {name: self._values.pop(name) for name in names if name in self._values}

    def done(self) -> None:
        """Complain about whatever nobody took."""
        if self._values:
            raise ProvisionError(f"{self._label}: the machine has no meaning for {', '.join(sorted(self._values))}.")
