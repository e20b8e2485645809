"""What an operation answers: its success, and each error that can come, by status and code."""

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.core import log
from chalicelib.core.errors import (
    AccountNotActiveError,
    DarkroomError,
    PermissionDeniedError,
    TooLargeError,
    TooManyRequestsError,
    UnsupportedTypeError,
)
from chalicelib.core.http import idempotency, limits
from chalicelib.core.http.openapi.components import Components, Part
from chalicelib.core.http.openapi.examples import example
from chalicelib.core.http.operations import ANY_ACCESS, Answer, Operation, public, refusal_of
from chalicelib.core.schemas import Schema

Errors = Iterable[type[DarkroomError]]

_WHOLE = {"type": "integer", "minimum": 0}
_HEADERS: dict[str, Part] = {
    log.CORRELATION_HEADER: {
        "description": "The id that the request had, or a new one.",
        "schema": {"type": "string"},
        "example": "order-4711",
    },
    "RateLimit-Limit": {
        "description": "How many requests the limit that is nearest to its end allows.",
        "schema": _WHOLE,
        "example": 600,
    },
    "RateLimit-Remaining": {"description": "How many of them are left.", "schema": _WHOLE, "example": 599},
    "RateLimit-Reset": {"description": "In how many seconds it begins anew.", "schema": _WHOLE, "example": 42},
    "Retry-After": {"description": "In how many seconds to ask again.", "schema": _WHOLE, "example": 5},
    idempotency.REPLAYED: {
        "description": "`true`: this is the answer to an earlier request with the same Idempotency-Key.",
        "schema": {"type": "string", "const": "true"},
        "example": "true",
    },
}
_MOST_IN_A_NAME = 2
# API Gateway renames this header ("Amazon API Gateway important notes").
_OF_GATEWAY = {"WWW-Authenticate": "x-amzn-Remapped-WWW-Authenticate"}
_TITLES = {
    400: "Something that was sent is wrong.",
    401: "The caller is not known.",
    403: "The caller may not do this.",
    404: "What is named does not exist.",
    405: "The route does not take that method.",
    406: "There is no form that the caller accepts.",
    409: "The present state does not allow this.",
    413: "Too much was sent.",
    415: "It was sent as something else than what is taken.",
    429: "A limit is used up.",
    500: "Something went wrong on our side.",
    502: "The external service refused.",
    503: "The same request may succeed later.",
}

_ERROR: Part = {
    "title": "Error",
    "type": "object",
    "properties": {
        "type": {"type": "string", "description": "The name of the error's class, for logs."},
        "code": {"type": "string", "description": "What went wrong, for programs. It never changes."},
        "details": {
            "type": "array",
            "description": "What is wrong, field by field; at most ten.",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                "required": ["field", "message"],
            },
        },
        "nextStep": {"type": "string", "description": "To agents: what to do next, in a sentence."},
    },
    "required": ["type", "code"],
}
FAILURE: Part = {
    "title": "Failure",
    "type": "object",
    "description": "What every failed request answers.",
    "properties": {
        "success": {"const": False},
        "message": {"type": "string", "description": "A sentence for people. Its words may change."},
        "actionId": {"type": "string", "description": "The action that this failure ended, if there was one."},
        "error": _ERROR,
        "requestId": {"type": "string", "description": "Name it when you ask us: it finds the request in the log."},
    },
    "required": ["success", "message", "error", "requestId"],
}


def responses(operation: Operation, errors: Errors, takes_body: bool, components: Components) -> dict[str, Part]:
    """The operation's responses by status, the successful ones first."""
    answers = operation.answers or (() if operation.returns is None else (Answer(200, "Done.", operation.returns),))
    written = {str(each.status): _success(operation, each, components) for each in answers}
    body_errors = {TooLargeError, UnsupportedTypeError}
    wanted = body_errors.union(errors) if takes_body else set(errors) - body_errors
    for status, group in by_status(wanted).items():
        failure = _failure(operation, status, group, components)
        own = written.get(str(status))
        written[str(status)] = _shared(status, group, failure, components) if own is None else _either(own, failure)
    return written


def _either(own: Part, failure: Part) -> Part:
    """The response of a status with which an operation answers in a form of its own, and fails in ours."""
    ours, theirs = (each["content"]["application/json"] for each in (failure, own))
    examples = {"own": {"value": theirs["example"]}, **ours["examples"]}
    return {
        "description": f"{own['description']} Or: {failure['description']}",
        "headers": {**failure["headers"], **own["headers"]},
        "content": {
            "application/json": {"schema": {"anyOf": [theirs["schema"], ours["schema"]]}, "examples": examples}
        },
    }


# -------------------------------------------------------------------------------- success


def _success(operation: Operation, answer: Answer, components: Components) -> Part:
    names = [*answer.headers, log.CORRELATION_HEADER]
    if operation.limit is not None or operation.permission is not public:
        names += limits.HEADERS
    if operation.replay is not None:
        names.append(idempotency.REPLAYED)
    response: Part = {"description": answer.description, "headers": _headers(names, components, answer.headers)}
    if answer.schema is not None:
        schema = answer.schema if answer in operation.answers else with_success(answer.schema)
        written = components.answer_schema(schema)
        response["content"] = {answer.media_type: {"schema": written, "example": example(schema)}}
    return response


