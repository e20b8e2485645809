"""The operations of the API that commands call, from contract.json, which is generated from the API's contract."""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True)
class Operation:
    """One operation: how it is called, and its inputs by name; those inside of objects have dotted names."""

    method: str
    path: str
    takes_idempotency_key: bool
    inputs: Mapping[str, Mapping[str, Any]]

    def request(self, data: Mapping[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """The path, the query and the body of a call. An input that is None is left out.

        Raises:
            KeyError: the operation has no such input.
        """
        path, query, body = self.path, dict[str, Any](), dict[str, Any]()
        for name, value in data.items():
            place = self.inputs[name]["in"]
            if value is None:
                continue
            if place == "path":
                path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
            else:
                (query if place == "query" else body)[name] = value
        return path, query, body


@functools.cache
def _operations() -> dict[str, Operation]:
    listed = json.loads(resources.files("darkroom").joinpath("contract.json").read_text("utf-8"))
    return {
        name: Operation(each["method"], each["path"], each["takesIdempotencyKey"], each["inputs"])
        for name, each in listed.items()
    }


def operation(name: str) -> Operation:
    """The operation of that name.

    Raises:
        KeyError: the API has none of that name.
    """
    return _operations()[name]
