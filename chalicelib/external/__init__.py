"""Third-party services: called with a deadline, a size cap, checked addresses, retries and a circuit breaker."""

from chalicelib.external.addresses import check_url
from chalicelib.external.calls import post, request
from chalicelib.external.connection import Answer
from chalicelib.external.errors import AddressNotAllowedError, ExternalServiceError, Reason
from chalicelib.external.retries import retrying

__all__ = [
    "AddressNotAllowedError",
    "Answer",
    "ExternalServiceError",
    "Reason",
    "check_url",
    "post",
    "request",
    "retrying",
]