def with_success(schema: Schema) -> dict[str, Any]:
    """The schema of `{"success": true, …}`."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [with_success(each) for each in schema["anyOf"]]}
    properties = {"success": {"const": True}, **schema.get("properties", {})}
    return {**schema, "properties": properties, "required": ["success", *schema.get("required", ())]}


def _headers(names: Iterable[str], components: Components, own: Mapping[str, Schema] | None = None) -> Part:
    own = own or {}
    return {
        name: {"description": own[name].get("description", ""), "schema": _plain(own[name])}
        if name in own
        else components.share("headers", name, _HEADERS[name])
        for name in names
    }


def _plain(schema: Schema) -> dict[str, Any]:
    return {word: value for word, value in schema.items() if word != "description"}


# -------------------------------------------------------------------------------- failure


def by_status(errors: Errors) -> dict[int, dict[str, list[type[DarkroomError]]]]:
    """The errors by status and code; of several with one code, the most general one first."""
    grouped: dict[int, dict[str, list[type[DarkroomError]]]] = {}
    for error in sorted(errors, key=lambda each: (each.status, each.code, len(each.mro()), each.__name__)):
        grouped.setdefault(error.status, {}).setdefault(error.code, []).append(error)
    return grouped


def _failure(
    operation: Operation, status: int, errors: Mapping[str, list[type[DarkroomError]]], components: Components
) -> Part:
    sentences = {code: _sentences(operation, group) for code, group in errors.items()}
    lines = [f"- `{code}`: {' '.join(each)}" for code, each in sentences.items()]
    classes = [error for group in errors.values() for error in group]
    names = [log.CORRELATION_HEADER, *(limits.HEADERS if status == TooManyRequestsError.status else ())]
    if any(error.retry_after is not None for error in classes):
        names.append("Retry-After")
    fixed = {_OF_GATEWAY.get(name, name): value for error in classes for name, value in error.fixed_headers.items()}
    return {
        "description": "\n".join([_TITLES[status], "", *lines]),
        "headers": _headers(names, components) | {name: _fixed(value) for name, value in fixed.items()},
        "content": {
            "application/json": {
                "schema": _with_codes(list(errors), components),
                "examples": {code: {"value": _example(group[0], sentences[code][0])} for code, group in errors.items()},
            }
        },
    }


def _shared(
    status: int, errors: Mapping[str, list[type[DarkroomError]]], response: Part, components: Components
) -> Part:
    """A reference to the response, or the response itself where it is the operation's own."""
    classes = [error for group in errors.values() for error in group]
    # The sentences of a 403 are of its permission; and long lists are no names.
    if status == PermissionDeniedError.status or len(classes) > _MOST_IN_A_NAME:
        return response
    name = "Or".join(error.__name__.removesuffix("Error") for error in classes)
    return components.share("responses", name, response)


def _fixed(value: str) -> Part:
    return {"schema": {"type": "string", "const": value}, "example": value}


def _with_codes(codes: list[str], components: Components) -> Part:
    """The schema of a failure with one of these codes."""
    failure, error = (components.answer_schema(each) for each in (FAILURE, _ERROR))
    narrowed = {"allOf": [error, {"properties": {"code": {"enum": codes}}, "required": ["code"]}]}
    return {"allOf": [failure, {"properties": {"error": narrowed}, "required": ["error"]}]}


def _sentences(operation: Operation, errors: list[type[DarkroomError]]) -> list[str]:
    """What the errors of one code mean, each sentence once."""
    found = dict.fromkeys(
        sentence
        for error in errors
        for sentence in (
            _refusals(operation) if error is PermissionDeniedError else [f"{meaning(error).removesuffix('.')}."]
        )
    )
    return list(found)


def _refusals(operation: Operation) -> list[str]:
    """The sentences with which the operation refuses callers."""
    if operation.permission is public:
        return []
    own = refusal_of(operation.permission).message
    sentences = [] if own == PermissionDeniedError.message else [f"{own.removesuffix('.')}."]
    if operation.access != ANY_ACCESS:
        sentences.append(operation.key_refusal)
    return [*sentences, f"{AccountNotActiveError.message}."]


def meaning(error: type[DarkroomError]) -> str:
    """What the error means: its message, or its description where each one has a message of its own."""
    if "message" in vars(error) or not error.__doc__:
        return error.message
    return " ".join(error.__doc__.split())


def _example(error: type[DarkroomError], message: str) -> Part:
    body: Part = {"type": error.__name__, "code": error.code}
    if error.status == 400:
        body["details"] = [{"field": "body", "message": "is required"}]
    return {"success": False, "message": message, "error": body, "requestId": "5c8e6c0e-3f4b-4d8e-9a86-2f6d1c0b7a11"}
