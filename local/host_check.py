"""Which Host headers the local machine accepts.

Against DNS rebinding: a web page in the developer's browser can point its own host name at 127.0.0.1 and read the
responses. Its requests still carry that name in their Host header.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from local.wsgi import Application, Environ, respond

MISDIRECTED = 421

_LOCAL_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])\.?(:\d{1,5})?", re.ASCII | re.IGNORECASE)
_REFUSAL = b"This machine does not answer to that Host: ask it as localhost, 127.0.0.1 or [::1].\n"


def is_local(host: str | None) -> bool:
    """Whether a Host header names this machine. Any port: a forwarder may listen on another one."""
    return host is not None and _LOCAL_HOST.fullmatch(host) is not None


@dataclass(frozen=True)
class HostCheck:
    """Middleware that refuses requests for another host."""

    application: Application

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Pass the request on, or answer 421."""
        if is_local(environ.get("HTTP_HOST")):
            return self.application(environ, start_response)
        return respond(start_response, f"{MISDIRECTED} Misdirected Request", "text/plain", _REFUSAL)
