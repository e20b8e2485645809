"""How the fake API misbehaves: at which requests, and how often."""

import threading
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """How the fake API misbehaves. The first four do the work and lose the response; the others do no work."""

    SLOW = "slow"  # nothing is sent for `seconds`, or until the end
    TRICKLE = "trickle"  # a byte of the body every `seconds` (1)
    TRICKLE_HEAD = "trickle_head"  # the same from the status line on
    CUT_OFF = "cut_off"  # half of the body, then the connection is closed
    HANG_UP = "hang_up"  # the connection is closed without a response
    DIE_AT_PAGE = "die_at_page"  # the same, for page `page` of a list
    RATE_LIMITED = "rate_limited"  # 429, with `retry_after` in Retry-After
    ERROR = "error"  # 500
    WRONG_KEY = "wrong_key"  # 401, whatever the key
    REFUSED = "refused"  # 422
    JUNK = "junk"  # 200, and a page of HTML
    HUGE = "huge"  # 200, and over a megabyte
    REDIRECT_LOOP = "redirect_loop"  # 307 to itself
    REDIRECT_INSIDE = "redirect_inside"  # 307 to the address where clouds keep their credentials


@dataclass
class PlannedFault:
    """A fault for the next `times` requests; None is for ever."""

    fault: Fault
    times: int | None = 1
    seconds: float | None = None
    retry_after: str = "1"
    page: int = 1

    def take(self, page: int) -> bool:
        """Whether it applies to this request; counts it if so."""
        if self.times == 0 or (self.fault is Fault.DIE_AT_PAGE and self.page != page):
            return False
        if self.times is not None:
            self.times -= 1
        return True


# The request is handled; the response is lost or delayed.
AFTER_WORK = frozenset({Fault.SLOW, Fault.TRICKLE, Fault.TRICKLE_HEAD, Fault.CUT_OFF})


class FaultPlan:
    """The planned faults by path; `path/*` is for every path directly below it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: dict[str, list[PlannedFault]] = {}

    def add(self, path: str, planned: PlannedFault) -> None:
        with self._lock:
            self._planned.setdefault(path, []).append(planned)

    def clear(self) -> None:
        with self._lock:
            self._planned.clear()

    def take(self, path: str, page: int) -> PlannedFault | None:
        """The fault for this request, counted."""
        with self._lock:
            for name in (path, f"{path.rpartition('/')[0]}/*"):
                for planned in self._planned.get(name, ()):
                    if planned.take(page):
                        return planned
        return None
