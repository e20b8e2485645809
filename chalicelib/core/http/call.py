"""One request on its way through the steps, in the order of `Call.run`; `respond` turns its outcome into a response."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalice.app import Chalice, Request, Response

from chalicelib.core import clients, log
from chalicelib.core.aws import grants
from chalicelib.core.errors import (
    AccountNotActiveError,
    DarkroomError,
    InvalidRequestError,
    NotAuthenticatedError,
    PermissionDeniedError,
    TooManyRequestsError,
)
from chalicelib.core.http import budgets, idempotency, json_schema, limits, payload, responses
from chalicelib.core.http.attempts import AnonymousCaller
from chalicelib.core.http.limits import AnonymousLimit, Limit, LimitStatus
from chalicelib.core.http.operations import AnswerError, Caller, Operation, checks_responses, errors_of, public
from chalicelib.core.observing import tracking
from chalicelib.core.observing.tracking import Execution
from chalicelib.core.schemas import Schema

# From a bearer token to the caller; raises NotAuthenticatedError.
Authenticate = Callable[[str], Caller]


@dataclass(frozen=True)
class Audit:
    """Who keeps the audit trail of what is run.

    `begin` takes what is about to run, and raises UnavailableError where it cannot write that down. `end` takes what
    was run or refused, and never raises.
    """

    begin: Callable[[Execution], None]
    end: Callable[[Execution], None]


@dataclass
class Setup:
    """What the application hands in, once, before its first route."""

    app: Chalice | None = None
    authenticate: Authenticate | None = None
    audit: Audit | None = None


setup = Setup()


def respond(view: Callable[..., Any], path: dict[str, str]) -> Response:
    """The response of a route to the current request, which is tracked, its failure recorded, its audit entry written.

    `view` has the route's operation, and what it declares.
    """
    operation: Operation = view.__dict__["operation"]
    request: Request | None = None if setup.app is None else setup.app.current_request
    if request is None:
        raise RuntimeError("a validated function runs only inside a request, after setup_validated()")
    lambda_context = request.lambda_context
    request_id = str(getattr(lambda_context, "aws_request_id", ""))
    endpoint = f"{request.method} {request.context.get('resourcePath', request.path)}"
    memory_mb = int(getattr(lambda_context, "memory_limit_in_mb", 0)) or None
    correlation_id = log.valid_correlation_id(request.headers.get(log.CORRELATION_HEADER))
    with (
        log.context(request_id, correlation_id),
        clients.run_deadline(lambda_context),
        tracking.track(operation.name, endpoint, "HTTP", memory_mb) as execution,
    ):
        call = Call(operation, grants.of(view), path, request, execution)
        execution.source, execution.request_id = call.source, request_id
        try:
            response = responses.to_response(call.run())
        except Exception as error:
            response = responses.to_error_response(_declared(error, view), execution, request_id, operation.explain)
        # An anonymous request costs its sender nothing, so it must not cost us a write: the log has its figures.
        execution.recorded = execution.user is not None
        response.headers.update({**call.rate, **call.replayed, log.CORRELATION_HEADER: log.correlation_id()})
        _end_audit(operation, execution)
        return response


def _declared(error: Exception, view: Callable[..., Any]) -> Exception:
    """The error; in tests a defect in its place, where the contract does not list it."""
    if not isinstance(error, DarkroomError) or not checks_responses():
        return error
    known = {(each.status, each.code) for each in errors_of(view)}
    if (error.status, error.code) in known:
        return error
    return AnswerError(f"{view.__name__} answered {error.status} {error.code}, which it does not declare (@raises)")


def begin_audit(execution: Execution) -> None:
    """Writes down that an audited operation begins, so that one that is cut off stands in the trail too.

    Raises:
        UnavailableError: that cannot be written; nothing was done.
    """
    if execution.audited and setup.audit is not None:
        setup.audit.begin(execution)


def _end_audit(operation: Operation, execution: Execution) -> None:
    if setup.audit is None:
        return
    status = None if execution.public_error is None else execution.public_error.status
    has_begun = execution.audit_id is not None
    # Requests over the limit must not fill the trail. One that had begun is taken out of it by the chain.
    if status == TooManyRequestsError.status and not has_begun:
        return
    was_denied = status == PermissionDeniedError.status and operation.permission is not public
    if execution.audited or was_denied:
        setup.audit.end(execution)


@dataclass
class Call:
    """One request. `rate` and `replayed` are headers of its response; `counted` is how its caller's limits stand."""

    operation: Operation
    needed: grants.Grants
    path: dict[str, str]
    request: Request
    execution: Execution
    rate: dict[str, str] = field(default_factory=dict)
    replayed: dict[str, str] = field(default_factory=dict)
    counted: LimitStatus | None = None

    @property
    def source(self) -> str:
        """The address that the request comes from."""
        return str(self.request.context.get("identity", {}).get("sourceIp"))

    @property
    def body(self) -> bytes:
        body = self.request.raw_body
        return body if isinstance(body, bytes) else body.encode()

    @property
    def token(self) -> str:
        """The bearer token of the request; "" without one."""
        scheme, _, token = self.request.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    def run(self) -> Any:
        operation = self.operation
        user = None if operation.permission is public else self._authenticate()
        if user is None:
            self._limit_source()
        else:
            self._limit(user)
            # After the limit: an inactive account must not fill the trail with uncounted refusals.
            if not user.is_active and not (user.is_erasing and operation.erases):
                raise AccountNotActiveError
        tracking.resolve_settings(operation.name, self.needed)
        data = self._data(operation.schema_for(user))
        self._limit_address(data)
        self.execution.accept(data, audited=operation.audited)
        if user is not None:
            operation.check_permission(user, data)
        begin_audit(self.execution)
        response = self._run_once(user, data)
        if isinstance(response, Mapping):
            self.execution.response = response
        return response

    def _authenticate(self) -> Caller:
        if not self.token or setup.authenticate is None:
            raise NotAuthenticatedError
        user = setup.authenticate(self.token)
        self.execution.set_caller(user.id, user.api_key_id)
        return user

    def _limit(self, user: Caller) -> None:
        if self._is_closed_to_key(user):
            # Otherwise a key with few rights could use up its owner's limits.
            self.execution.is_keys_alone = True
            limits.count_key(user).require(self.rate)
            return
        if not self.operation.allow_over_budget:
            budgets.check_spending(user, self.rate)
        own = self.operation.limit if isinstance(self.operation.limit, Limit) else None
        self.counted = limits.count_caller(user, self.operation.name, own)
        self.counted.require(self.rate)

    def _is_closed_to_key(self, user: Caller) -> bool:
        """Whether the request will be refused because the caller's API key does not open the operation."""
        if user.api_key_id is None:
            return False
        routes_to = self.operation.routes_to
        target = None if routes_to is None else routes_to(self.path, self.body)
        return not all(each.opens_to(user) for each in (self.operation, target) if each is not None)

    def _limit_source(self) -> None:
        if isinstance(self.operation.limit, AnonymousLimit):
            limits.count_source(self.source, self.operation.limit).require(self.rate)

    def _limit_address(self, data: Mapping[str, Any]) -> None:
        """Counts the request by the account that it names. Only a refusal shows the count in its headers.

        Otherwise anyone could learn how often an account is used.
        """
        limit = self.operation.limit
        if isinstance(limit, AnonymousLimit) and isinstance(data.get(limit.field), str):
            status = limits.count_address(data[limit.field], limit)
            if not status.allowed:
                status.require(self.rate)

    def _data(self, schema: Schema) -> dict[str, Any]:
        """The payload, checked against the schema. Of an operation that reads its own body, only the path."""
        if not self.operation.validate_body:
            json_schema.check(schema, self.path)
            return dict(self.path)
        params = self.request.query_params
        if params and self.request.method != "GET":
            # URLs end up in logs, and such a body may hold a password.
            raise InvalidRequestError("This route takes no query.")
        query = {} if params is None else {name: params.getlist(name) for name in params}
        data = payload.merge(schema, self.path, query, payload.parse_body(self.body))
        json_schema.check(schema, data)
        return data

    def _run_once(self, user: Caller | None, data: Mapping[str, Any]) -> Any:
        """The function's response, or that of an earlier request with the same Idempotency-Key, with new links."""
        key = self.request.headers.get(idempotency.HEADER)
        response, is_replay = idempotency.run_operation(
            self.operation, self._available(user, data), key, self._check_response
        )
        if is_replay:
            self.replayed[idempotency.REPLAYED] = "true"
        return response

    def _check_response(self, response: Any) -> None:
        if checks_responses():
            self.operation.check_response(response)

    def _available(self, user: Caller | None, data: Mapping[str, Any]) -> dict[str, Any]:
        """What a function may ask for by name."""
        available = {
            "user": user,
            "data": data,
            "name": "" if user is None else user.name,
            "operation": self.operation.name,
            "headers": self.request.headers,
            "token": self.token,
            "body": self.body,
            # Only on demand: it copies the whole request.
            "event": self.request.to_original_event() if {"event", "available"} & self.operation.parameters else None,
            "context": self.request.lambda_context,
            "execution": self.execution,
            "rate": self.rate,
            "counted": self.counted,
            "replayed": self.replayed,
            "anonymous": AnonymousCaller(self.source, self.rate),
        }
        return {**available, "available": available}
