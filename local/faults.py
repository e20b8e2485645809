"""How the stand-in partner and the embedded tables misbehave, at which requests, and how often."""

import threading
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """How the partner misbehaves. The first four do the work and lose the answer; the others do no work."""

    SLOW = "slow"  # nothing is sent until released, or for `seconds`
    TRICKLE = "trickle"  # a byte of the body every `seconds` (1)
    TRICKLE_HEAD = "trickle_head"  # the same from the status line on
    CUT_OFF = "cut_off"  # half of the body, then the end of the connection
    HANG_UP = "hang_up"  # the end of the connection, and no answer
    DIE_AT_PAGE = "die_at_page"  # the same, where the list has come to `page`
    RATE_LIMITED = "rate_limited"  # 429, with `retry_after` in Retry-After
    ERROR = "error"  # 500
    WRONG_KEY = "wrong_key"  # 401, whatever the key
    REFUSED = "refused"  # 422
    JUNK = "junk"  # 200, and a page of HTML
    HUGE = "huge"  # 200, and over a megabyte
    REDIRECT_LOOP = "redirect_loop"  # 307 to itself
    REDIRECT_INSIDE = "redirect_inside"  # 307 to where clouds keep their credentials


@dataclass
class Planned:
    """A fault that waits for its requests. `times` are left; None is for ever."""

    fault: Fault
    times: int | None = 1
    seconds: float | None = None
    retry_after: str = "1"
    page: int = 1

    def takes(self, page: int) -> bool:
        """Whether it is for this request too; counts it if so."""
        if self.times == 0 or (self.fault is Fault.DIE_AT_PAGE and self.page != page):
            return False
        if self.times is not None:
            self.times -= 1
        return True


# These do the work, and lose the answer or make it wait.
ANSWERED = frozenset({Fault.SLOW, Fault.TRICKLE, Fault.TRICKLE_HEAD, Fault.CUT_OFF})


class Plan:
    """The faults that wait for their requests, by path; `path/*` is for all right below it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: dict[str, list[Planned]] = {}

    def add(self, path: str, planned: Planned) -> None:
        with self._lock:
            self._planned.setdefault(path, []).append(planned)

    def clear(self) -> None:
        with self._lock:
            self._planned.clear()

    def due(self, path: str, page: int) -> Planned | None:
        """The fault for this request, which is then counted."""
        with self._lock:
            for name in (path, f"{path.rpartition('/')[0]}/*"):
                for planned in self._planned.get(name, ()):
                    if planned.takes(page):
                        return planned
        return None


class Conflicts:
    """Writes to the embedded tables that are refused as if a transaction held their items."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: dict[str, int] = {}

    def add(self, table: str, times: int = 1) -> None:
        """Plans it for the next `times` writes to a table."""
        with self._lock:
            self._planned[table] = self._planned.get(table, 0) + times

    def clear(self) -> int:
        """Forgets what is planned; how many of it were left."""
        with self._lock:
            left = sum(self._planned.values())
            self._planned.clear()
        return left

    def due(self, table: str) -> bool:
        """Whether this write is one of them, which is then counted."""
        with self._lock:
            left = self._planned.get(table, 0)
            if left:
                self._planned[table] = left - 1
        return left > 0


# The embedded AWS is one a process.
CONFLICTS = Conflicts()
