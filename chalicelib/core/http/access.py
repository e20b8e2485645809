"""Who may call an operation, with what: one decorator between every route and its function.

The order is fixed: authenticate → limit → account active → settings present → API key's access → schema → permission →
Idempotency-Key → handler → error mapping → audit → tracking. Who is unknown is counted by the source of the request
first, and by the address that it names once the schema has found one. A request that the caller's API key does not open
counts against the key alone.
Access fails closed: no permission named cannot be imported; anything but True, or an exception, means no.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from chalice.app import Chalice, Request, Response

from chalicelib.core import clients, log
from chalicelib.core.aws import grants
from chalicelib.core.errors import (
    AccountNotActiveError,
    InvalidRequestError,
    NotAuthenticatedError,
    PermissionDeniedError,
    TooManyRequestsError,
)
from chalicelib.core.http import budgets, idempotency, json_schema, limits, payload, responses
from chalicelib.core.http.limits import AnonymousLimit, Limit, Standing
from chalicelib.core.http.operations import Access, Caller, Operation, Permission, Replay, checks_answers, kinds, public
from chalicelib.core.http.password_attempts import AnonymousCaller
from chalicelib.core.observing import alerts, tracking
from chalicelib.core.observing.tracking import Execution
from chalicelib.core.schemas import NO_PAYLOAD, Schema

# The operation that a request to a router is for, from its path and body; None where there is none such.
LeadsTo = Callable[[Mapping[str, str], bytes], Operation | None]
Authenticate = Callable[[str], Caller]
# Takes what was run, the source's address, and the request's id.
Audit = Callable[[Execution, str, str], None]
View = TypeVar("View", bound=Callable[..., Any])

SAME_SCHEMA: Schema = {}


@dataclass
class _Setup:
    app: Chalice | None = None
    authenticate: Authenticate | None = None
    audit: Audit | None = None


_setup = _Setup()


def setup_validated(app: Chalice, *, authenticate: Authenticate, audit: Audit | None = None) -> None:
    """Tells the decorator, once, the application, who can tell a caller by their bearer token, and who keeps the trail.

    `authenticate` raises NotAuthenticatedError for a token that it does not accept. `audit` never raises.
    """
    _setup.app = app
    _setup.authenticate = authenticate
    _setup.audit = audit
    app.register_middleware(responses.in_our_shape, "http")


def validated(
    schema: Schema = NO_PAYLOAD,
    *,
    permission: Permission,
    access: Access | None = None,
    api_schema: Schema | None = SAME_SCHEMA,
    returns: Schema | None = None,
    validate_body: bool = True,
    limit: Limit | AnonymousLimit | None = None,
    idempotent: bool | Replay = False,
    audited: bool = False,
    allow_over_budget: bool = False,
    leads_to: LeadsTo | None = None,
) -> Callable[[View], View]:
    """Puts a function behind authentication, schema and permission, and turns its failures into clear answers.

    The function receives what it asks for by name: `user` (Caller), `name` (their display name; "" where there is no
    caller), `operation` (the operation's name), `data` (the validated payload), `headers` (whatever their case),
    `body` (bytes), `event` and `context` (as API Gateway sent them), `execution` (what tracking will write down of
    this run), `rate` (what the answer will say of the limits), `anonymous` (where the request comes from, for who is
    not known yet), and `offered`: all of this, for a router to hand on.
    It gives a dict, which is answered as `{"success": true, …}`, or a Chalice Response.

    Args:
        schema: what `data` must be: path, query and body together. Nothing at all where it is left out.
        permission: `public`, or a predicate on `(user, data)`; only True allows.
        access: what an API key must carry (one of a set where there are several); named wherever keys are let in.
        api_schema: what `data` must be for callers with an API key, where that differs; None shuts keys out.
        returns: what the answer looks like, apart from `success`: held to where CHECK_ANSWERS is on.
        validate_body: False leaves the body unread, for a router whose targets bring their own schemas.
        limit: the operation's own number of requests for each caller, beside what holds for all that they do;
            of a public operation, how strangers are counted. A public one without it is not limited.
        idempotent: honours the header Idempotency-Key. An answer that holds links or secrets needs a Replay, which
            says what of it is stored for a day, and how it is made anew.
        audited: notes each run that limit and schema let pass. What is refused to a caller (403) is noted anyway.
        allow_over_budget: goes on where the caller's dollars are used up: to see why, and to end what spends them.
        leads_to: of a router, which operation a request is for, so that it is known before anything is counted
            whether the caller's API key opens it.

    Raises:
        TypeError: a key is let in, and `access` does not say which; the limit counts callers where there are
            none, or strangers where there are callers; what may be repeated is public, or does not say what it gives.
    """
    if limit is not None and isinstance(limit, AnonymousLimit) is not (permission is public):
        raise TypeError("a public operation is limited by AnonymousLimit, any other by a Limit")
    if permission is not public and api_schema is not None and access is None:
        raise TypeError("name the access that an API key must carry, or shut keys out with api_schema=None")
    if idempotent and (permission is public or returns is None):
        raise TypeError("what may be repeated has a caller, and says what it gives")
    for_keys = schema if api_schema is SAME_SCHEMA else api_schema

    def decorate(view: View) -> View:
        operation = Operation(
            name=view.__name__,
            view=view,
            schema=schema,
            permission=permission,
            access=kinds(access),
            api_schema=for_keys,
            returns=returns,
            validate_body=validate_body,
            limit=limit,
            replay=idempotent if isinstance(idempotent, Replay) else (Replay() if idempotent else None),
            audited=audited,
            allow_over_budget=allow_over_budget,
            leads_to=leads_to,
        )

        @functools.wraps(view)
        def run(**path: str) -> Response:
            return _run(operation, grants.of(run), path)

        run.__dict__["operation"] = operation
        grants.add(run, grants.merge(tracking.NEEDS, alerts.NEEDS))
        if permission is not public:
            grants.add(run, limits.CALLER_NEEDS)
            # The application names its authenticator before its first route.
            if _setup.authenticate is not None:
                grants.add(run, grants.of(_setup.authenticate))
        elif limit is not None:
            grants.add(run, limits.STRANGER_NEEDS)
        if _setup.audit is not None and (audited or permission is not public):
            grants.add(run, grants.of(_setup.audit))
        if idempotent:
            grants.add(run, idempotency.NEEDS)
        return run  # type: ignore[return-value]

    return decorate


def _run(operation: Operation, needs: grants.Grants, path: dict[str, str]) -> Response:
    request = _request()
    lambda_context = request.lambda_context
    request_id = str(getattr(lambda_context, "aws_request_id", ""))
    endpoint = f"{request.method} {request.context.get('resourcePath', request.path)}"
    memory_mb = int(getattr(lambda_context, "memory_limit_in_mb", 0)) or None
    correlation_id = log.accepted(request.headers.get(log.CORRELATION_HEADER))
    with (
        log.context(request_id, correlation_id),
        clients.within_run(lambda_context),
        tracking.track(operation.name, endpoint, "HTTP", memory_mb) as execution,
    ):
        call = _Call(operation, needs, path, request, execution)
        try:
            answer = responses.of(call.result())
        except Exception as error:
            answer = responses.of_failure(error, execution, request_id)
        # What costs an unknown sender nothing must cost us no write either: its figures in the log are enough.
        execution.recorded = execution.user is not None
        answer.headers.update({**call.rate, **call.replayed, log.CORRELATION_HEADER: log.correlation_id()})
        _audit(operation, execution, call.source, request_id)
        return answer


def _audit(operation: Operation, execution: Execution, source: str, request_id: str) -> None:
    status = None if execution.public_error is None else execution.public_error.status
    # Who is turned away for asking too often must not fill the trail for nothing.
    if status == TooManyRequestsError.status:
        return
    refused = status == PermissionDeniedError.status
    if _setup.audit is not None and (execution.audited or (refused and operation.permission is not public)):
        _setup.audit(execution, source, request_id)


def _request() -> Request:
    request: Request | None = None if _setup.app is None else _setup.app.current_request
    if request is None:
        raise RuntimeError("a validated function runs only inside a request, after setup_validated()")
    return request


@dataclass
class _Call:
    """One request on its way through the steps. `rate` and `replayed` are what its answer says in headers of both."""

    operation: Operation
    needs: grants.Grants
    path: dict[str, str]
    request: Request
    execution: Execution
    rate: dict[str, str] = field(default_factory=dict)
    replayed: dict[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """The address that the request comes from."""
        return str(self.request.context.get("identity", {}).get("sourceIp"))

    def result(self) -> Any:
        operation = self.operation
        user = None if operation.permission is public else self._authenticated()
        if user is None:
            self._limit_source()
        else:
            self._limit(user)
            # Only now: uncounted, who is switched off could fill the trail for nothing.
            if not user.is_active:
                raise AccountNotActiveError
        tracking.settings_present(operation.name, self.needs)
        data = self._data(operation.schema_for(user))
        self._limit_address(data)
        self.execution.begins(data, audited=operation.audited)
        if user is not None:
            operation.permit(user, data)
        answer = self._once(user, data)
        if isinstance(answer, Mapping):
            self.execution.answer = answer
        return answer

    def _once(self, user: Caller | None, data: Mapping[str, Any]) -> Any:
        """The function's answer; of a request that came before under its Idempotency-Key, the answer that it got.

        Its links are signed anew: they live shorter than what is stored.
        """
        replay = self.operation.replay
        key = self.request.headers.get(idempotency.HEADER)
        if replay is None or key is None or user is None:
            return self._run(user, data)
        scope = user.id, self.operation.name, idempotency.checked(key)
        answer, replayed = idempotency.once(
            scope, data, lambda: self._run(user, data) or {}, self.request.lambda_context, replay.stores
        )
        if replayed:
            self.replayed[idempotency.REPLAYED] = "true"
            answer = self._checked(replay.rebuild(user, data, answer))
        return answer

    def _run(self, user: Caller | None, data: Mapping[str, Any]) -> Any:
        return self._checked(self.operation.run(self._offered(user, data)))

    def _checked(self, answer: Any) -> Any:
        if checks_answers():
            self.operation.check_answer(answer)
        return answer

    def _authenticated(self) -> Caller:
        scheme, _, token = self.request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip() or _setup.authenticate is None:
            raise NotAuthenticatedError
        user = _setup.authenticate(token.strip())
        self.execution.caller_is(user.id, user.api_key_id)
        return user

    def _limit(self, user: Caller) -> None:
        if self._is_closed_to_key(user):
            # Else a key that opens little could use up what its owner has.
            self.execution.is_keys_alone = True
            self._stand(limits.of_key(user))
            return
        if not self.operation.allow_over_budget:
            budgets.refuse_overspent(user, self.rate)
        own = self.operation.limit if isinstance(self.operation.limit, Limit) else None
        self._stand(limits.of_caller(user, self.operation.name, own))

    def _is_closed_to_key(self, user: Caller) -> bool:
        """Whether the request will be refused since the caller's API key does not open what it is for."""
        if user.api_key_id is None:
            return False
        leads_to = self.operation.leads_to
        behind = None if leads_to is None else leads_to(self.path, _bytes(self.request.raw_body))
        return not all(each.opens_to(user) for each in (self.operation, behind) if each is not None)

    def _limit_source(self) -> None:
        if isinstance(self.operation.limit, AnonymousLimit):
            self._stand(limits.of_source(self.source, self.operation.limit))

    def _stand(self, standing: Standing) -> None:
        self.rate.update(standing.headers())
        if not standing.allowed:
            raise TooManyRequestsError(retry_after=standing.reset)

    def _limit_address(self, data: Mapping[str, Any]) -> None:
        """Counts the request by the address that it names; told only to who is refused.

        Others would learn how busy a anonymous's address is.
        """
        limit = self.operation.limit
        if isinstance(limit, AnonymousLimit) and isinstance(data.get(limit.field), str):
            standing = limits.of_address(data[limit.field], limit)
            if not standing.allowed:
                self._stand(standing)

    def _data(self, schema: Schema) -> dict[str, Any]:
        """The payload that the schema takes; of an operation that reads its own body, the path alone."""
        if not self.operation.validate_body:
            json_schema.check(schema, self.path)
            return dict(self.path)
        asked = self.request.query_params
        if asked and self.request.method != "GET":
            # URLs end up in logs: what a body may hold (a password) has no place in one.
            raise InvalidRequestError("This route takes no query.")
        query = {} if asked is None else {name: asked.getlist(name) for name in asked}
        data = payload.merge(schema, self.path, query, payload.parse_body(_bytes(self.request.raw_body)))
        json_schema.check(schema, data)
        return data

    def _offered(self, user: Caller | None, data: Mapping[str, Any]) -> dict[str, Any]:
        wanted = self.operation.wanted
        offered = {
            "user": user,
            "data": data,
            "name": "" if user is None else user.name,
            "operation": self.operation.name,
            "headers": self.request.headers,
            "body": _bytes(self.request.raw_body),
            # Made only where it is asked for: it copies the whole request.
            "event": self.request.to_original_event() if {"event", "offered"} & wanted else None,
            "context": self.request.lambda_context,
            "execution": self.execution,
            "rate": self.rate,
            "anonymous": AnonymousCaller(self.source, self.rate),
        }
        return {**offered, "offered": offered}


def _bytes(body: bytes | str) -> bytes:
    return body if isinstance(body, bytes) else body.encode()
