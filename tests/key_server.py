"""A real server of a user pool's keys, with every fault that one can have."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa


def jwk(key: rsa.RSAPrivateKey, key_id: str) -> dict[str, Any]:
    """The public key as a user pool publishes it."""
    shown = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return {**{name: shown[name] for name in ("kty", "n", "e")}, "kid": key_id, "alg": "RS256", "use": "sig"}


class KeyServer:
    """Serves `body` with `status` and `headers`; `asked` counts requests. While `hangs`, it does not respond."""

    def __init__(self, *keys: Any) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b""
        self.asked = 0
        self.ended = 0
        self.hangs = False
        self.send: Callable[[Any], None] = lambda out: out.write(self.body)
        self._go_on = threading.Event()
        self.publish(*keys)
        serving = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                serving.asked += 1
                if serving.hangs:
                    serving._go_on.wait(60)
                self.send_response(serving.status)
                for name, value in serving.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                serving.send(self.wfile)
                serving.ended += 1

            def log_message(self, *args: Any) -> None:
                """Silent, to keep the test's output readable."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """Ignored: a client closed the connection on a response that was too large."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/jwks.json"

    def publish(self, *keys: Any) -> None:
        self.body = json.dumps({"keys": keys}).encode()

    def go_on(self) -> None:
        """Releases all waiting requests and stops hanging."""
        self.hangs = False
        self._go_on.set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.go_on()
        self._server.shutdown()
        self._server.server_close()
