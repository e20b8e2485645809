"""The API of one stage, called as the signed-in user or with an API key."""

import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import requests

from darkroom import stages
from darkroom.contract import operation
from darkroom.errors import ApiError, NotSignedInError, UnreachableError
from darkroom.stages import Session
from darkroom.transport import OnPause, Transport

KEY_VARIABLE = "DARKROOM_KEY"
# A token is renewed this long before it ends, so that no request is sent with one that ends on the way.
_MARGIN_SECONDS = 60
# Refused by the API if they are repeated, or counted against the user: wrong passwords and codes.
_NEVER_REPEATED = frozenset({"sign_in", "answer_challenge"})

Answer = dict[str, Any]


class Api:
    """Calls the operations of the stage at `url`. Threads may share it."""

    def __init__(self, url: str, session: Session | None = None, on_pause: OnPause | None = None) -> None:
        self.url = url
        self.transport = Transport(on_pause)
        self._session = session or _session_of(url)
        self._renewing = threading.Lock()

    def call(self, name: str, /, *, idempotency_key: str = "", anonymous: bool = False, **data: Any) -> Answer:
        """The answer of an operation. An operation that takes an Idempotency-Key gets one, the given or a new one.

        Raises:
            ApiError: it was refused.
            NotSignedInError: there is no session, or it has ended.
            UnreachableError: there was no answer that a Darkroom gives.
        """
        called = operation(name)
        path, query, body = called.request(data)
        key = idempotency_key or secrets.token_hex(16)
        headers = {"Idempotency-Key": key} if called.takes_idempotency_key else {}
        options: dict[str, Any] = {"headers": headers, "params": query, "allow_redirects": False}
        if called.method not in ("GET", "DELETE") or body:
            options["json"] = body
        is_repeatable = called.method != "POST" or called.takes_idempotency_key or name == "refresh"

        def send(token: str) -> requests.Response:
            return self.transport.send(
                called.method,
                self.url + path,
                repeatable=is_repeatable and name not in _NEVER_REPEATED,
                token=token,
                **options,
            )

        return self._answer(send("") if anonymous else self._send_signed(send))

    def pages(self, name: str, most: int | None = None, /, **filters: Any) -> Iterator[Answer]:
        """The items of a list, page by page, `most` of them if that is given."""
        largest = int(operation(name).inputs["limit"]["maximum"]) if "limit" in operation(name).inputs else None
        given, cursor = 0, None
        while most is None or given < most:
            limit = largest if most is None or largest is None else min(largest, most - given)
            asked = {**filters, **({} if limit is None else {"limit": limit})}
            page = self.call(name, **asked, **({} if cursor is None else {"cursor": cursor}))
            yield from page["items"]
            given, cursor = given + len(page["items"]), page.get("nextCursor")
            if cursor is None:
                return

    def _send_signed(self, send: Callable[[str], requests.Response]) -> requests.Response:
        token = self._token()
        response = send(token)
        if response.status_code == 401 and self._session.refresh_token:
            # It was signed out elsewhere, or this machine's clock is wrong.
            response = send(self._renewed(token))
            if response.status_code == 401:
                raise NotSignedInError(_ENDED)
        return response

    def _token(self) -> str:
        session = self._session
        if session.api_key:
            return session.api_key
        if not session.refresh_token:
            raise NotSignedInError(f"You are not signed in at {self.url}. Run: darkroom login --url {self.url}")
        if session.expires_at - _MARGIN_SECONDS < time.time():
            return self._renewed(session.access_token)
        return session.access_token

    def _renewed(self, before: str) -> str:
        """A new access token in place of `before`; one renewal serves all threads.

        Raises:
            NotSignedInError: the session has ended.
        """
        with self._renewing:
            session = self._session
            if session.access_token == before:
                try:
                    tokens = self.call("refresh", anonymous=True, refreshToken=session.refresh_token)
                except ApiError as error:
                    if error.status != 401:
                        raise
                    raise NotSignedInError(_ENDED) from None
                session.access_token, session.expires_at = tokens["accessToken"], time.time() + tokens["expiresIn"]
                stages.renew(self.url, session, session.access_token, session.expires_at)
            return session.access_token

    def _answer(self, response: requests.Response) -> Answer:
        try:
            body = response.json()
        except ValueError:
            body = None
        if isinstance(body, Mapping) and response.ok and body.get("success") is True:
            return dict(body)
        is_refusal = isinstance(body, Mapping) and isinstance(body.get("message"), str)
        if isinstance(body, Mapping) and is_refusal and not response.ok:
            raise ApiError(response.status_code, body)
        raise UnreachableError(f"{self.url} answered {response.status_code}, and not as a Darkroom does.")


_ENDED = "The session has ended. Run: darkroom login"


def _session_of(url: str) -> Session:
    key = os.environ.get(KEY_VARIABLE, "").strip()
    return Session(api_key=key) if key else stages.find(url) or Session()
