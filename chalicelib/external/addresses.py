"""Where a request of ours may go: which URLs can be called at all, and which addresses their hosts may have."""

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from chalicelib.external.errors import AddressNotAllowedError, ExternalServiceError, Reason

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
# Given a host's name and a port, what socket.getaddrinfo gives for them.
LookUp = Callable[[str, int], Sequence[tuple[Any, ...]]]

_PORTS = {"http": 80, "https": 443}
# A name in its ASCII form, or the colons of IPv6; nothing that a header or another parser could read otherwise.
_HOST = re.compile(r"[a-z0-9._-]{1,253}|[0-9a-f:.]{2,45}")
# What a request line carries as it stands (RFC 3986); all else is percent-encoded.
_AS_IS = "!$%&'()*+,-./:;=?@_~[]"

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Instance metadata of AWS, in IPv4 within the link-local range. No partner stands here, whatever a stage allows.
_METADATA = ipaddress.ip_address("fd00:ec2::254")


@dataclass(frozen=True)
class Target:
    """A URL taken apart once, so that what is checked is what is called."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port


@dataclass(frozen=True)
class Address:
    """A checked address of a target, in the form that a socket connects to."""

    family: int
    place: tuple[Any, ...]


def check_url(url: str) -> None:
    """Raises AddressNotAllowedError where no request could ever be sent to that URL, whatever it resolves to."""
    target_of(url)


def host_of(url: str) -> str:
    """The host of a URL, for the log: a path may hold what must not be written down. "" where none can be called."""
    try:
        return target_of(url).host
    except AddressNotAllowedError:
        return ""


def target_of(url: str) -> Target:
    """The parts of an http or https URL.

    Raises:
        AddressNotAllowedError: it is none, or names a user: half of all parsers read `a@b` the other way around.
    """
    try:
        parts = urlsplit(url)
        # To ASCII first: the full-width ①②⑦.⓪.⓪.① is 127.0.0.1 to a resolver.
        host = (parts.hostname or "").encode("idna").decode("ascii").lower()
        port = parts.port if parts.port is not None else _PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise _not_a_url() from None
    if parts.scheme not in _PORTS or "@" in parts.netloc or not _HOST.fullmatch(host) or port == 0:
        raise _not_a_url()
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return Target(parts.scheme, host, port, quote(path, safe=_AS_IS))


def _not_a_url() -> AddressNotAllowedError:
    return AddressNotAllowedError("this is not an http or https URL that can be called")


def look_up(host: str, port: int) -> Sequence[tuple[Any, ...]]:
    """What the system's resolver knows, within its own patience (resolv.conf)."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def addresses_of(target: Target, private_allowed: bool, look_up: LookUp) -> list[Address]:
    """The addresses of a target's host, all checked: call these and no name.

    A name that resolves differently the second time gets nowhere.

    Raises:
        AddressNotAllowedError: any of them may not be called.
        ExternalServiceError: there are none.
    """
    try:
        found = look_up(target.host, target.port)
    except (OSError, UnicodeError) as error:
        raise ExternalServiceError(f"{target.host} has no address", Reason.UNREACHABLE) from error
    for entry in found:
        address = ipaddress.ip_address(str(entry[4][0]).partition("%")[0])
        if _is_metadata(address) or not (private_allowed or _is_public(address)):
            raise AddressNotAllowedError(f"{target.host} is not a public address")
    return [Address(entry[0], entry[4]) for entry in found]


def _is_metadata(address: IpAddress) -> bool:
    return address == _METADATA or any(form.is_link_local for form in (address, _inner(address)) if form)


def _is_public(address: IpAddress) -> bool:
    if address.is_multicast:
        return False
    inner = _inner(address)
    if inner is not None and not _is_public(inner):
        return False
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        # Of the rest, only what a gateway turns into IPv4 leads out of the private network.
        return address.ipv4_mapped is not None or address in _NAT64
    return address.is_global


def _inner(address: IpAddress) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for: mapped (RFC 4291), 6to4 (RFC 3056) or NAT64 (RFC 6052)."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
