"""Customers for a scheduled sync to read: synthetic, the same in every run, in pages."""

import bisect
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

MOST = 100_000
LONGEST_PAGE = 1000
FIRST_UPDATE = datetime(2026, 1, 1, tzinfo=UTC)

_FIRST = ("Ada", "Björn", "Chiara", "Dmitri", "Emma", "Farid", "Grace", "Hana", "Íñigo", "Jun", "Kofi")
_LAST = ("Adams", "Bauer", "Costa", "Dubois", "Eriksen", "Fischer", "García", "Hansen", "Ito", "Jansen", "Kaya", "Łuka")


class Customers:
    """So many customers, numbered from 0.

    `altered` maps a number to the fields that differ from the usual, `removed` are gone. `twist` has the last word on
    a page: given it and its number from 1, it says what is sent instead.
    """

    def __init__(self, count: int) -> None:
        if not 0 <= count <= MOST:
            raise ValueError(f"a partner has 0 to {MOST} customers")
        self.count = count
        self.altered: dict[int, dict[str, Any]] = {}
        self.removed: set[int] = set()
        self.twist: Callable[[dict[str, Any], int], Any] = lambda page, number: page

    def one(self, number: int) -> dict[str, Any]:
        made = {
            "id": f"customer-{number:06d}",
            "name": f"{_FIRST[number % len(_FIRST)]} {_LAST[number % len(_LAST)]}",
            "email": f"customer-{number:06d}@example.com",
            "updatedAt": updated_at(number).isoformat().replace("+00:00", "Z"),
        }
        return made | self.altered.get(number, {})

    def page(self, query: Mapping[str, str]) -> Any:
        """Those from `updatedSince` on, oldest first, `limit` (100) at a time; a cursor says which come next.

        Raises:
            ValueError: the query makes no sense.
        """
        limit = int(query.get("limit") or 100)
        if not 1 <= limit <= LONGEST_PAGE:
            raise ValueError(f"limit is 1 to {LONGEST_PAGE}")
        start, number = self._place(query)
        end = min(start + limit, self.count)
        following = f"{end}.{number + 1}" if end < self.count else None
        listed = [*self._changed_before(start, query), *range(start, end)]
        page = {"customers": [self.one(each) for each in listed if each not in self.removed], "nextCursor": following}
        return self.twist(page, number)

    def _changed_before(self, start: int, query: Mapping[str, str]) -> list[int]:
        """Those that were altered since the moment that is asked for, ahead of a list that begins behind them."""
        if query.get("cursor") or not query.get("updatedSince"):
            return []
        since = _moment(query["updatedSince"])
        return [each for each in sorted(self.altered) if each < start and _moment(self.one(each)["updatedAt"]) >= since]

    def _place(self, query: Mapping[str, str]) -> tuple[int, int]:
        """Where a page begins, and which page of its list it is."""
        if query.get("cursor"):
            start, number = map(int, query["cursor"].split("."))
            if not 0 <= start <= self.count:
                raise ValueError("cursor leads nowhere")
            return start, number
        if not query.get("updatedSince"):
            return 0, 1
        return bisect.bisect_left(range(self.count), _moment(query["updatedSince"]), key=updated_at), 1


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def updated_at(number: int) -> datetime:
    """When the customer of that number was last changed: a minute after the one before."""
    return FIRST_UPDATE + timedelta(minutes=number)


def page_number(query: Mapping[str, str]) -> int:
    """Which page of its list a request asks for, from 1."""
    number = query.get("cursor", "").partition(".")[2]
    return int(number) if number.isdecimal() else 1
