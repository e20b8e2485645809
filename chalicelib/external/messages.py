"""An HTTP request to a third party and its response."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin

from chalicelib.external.addresses import Target, parse_url
from chalicelib.external.errors import AddressNotAllowedError, RedirectNotAllowedError

_CREDENTIAL_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
_BODY_HEADERS = frozenset({"content-type", "content-encoding", "content-language"})


@dataclass(frozen=True)
class Response:
    """`headers` have lower-case names."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def redirect_location(self) -> str | None:
        return self.headers.get("location") if self.status in (301, 302, 303, 307, 308) else None


@dataclass(frozen=True)
class Request:
    method: str
    target: Target
    body: bytes | None
    headers: Mapping[str, str]

    def redirected(self, status: int, location: str) -> "Request":
        """The request that a redirect asks for (RFC 9110, section 15.4).

        Credentials stay with the first origin.

        Raises:
            RedirectNotAllowedError: it is not an http or https URL, or goes from https to http.
        """
        try:
            # Header values arrive decoded as Latin-1; URLs in them are UTF-8.
            url = urljoin(self.target.url, location.encode("latin-1", "replace").decode("utf-8", "replace"))
            target = parse_url(url)
        except (ValueError, AddressNotAllowedError):
            raise RedirectNotAllowedError(f"{self.target.host} redirects to an invalid URL") from None
        if (self.target.scheme, target.scheme) == ("https", "http"):
            raise RedirectNotAllowedError(f"{self.target.host} redirects from https to http")
        dropped: frozenset[str] = frozenset() if target.origin == self.target.origin else _CREDENTIAL_HEADERS
        method, body = self.method, self.body
        if status == 303 or (status in (301, 302) and method == "POST"):
            method, body, dropped = "GET", None, dropped | _BODY_HEADERS
        headers = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
        return Request(method, target, body, headers)
