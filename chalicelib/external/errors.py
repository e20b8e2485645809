"""Failures of calls to third parties, each with a reason that can be stored."""

from enum import StrEnum

from chalicelib.core.errors import UnavailableError


class Reason(StrEnum):
    """Why a call failed. The values are stored and shown to users: never change them."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"
    JUNK = "junk"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    CREDENTIALS_REFUSED = "credentials_refused"
    RATE_LIMITED = "rate_limited"
    REJECTED = "rejected"
    SERVER_ERROR = "server_error"
    CIRCUIT_OPEN = "circuit_open"
    MISCONFIGURED = "misconfigured"


class ExternalServiceError(UnavailableError):
    """The service did not respond as agreed; a later call may succeed.

    Callers see `message`, which says nothing about the host or the response. `str()` is the cause, for the log only:
    it may name the host, never a path or a secret.
    """

    code, message = "EXTERNAL_SERVICE_FAILED", "The external service is unavailable."

    def __init__(self, cause: str, reason: Reason = Reason.SERVER_ERROR) -> None:
        super().__init__()
        self.cause = cause
        self.reason = reason

    def __str__(self) -> str:
        return self.cause


class ExternalServiceRefusedError(ExternalServiceError):
    """The service refused the request; it would refuse the same request again."""

    status, code, message = 502, "EXTERNAL_SERVICE_REFUSED", "The external service refused the request."
    is_transient = False

    def __init__(self, cause: str, reason: Reason = Reason.REJECTED) -> None:
        super().__init__(cause, reason)
        self.retry_after = None


class AddressNotAllowedError(Exception):
    """No request may be sent to this URL; a retry does not help."""


class RedirectNotAllowedError(AddressNotAllowedError):
    """The URL may be called, but it redirects to one that may not."""


# The temporary 4xx statuses (RFC 9110, section 15.5.9; RFC 8470, section 5.2; RFC 6585, section 4).
_TEMPORARY = {408: Reason.TIMEOUT, 425: Reason.RATE_LIMITED, 429: Reason.RATE_LIMITED}
CREDENTIALS_REFUSED = frozenset({401, 403})


def is_temporary(status: int) -> bool:
    """Whether the same request may succeed later."""
    return status in _TEMPORARY or status >= 500


def error_for_status(status: int, cause: str) -> ExternalServiceError | None:
    """The error that a status means, None for 2xx. `cause` is as in ExternalServiceError."""
    if 200 <= status < 300:
        return None
    if is_temporary(status):
        return ExternalServiceError(cause, _TEMPORARY.get(status, Reason.SERVER_ERROR))
    if not 400 <= status < 500:
        return ExternalServiceError(cause, Reason.REJECTED)
    reason = Reason.CREDENTIALS_REFUSED if status in CREDENTIALS_REFUSED else Reason.REJECTED
    return ExternalServiceRefusedError(cause, reason)
