"""HTTP requests that are sent again while that may help: after no answer, a busy server, or too many requests."""

import threading
import time
from collections.abc import Callable
from typing import Any

import requests

from darkroom.errors import UnreachableError

TIMEOUT_SECONDS = 60
# Pauses before further tries: in all about a minute, which outlasts a change of the network.
_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
# A limit of a minute is waited for; one of an hour, or of spending, ends the command.
_LONGEST_WAIT_SECONDS = 65.0
_BUSY = frozenset({500, 502, 503, 504})

# Called before a pause, with its reason and its seconds.
OnPause = Callable[[str, float], None]


class StoppedError(Exception):
    """The command is being stopped while this thread waits."""


class _Connections(threading.local):
    """A session for each thread: requests' sessions must not be shared."""

    def __init__(self) -> None:
        self.session = requests.Session()


class Transport:
    """Sends requests. `stop` ends its pauses."""

    def __init__(self, on_pause: OnPause | None = None) -> None:
        self.stop = threading.Event()
        self._on_pause = on_pause or (lambda reason, seconds: None)
        self._connections = _Connections()
        # A server that never answered is more likely named wrongly than away for a moment.
        self._has_answered = False

    def send(self, method: str, url: str, *, repeatable: bool, token: str = "", **options: Any) -> requests.Response:
        """The response, of whatever status.

        Args:
            repeatable: sending it twice does no harm. If not, only what was certainly not begun is sent again.
            token: what goes into `Authorization: Bearer`.

        Raises:
            UnreachableError: there was no answer after all tries.
            StoppedError: `stop` was set meanwhile.
        """
        pauses = iter(_PAUSES)
        while True:
            try:
                response = self._connections.session.request(
                    method, url, timeout=TIMEOUT_SECONDS, auth=_Bearer(token), **options
                )
            except requests.RequestException as error:
                may_help = repeatable and self._has_answered and _may_pass(error)
                pause = next(pauses, None) if may_help else None
                if pause is None:
                    raise UnreachableError(f"{_origin(url)} gave no answer: {_reason(error)}.") from None
                self._pause("no connection", pause)
                _rewind(options)
                continue
            self._has_answered = True
            wait = self._wait_for(response, repeatable, pauses)
            if wait is None:
                return response
            self._pause("too many requests" if response.status_code == 429 else "the server is busy", wait)
            _rewind(options)

    def _wait_for(self, response: requests.Response, repeatable: bool, pauses: Any) -> float | None:
        """Seconds until the request is sent again; None if it is not."""
        if response.status_code == 429:
            wait = _retry_after(response)
            return wait if wait is not None and wait <= _LONGEST_WAIT_SECONDS else None
        if response.status_code in _BUSY and repeatable:
            return next(pauses, None)
        return None

    def _pause(self, reason: str, seconds: float) -> None:
        self._on_pause(reason, seconds)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.stop.wait(min(left, 1.0)):
                raise StoppedError


class _Bearer(requests.auth.AuthBase):
    """The caller's token. Without this, requests would take a login from ~/.netrc and replace the header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _may_pass(error: requests.RequestException) -> bool:
    if isinstance(error, requests.exceptions.SSLError):
        return False
    return isinstance(error, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError)


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not valid"
    if isinstance(error, requests.Timeout):
        return "it took too long"
    text = str(error)
    for sign, reason in (
        ("Name or service not known", "there is no host of that name"),
        ("Temporary failure in name resolution", "its name could not be looked up"),
        ("nodename nor servname", "there is no host of that name"),
        ("getaddrinfo failed", "there is no host of that name"),
        ("NameResolutionError", "its name could not be looked up"),
        ("Connection refused", "nothing is running there"),
        ("refused it", "nothing is running there"),
    ):
        if sign in text:
            return reason
    return "the connection broke" if isinstance(error, requests.ConnectionError) else type(error).__name__


def _retry_after(response: requests.Response) -> float | None:
    try:
        return max(0.0, float(response.headers["Retry-After"]))
    except (KeyError, ValueError):
        return None


def _rewind(options: dict[str, Any]) -> None:
    seek = getattr(options.get("data"), "seek", None)
    if seek is not None:
        seek(0)


def _origin(url: str) -> str:
    """The address without its path: links to files hold signatures."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
