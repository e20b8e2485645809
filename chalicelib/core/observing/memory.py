"""How much memory a run takes at most: this process, and a child that it waits for, at the same time."""

import resource
import sys
from contextlib import suppress

# The kernel gives its high-water marks in KB on Linux and in bytes on macOS.
_UNIT = 1 if sys.platform == "darwin" else 1024

# The most bytes that this process and a child had together, since `begin`. Lambda gives a process one run at a time.
_with_child = 0


def begin() -> None:
    """Forgets earlier runs of this process, so that what `peak` gives is this run's alone."""
    global _with_child
    _with_child = 0
    # 5 sets the process's high-water mark to what it has now (proc(5), "clear_refs"). Where that is not allowed, the
    # mark is the highest since the process began.
    with suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def mapped_bytes() -> int:
    """Bytes of this process that a fork does not show in the child as well: the files that it has mapped.

    All else of this process is the child's from the start, until one of the two changes it.
    """
    with suppress(OSError), open("/proc/self/status") as file:
        kilobytes = {
            name: value.split()[0] for name, _, value in (line.partition(":") for line in file) if value.strip()
        }
        return (int(kilobytes["RssFile"]) + int(kilobytes["RssShmem"])) * 1024
    return 0


def child_ended(peak: int, apart: int) -> None:
    """Notes a child that has ended. `peak` is its `ru_maxrss`; `apart` what `apart_from_children` gave at its fork."""
    global _with_child
    _with_child = max(_with_child, apart + peak * _UNIT)


def peak() -> int:
    """The most bytes that were taken at one moment of the run."""
    return max(_with_child, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT)
