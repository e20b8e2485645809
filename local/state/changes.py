"""Which parts of the embedded AWS have changed, and moments at which no change is half done.

A request changes several things, such as an object and the event that tells of it. Whoever changes something does it
within `making`. `paused` waits until nobody does, so what is read then is as if the machine had been stopped between
two requests.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# By service, what has changed there: the service decides what names it uses.
Marks = dict[str, set[Any]]


class Changes:
    """The changes of this process's embedded AWS. Enter `making` before taking any other lock."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._makers = 0
        self._is_paused = False
        self._own = threading.local()
        self._marks: Marks = {}
        self.marked = threading.Event()
        # Without a state folder nothing is marked.
        self.are_recorded = False
        # Set when the machine stops: what is acknowledged after the last write would be lost.
        self.are_refused = False

    @contextmanager
    def making(self) -> Iterator[None]:
        """Change several things as one. A block within a block of the same thread belongs to the outer one."""
        if not self.are_recorded or self._depth():
            yield
            return
        self._enter()
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Wait for something long in the middle of `making`. The thread must hold no other lock."""
        if not self._depth():
            yield
            return
        self._leave()
        try:
            yield
        finally:
            self._enter()

    @contextmanager
    def paused(self) -> Iterator[Marks]:
        """Nobody changes anything meanwhile; the marks since the last pause."""
        with self._condition:
            self._is_paused = True
            self._condition.wait_for(lambda: self._makers == 0)
        try:
            with self._condition:
                marks, self._marks = self._marks, {}
                self.marked.clear()
            yield marks
        finally:
            with self._condition:
                self._is_paused = False
                self._condition.notify_all()

    def mark(self, service: str, name: Any = None) -> None:
        """Note that something has changed."""
        if self.are_recorded:
            with self._condition:
                self._marks.setdefault(service, set()).add(name)
                self.marked.set()

    def _depth(self) -> int:
        return int(getattr(self._own, "depth", 0))

    def _enter(self) -> None:
        with self._condition:
            self._condition.wait_for(lambda: not self._is_paused)
            self._makers += 1
        self._own.depth = 1

    def _leave(self) -> None:
        self._own.depth = 0
        with self._condition:
            self._makers -= 1
            self._condition.notify_all()


# One a process, as moto's state is one a process.
CHANGES = Changes()
