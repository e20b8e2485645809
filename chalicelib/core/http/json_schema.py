"""Checks data against a JSON Schema (draft 2020-12); the work grows no faster than the data.

jsonschema is imported on first use: every function imports app.py, and most check nothing.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.core.errors import InvalidRequestError, raises
from chalicelib.core.http.payload import MAX_NAME
from chalicelib.core.schemas import Schema

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

MAX_DETAILS = 10


@raises(InvalidRequestError)
def check(schema: Schema, data: Mapping[str, Any]) -> None:
    """Raises InvalidRequestError, naming the fields that do not fit the schema (MAX_DETAILS at most)."""
    details = faults(schema, data)
    if details:
        raise InvalidRequestError(details=details)


def faults(schema: Schema, data: Any) -> list[dict[str, str]]:
    """The first MAX_DETAILS fields that do not fit the schema, with the rule that each breaks; never the value."""
    paths: dict[tuple[str, str], list[str]] = {}
    for fault in _validator(schema).iter_errors(data):
        for field, message in _explain(fault):
            paths.setdefault((field, message), [str(step) for step in fault.absolute_path])
            if len(paths) == MAX_DETAILS:
                return _details(paths)
    return _details(paths)


def _details(paths: Mapping[tuple[str, str], list[str]]) -> list[dict[str, str]]:
    return [{"field": field, "message": message} for field, message in sorted(paths, key=lambda each: paths[each])]


# By identity, since schemas are constants of their modules. Each schema is kept, so that its id is not used again.
_validators: dict[int, tuple[Schema, Draft202012Validator]] = {}


def _validator(schema: Schema) -> Draft202012Validator:
    if id(schema) not in _validators:
        strict = _strict()
        strict.check_schema(dict(schema))
        _validators[id(schema)] = schema, strict(dict(schema))
    return _validators[id(schema)][1]


# ------------------------------------------------------------------------------- the rules


@functools.cache
def _strict() -> Any:
    """jsonschema's validator class, with our own rules where its rules do too much work.

    Its rules put all unknown names into one message, compare each item of a list with each other, and go through
    lists and texts that are already too long.
    """
    from jsonschema import Draft202012Validator, validators

    return validators.extend(
        Draft202012Validator,
        {
            "required": _required,
            "additionalProperties": _additional_properties,
            "items": _items,
            "uniqueItems": _unique_items,
            "pattern": _pattern,
        },
    )


def _fault() -> ValidationError:
    """A fault for `_explain`; jsonschema adds the rule and the value."""
    from jsonschema.exceptions import ValidationError

    return ValidationError("does not fit")


def _required(
    validator: Draft202012Validator, names: list[str], instance: Any, schema: Schema
) -> Iterator[ValidationError]:
    if isinstance(instance, dict) and not all(name in instance for name in names):
        yield _fault()


def _additional_properties(
    validator: Draft202012Validator, allowed: Any, instance: Any, schema: Schema
) -> Iterator[ValidationError]:
    """No schema of ours has `patternProperties`, which this rule would have to respect."""
    if not isinstance(instance, dict) or len(instance) > schema.get("maxProperties", math.inf):
        return
    unknown = (name for name in instance if name not in schema.get("properties", {}))
    if allowed is not False:
        for name in unknown:
            yield from validator.descend(instance[name], allowed, path=name)
    elif any(True for _ in unknown):
        yield _fault()


def _items(validator: Draft202012Validator, items: Any, instance: Any, schema: Schema) -> Iterator[ValidationError]:
    if isinstance(instance, list) and len(instance) <= schema.get("maxItems", math.inf):
        for place, item in enumerate(instance):
            yield from validator.descend(item, items, path=place)


def _unique_items(
    validator: Draft202012Validator, wanted: bool, instance: Any, schema: Schema
) -> Iterator[ValidationError]:
    if not wanted or not isinstance(instance, list) or len(instance) > schema.get("maxItems", math.inf):
        return
    # JSON texts differ exactly if the values do: `parse` has made an integer of 1.0.
    if len({json.dumps(item, sort_keys=True) for item in instance}) < len(instance):
        yield _fault()


def _pattern(validator: Draft202012Validator, pattern: str, instance: Any, schema: Schema) -> Iterator[ValidationError]:
    """JSON Schema's `$` is the very end of the text (ECMA-262); Python's allows a newline after it."""
    strict = pattern[:-1] + r"\Z" if pattern.endswith("$") and not pattern.endswith("\\$") else pattern
    is_short = isinstance(instance, str) and len(instance) <= schema.get("maxLength", math.inf)
    if is_short and not re.search(strict, instance):
        yield _fault()


# ------------------------------------------------------------------------------ the words

# jsonschema's own messages quote the value, which may be a password; ours name only the rule.
_WORDING = {
    "type": "must be of type {0}",
    "enum": "must be one of {0}",
    "const": "must be {0}",
    "minLength": "must have at least {0} characters",
    "maxLength": "must have at most {0} characters",
    "minimum": "must be at least {0}",
    "maximum": "must be at most {0}",
    "exclusiveMinimum": "must be more than {0}",
    "minItems": "must have at least {0} items",
    "maxItems": "must have at most {0} items",
    # Only the schemas of changes have this rule. Its number counts the path too, so it would mislead.
    "minProperties": "must name something to change",
    "maxProperties": "must name at most {0} fields",
    "uniqueItems": "must not hold anything twice",
    "pattern": "does not have the expected form",
    "not": "does not go with the other fields",
}


def _explain(fault: ValidationError) -> Iterator[tuple[str, str]]:
    """Each field of a fault, with its message."""
    field = ".".join(str(step) for step in fault.absolute_path)
    if fault.validator == "required":
        yield from (
            (_under(field, name), "is required") for name in fault.validator_value if name not in fault.instance
        )
    elif fault.validator == "additionalProperties":
        known = fault.schema.get("properties", {})
        yield from ((_under(field, name), "is not known here") for name in fault.instance if name not in known)
    else:
        rule = fault.validator_value
        text = ", ".join(map(str, rule)) if isinstance(rule, list) else rule
        message = _WORDING.get(str(fault.validator), "is not valid").format(text)
        yield field[:MAX_NAME] or "body", message + (_form(fault.schema) if fault.validator == "pattern" else "")


def _form(schema: Schema) -> str:
    """What a text of the schema looks like: nobody reads a pattern."""
    examples = schema.get("examples", ())
    return f", such as {examples[0]}" if examples else ""


def _under(field: str, name: str) -> str:
    return f"{field}.{name}"[:MAX_NAME] if field else name[:MAX_NAME]
