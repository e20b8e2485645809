"""When a report must have read all that it is made of."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self, TypeVar

from chalicelib.core.errors import InvalidRequestError

Read = TypeVar("Read")


class ReportTooLargeError(InvalidRequestError):
    code, message = "REPORT_TOO_LARGE", "This period holds too much for one report; ask for fewer days."


@dataclass(frozen=True)
class Deadline:
    """`moment` is one of time.monotonic()."""

    moment: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        return cls(time.monotonic() + seconds)

    def check(self) -> None:
        """Raises ReportTooLargeError once the moment has passed."""
        if time.monotonic() > self.moment:
            raise ReportTooLargeError

    def over(self, rows: Iterable[Read]) -> Iterator[Read]:
        """The same rows, as long as there is time; then ReportTooLargeError."""
        for row in rows:
            self.check()
            yield row
