"""Who may call an operation, with what: one decorator between every route and its function.

The order is fixed: authenticate → limit → settings present → API key's access → schema → permission → handler →
error mapping → tracking. Who is unknown is counted by the source of the request first, and by the address that it
names once the schema has found one.
Access fails closed: no permission named cannot be imported; anything but True, or an exception, means no.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from chalice.app import Chalice, Request, Response

from chalicelib.core import alerts, aws, config, grants, limits, log, payload, records, tracking
from chalicelib.core.errors import (
    BY_STATUS,
    DarkroomError,
    NotAuthenticatedError,
    PermissionDeniedError,
    TooManyRequestsError,
    UnavailableError,
    UnexpectedError,
)
from chalicelib.core.limits import Limit, Standing, Strangers
from chalicelib.core.payload import Schema
from chalicelib.core.tracking import Execution


class APIAccessType(StrEnum):
    """What an API key may carry: the kinds of operation that it opens."""

    FULL_ACCESS = "full_access"
    FILE_UPLOAD = "file_upload"
    ACTIONS = "actions"
    REPORTS = "reports"
    EXPORTS = "exports"
    ADMIN = "admin"


@dataclass(frozen=True)
class Caller:
    """Who calls, as `authenticate` found them: the user's id, and what decides about rights and limits.

    `limits` are the user's own, `key_limits` those of the API key.
    """

    id: str
    email: str
    name: str = ""
    role: str = "USER"
    can_export_data: bool = False
    claims: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)
    api_key_id: str | None = None
    access_types: frozenset[APIAccessType] = frozenset()
    key_limits: Mapping[str, int] = field(default_factory=dict)

    def carries(self, access: APIAccessType) -> bool:
        """Whether the caller's key opens that kind of operation: full access opens all but an administrator's."""
        full = APIAccessType.FULL_ACCESS in self.access_types and access is not APIAccessType.ADMIN
        return full or access in self.access_types


Permission = Callable[[Caller, Mapping[str, Any]], bool]
Authenticate = Callable[[str], Caller]
View = TypeVar("View", bound=Callable[..., Any])


def public(user: Caller, data: Mapping[str, Any]) -> bool:
    """The permission of an operation that needs no caller."""
    return True


@dataclass
class _Setup:
    app: Chalice | None = None
    authenticate: Authenticate | None = None


_setup = _Setup()


def setup_validated(app: Chalice, *, authenticate: Authenticate) -> None:
    """Tells the decorator, once, the application and who can tell a caller by their bearer token.

    `authenticate` raises NotAuthenticatedError for a token that it does not accept.
    """
    _setup.app = app
    _setup.authenticate = authenticate
    app.register_middleware(_in_our_shape, "http")


@dataclass(frozen=True)
class Operation:
    """What `@validated` knows of an operation, readable on the function as `.operation`."""

    name: str
    schema: Schema
    permission: Permission
    access: APIAccessType | None
    api_schema: Schema | None
    returns: Schema | None
    validate_body: bool
    limit: Limit | Strangers | None

    def schema_for(self, user: Caller | None) -> Schema:
        """The schema for that kind of caller.

        Raises:
            PermissionDeniedError: the caller's API key does not open this operation.
        """
        if user is None or user.api_key_id is None:
            return self.schema
        if self.api_schema is None or self.access is None:
            raise PermissionDeniedError("This cannot be done with an API key.")
        if not user.carries(self.access):
            raise PermissionDeniedError(f"This API key does not carry {self.access}.")
        return self.api_schema


NO_PAYLOAD: Schema = {"type": "object", "properties": {}, "additionalProperties": False}


SAME_SCHEMA: Schema = {}


def validated(
    schema: Schema = NO_PAYLOAD,
    *,
    permission: Permission,
    access: APIAccessType | None = None,
    api_schema: Schema | None = SAME_SCHEMA,
    returns: Schema | None = None,
    validate_body: bool = True,
    limit: Limit | Strangers | None = None,
) -> Callable[[View], View]:
    """Puts a function behind authentication, schema and permission, and turns its failures into clear answers.

    The function receives what it asks for by name: `user` (Caller), `data` (the validated payload), `name`
    (the operation's), `headers` (whatever their case), `event` and `context` (as API Gateway sent them).
    It gives a dict, which is answered as `{"success": true, …}`, or a Chalice Response.

    Args:
        schema: what `data` must be: path, query and body together. Nothing at all where it is left out.
        permission: `public`, or a predicate on `(user, data)`; only True allows.
        access: what an API key must carry; named wherever keys are let in.
        api_schema: what `data` must be for callers with an API key, where that differs; None shuts keys out.
        returns: what the answer looks like, for the documentation and for tests.
        validate_body: False leaves the payload unchecked, for a router whose targets bring their own schemas.
        limit: the operation's own number of requests for each caller, beside what holds for all that they do;
            of a public operation, how strangers are counted. A public one without it is not limited.

    Raises:
        TypeError: a key is let in, and `access` does not say which; the limit counts callers where there are
            none, or strangers where there are callers.
    """
    if limit is not None and isinstance(limit, Strangers) is not (permission is public):
        raise TypeError("a public operation is limited by Strangers, any other by a Limit")
    if permission is not public and api_schema is not None and access is None:
        raise TypeError("name the access that an API key must carry, or shut keys out with api_schema=None")
    for_keys = schema if api_schema is SAME_SCHEMA else api_schema

    def decorate(view: View) -> View:
        operation = Operation(view.__name__, schema, permission, access, for_keys, returns, validate_body, limit)
        wanted = frozenset(inspect.signature(view).parameters)

        @functools.wraps(view)
        def run(**path: str) -> Response:
            return _run(operation, view, wanted, grants.of(run), path)

        run.__dict__["operation"] = operation
        grants.add(run, grants.merge(tracking.NEEDS, alerts.NEEDS))
        if permission is not public:
            grants.add(run, limits.CALLER_NEEDS)
            # The application names its authenticator before its first route.
            if _setup.authenticate is not None:
                grants.add(run, grants.of(_setup.authenticate))
        elif limit is not None:
            grants.add(run, limits.STRANGER_NEEDS)
        return run  # type: ignore[return-value]

    return decorate


def _run(
    operation: Operation, view: Callable[..., Any], wanted: frozenset[str], needs: grants.Grants, path: dict[str, str]
) -> Response:
    request = _request()
    lambda_context = request.lambda_context
    request_id = str(getattr(lambda_context, "aws_request_id", ""))
    endpoint = f"{request.method} {request.context.get('resourcePath', request.path)}"
    memory_mb = int(getattr(lambda_context, "memory_limit_in_mb", 0)) or None
    rate: dict[str, str] = {}
    with log.context(request_id), tracking.track(operation.name, endpoint, "HTTP", memory_mb) as execution:
        try:
            answer = _answered(_handle(operation, view, wanted, needs, path, request, execution, rate))
        except Exception as error:
            answer = _refused(error, execution, request_id)
        answer.headers.update(rate)
        return answer


def _handle(
    operation: Operation,
    view: Callable[..., Any],
    wanted: frozenset[str],
    needs: grants.Grants,
    path: dict[str, str],
    request: Request,
    execution: Execution,
    rate: dict[str, str],
) -> Any:
    user = None
    if operation.permission is not public:
        user = _authenticated(request)
        execution.caller_is(user.id, user.api_key_id)
    _limit(operation, user, request, rate)
    config.resolve(needs)
    schema = operation.schema_for(user)
    data = _data(schema, path, request)
    if operation.validate_body:
        payload.check(schema, data)
    _limit_address(operation, data, rate)
    if user is not None:
        _permit(operation.permission, user, data)
    offered = {
        "user": user,
        "data": data,
        "name": operation.name,
        "headers": request.headers,
        "event": request.to_original_event(),
        "context": request.lambda_context,
    }
    return view(**{name: value for name, value in offered.items() if name in wanted})


def _request() -> Request:
    request: Request | None = None if _setup.app is None else _setup.app.current_request
    if request is None:
        raise RuntimeError("a validated function runs only inside a request, after setup_validated()")
    return request


def _authenticated(request: Request) -> Caller:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip() or _setup.authenticate is None:
        raise NotAuthenticatedError
    return _setup.authenticate(token.strip())


def _limit(operation: Operation, user: Caller | None, request: Request, rate: dict[str, str]) -> None:
    """Counts the request, and puts into `rate` what every answer to it says of the limits."""
    if user is not None:
        own = operation.limit if isinstance(operation.limit, Limit) else None
        standing = limits.of_caller(user, operation.name, own)
    elif isinstance(operation.limit, Strangers):
        source = request.context.get("identity", {}).get("sourceIp")
        standing = limits.of_source(str(source), operation.limit)
    else:
        return
    rate.update(standing.headers())
    _go_on(standing)


def _limit_address(operation: Operation, data: Mapping[str, Any], rate: dict[str, str]) -> None:
    """Counts the request by the address that it names; told only to who is refused.

    Others would learn how busy a stranger's address is.
    """
    limit = operation.limit
    if isinstance(limit, Strangers) and isinstance(data.get(limit.field), str):
        standing = limits.of_address(data[limit.field], limit)
        if not standing.allowed:
            rate.update(standing.headers())
        _go_on(standing)


def _go_on(standing: Standing) -> None:
    if not standing.allowed:
        raise TooManyRequestsError(retry_after=standing.reset)


def _data(schema: Schema, path: dict[str, str], request: Request) -> dict[str, Any]:
    asked = request.query_params
    query = {} if asked is None else {name: asked.getlist(name) for name in asked}
    raw = request.raw_body
    body = payload.parse_body(raw if isinstance(raw, bytes) else raw.encode())
    return payload.merge(schema, path, query, body)


def _permit(permission: Permission, user: Caller, data: Mapping[str, Any]) -> None:
    try:
        allowed = permission(user, data)
    except Exception as error:
        if isinstance(error, UnavailableError) or aws.is_passing_fault(error):
            raise
        log.error("PERMISSION_CHECK_FAILED", error, permission=getattr(permission, "__name__", "?"))
        raise PermissionDeniedError from error
    if allowed is not True:
        raise PermissionDeniedError


def _answered(result: Any) -> Response:
    if isinstance(result, Response):
        return result
    return _json(200, {"success": True, **(result or {})})


def _refused(error: Exception, execution: Execution, request_id: str) -> Response:
    execution.failed(error)
    public_error = _public(error)
    if alerts.is_unforeseen(error):
        alerts.report(error, execution.operation)
    if public_error.status >= 500:
        log.error("REQUEST_FAILED", error, operation=execution.operation, status=public_error.status)
    else:
        log.info(
            "REQUEST_REFUSED", operation=execution.operation, status=public_error.status, errorCode=public_error.code
        )
    return error_response(public_error, request_id)


def _public(error: Exception) -> DarkroomError:
    """The failure that a caller is told of: our own as it is, a dependency that is out as 503, the rest as 500."""
    if isinstance(error, DarkroomError):
        return error
    return UnavailableError() if aws.is_passing_fault(error) else UnexpectedError()


def error_response(error: DarkroomError, request_id: str) -> Response:
    return _json(error.status, error.body(request_id), error.headers())


def _json(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        status_code=status,
        body=records.to_json(body),
        headers={"Content-Type": "application/json", "Cache-Control": "no-store", **(headers or {})},
    )


def _in_our_shape(event: Any, get_response: Callable[[Any], Response]) -> Response:
    """Gives what Chalice itself refuses (another method, another content type) the shape of our errors."""
    response = get_response(event)
    if isinstance(response.body, dict) and set(response.body) == {"Code", "Message"}:
        error = BY_STATUS.get(response.status_code, UnexpectedError)()
        request_id = str(getattr(getattr(event, "lambda_context", None), "aws_request_id", ""))
        shaped = error_response(error, request_id)
        cors = {"Access-Control-Allow-Origin": config.cors_origin()}
        shaped.headers.update({**cors, **response.headers})
        return shaped
    return response
