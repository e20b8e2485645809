"""The source's API: a page of customers at a time, with retries, never beyond the run's deadline."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from chalicelib.core import log
from chalicelib.core.deadline import Deadline
from chalicelib.external import (
    CREDENTIALS_REFUSED,
    AddressNotAllowedError,
    ExternalServiceError,
    ExternalServiceRefusedError,
    Reason,
    Response,
    call_with_retries,
    error_for_status,
    host_of,
    request,
    secret,
)

# One call may take so long in all.
CALL_SECONDS = 30.0
PAGE = 500
MAX_CURSOR_CHARACTERS = 2048
# A page with more than ten times the requested records is refused.
_MAX_PAGE = 10 * PAGE


@dataclass(frozen=True)
class Page:
    """Records as they came, unchecked, and the cursor of the next page (None: this is the last)."""

    records: list[Any]
    next_cursor: str | None


class CursorRefusedError(ExternalServiceRefusedError):
    """The source does not know the cursor (any more)."""


class Source:
    """The API at a URL, called with the key that Secrets Manager holds for it. Not safe for two threads at once."""

    def __init__(self, url: str, deadline: Deadline) -> None:
        self._url = url.rstrip("/")
        self._deadline = deadline
        self._limit = PAGE

    def page(self, cursor: str | None, since: str | None) -> Page:
        """The page at `cursor` (None: the first) of those updated at `since` or later (None: of all).

        Requests smaller pages while the answer has more than a megabyte.

        Raises:
            CursorRefusedError: the source does not know the cursor.
            ExternalServiceError: the page could not be read; the reason says why.
        """
        while True:
            try:
                page = self._fetch(cursor, since)
            except ExternalServiceError as error:
                if error.reason is not Reason.TOO_LARGE or self._limit == 1:
                    log.warning("API_FAILURE", error, host=host_of(self._url), reason=error.reason)
                    raise
                self._limit //= 2
            else:
                self._limit = min(PAGE, 2 * self._limit)
                return page

    def _fetch(self, cursor: str | None, since: str | None) -> Page:
        asked = {"limit": str(self._limit), "cursor": cursor, "updatedSince": since}
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        answer = self._send_authorized(f"{self._url}/customers?{query}")
        fault = f"{host_of(self._url)} answered {answer.status}"
        if cursor is not None and answer.status in (400, 404, 410, 422):
            raise CursorRefusedError(fault)
        refused = error_for_status(answer.status, fault)
        if refused is not None:
            raise refused
        return _page(answer.body)

    def _send_authorized(self, url: str) -> Response:
        """Sends with the cached key; if that is refused, with the key that Secrets Manager holds now."""
        answer = self._send(url, secret.source_key())
        return self._send(url, secret.source_key(refresh=True)) if answer.status in CREDENTIALS_REFUSED else answer

    def _send(self, url: str, key: str | None) -> Response:
        deadline = self._deadline
        headers = {"Accept": "application/json"} | ({} if key is None else {"Authorization": f"Bearer {key}"})

        def attempt() -> Response:
            # An operator configured the URL, so it may be private; what it redirects to may not.
            return request("GET", url, headers=headers, deadline=deadline.at_most(CALL_SECONDS), trusted=True)

        try:
            return call_with_retries(attempt, deadline=deadline)
        except AddressNotAllowedError as error:
            raise ExternalServiceError(str(error), Reason.ADDRESS_NOT_ALLOWED) from error


def _page(body: bytes) -> Page:
    try:
        answered = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        # The error would quote the answer.
        raise _junk("is not JSON") from None
    if not isinstance(answered, dict) or not isinstance(answered.get("customers"), list):
        raise _junk("has no list of customers")
    if len(answered["customers"]) > _MAX_PAGE:
        raise _junk("has more customers than a page holds")
    cursor = answered.get("nextCursor")
    if cursor is not None and not _is_cursor(cursor):
        raise _junk("has a nextCursor that is no text of use")
    return Page(answered["customers"], cursor)


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _is_cursor(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_CURSOR_CHARACTERS and value.isprintable()


def _junk(fault: str) -> ExternalServiceError:
    return ExternalServiceError(f"the source's answer {fault}", Reason.JUNK)
