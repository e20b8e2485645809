"""Where a request of ours may go: which URLs are valid, and which addresses their hosts may have."""

import ipaddress
import queue
import re
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from chalicelib.core.deadline import Deadline
from chalicelib.external.errors import AddressNotAllowedError, ExternalServiceError, Reason

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
# Takes a host name and a port; returns what socket.getaddrinfo returns.
Resolver = Callable[[str, int], Sequence[tuple[Any, ...]]]

_PORTS = {"http": 80, "https": 443}
# A name in ASCII or an IPv6 address: no character that a header or another parser could read differently.
_HOST = re.compile(r"[a-z0-9._-]{1,253}|[0-9a-f:.]{2,45}")
# Characters that a request line may contain (RFC 3986); all others are percent-encoded.
_SAFE_CHARACTERS = "!$%&'()*+,-./:;=?@_~[]"

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# The metadata service of AWS (its IPv4 address is link-local). It is never allowed.
_METADATA = ipaddress.ip_address("fd00:ec2::254")


@dataclass(frozen=True)
class Target:
    """The parts of a URL, parsed once, so that the client calls exactly what was checked."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"


@dataclass(frozen=True)
class Address:
    """A checked address. `sockaddr` is what socket.connect() takes."""

    family: int
    sockaddr: tuple[Any, ...]


def check_url(url: str) -> None:
    """Checks a URL without resolving its host.

    Raises:
        AddressNotAllowedError: no request can be sent to it.
    """
    parse_url(url)


def host_of(url: str) -> str:
    """The host of a URL, or "" if it is invalid. For logs: the path may hold secrets."""
    try:
        return parse_url(url).host
    except AddressNotAllowedError:
        return ""


def parse_url(url: str) -> Target:
    """The parts of an http or https URL.

    Raises:
        AddressNotAllowedError: it is not one, or it has a user name: parsers disagree about the host of `a@b`.
    """
    try:
        parts = urlsplit(url)
        # To ASCII first: a resolver reads the full-width ①②⑦.⓪.⓪.① as 127.0.0.1.
        host = (parts.hostname or "").encode("idna").decode("ascii").lower()
        port = parts.port if parts.port is not None else _PORTS[parts.scheme]
        is_valid = parts.scheme in _PORTS and "@" not in parts.netloc and port != 0 and _HOST.fullmatch(host)
    except (ValueError, KeyError):
        is_valid = None
    if not is_valid:
        raise AddressNotAllowedError("this is not an http or https URL that can be called")
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return Target(parts.scheme, host, port, quote(path, safe=_SAFE_CHARACTERS))


def resolve(host: str, port: int) -> Sequence[tuple[Any, ...]]:
    """Asks the system's resolver; its timeout is that of resolv.conf."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def resolve_checked(target: Target, private_allowed: bool, resolver: Resolver, deadline: Deadline) -> list[Address]:
    """All addresses of a target's host. Connect to these, never to the name: it may resolve differently later.

    Raises:
        AddressNotAllowedError: one of them is not allowed.
        ExternalServiceError: there are none, or the resolver did not answer before the deadline.
    """
    try:
        entries = _ask(resolver, target, deadline)
    except (OSError, UnicodeError) as error:
        raise ExternalServiceError(f"{target.host} has no address", Reason.UNREACHABLE) from error
    for entry in entries:
        address = ipaddress.ip_address(str(entry[4][0]).partition("%")[0])
        if _is_metadata(address) or not (private_allowed or _is_public(address)):
            raise AddressNotAllowedError(f"{target.host} is not a public address")
    return [Address(entry[0], entry[4]) for entry in entries]


def _ask(resolver: Resolver, target: Target, deadline: Deadline) -> Sequence[tuple[Any, ...]]:
    """What the resolver returns or raises. It cannot be stopped, so it runs in a thread that is left to its end."""
    answers: queue.SimpleQueue[Sequence[tuple[Any, ...]] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(resolver(target.host, target.port))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    try:
        answer = answers.get(timeout=deadline.seconds_left)
    except queue.Empty:
        raise ExternalServiceError(f"the name {target.host} took too long to resolve", Reason.TIMEOUT) from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _is_metadata(address: IpAddress) -> bool:
    return address == _METADATA or any(each.is_link_local for each in (address, _embedded_ipv4(address)) if each)


def _is_public(address: IpAddress) -> bool:
    if address.is_multicast:
        return False
    embedded = _embedded_ipv4(address)
    if embedded is not None and not _is_public(embedded):
        return False
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        # Outside of global unicast, only addresses that a gateway translates to IPv4 leave the private network.
        return address.ipv4_mapped is not None or address in _NAT64
    return address.is_global


def _embedded_ipv4(address: IpAddress) -> ipaddress.IPv4Address | None:
    """The IPv4 address inside an IPv6 one: mapped (RFC 4291), 6to4 (RFC 3056) or NAT64 (RFC 6052)."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
