"""Pages of synthetic customers for the scheduled syncs, the same in every run."""

import bisect
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

MAX_CUSTOMERS = 100_000
MAX_PAGE_SIZE = 1000
FIRST_UPDATE = datetime(2026, 1, 1, tzinfo=UTC)

_FIRST = ("Ada", "Björn", "Chiara", "Dmitri", "Emma", "Farid", "Grace", "Hana", "Íñigo", "Jun", "Kofi")
_LAST = ("Adams", "Bauer", "Costa", "Dubois", "Eriksen", "Fischer", "García", "Hansen", "Ito", "Jansen", "Kaya", "Łuka")


class Customers:
    """`count` customers, numbered from 0.

    `altered` maps a customer's number to changed fields, `removed` contains the numbers of removed customers.
    `edit_page` gets a page and its number (from 1) and returns what is sent instead.
    """

    def __init__(self, count: int) -> None:
        if not 0 <= count <= MAX_CUSTOMERS:
            raise ValueError(f"count is 0 to {MAX_CUSTOMERS}")
        self.count = count
        self.altered: dict[int, dict[str, Any]] = {}
        self.removed: set[int] = set()
        self.edit_page: Callable[[dict[str, Any], int], Any] = lambda page, number: page

    def customer(self, number: int) -> dict[str, Any]:
        fields = {
            "id": f"customer-{number:06d}",
            "name": f"{_FIRST[number % len(_FIRST)]} {_LAST[number % len(_LAST)]}",
            "email": f"customer-{number:06d}@example.com",
            "updatedAt": updated_at(number).isoformat().replace("+00:00", "Z"),
        }
        return fields | self.altered.get(number, {})

    def page(self, query: Mapping[str, str]) -> Any:
        """A page of the customers updated since `updatedSince`, oldest first: `limit` (100) from `cursor` on.

        Raises:
            ValueError: a parameter is not valid.
        """
        limit = int(query.get("limit") or 100)
        if not 1 <= limit <= MAX_PAGE_SIZE:
            raise ValueError(f"limit is 1 to {MAX_PAGE_SIZE}")
        start, page_no = self._start_of_page(query)
        end = min(start + limit, self.count)
        numbers = [*self._altered_before(start, query), *range(start, end)]
        page = {
            "customers": [self.customer(each) for each in numbers if each not in self.removed],
            "nextCursor": f"{end}.{page_no + 1}" if end < self.count else None,
        }
        return self.edit_page(page, page_no)

    def _altered_before(self, start: int, query: Mapping[str, str]) -> list[int]:
        """For a first page with `updatedSince`: the customers before `start` that were altered since then."""
        if query.get("cursor") or not query.get("updatedSince"):
            return []
        since = _moment(query["updatedSince"])
        earlier = (each for each in sorted(self.altered) if each < start)
        return [each for each in earlier if _moment(self.customer(each)["updatedAt"]) >= since]

    def _start_of_page(self, query: Mapping[str, str]) -> tuple[int, int]:
        """The number of a page's first customer, and the page's number from 1."""
        if query.get("cursor"):
            start, page_no = map(int, query["cursor"].split("."))
            if not 0 <= start <= self.count:
                raise ValueError("cursor leads nowhere")
            return start, page_no
        if not query.get("updatedSince"):
            return 0, 1
        return bisect.bisect_left(range(self.count), _moment(query["updatedSince"]), key=updated_at), 1


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def updated_at(number: int) -> datetime:
    """When the customer of that number was last updated: a minute after the one before."""
    return FIRST_UPDATE + timedelta(minutes=number)


def page_number(query: Mapping[str, str]) -> int:
    """The number of the requested page, from 1."""
    number = query.get("cursor", "").partition(".")[2]
    return int(number) if number.isdecimal() else 1
