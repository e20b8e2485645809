"""A user's program: it repeats what failed or was not answered, with the same Idempotency-Key, for a while."""

import uuid
from collections.abc import Callable
from typing import Any

import requests

# In seconds: the pauses between tries, together longer than an outage.
PAUSES = (1.0, 2.0, 5.0, 35.0, 60.0, 120.0, 240.0, 480.0)
_AGAIN = {409, 425, 429, 500, 502, 503, 504}


class GaveUpError(AssertionError):
    """A request had no success however often it was sent."""


class Client:
    """One user of the API."""

    def __init__(self, url: str, email: str, password: str, wait: Callable[[float], None]) -> None:
        self.url, self.email, self.password, self._wait = url, email, password, wait
        self._session = requests.Session()
        self._session.trust_env = False
        self.tokens: dict[str, Any] = {}
        self.more_headers: dict[str, str] = {}
        self._signed_in: dict[str, Any] = {}
        self.tries = 0

    def begin(self) -> None:
        """As it was when it signed in."""
        self.tokens, self.more_headers, self.tries = dict(self._signed_in), {}, 0

    def sign_in(self) -> None:
        self.tokens = {}
        self.tokens = self.call("POST", "/auth/signin", email=self.email, password=self.password)
        self._signed_in = dict(self.tokens)

    def call(
        self, method: str, path: str, *, allow: tuple[int, ...] = (), key: str = "", **body: Any
    ) -> dict[str, Any]:
        """The content of a response that must be a success, or have a status that is allowed.

        Each call has an Idempotency-Key of its own unless `key` is given.
        """
        headers = {"Idempotency-Key": key or str(uuid.uuid4()), **self.more_headers}
        for pause in (*PAUSES, None):
            self.tries += 1
            response = self._try(method, path, headers, body)
            if response is not None and (response.ok or response.status_code in allow):
                content: dict[str, Any] = response.json()
                return content | {"status_code": response.status_code}
            if response is not None and not _may_be_repeated(response):
                break
            if pause is None:
                break
            self._wait(pause)
        text = "no answer" if response is None else f"{response.status_code} {response.text[:500]}"
        raise GaveUpError(f"{method} {path}: {text}")

    def _try(self, method: str, path: str, headers: dict[str, str], body: Any) -> requests.Response | None:
        if "accessToken" in self.tokens:
            headers = headers | {"Authorization": f"Bearer {self.tokens['accessToken']}"}
        options: dict[str, Any] = {"params": body} if method == "GET" else {"json": body or None}
        try:
            return self._session.request(method, self.url + path, headers=headers, timeout=60, **options)
        except requests.RequestException:
            return None

    def send_file(self, announced: dict[str, Any], content: bytes) -> None:
        """To S3, as the announcement says. 412: it arrived before."""
        response = self._session.put(announced["uploadUrl"], data=content, headers=announced["headers"], timeout=60)
        assert response.status_code in (200, 412), response.text


def _may_be_repeated(response: requests.Response) -> bool:
    if response.status_code == 409:
        return bool(response.json()["error"]["code"] == "IN_PROGRESS")
    return response.status_code in _AGAIN
