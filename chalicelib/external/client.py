"""The HTTP client for all calls to third parties: every hop's address is checked, time and size are bounded."""

from collections.abc import Mapping

from chalicelib.core import config
from chalicelib.core.deadline import Deadline
from chalicelib.core.settings import Settings
from chalicelib.external.addresses import Resolver, parse_url, resolve, resolve_checked
from chalicelib.external.errors import (
    AddressNotAllowedError,
    ExternalServiceError,
    Reason,
    RedirectNotAllowedError,
)
from chalicelib.external.messages import Request, Response

MAX_REDIRECTS = 3
MAX_RESPONSE_BYTES = 1024 * 1024
DEFAULT_SECONDS = 10.0


def post(url: str, body: bytes, headers: Mapping[str, str], *, trusted: bool = False) -> Response:
    """Sends `body` by POST with the default limits; follows no redirect.

    Raises: as `request` does.
    """
    return request("POST", url, body=body, headers=headers, redirects=0, trusted=trusted)


def fetch(url: str, seconds: float, max_bytes: int) -> bytes:
    """The body at a URL that an operator set; follows no redirect.

    Raises:
        ExternalServiceError: the status is not 200, or as in `request`.
        AddressNotAllowedError: as in `request`.
    """
    response = request("GET", url, deadline=Deadline.within(seconds), redirects=0, trusted=True, max_bytes=max_bytes)
    if response.status != 200:
        raise ExternalServiceError(f"the response has status {response.status}")
    return response.body


def request(
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    deadline: Deadline | None = None,
    redirects: int = MAX_REDIRECTS,
    trusted: bool = False,
    max_bytes: int = MAX_RESPONSE_BYTES,
    resolver: Resolver = resolve,
) -> Response:
    """The response to one request, whatever its status. With `redirects` = 0, a redirect itself is the response.

    Args:
        deadline: by default ten seconds from now. It bounds everything, from the name's resolution to the last byte.
            Each connect or read may wait ten seconds.
        trusted: the URL was set by an operator, so its address may be private. Other URLs may have private
            addresses only where the stage allows it. Redirects to another origin are not trusted.
        max_bytes: the largest body to accept.

    Raises:
        AddressNotAllowedError: the URL is not http(s), or has an address that is not public.
        RedirectNotAllowedError: a redirect leads to such a URL, or from https to http.
        ExternalServiceError: no response, or too late, too large, or too many redirects.
    """
    # It imports requests, which most functions never need.
    from chalicelib.external.transport import Limits, exchange

    deadline = deadline or Deadline.within(DEFAULT_SECONDS)
    first = parse_url(url)
    current = Request(method, first, body, {"User-Agent": f"Darkroom/{config.VERSION}", **(headers or {})})
    for hop in range(redirects + 1):
        private_allowed = (trusted and current.target.origin == first.origin) or Settings.ALLOW_PRIVATE_ADDRESSES.get()
        try:
            addresses = resolve_checked(current.target, private_allowed, resolver, deadline)
        except AddressNotAllowedError as error:
            raise (RedirectNotAllowedError(str(error)) if hop else error) from None
        response = exchange(current, addresses, Limits(current.target.host, deadline, max_bytes))
        location = response.redirect_location
        if redirects == 0 or location is None:
            return response
        current = current.redirected(response.status, location)
    raise ExternalServiceError(f"{first.host} redirects more than {redirects} times", Reason.TOO_MANY_REDIRECTS)
