"""Every failure of ours: its class, HTTP status, stable code, and the sentence that a caller may read."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


class DarkroomError(Exception):
    """A failure that a caller reads. `message` is public: it never holds a secret or a cause."""

    status = 500
    code = "UNKNOWN_ERROR"
    message = "Something went wrong on our side."
    # Whether the same request may succeed later without any correction.
    is_transient = False
    # Headers that each response of the class has, and in how many seconds to ask again where the error does not know.
    fixed_headers: Mapping[str, str] = {}
    retry_after: int | None = None
    # What to do next, where the class knows it, in a sentence. It names operations, as agents call them.
    next_step = ""

    def __init__(
        self,
        message: str | None = None,
        *,
        details: Sequence[Mapping[str, str]] = (),
        retry_after: int | None = None,
    ) -> None:
        """`details` name what was wrong, field by field; `retry_after` is in seconds."""
        self.message = message or type(self).message
        self.details = list(details)
        self.retry_after = type(self).retry_after if retry_after is None else retry_after
        # Set when this failure ends an action.
        self.action_id: str | None = None
        # What to do next, for a caller who is told.
        self.explained = ""
        super().__init__(self.message)

    def body(self, request_id: str) -> dict[str, Any]:
        """The response's body: `{success: false, message, error: {type, code, details?, nextStep?}, requestId}`."""
        error: dict[str, Any] = {"type": type(self).__name__, "code": self.code}
        if self.details:
            error["details"] = self.details
        if self.explained:
            error["nextStep"] = self.explained
        action = {} if self.action_id is None else {"actionId": self.action_id}
        return {"success": False, "message": self.message, **action, "error": error, "requestId": request_id}

    def headers(self) -> dict[str, str]:
        wait = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return {**self.fixed_headers, **wait}


class UnexpectedError(DarkroomError):
    """A defect of ours; the cause is in the log, under the same request id."""


class InvalidRequestError(DarkroomError):
    status, code, message = 400, "INVALID_REQUEST", "The request is not valid."


class NotAuthenticatedError(DarkroomError):
    status, code, message = 401, "NOT_AUTHENTICATED", "A valid access token is needed."
    fixed_headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class PermissionDeniedError(DarkroomError):
    status, code, message = 403, "PERMISSION_DENIED", "You may not do this."


class WrongCodeError(PermissionDeniedError):
    """A code of an authenticator that is not right now."""

    code, message = "WRONG_CODE", "The code is wrong, has expired, or was used before."


class AccountNotActiveError(PermissionDeniedError):
    """An administrator has switched the caller's account off."""

    message = "User account is not active"


class NotFoundError(DarkroomError):
    status, code, message = 404, "NOT_FOUND", "There is nothing here."


class MethodNotAllowedError(DarkroomError):
    status, code, message = 405, "METHOD_NOT_ALLOWED", "This route does not take that method."


class NotAcceptableError(DarkroomError):
    """No available form is one that the caller accepts."""

    status, code, message = 406, "NOT_ACCEPTABLE", "This is not there in any form that you accept."
    fixed_headers: Mapping[str, str] = {"Vary": "Accept"}


class ConflictError(DarkroomError):
    status, code, message = 409, "CONFLICT", "The present state does not allow this."


class TooLargeError(DarkroomError):
    status, code, message = 413, "TOO_LARGE", "That is too large."
    next_step = "Send less in one request; create_upload takes large files."


class UnsupportedTypeError(DarkroomError):
    status, code, message = 415, "UNSUPPORTED_TYPE", "That type is not accepted."


class TooManyRequestsError(DarkroomError):
    status, code, message = 429, "TOO_MANY_REQUESTS", "Too many requests; try again later."
    retry_after: int | None = 60


class UnavailableError(DarkroomError):
    """A dependency is down; the same request may succeed later."""

    status, code, message = 503, "UNAVAILABLE", "Something we depend on is out; try again shortly."
    is_transient = True
    retry_after: int | None = 5


class MissingConfigError(DarkroomError):
    """A setting that a function declares is set nowhere. That is for operators: callers read no names."""

    code, message = "MISCONFIGURED", "The service is not set up completely; its operators have been told."

    def __init__(self, missing: Mapping[str, str], faults: Sequence[str] = ()) -> None:
        """`missing`: variable → path in Parameter Store; both were looked at. `faults`: see InvalidSettingError."""
        super().__init__()
        self.missing, self.faults = dict(missing), list(faults)

    def __str__(self) -> str:
        places = "; ".join(
            f"{name} (looked at the environment variable {name} and at the parameter {path})"
            for name, path in self.missing.items()
        )
        return ". ".join([f"missing configuration: {places}", *self.faults])


class InvalidSettingError(DarkroomError):
    """Settings have values that cannot be used. That is for operators: callers read no names."""

    code, message = MissingConfigError.code, MissingConfigError.message

    def __init__(self, faults: Sequence[str]) -> None:
        """`faults`: for each setting what it must be ("QUALITY_SETTING must be 1 to 95, not 'abc'")."""
        super().__init__()
        self.faults = list(faults)

    def __str__(self) -> str:
        return ". ".join(self.faults)


# What Chalice itself refuses, before any function of ours runs.
BY_STATUS: dict[int, type[DarkroomError]] = {
    400: InvalidRequestError,
    404: NotFoundError,
    405: MethodNotAllowedError,
    415: UnsupportedTypeError,
    500: UnexpectedError,
}


# ------------------------------------------------------------------------- who raises what


def raises(*errors: type[DarkroomError]) -> Callable[[Function], Function]:
    """Declares the errors that a caller of the API may get from a function.

    An operation inherits them with the grants of the functions that it names (`@required_env_vars`). The contract lists
    them; where CHECK_ANSWERS is on, an error that is not declared is a defect.
    """

    def declare(function: Function) -> Function:
        inherit_errors(function, *errors)
        return function

    return declare


def raised_by(function: Callable[..., Any]) -> frozenset[type[DarkroomError]]:
    """All errors that a function declares or inherits."""
    declared: frozenset[type[DarkroomError]] = getattr(function, "raises", frozenset())
    return declared


def inherit_errors(function: Callable[..., Any], *errors: type[DarkroomError]) -> None:
    """Adds to the errors that a function declares."""
    function.__dict__["raises"] = raised_by(function).union(errors)
