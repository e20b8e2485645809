"""The process table of Linux: which process has started which, and which have ended."""

from pathlib import Path

import pytest

_PROC = Path("/proc")
_IS_LINUX = (_PROC / "self" / "stat").exists()
NEEDED = pytest.mark.skipif(not _IS_LINUX, reason="reads the process table of Linux")


def _status(pid: int) -> tuple[int, str] | None:
    """The parent and the state of a process; None if there is none."""
    try:
        state, parent = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[:2]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(parent), state


def children(pids: set[int]) -> set[int]:
    """The processes that these have started; none on another system."""
    if not _IS_LINUX:
        return set()
    parents = {int(each.name): _status(int(each.name)) for each in _PROC.iterdir() if each.name.isdigit()}
    return {child for child, status in parents.items() if status is not None and status[0] in pids}


def descendants(pid: int) -> set[int]:
    """The processes that this one, or one of them, has started."""
    found, new = set[int](), {pid}
    while new:
        found |= new
        new = children(new) - found
    return found - {pid}


def all_ended(pids: set[int]) -> bool:
    """Whether none of them runs."""
    return all((status := _status(pid)) is None or status[1] == "Z" for pid in pids)
