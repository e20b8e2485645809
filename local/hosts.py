"""By which names this machine may be spoken to.

A page in a developer's browser can point a name of its own at 127.0.0.1 and then read what answers there (DNS
rebinding). Its requests still say that name in their Host header.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

MISDIRECTED = 421

_OURS = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])\.?(:\d{1,5})?", re.ASCII | re.IGNORECASE)
_REFUSAL = b"This machine does not answer to that Host: ask it as localhost, 127.0.0.1 or [::1].\n"

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]


def is_ours(host: str | None) -> bool:
    """Whether a Host header names this machine, by any port: what forwards to it may listen on another."""
    return host is not None and _OURS.fullmatch(host) is not None


@dataclass(frozen=True)
class HostGuard:
    """Middleware that refuses what is addressed to another name."""

    application: Application

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Pass the request on, or answer 421."""
        if is_ours(environ.get("HTTP_HOST")):
            return self.application(environ, start_response)
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(_REFUSAL)))]
        start_response(f"{MISDIRECTED} Misdirected Request", headers)
        return [_REFUSAL]
