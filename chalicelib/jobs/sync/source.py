"""The source's API: its customers a page at a time, asked patiently and never beyond the run's deadline."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from chalicelib.core import log
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
from chalicelib.jobs.sync.deadline import Deadline

# What one call may take in all, whatever its answer drips.
CALL_SECONDS = 30.0
PAGE = 500
MAX_CURSOR_CHARACTERS = 2048
# Ten times what was asked for is no page of ours.
_MOST_IN_PAGE = 10 * PAGE


@dataclass(frozen=True)
class Page:
    """Records as they came, unchecked, and the cursor of the page behind (None: this is the last)."""

    records: list[Any]
    next_cursor: str | None


class CursorRefusedError(ExternalServiceRefusedError):
    """The source does not know that cursor, or no longer."""


class Source:
    """The API at a URL, asked with the key that Secrets Manager holds for it. Not for two threads at once."""

    def __init__(self, url: str, deadline: Deadline) -> None:
        self._url = url.rstrip("/")
        self._deadline = deadline
        self._limit = PAGE

    def page(self, cursor: str | None, since: str | None) -> Page:
        """The page at `cursor` (None: the first) of those updated at `since` or later (None: of all).

        Smaller pages are asked for while the answer has more than a megabyte.

        Raises:
            CursorRefusedError: with a cursor alone.
            ExternalServiceError: there is no such page to be had; the reason says why.
        """
        while True:
            try:
                page = self._asked(cursor, since)
            except ExternalServiceError as error:
                if error.reason is not Reason.TOO_LARGE or self._limit == 1:
                    log.warning("API_FAILURE", error, host=host_of(self._url), reason=error.reason)
                    raise
                self._limit //= 2
            else:
                self._limit = min(PAGE, 2 * self._limit)
                return page

    def _asked(self, cursor: str | None, since: str | None) -> Page:
        asked = {"limit": str(self._limit), "cursor": cursor, "updatedSince": since}
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        answer = self._authorized(f"{self._url}/customers?{query}")
        fault = f"{host_of(self._url)} answered {answer.status}"
        if cursor is not None and answer.status in (400, 404, 410, 422):
            raise CursorRefusedError(fault)
        refused = error_for_status(answer.status, fault)
        if refused is not None:
            raise refused
        return _page(answer.body)

    def _authorized(self, url: str) -> Response:
        """The answer to the key that we know, and if that is refused to the one that Secrets Manager holds now."""
        answer = self._send(url, secret.source_key())
        return self._send(url, secret.source_key(refresh=True)) if answer.status in CREDENTIALS_REFUSED else answer

    def _send(self, url: str, key: str | None) -> Response:
        deadline = self._deadline
        headers = {"Accept": "application/json"} | ({} if key is None else {"Authorization": f"Bearer {key}"})

        def attempt() -> Response:
            until = min(deadline.ends, deadline.clock() + CALL_SECONDS)
            # An operator named the URL: it may well be private. Where it redirects to may not.
            return request("GET", url, headers=headers, deadline=until, trusted=True)

        try:
            return call_with_retries(attempt, deadline=deadline.ends, sleep=deadline.sleep, clock=deadline.clock)
        except AddressNotAllowedError as error:
            raise ExternalServiceError(str(error), Reason.ADDRESS_NOT_ALLOWED) from error


def _page(body: bytes) -> Page:
    try:
        answered = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        # The error would quote it.
        raise _junk("is not JSON") from None
    if not isinstance(answered, dict) or not isinstance(answered.get("customers"), list):
        raise _junk("has no list of customers")
    if len(answered["customers"]) > _MOST_IN_PAGE:
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
