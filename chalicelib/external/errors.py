"""What may go wrong between us and a third party, each with a reason that a record can hold."""

from enum import StrEnum

from chalicelib.core.errors import UnavailableError


class Reason(StrEnum):
    """Why a third party did not serve us; stable, and fit to be stored and shown."""

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
    """The other side did not answer as agreed; it may later.

    `message` is what callers read: it names no place and holds nothing of the answer. str() gives the cause, which
    may name the host, never a path or a secret: it is for the log alone.
    """

    code, message = "EXTERNAL_SERVICE_FAILED", "The external service is unavailable."

    def __init__(self, cause: str, reason: Reason = Reason.SERVER_ERROR) -> None:
        super().__init__()
        self.cause = cause
        self.reason = reason

    def __str__(self) -> str:
        return self.cause


class ExternalServiceRefusedError(ExternalServiceError):
    """The other side answered that it will not do this; the same request is refused again."""

    status, code, message = 502, "EXTERNAL_SERVICE_REFUSED", "The external service refused the request."
    may_pass = False

    def __init__(self, cause: str, reason: Reason = Reason.REJECTED) -> None:
        super().__init__(cause, reason)
        self.retry_after = None


class AddressNotAllowedError(Exception):
    """The URL leads where no request of ours may go; no retry changes that."""


# What HTTP itself says may pass (RFC 9110, section 15.5.9; RFC 8470, section 5.2; RFC 6585, section 4).
_PASSING = {408: Reason.TIMEOUT, 425: Reason.RATE_LIMITED, 429: Reason.RATE_LIMITED}
CREDENTIALS_REFUSED = frozenset({401, 403})


def may_pass(status: int) -> bool:
    """Whether the same request may get another answer later than this status."""
    return status in _PASSING or status >= 500


def refusal(status: int, cause: str) -> ExternalServiceError | None:
    """What an answer's status means; None for one of success. `cause` is as in ExternalServiceError."""
    if 200 <= status < 300:
        return None
    if may_pass(status):
        return ExternalServiceError(cause, _PASSING.get(status, Reason.SERVER_ERROR))
    if not 400 <= status < 500:
        return ExternalServiceError(cause, Reason.REJECTED)
    reason = Reason.CREDENTIALS_REFUSED if status in CREDENTIALS_REFUSED else Reason.REJECTED
    return ExternalServiceRefusedError(cause, reason)
