"""Calls to third-party services: bounded in time and size, to checked addresses, with retries and a circuit breaker."""

from chalicelib.external.addresses import check_url, host_of
from chalicelib.external.client import fetch, post, request
from chalicelib.external.errors import (
    CREDENTIALS_REFUSED,
    AddressNotAllowedError,
    ExternalServiceError,
    ExternalServiceRefusedError,
    Reason,
    refusal,
)
from chalicelib.external.messages import Response
from chalicelib.external.retries import retrying

__all__ = [
    "CREDENTIALS_REFUSED",
    "AddressNotAllowedError",
    "ExternalServiceError",
    "ExternalServiceRefusedError",
    "Reason",
    "Response",
    "check_url",
    "fetch",
    "host_of",
    "post",
    "refusal",
    "request",
    "retrying",
]
