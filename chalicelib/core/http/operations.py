"""What is declared of an operation, and the steps that every call of one takes: over its route or as a tool."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from chalicelib.core import clients, log
from chalicelib.core.errors import DarkroomError, PermissionDeniedError, UnavailableError, raised_by, raises
from chalicelib.core.http import json_schema
from chalicelib.core.http.callers import APIAccessType, Caller, carries
from chalicelib.core.http.limits import AnonymousLimit, Limit
from chalicelib.core.schemas import Schema
from chalicelib.core.settings import Settings

__all__ = ["ANY_ACCESS", "APIAccessType", "Access", "Answer", "Caller", "Operation", "Permission", "Replay", "public"]

Access = APIAccessType | frozenset[APIAccessType]
# For operations that every API key opens; the operations behind them check the key again.
ANY_ACCESS = frozenset(APIAccessType)

Permission = Callable[[Caller, Mapping[str, Any]], bool]
# From the error that a caller reads, and the name of the operation that failed, to what to do next; "" if unknown.
Explain = Callable[[DarkroomError, str], str]
Response = Mapping[str, Any]


def to_access_types(access: Access | None) -> frozenset[APIAccessType]:
    """The `access=` of a decorator as a set."""
    if access is None:
        return frozenset()
    return access if isinstance(access, frozenset) else frozenset({access})


def refusal_message(sentence: str) -> Callable[[Permission], Permission]:
    """Gives a permission the sentence for callers whom it refuses: it says which right they lack.

    Every refusal has the same sentence, so it must not say anything about other people's data.
    """

    def decorate(permission: Permission) -> Permission:
        permission.__dict__["refusal"] = sentence
        return permission

    return decorate


def refusal_of(permission: Permission) -> PermissionDeniedError:
    """The error of a permission that refuses, with its own sentence if it has one."""
    return PermissionDeniedError(getattr(permission, "refusal", None))


def public(user: Caller, data: Mapping[str, Any]) -> bool:
    """The permission of an operation that needs no caller."""
    return True


def _as_stored(user: Caller, data: Mapping[str, Any], stored: Response) -> Response:
    return stored


@dataclass(frozen=True)
class Replay:
    """How an operation responds to a request that comes again under its Idempotency-Key.

    `stores` selects what is stored of the first response, for a day: no secrets, and no links, which expire earlier.
    `rebuild` makes the whole response from `(user, data, stored)`, with new links; `stored` may be a whole response,
    since earlier versions stored that. Without the two, a response is stored and repeated as it is.
    """

    stores: Callable[[Response], Response] = dict
    rebuild: Callable[[Caller, Mapping[str, Any], Response], Response] = _as_stored


def only_fields(*names: str) -> Callable[[Response], Response]:
    """For `Replay.stores`: only these fields of a response are stored."""
    return lambda response: {name: response[name] for name in names if name in response}


@dataclass(frozen=True)
class Answer:
    """A response that a function makes itself: `headers` and `schema` are of what it holds, `None` of an empty one."""

    status: int
    description: str
    schema: Schema | None = None
    headers: Mapping[str, Schema] = field(default_factory=dict)
    media_type: str = "application/json"


def to_summary(description: str) -> str:
    """The first sentence, without its end."""
    return re.split(r"(?<=[.:;])\s", description, maxsplit=1)[0].rstrip(".:;")


class AnswerError(Exception):
    """A response does not fit the operation's own schema: a defect of ours."""


