"""What an operation is: who may do it and with what, and the steps that each call of one takes, by whatever door."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from chalicelib.core import clients, config, log
from chalicelib.core.errors import PermissionDeniedError, UnavailableError
from chalicelib.core.http import json_schema
from chalicelib.core.http.budgets import Spent
from chalicelib.core.http.limits import AnonymousLimit, Limit
from chalicelib.core.schemas import Schema


class APIAccessType(StrEnum):
    """What an API key may carry: the kinds of operation that it opens."""

    FULL_ACCESS = "full_access"
    FILE_UPLOAD = "file_upload"
    ACTIONS = "actions"
    REPORTS = "reports"
    EXPORTS = "exports"
    ADMIN = "admin"


# For operations that open to a key whatever it carries; what lies behind them looks closer.
ANY_ACCESS = frozenset(APIAccessType)

Access = APIAccessType | frozenset[APIAccessType]


def kinds(access: Access | None) -> frozenset[APIAccessType]:
    """What a decorator was told of access, as a set."""
    if access is None:
        return frozenset()
    return access if isinstance(access, frozenset) else frozenset({access})


@dataclass(frozen=True)
class Caller:
    """Who calls, as `authenticate` found them: the user's id, and what decides about rights and limits.

    `limits` are the user's own, `key_limits` those of the API key; `spent` holds both's dollars, `stored_bytes` is what
    the user's images take. Who is not
    `is_active` is counted and written down as everybody, and refused all.
    """

    id: str
    email: str
    name: str = ""
    role: str = "USER"
    is_active: bool = True
    can_export_data: bool = False
    claims: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    spent: Spent = field(default_factory=dict)
    stored_bytes: int = 0
    api_key_id: str | None = None
    access_types: frozenset[APIAccessType] = frozenset()
    key_limits: Mapping[str, float] = field(default_factory=dict)

    def carries(self, access: frozenset[APIAccessType]) -> bool:
        """Whether the caller's key opens one of those kinds: full access opens all but an administrator's."""
        full = APIAccessType.FULL_ACCESS in self.access_types and access != {APIAccessType.ADMIN}
        return full or not access.isdisjoint(self.access_types)


Permission = Callable[[Caller, Mapping[str, Any]], bool]


def refusing_with(sentence: str) -> Callable[[Permission], Permission]:
    """Gives a permission the sentence that is told to those whom it refuses: which right they lack.

    It is told whatever the request was about, so it says nothing of what others have.
    """

    def give(permission: Permission) -> Permission:
        permission.__dict__["refusal"] = sentence
        return permission

    return give


def refusal_of(permission: Permission) -> PermissionDeniedError:
    """The failure that tells whom a permission refuses which right they lack."""
    return PermissionDeniedError(getattr(permission, "refusal", None))


def public(user: Caller, data: Mapping[str, Any]) -> bool:
    """The permission of an operation that needs no caller."""
    return True


def _all_of(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    return answer


def _as_kept(user: Caller, data: Mapping[str, Any], kept: Mapping[str, Any]) -> Mapping[str, Any]:
    return kept


@dataclass(frozen=True)
class Replay:
    """How an operation answers a request that comes again under its Idempotency-Key.

    `stores` gives what is stored of the first answer, for a day: no secret, and no link, which would live shorter.
    `rebuild` makes the whole answer from `(user, data, kept)`, with links that are signed anew. What it is given may be
    all of an answer: earlier versions stored that. Without the two, an answer is stored and given back as it is.
    """

    stores: Callable[[Mapping[str, Any]], Mapping[str, Any]] = _all_of
    rebuild: Callable[[Caller, Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]] = _as_kept


def naming(*names: str) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """For `Replay.stores`: only these parts of an answer are stored."""
    return lambda answer: {name: answer[name] for name in names if name in answer}


class AnswerError(Exception):
    """An operation gave what its own schema does not allow: a defect of ours."""


@dataclass(frozen=True)
class Operation:
    """What is declared of an operation, readable on its function as `.operation`; `view` is the function itself.

    With `replay` it honours the header Idempotency-Key; `audited` has each run noted, and not its refusals alone;
    `allow_over_budget` stays open to who may spend no more; `leads_to` says of a router which operation is meant.
    """

    name: str
    view: Callable[..., Any]
    schema: Schema
    permission: Permission
    access: frozenset[APIAccessType]
    api_schema: Schema | None
    returns: Schema | None
    validate_body: bool
    limit: Limit | AnonymousLimit | None
    replay: Replay | None = None
    audited: bool = False
    allow_over_budget: bool = False
    leads_to: Callable[[Mapping[str, str], bytes], "Operation | None"] | None = None

    @property
    def opens_to_keys(self) -> bool:
        return self.permission is not public and self.api_schema is not None

    @cached_property
    def wanted(self) -> frozenset[str]:
        """What the function asks for, by name."""
        return frozenset(inspect.signature(self.view).parameters)

    def schema_for(self, user: Caller | None) -> Schema:
        """The schema for that kind of caller.

        Raises:
            PermissionDeniedError: the caller's API key does not open this operation.
        """
        if user is None or user.api_key_id is None:
            return self.schema
        if self.api_schema is None:
            raise PermissionDeniedError("This cannot be done with an API key.")
        if not user.carries(self.access):
            raise PermissionDeniedError(f"This API key does not carry {' or '.join(sorted(self.access))}.")
        return self.api_schema

    def opens_to(self, user: Caller) -> bool:
        """Whether the caller's API key, if they came with one, opens this operation."""
        try:
            self.schema_for(user)
        except PermissionDeniedError:
            return False
        return True

    def permit(self, user: Caller, data: Mapping[str, Any]) -> None:
        """Lets pass only whom the permission answers with True.

        Raises:
            PermissionDeniedError: it answers anything else, or raises anything but a passing fault. One that the
                permission raises itself says more to the caller, and goes on as it is.
        """
        try:
            allowed = self.permission(user, data)
        except Exception as error:
            if isinstance(error, UnavailableError | PermissionDeniedError) or clients.is_passing_fault(error):
                raise
            log.error("PERMISSION_CHECK_FAILED", error, permission=getattr(self.permission, "__name__", "?"))
            raise PermissionDeniedError from error
        if allowed is not True:
            raise refusal_of(self.permission)

    def run(self, offered: Mapping[str, Any]) -> Any:
        """The function's answer; of what is offered it gets what it asks for by name."""
        return self.view(**{name: value for name, value in offered.items() if name in self.wanted})

    def check_answer(self, answer: Any) -> None:
        """Raises AnswerError where the answer is not what `returns` says."""
        if self.returns is None or not isinstance(answer, Mapping | None):
            return
        plain = {name: value for name, value in (answer or {}).items() if name != "success"}
        faults = json_schema.faults(self.returns, plain)
        if faults:
            raise AnswerError(f"{self.name} answered what its schema does not allow: {faults}")


def checks_answers() -> bool:
    """Whether every answer is held to its schema, as tests do and production need not."""
    return config.flag("CHECK_ANSWERS")
