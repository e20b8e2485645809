"""Third-party HTTP: a deadline, an answer of bounded size, no redirects, and no way into the private network."""

import ipaddress
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from chalicelib.core import config
from chalicelib.core.errors import UnavailableError

_TIMEOUT_SECONDS = 10
_MAX_ANSWER_BYTES = 1024 * 1024
_CHUNK_BYTES = 65_536
# IPv6 that stands for IPv4: NAT64 (RFC 6052) and the old IPv4-compatible form (RFC 4291).
_TRANSLATED = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))


class ExternalServiceError(UnavailableError):
    """The other side did not answer as agreed; it may later."""

    code = "EXTERNAL_SERVICE_FAILED"


class AddressNotAllowedError(Exception):
    """The URL leads where no request of ours may go; no retry changes that."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes


def post(url: str, body: bytes, headers: Mapping[str, str], *, trusted: bool = False) -> Answer:
    """Sends `body`, and reads the answer within ten seconds in all and one megabyte.

    `trusted` is for a URL that an operator set, which may well be private; any other is refused unless
    the stage allows private addresses.

    Raises:
        AddressNotAllowedError: the URL is not http(s), or leads to an address that is not public.
        ExternalServiceError: no answer, too late an answer, or too large a one.
    """
    private_allowed = trusted or config.flag("ALLOW_PRIVATE_ADDRESSES")
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    sent_headers = {"User-Agent": f"Darkroom/{config.VERSION}", **headers}
    try:
        with requests.Session() as session:
            # No proxy or .netrc of the environment may send the request elsewhere.
            session.trust_env = False
            target, host = _pinned(url, private_allowed)
            session.mount("https://", _PinnedAdapter(host))
            with session.post(
                target,
                data=body,
                headers={"Host": urlsplit(url).netloc.rpartition("@")[2], **sent_headers},
                timeout=_TIMEOUT_SECONDS,
                allow_redirects=False,
                stream=True,
            ) as answer:
                return Answer(answer.status_code, _read(answer, deadline))
    except requests.RequestException as error:
        raise ExternalServiceError(f"{urlsplit(url).hostname} did not answer") from error


def check_url(url: str) -> None:
    """Raises AddressNotAllowedError where no request could ever be sent to that URL, whatever it resolves to."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        (parts.hostname or "").encode("idna")
    except ValueError:
        good = False
    if not good:
        raise AddressNotAllowedError("this is not an http or https URL that can be called")


def _pinned(url: str, private_allowed: bool) -> tuple[str, str]:
    """The URL with its host's address in place of its name, and the name.

    The address that was checked is the one that is called: a name that resolves differently the second
    time gets nowhere.
    """
    check_url(url)
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ExternalServiceError(f"{parts.hostname} has no address") from error
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not private_allowed and not all(_is_public(address) for address in addresses):
        raise AddressNotAllowedError(f"{parts.hostname} is not a public address")
    address = f"[{addresses[0]}]" if addresses[0].version == 6 else str(addresses[0])
    return parts._replace(netloc=f"{address}:{port}").geturl(), str(parts.hostname)


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if any(address in network for network in _TRANSLATED):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None and not inner.is_global:
            return False
    return address.is_global and not address.is_multicast


class _PinnedAdapter(HTTPAdapter):
    """Speaks TLS to an address as the host of that name."""

    def __init__(self, host: str) -> None:
        self._host = host
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **{**kwargs, "server_hostname": self._host, "assert_hostname": self._host})


def _read(answer: requests.Response, deadline: float) -> bytes:
    read = bytearray()
    for chunk in answer.iter_content(_CHUNK_BYTES):
        read += chunk
        if len(read) > _MAX_ANSWER_BYTES:
            raise ExternalServiceError("the answer is too large")
        if time.monotonic() > deadline:
            raise ExternalServiceError("the answer took too long")
    return bytes(read)
