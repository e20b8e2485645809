"""IAM's policy evaluation, as far as our own policies need it."""

import functools
import re
from collections.abc import Mapping
from typing import Any


def allows(
    policy: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str] | None = None
) -> tuple[str, str] | None:
    """The Sid and the ARN pattern of the statement that allows the action, or None.

    `context` holds the values of IAM's condition keys in the request.

    Raises:
        NotImplementedError: a statement with this action has a condition that is not supported here.
    """
    for statement in policy["Statement"]:
        if action in statement["Action"] and _matches(statement.get("Condition", {}), context or {}):
            for pattern in statement["Resource"]:
                if _pattern(pattern).fullmatch(resource):
                    return str(statement["Sid"]), str(pattern)
    return None


def _matches(condition: Mapping[str, Mapping[str, str]], context: Mapping[str, str]) -> bool:
    if unknown := condition.keys() - {"StringEquals", "Null"}:
        raise NotImplementedError(f"Conditions with {', '.join(sorted(unknown))} are not evaluated here.")
    equal = all(context.get(key) == value for key, value in condition.get("StringEquals", {}).items())
    return equal and all((key not in context) == (value == "true") for key, value in condition.get("Null", {}).items())


@functools.cache
def _pattern(text: str) -> re.Pattern[str]:
    """IAM's wildcards: * is any characters, ? is any one."""
    return re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)
