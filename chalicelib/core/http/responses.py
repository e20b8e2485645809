"""The form of every answer over HTTP: success, our failures, and what Chalice itself refuses."""

from collections.abc import Callable, Mapping
from typing import Any

from chalice.app import Response

from chalicelib.core import clients, config, ids, log
from chalicelib.core.errors import BY_STATUS, DarkroomError, UnavailableError, UnexpectedError
from chalicelib.core.observing import alerts
from chalicelib.core.observing.tracking import Execution

# No browser is to guess what an answer is, nor to ask again without TLS for a year. An answer is for its caller alone:
# what anyone may keep says so itself.
ALWAYS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Cache-Control": "no-store",
}


def of(result: Any) -> Response:
    """The answer to what an operation gave: a dict becomes `{"success": true, …}`, a Response is one already."""
    return result if isinstance(result, Response) else json(200, {"success": True, **(result or {})})


def json(status: int, body: Mapping[str, Any] | None, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON; where there is no body, the status alone."""
    return Response(
        status_code=status,
        body="" if body is None else ids.to_json(body),
        headers={"Content-Type": "application/json", **(headers or {})},
    )


def of_failure(error: Exception, execution: Execution, request_id: str) -> Response:
    """The answer to a failure, which is written down with its cause for those who run the platform."""
    return _error(note(error, execution), request_id)


def note(error: Exception, execution: Execution) -> DarkroomError:
    """Writes a failure down (usage record, log, and alert where nobody foresaw it); gives what the caller hears."""
    execution.failed(error)
    told = execution.told = _public(error)
    if alerts.is_unforeseen(error):
        alerts.report(error, execution.operation)
    if told.status >= 500:
        log.error("REQUEST_FAILED", error, operation=execution.operation, status=told.status)
    else:
        log.info("REQUEST_REFUSED", operation=execution.operation, status=told.status, errorCode=told.code)
    return told


def _public(error: Exception) -> DarkroomError:
    """The failure that a caller is told of: our own as it is, a dependency that is out as 503, the rest as 500."""
    if isinstance(error, DarkroomError):
        return error
    told = UnavailableError() if clients.is_passing_fault(error) else UnexpectedError()
    told.action_id = getattr(error, "action_id", None)
    return told


def _error(error: DarkroomError, request_id: str) -> Response:
    return json(error.status, error.body(request_id), error.headers())


def in_our_shape(event: Any, get_response: Callable[[Any], Response]) -> Response:
    """Middleware: what Chalice itself refuses gets our errors' shape, and every answer the headers that all have."""
    response = _shaped(event, get_response(event))
    response.headers = {**ALWAYS, **response.headers}
    return response


def _shaped(event: Any, response: Response) -> Response:
    """What Chalice itself refuses (another method, another content type) as an error of ours."""
    if isinstance(response.body, dict) and set(response.body) == {"Code", "Message"}:
        error = BY_STATUS.get(response.status_code, UnexpectedError)()
        request_id = str(getattr(getattr(event, "lambda_context", None), "aws_request_id", ""))
        shaped = _error(error, request_id)
        cors = {"Access-Control-Allow-Origin": config.cors_origin()}
        shaped.headers.update({**cors, **response.headers})
        return shaped
    return response
