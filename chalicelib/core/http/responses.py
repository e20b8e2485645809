"""The form of every HTTP response: success, our failures, and what Chalice itself refuses."""

from collections.abc import Callable, Mapping
from typing import Any

from chalice.app import Response

from chalicelib.core import clients, ids, log
from chalicelib.core.errors import BY_STATUS, DarkroomError, UnavailableError, UnexpectedError
from chalicelib.core.http.operations import Explain
from chalicelib.core.observing import alerts
from chalicelib.core.observing.tracking import Execution
from chalicelib.core.settings import Settings

# A browser must not guess a response's type, nor use the API without TLS for a year. A response is for its caller
# alone: one that may be cached says so itself.
DEFAULT_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Cache-Control": "no-store",
}


def to_response(result: Any) -> Response:
    """The response to what an operation returned: a dict becomes `{"success": true, …}`."""
    return result if isinstance(result, Response) else json(200, {"success": True, **(result or {})})


def json(status: int, body: Mapping[str, Any] | None, headers: Mapping[str, str] | None = None) -> Response:
    """A response in JSON; without a body, the status alone."""
    return Response(
        status_code=status,
        body="" if body is None else ids.to_json(body),
        headers={"Content-Type": "application/json", **(headers or {})},
    )


def to_error_response(
    error: Exception, execution: Execution, request_id: str, explain: Explain | None = None
) -> Response:
    """The response to a failure, which is recorded with its cause; with what to do next, if the operation explains."""
    public_error = record_failure(error, execution)
    if explain is not None:
        public_error.explained = explain(public_error, execution.operation)
    return _to_json(public_error, request_id)


def record_failure(error: Exception, execution: Execution) -> DarkroomError:
    """Records a failure (usage record, log, and an alert if it is unexpected); returns the error for the caller."""
    execution.fail(error)
    public_error = execution.public_error = _public_error(error)
    if alerts.is_unexpected(error):
        alerts.report(error, execution.operation)
    if public_error.status >= 500:
        log.error("REQUEST_FAILED", error, operation=execution.operation, status=public_error.status)
    else:
        log.info(
            "REQUEST_REFUSED", operation=execution.operation, status=public_error.status, errorCode=public_error.code
        )
    return public_error


def _public_error(error: Exception) -> DarkroomError:
    """The error that the caller reads: ours as it is, a transient error of a dependency as 503, the rest as 500."""
    if isinstance(error, DarkroomError):
        return error
    public_error = UnavailableError() if clients.is_transient(error) else UnexpectedError()
    public_error.action_id = getattr(error, "action_id", None)
    return public_error


def _to_json(error: DarkroomError, request_id: str) -> Response:
    return json(error.status, error.body(request_id), error.headers())


def shape_response(event: Any, get_response: Callable[[Any], Response]) -> Response:
    """Middleware: gives Chalice's own refusals the form of our errors, and every response the default headers."""
    response = _in_our_form(event, get_response(event))
    response.headers = {**DEFAULT_HEADERS, **response.headers}
    return response


def _in_our_form(event: Any, response: Response) -> Response:
    """Chalice's own refusals (another method, another content type) as errors of ours."""
    if isinstance(response.body, dict) and set(response.body) == {"Code", "Message"}:
        error = BY_STATUS.get(response.status_code, UnexpectedError)()
        request_id = str(getattr(getattr(event, "lambda_context", None), "aws_request_id", ""))
        shaped = _to_json(error, request_id)
        cors = {"Access-Control-Allow-Origin": Settings.CORS_ORIGIN.get()}
        shaped.headers.update({**cors, **response.headers})
        return shaped
    return response
