"""Calls to third-party services: bounded in time and size, to checked addresses, with retries and a circuit breaker."""

from chalicelib.external.addresses import check_url, host_of
from chalicelib.external.client import fetch, post, request
from chalicelib.external.errors import (
    CREDENTIALS_REFUSED,
    AddressNotAllowedError,
    ExternalServiceError,
    ExternalServiceRefusedError,
    Reason,
    RedirectNotAllowedError,
    error_for_status,
)
from chalicelib.external.messages import Response
from chalicelib.external.retries import call_with_retries
