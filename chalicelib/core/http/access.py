"""Who may call an operation, with what: one decorator between every route and its function.

The order is fixed: authenticate → limit → account active → settings present → API key's access → schema → permission →
Idempotency-Key → handler → error mapping → audit → tracking. An anonymous caller is counted by the source of the
request first, and after the schema by the account that the request names. A request that the caller's API key does not
open counts against the key alone.
Access fails closed: there is no default permission; anything but True, or an exception, means no.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from chalice.app import Chalice, Response

from chalicelib.core.aws import grants
from chalicelib.core.http import budgets, call, idempotency, json_schema, limits, payload, responses
from chalicelib.core.http.call import Audit, Authenticate
from chalicelib.core.http.limits import AnonymousLimit, Limit
from chalicelib.core.http.operations import (
    Access,
    Answer,
    Explain,
    Operation,
    Permission,
    Replay,
    public,
    to_access_types,
)
from chalicelib.core.observing import alerts, tracking
from chalicelib.core.schemas import NO_PAYLOAD, Schema

# From a router's path and body to the operation that the request is for; None if there is none.
RoutesTo = Callable[[Mapping[str, str], bytes], Operation | None]
Targets = Callable[[], Iterable[Callable[..., Any]]]
View = TypeVar("View", bound=Callable[..., Any])

SAME_SCHEMA: Schema = {}


def setup_validated(app: Chalice, *, authenticate: Authenticate, audit: Audit | None = None) -> None:
    """Names, before the first route, the application, who turns a bearer token into a caller, and who keeps the trail.

    `authenticate` raises NotAuthenticatedError for a token that it does not accept.
    """
    call.setup.app, call.setup.authenticate, call.setup.audit = app, authenticate, audit
    app.register_middleware(responses.shape_response, "http")


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
    erases: bool = False,
    routes_to: RoutesTo | None = None,
    targets: Targets | None = None,
    answers: Iterable[Answer] = (),
    body: Schema | None = None,
    headers: Mapping[str, Schema] | None = None,
    explain: Explain | None = None,
) -> Callable[[View], View]:
    """Puts a function behind authentication, schema and permission, and turns its failures into clear responses.

    The function receives what its parameters name: `user` (Caller), `name` (the user's display name, or ""),
    `operation` (the operation's name), `data` (the checked payload), `headers` (case-insensitive), `token`
    (the bearer token), `body` (bytes), `event` and `context` (as API Gateway sent them), `execution` (the run, as
    tracking will record it), `rate` (the response's RateLimit headers), `counted` (LimitStatus: how the limits of the
    caller's requests stand), `replayed` (the response's header Idempotency-Replayed), `anonymous` (AnonymousCaller),
    and `available` (all of these, for a router).
    It returns a dict, which becomes `{"success": true, …}`, or a Chalice Response.

    Args:
        schema: of `data`: path, query and body together. By default no payload is allowed.
        permission: `public`, or a predicate on `(user, data)`; only True allows.
        access: what an API key must carry (one of a set); required unless keys are shut out.
        api_schema: of `data` for callers with an API key, if it differs; None shuts keys out.
        returns: the response's schema, without `success`; checked if CHECK_ANSWERS is on.
        validate_body: False leaves the body unread, for a router whose targets have their own schemas.
        limit: requests for each caller, on top of the caller's limits. A public operation takes an AnonymousLimit,
            and is not limited without one.
        idempotent: honours the header Idempotency-Key. A response with links or secrets needs a Replay, which says
            what is stored for a day, and how the response is made from it.
        audited: records each run that passes limit and schema, when it begins and how it ends. What is refused to a
            caller (403) is always recorded.
        allow_over_budget: runs for callers over their dollar limits too: to see why, and to stop what spends them.
        erases: it erases the caller's account, and may be called again until that has ended.
        routes_to: of a router, the operation that a request is for. It tells whether the caller's API key opens that
            operation before anything is counted.
        targets: of a router, the functions behind which all its targets stand: it may answer what they answer.
        answers: what it answers as a Response that it makes itself.
        body: of a router's body, which its targets check.
        headers: of the headers that the function reads.
        explain: says after a failure what the caller should do next; the response has it as `error.nextStep`.

    Raises:
        TypeError: `access`, `limit` or `idempotent` does not fit the rest of the declaration.
    """
    if limit is not None and isinstance(limit, AnonymousLimit) is not (permission is public):
        raise TypeError("a public operation is limited by AnonymousLimit, any other by a Limit")
    if permission is not public and api_schema is not None and access is None:
        raise TypeError("name the access that an API key must carry, or shut keys out with api_schema=None")
    if idempotent and (permission is public or returns is None):
        raise TypeError("an idempotent operation has a caller, and declares what it returns")

    def decorate(view: View) -> View:
        operation = Operation(
            name=view.__name__,
            view=view,
            schema=schema,
            permission=permission,
            access=to_access_types(access),
            api_schema=schema if api_schema is SAME_SCHEMA else api_schema,
            returns=returns,
            validate_body=validate_body,
            limit=limit,
            replay=idempotent if isinstance(idempotent, Replay) else (Replay() if idempotent else None),
            audited=audited,
            allow_over_budget=allow_over_budget,
            erases=erases,
            routes_to=routes_to,
            targets=targets,
            answers=tuple(answers),
            body=body,
            headers=headers or {},
            explain=explain,
        )

        @functools.wraps(view)
        def run(**path: str) -> Response:
            return call.respond(run, path)

        run.__dict__["operation"] = operation
        grants.add(run, *_steps(operation))
        return run  # type: ignore[return-value]

    return decorate


def _steps(operation: Operation) -> list[Callable[..., Any]]:
    """The functions that a request to the operation runs through: it inherits their grants."""
    is_public = operation.permission is public
    steps: list[Callable[..., Any] | None] = [
        tracking.write_usage_record,
        alerts.report,
        tracking.resolve_settings,
        responses.to_error_response,
        payload.parse_body,
        json_schema.check,
        None if is_public else limits.count_caller,
        None if is_public or operation.allow_over_budget else budgets.check_spending,
        None if is_public else call.setup.authenticate,
        None if is_public else Operation.check_permission,
        limits.count_source if is_public and operation.limit is not None else None,
        *_audit_steps(operation),
        *((idempotency.run_once, operation.replay.rebuild) if operation.replay is not None else ()),
    ]
    return [step for step in steps if step is not None]


def _audit_steps(operation: Operation) -> list[Callable[..., Any]]:
    audit = call.setup.audit
    if audit is None or (operation.permission is public and not operation.audited):
        return []
    return [audit.begin, audit.end] if operation.audited else [audit.end]