@dataclass(frozen=True)
class Operation:
    """What `@validated` declares, readable on the function as `.operation`. `view` is the undecorated function."""

    name: str
    view: Callable[..., Any]
    schema: Schema
    permission: Permission
    access: frozenset[APIAccessType]
    api_schema: Schema | None
    returns: Schema | None
    validate_body: bool = True
    limit: Limit | AnonymousLimit | None = None
    replay: Replay | None = None
    audited: bool = False
    allow_over_budget: bool = False
    erases: bool = False
    routes_to: Callable[[Mapping[str, str], bytes], "Operation | None"] | None = None
    targets: Callable[[], Iterable[Callable[..., Any]]] | None = None
    answers: tuple[Answer, ...] = ()
    body: Schema | None = None
    headers: Mapping[str, Schema] = field(default_factory=dict)
    explain: Explain | None = None

    @property
    def opens_to_keys(self) -> bool:
        return self.permission is not public and self.api_schema is not None

    @property
    def title(self) -> str:
        """The name in words: "Create upload"."""
        return self.name.replace("_", " ").capitalize()

    @cached_property
    def description(self) -> str:
        """What it does, in sentences: the function's docstring, for the contract and for agents alike."""
        return inspect.getdoc(self.view) or ""

    @property
    def summary(self) -> str:
        """The first sentence of the description, without its end."""
        return to_summary(self.description)

    @cached_property
    def parameters(self) -> frozenset[str]:
        """The names of the function's parameters."""
        return frozenset(inspect.signature(self.view).parameters)

    @property
    def opening(self) -> frozenset[APIAccessType]:
        """The access types of which an API key needs one."""
        return frozenset(each for each in APIAccessType if carries(frozenset({each}), self.access))

    @property
    def key_refusal(self) -> str:
        """The sentence for a caller whose API key does not open this operation."""
        if self.api_schema is None:
            return "This cannot be done with an API key."
        return f"This API key does not carry {' or '.join(sorted(self.access))}."

    def schema_for(self, user: Caller | None) -> Schema:
        """The schema of the payload for that kind of caller.

        Raises:
            PermissionDeniedError: the caller's API key does not open this operation.
        """
        if user is None or user.api_key_id is None:
            return self.schema
        if self.api_schema is None or not user.carries(self.access):
            raise PermissionDeniedError(self.key_refusal)
        return self.api_schema

    def opens_to(self, user: Caller) -> bool:
        """Whether the caller's API key opens this operation; True without a key."""
        try:
            self.schema_for(user)
        except PermissionDeniedError:
            return False
        return True

    @raises(PermissionDeniedError)
    def check_permission(self, user: Caller, data: Mapping[str, Any]) -> None:
        """Raises PermissionDeniedError unless the permission returns True.

        An exception in the permission means no as well. Only transient errors, and a PermissionDeniedError that says
        more to the caller, are passed on as they are.
        """
        try:
            allowed = self.permission(user, data)
        except Exception as error:
            if isinstance(error, UnavailableError | PermissionDeniedError) or clients.is_transient(error):
                raise
            log.error("PERMISSION_CHECK_FAILED", error, permission=getattr(self.permission, "__name__", "?"))
            raise PermissionDeniedError from error
        if allowed is not True:
            raise refusal_of(self.permission)

    def run(self, available: Mapping[str, Any]) -> Any:
        """Calls the function with those of the available values that its parameters name."""
        return self.view(**{name: value for name, value in available.items() if name in self.parameters})

    def check_response(self, response: Any) -> None:
        """Raises AnswerError if the response does not fit the schema `returns`."""
        if self.returns is None or not isinstance(response, Mapping | None):
            return
        plain = {name: value for name, value in (response or {}).items() if name != "success"}
        faults = json_schema.faults(self.returns, plain)
        if faults:
            raise AnswerError(f"{self.name} answered what its schema does not allow: {faults}")


def errors_of(view: Callable[..., Any]) -> frozenset[type[DarkroomError]]:
    """All errors that callers may get from a route: its own, and of a router those of its targets."""
    targets = view.__dict__["operation"].targets
    return raised_by(view).union(*map(raised_by, () if targets is None else targets()))


def checks_responses() -> bool:
    """Whether every response is checked against its schema, as in tests; production does not need it."""
    return Settings.CHECK_ANSWERS.get()
