"""Python's garbage collector in processes that load much: it would look through all that is loaded, again and again."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def not_collected() -> Iterator[None]:
    """No collections while the block runs: a start makes few cycles, and looking for them takes an eighth of it."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def stop_collecting() -> None:
    """In a process that others are forked from, before it loads anything."""
    gc.disable()


def share_with_forks() -> None:
    """In such a process, before it forks: collections in its forks would copy each page that they share."""
    gc.freeze()


def collect_again() -> None:
    """In a fork that does the work."""
    gc.enable()
