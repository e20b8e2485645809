"""HTTP to third parties: within a deadline, of bounded size, and on no way, direct or redirected, into our network."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin

from chalicelib.core import config
from chalicelib.external import addresses, connection
from chalicelib.external.addresses import LookUp, Target
from chalicelib.external.connection import Answer
from chalicelib.external.errors import AddressNotAllowedError, ExternalServiceError, Reason

MAX_REDIRECTS = 3
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization"})
_ABOUT_THE_BODY = frozenset({"content-type", "content-encoding", "content-language"})


@dataclass(frozen=True)
class _Request:
    method: str
    target: Target
    body: bytes | None
    headers: Mapping[str, str]


def post(url: str, body: bytes, headers: Mapping[str, str], *, trusted: bool = False) -> Answer:
    """Sends `body`, follows no redirect, and reads the answer within ten seconds in all and one megabyte.

    Raises: as `request` does.
    """
    return request("POST", url, body=body, headers=headers, redirects=0, trusted=trusted)


def request(
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    deadline: float | None = None,
    redirects: int = MAX_REDIRECTS,
    trusted: bool = False,
    look_up: LookUp = addresses.look_up,
) -> Answer:
    """The answer to one request, whatever its status; the last redirect itself where `redirects` is 0.

    `deadline` is a moment of time.monotonic(), ten seconds from now unless given; each connection and each read
    has ten seconds at most. Only the resolver's look-up of a name waits as long as the system lets it.
    `trusted` is for a URL that an operator set, which may well be private; any other is refused unless the stage
    allows private addresses. The trust ends where a redirect leaves the URL's origin.

    Raises:
        AddressNotAllowedError: the URL, or one that it redirects to, is not http(s), leads to an address that is
            not public, or goes from https to http.
        ExternalServiceError: no answer, too late or too large a one, or too many redirects.
    """
    deadline = time.monotonic() + connection.TIMEOUT_SECONDS if deadline is None else deadline
    private_allowed = config.flag("ALLOW_PRIVATE_ADDRESSES")
    first = addresses.target_of(url)
    asked = _Request(method, first, body, {"User-Agent": f"Darkroom/{config.VERSION}", **(headers or {})})
    for _ in range(redirects + 1):
        allowed = private_allowed or (trusted and asked.target.origin == first.origin)
        found = addresses.addresses_of(asked.target, allowed, look_up)
        answer = connection.exchange(asked.method, asked.target, found, asked.body, asked.headers, deadline)
        location = answer.headers.get("location")
        if redirects == 0 or location is None or answer.status not in (301, 302, 303, 307, 308):
            return answer
        asked = _redirected(asked, answer.status, location)
    raise ExternalServiceError(f"{first.host} redirects more than {redirects} times", Reason.TOO_MANY_REDIRECTS)


def _redirected(asked: _Request, status: int, location: str) -> _Request:
    """The request that a redirect asks for (RFC 9110, section 15.4), without what is for the first origin alone."""
    here = asked.target
    host = f"[{here.host}]" if ":" in here.host else here.host
    try:
        # Headers come as Latin-1; addresses in them are UTF-8.
        there = urljoin(f"{here.scheme}://{host}:{here.port}{here.path}", _as_utf8(location))
    except ValueError:
        raise AddressNotAllowedError(f"{here.host} redirects to what is no URL") from None
    target = addresses.target_of(there)
    if here.scheme == "https" and target.scheme == "http":
        raise AddressNotAllowedError(f"{here.host} redirects from https to http")
    left_behind: frozenset[str] = frozenset() if target.origin == here.origin else _CREDENTIALS
    method, body = asked.method, asked.body
    if status == 303 or (status in (301, 302) and method == "POST"):
        method, body, left_behind = "GET", None, left_behind | _ABOUT_THE_BODY
    headers = {name: value for name, value in asked.headers.items() if name.lower() not in left_behind}
    return _Request(method, target, body, headers)


def _as_utf8(header: str) -> str:
    return header.encode("latin-1", "replace").decode("utf-8", "replace")
