"""The log of the embedded AWS's calls, with injected failures and blocked calls."""

import json
import re
import threading
from dataclasses import asdict, dataclass
from typing import Any, Self
from urllib.parse import parse_qs

Environ = dict[str, Any]

_READS = re.compile(r"(Describe|Get|List|Head|Scan|Query|BatchGet|Lookup|Search|Validate|Filter)")
_SERVICE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([a-z0-9-]+)/aws4_request")


@dataclass(frozen=True)
class Call:
    """A signed request. `what` is the operation, or method and path for REST services."""

    service: str
    what: str
    writes: bool

    @classmethod
    def of(cls, environ: Environ) -> Self | None:
        """The call of a request; None if it is not signed."""
        signed = _SERVICE.search(environ.get("HTTP_AUTHORIZATION", ""))
        if signed is None:
            return None
        service, method = signed[1], environ["REQUEST_METHOD"]
        target = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2] or _action(environ)
        if target:
            return cls(service, target, _READS.match(target) is None)
        query = environ.get("QUERY_STRING", "")
        what = f"{method} {environ['PATH_INFO']}" + (f"?{query}" if query else "")
        return cls(service, what, method not in ("GET", "HEAD"))

    def __str__(self) -> str:
        return f"{self.service} {self.what}"


def _action(environ: Environ) -> str:
    """The operation in a form, for the older services."""
    if not environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return ""
    body = environ["wsgi.input"].read()
    environ["wsgi.input"].seek(0)
    action: str = parse_qs(body.decode()).get("Action", [""])[0]
    return action


@dataclass
class Refusal:
    """An injected failure for the next `times` matching calls."""

    call: str
    code: str
    message: str
    status: int
    times: int

    def answer(self, service: str) -> tuple[str, list[tuple[str, str]], bytes]:
        """The error response in the format of the service."""
        status = f"{self.status} Refused"
        if service == "s3":
            text = f"<Error><Code>{self.code}</Code><Message>{self.message}</Message></Error>"
            return status, [("Content-Type", "application/xml")], text.encode()
        if service in ("cloudformation", "iam", "sns", "sts"):
            inner = f"<Type>Sender</Type><Code>{self.code}</Code><Message>{self.message}</Message>"
            text = f"<ErrorResponse><Error>{inner}</Error><RequestId>refused</RequestId></ErrorResponse>"
            return status, [("Content-Type", "text/xml")], text.encode()
        body = json.dumps({"__type": self.code, "message": self.message, "Message": self.message})
        return status, [("Content-Type", "application/json"), ("x-amzn-ErrorType", self.code)], body.encode()


class Calls:
    """The log. Several threads use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self._refusals: list[Refusal] = []
        # By pattern: calls to block, and blocked calls.
        self._awaited: dict[str, threading.Event] = {}
        self._held: dict[str, threading.Event] = {}

    def note(self, call: Call) -> Refusal | None:
        """Adds a call; returns its injected failure, if any."""
        with self._lock:
            self._calls.append(call)
            for refusal in self._refusals:
                if refusal.times and re.search(refusal.call, str(call)):
                    refusal.times -= 1
                    return refusal
        return None

    def since(self, since: int) -> list[dict[str, Any]]:
        """All calls from that number on."""
        with self._lock:
            return [asdict(each) for each in self._calls[since:]]

    def refuse(self, call: str, code: str, message: str, status: int, times: int) -> None:
        """Injects a failure."""
        with self._lock:
            self._refusals.append(Refusal(call, code, message, status, times))

    def hold(self, call: str) -> None:
        """Blocks the next call that matches the pattern."""
        with self._lock:
            self._awaited[call] = threading.Event()

    def release(self, call: str) -> None:
        """Releases the call that is blocked by that pattern."""
        with self._lock:
            self._held.pop(call).set()

    def wait_if_held(self, call: Call) -> None:
        """Blocks until the call is released."""
        with self._lock:
            pattern = next((each for each in self._awaited if re.search(each, str(call))), None)
            if pattern is None:
                return
            released = self._held[pattern] = self._awaited.pop(pattern)
        released.wait()

    def held(self) -> list[str]:
        """The patterns of the calls that are blocked now."""
        with self._lock:
            return list(self._held)

    def clear(self) -> None:
        with self._lock:
            self._calls.clear()
            self._refusals.clear()
            self._awaited.clear()
            while self._held:
                self._held.popitem()[1].set()


CALLS = Calls()
