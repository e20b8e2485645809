"""Receives Darkroom's webhooks and checks that Darkroom sent them. Python's standard library is all that it needs.

    DARKROOM_WEBHOOK_SECRET=… python webhook_receiver.py --port 9000

The secret is `webhookSecret` of the account's profile. Each finished image is printed as a line of JSON, once.
"""

import argparse
import hashlib
import hmac
import json
import os
import re
import sys
import time
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOLERANCE_SECONDS = 300
MOST_BYTES = 64 * 1024
# How many notifications are remembered, to know those that come again.
REMEMBERED = 10_000


class RefusedError(Exception):
    """The request is not a notification that Darkroom has just sent."""


def verify(secret: str, header: str, body: bytes, now: float) -> None:
    """Raises RefusedError unless the header (`t=<seconds>,v1=<hex>`) signs this body with the secret, lately.

    `body` is what came over the wire: JSON that was read and written again has another signature.
    """
    parts = re.fullmatch(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})", header)
    if parts is None:
        raise RefusedError("it has no signature")
    sent_at, signature = parts.groups()
    expected = hmac.new(secret.encode(), f"{sent_at}.".encode() + body, hashlib.sha256).hexdigest()
    # Takes the same time for each wrong signature, so that nobody can guess one digit after another.
    if not hmac.compare_digest(expected, signature):
        raise RefusedError("its signature is wrong")
    if abs(now - int(sent_at)) > TOLERANCE_SECONDS:
        raise RefusedError("it is old, or a clock is wrong: someone may have recorded it")


class Notifications:
    """What was received, each once: a notification whose answer was lost comes again."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()

    def is_new(self, notification: dict[str, Any]) -> bool:
        name = str(notification["execution"])
        is_new = name not in self._seen
        self._seen[name] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return is_new


class Handler(BaseHTTPRequestHandler):
    """Answers 204 to a notification. Darkroom waits ten seconds for it, so longer work belongs into a queue."""

    timeout = 10
    secret = ""
    notifications = Notifications()

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            self._answer(413)
            return
        body = self.rfile.read(int(length))
        try:
            verify(self.secret, self.headers.get("X-Darkroom-Signature", ""), body, time.time())
        except RefusedError as refused:
            print(f"refused: {refused}", flush=True)
            # Not 5xx: what is forged or old stays so.
            self._answer(401)
            return
        notification = json.loads(body)
        if self.notifications.is_new(notification):
            print(json.dumps(notification), flush=True)
        self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """What is printed is about notifications alone."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=9000)
    options = parser.parse_args()
    Handler.secret = os.environ.get("DARKROOM_WEBHOOK_SECRET") or sys.exit("Set DARKROOM_WEBHOOK_SECRET.")
    with ThreadingHTTPServer(("127.0.0.1", options.port), Handler) as server:
        print(f"listening on http://127.0.0.1:{server.server_port}/", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
