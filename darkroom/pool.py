"""Work in threads that never hold up the end of the command."""

import queue
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Pool(Generic[T, R]):
    """Does `work` on what is submitted, in some threads. `results` gets each item with its result or its error.

    The threads are daemons: unlike those of concurrent.futures they do not keep the process alive after Ctrl-C. The end
    of the block sets `stop`, and what has not begun is not done any more.
    """

    def __init__(self, threads: int, work: Callable[[T], R], stop: threading.Event) -> None:
        self.results: queue.SimpleQueue[tuple[T, R | BaseException]] = queue.SimpleQueue()
        self._work, self._stop = work, stop
        self._waiting: queue.SimpleQueue[T | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def submit(self, item: T) -> None:
        self._waiting.put(item)

    def __enter__(self) -> "Pool[T, R]":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:
            self._stop.set()
        for _ in self._threads:
            self._waiting.put(None)

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None and not self._stop.is_set():
            try:
                result: R | BaseException = self._work(item)
            except BaseException as error:
                result = error
            self.results.put((item, result))
