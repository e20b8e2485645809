"""What of a change of the contract breaks clients that were written for the contract before.

Requests: whatever was accepted must still be. Answers: whatever comes must be what could come before, beside further
fields and further error codes, which clients have to expect. Words and examples do not count.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]
Schema = Mapping[str, Any]

# Rules of a schema: a larger number refuses more, or a smaller one does.
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
# Rules of which any other value is taken for a stricter one.
_EXACT = ("pattern", "format", "uniqueItems", "not", "if", "then", "else", "allOf", "oneOf")
_WORDS = frozenset({"description", "summary", "example", "examples", "title", "tags", "operationId"})


def reduced(part: Any, *, is_named: bool = False) -> Any:
    """A document without its words and examples. `is_named`: the keys of this part are names, such as of fields."""
    if isinstance(part, Mapping):
        names = {"properties", "paths", "schemas", "responses", "headers", "parameters"}
        kept = {key: each for key, each in part.items() if is_named or key not in _WORDS}
        return {key: reduced(each, is_named=not is_named and key in names) for key, each in kept.items()}
    return [reduced(each) for each in part] if isinstance(part, list) else part


def breaking_changes(before: Document, after: Document) -> list[str]:
    """One line for each change that breaks clients, such as `POST /upload: the body's fileSize is required`."""
    return [f"{name}: {change}" for name, change in _changes(reduced(before), reduced(after))]


def _changes(before: Document, after: Document) -> Iterator[tuple[str, str]]:
    for path, methods in before["paths"].items():
        for method, old in methods.items():
            name = f"{method.upper()} {path}"
            new = after["paths"].get(path, {}).get(method)
            if new is None:
                yield name, "it is gone"
                continue
            for change in _Operation(before, after).changes(old, new):
                yield name, change
    for event in before.get("webhooks", {}):
        if event not in after.get("webhooks", {}):
            yield f"webhook {event}", "it is gone"
            continue
        old, new = before["webhooks"][event]["post"], after["webhooks"][event]["post"]
        # What we send is for its receiver what an answer is.
        for change in _Operation(before, after).answered("the body", _body(old), _body(new)):
            yield f"webhook {event}", change


def _body(operation: Mapping[str, Any]) -> Schema:
    schema: Schema = operation["requestBody"]["content"]["application/json"]["schema"]
    return schema


class _Operation:
    """Compares one operation. Each method yields what breaks clients."""

    def __init__(self, before: Document, after: Document) -> None:
        self._before, self._after = before, after

    def changes(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
        yield from self._security(old, new)
        yield from self._parameters(old, new)
        yield from self._request_body(old, new)
        yield from self._responses(old, new)

    def _security(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
        if not new["security"]:
            return
        for way in old["security"] or [{}]:
            if way not in new["security"]:
                yield f"it no longer opens to {_way(way)}"

    def _parameters(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
        befores = {_place(each): each for each in map(self._old, old["parameters"])}
        afters = {_place(each): each for each in map(self._new, new["parameters"])}
        for place, parameter in befores.items():
            if place not in afters:
                yield f"{place} is gone"
            else:
                yield from self._taken(place, parameter["schema"], afters[place]["schema"])
        for place, parameter in afters.items():
            if parameter.get("required") and not befores.get(place, {}).get("required"):
                yield f"{place} is required"

    def _request_body(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
        if "requestBody" not in new:
            if "requestBody" in old:
                yield "the body is gone"
            return
        if new["requestBody"].get("required") and not old.get("requestBody", {}).get("required"):
            yield "the body is required"
        if "requestBody" in old:
            yield from self._taken("the body", _body(old), _body(new))

    def _responses(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
        for status, response in old["responses"].items():
            before, after = self._old(response), self._new(new["responses"].get(status, {}))
            if status[0] in "45":
                gone = self._codes(before, self._old) - self._codes(after, self._new)
                yield from (f"{status} {code} is gone" for code in sorted(gone))
            elif status not in new["responses"]:
                yield f"{status} is gone"
            else:
                gone = before.get("headers", {}).keys() - after.get("headers", {}).keys()
                yield from (f"the header {name} of {status} is gone" for name in sorted(gone))
                if "content" in before:
                    contents = (each.get("content", {}).get("application/json", {}) for each in (before, after))
                    yield from self.answered(status, *(each.get("schema", {}) for each in contents))

    def _codes(self, part: Any, resolve: Any) -> set[str]:
        """All error codes that a failure may have."""
        if isinstance(part, list):
            return {code for each in part for code in self._codes(each, resolve)}
        if not isinstance(part, Mapping):
            return set()
        part = resolve(part)
        own = set(part["code"].get("enum", ())) if isinstance(part.get("code"), Mapping) else set()
        return own.union(*(self._codes(each, resolve) for each in part.values()))

    # ------------------------------------------------------------------------- schemas

    def _taken(self, name: str, old: Schema, new: Schema) -> Iterator[str]:
        """What the new schema of a request refuses and the old one did not."""
        old, new = self._old(old), _as_before(self._new(new), self._old(old))
        yield from (f"{name} no longer takes {value}" for value in _lost(old, new))
        for rule in _LOWER:
            if new.get(rule, 0) > old.get(rule, 0) or (rule in new and rule not in old and new[rule] != 0):
                yield f"{name} has the {rule} {new[rule]}"
        for rule in _UPPER:
            if rule in new and (rule not in old or new[rule] < old[rule]):
                yield f"{name} has the {rule} {new[rule]}"
        for rule in _EXACT:
            if rule in new and new[rule] != old.get(rule):
                yield f"{name} has another {rule}"
        befores, afters = old.get("properties", {}), new.get("properties", {})
        for field in afters:
            if field in new.get("required", ()) and field not in old.get("required", ()):
                yield f"{_of(name, field)} is required"
        for field, schema in befores.items():
            if field in afters:
                yield from self._taken(_of(name, field), schema, afters[field])
            elif new.get("additionalProperties") is False:
                yield f"{_of(name, field)} is gone"
        if "items" in old and "items" in new:
            yield from self._taken(f"an item of {name}", old["items"], new["items"])

    def answered(self, name: str, old: Schema, new: Schema) -> Iterator[str]:
        """What an answer may be by the new schema, or no longer holds, and by the old one was otherwise."""
        old, new = self._old(old), self._new(new)
        if "anyOf" in new and "anyOf" not in old:
            old = {"anyOf": [old]}
        yield from (f"{name} may be {value}" for value in _lost(new, old))
        befores, afters = old.get("properties", {}), new.get("properties", {})
        for field, schema in befores.items():
            if field not in afters:
                yield f"{_of(name, field)} is gone"
                continue
            if field in old.get("required", ()) and field not in new.get("required", ()):
                yield f"{_of(name, field)} may be missing"
            yield from self.answered(_of(name, field), schema, afters[field])
        if "items" in old and "items" in new:
            yield from self.answered(f"an item of {name}", old["items"], new["items"])
        alternatives, others = old.get("anyOf", []), new.get("anyOf", [])
        if len(others) > len(alternatives):
            yield f"{name} may have another form"
        for number, (one, other) in enumerate(zip(alternatives, others, strict=False), 1):
            yield from self.answered(f"form {number} of {name}", one, other)

    def _old(self, part: Mapping[str, Any]) -> Mapping[str, Any]:
        return _resolved(part, self._before)

    def _new(self, part: Mapping[str, Any]) -> Mapping[str, Any]:
        return _resolved(part, self._after)


def _resolved(part: Mapping[str, Any], document: Document) -> Mapping[str, Any]:
    while "$ref" in part:
        _, _, kind, name = part["$ref"].split("/")
        part = document["components"][kind][name]
    return part


def _as_before(new: Schema, old: Schema) -> Schema:
    """The new schema as it is for those who send what the old one allows: without a condition that they never meet."""
    unknown = set(new.get("if", {}).get("required", ())) - set(old.get("properties", {}))
    if not unknown or old.get("additionalProperties", True) is not False:
        return new
    rest = new.get("else", {})
    plain = {key: value for key, value in new.items() if key not in ("if", "then", "else")}
    return {**plain, "required": [*new.get("required", ()), *rest.get("required", ())]}


def _lost(wide: Schema, narrow: Schema) -> list[str]:
    """The values, or else the types, that fit one schema and not the other."""
    before, after = _values(wide), _values(narrow)
    if after is not None:
        return ["anything else"] if before is None else sorted(before - after)
    types, left = _types(wide), _types(narrow)
    if left is None:
        return []
    return ["any type"] if types is None and before is None else sorted((types or set()) - left)


def _values(schema: Schema) -> set[str] | None:
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    return None if values is None else {str(each) for each in values}


def _types(schema: Schema) -> set[str] | None:
    if "type" not in schema:
        return None
    types = {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])
    return types | {"integer"} if "number" in types else types


def _of(name: str, field: str) -> str:
    return f"{name}'s {field}" if name.startswith("the ") else f"{name} {field}"


def _place(parameter: Mapping[str, Any]) -> str:
    return f"the {parameter['in']} parameter {parameter['name']}"


def _way(way: Mapping[str, Any]) -> str:
    ((scheme, access),) = way.items() or [("", [])]
    if not scheme:
        return "callers without a token"
    return f"{scheme} ({', '.join(access)})" if access else str(scheme)
