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
    """The other side did not answer as agreed; it may later. The message never holds what it answered."""

    code = "EXTERNAL_SERVICE_FAILED"

    def __init__(self, message: str, reason: Reason = Reason.SERVER_ERROR) -> None:
        self.reason = reason
        super().__init__(message)


class AddressNotAllowedError(Exception):
    """The URL leads where no request of ours may go; no retry changes that."""
