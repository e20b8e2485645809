"""Third-party services: called with a deadline, a size cap, checked addresses, retries and a circuit breaker."""

from chalicelib.external.addresses import check_url, host_of
from chalicelib.external.calls import post, request
from chalicelib.external.connection import Answer
from chalicelib.external.errors import (
    CREDENTIALS_REFUSED,
    AddressNotAllowedError,
    ExternalServiceError,
    ExternalServiceRefusedError,
    Reason,
    refusal,
)
from chalicelib.external.retries import retrying

__all__ = [
    "CREDENTIALS_REFUSED",
    "AddressNotAllowedError",
    "Answer",
    "ExternalServiceError",
    "ExternalServiceRefusedError",
    "Reason",
    "check_url",
    "host_of",
    "post",
    "refusal",
    "request",
    "retrying",
]
