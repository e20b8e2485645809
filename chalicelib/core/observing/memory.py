"""The most memory of a run: of this process and a child that it waits for, at the same time."""

import resource
import sys
from contextlib import suppress

# The kernel gives its high-water marks in KB on Linux and in bytes on macOS.
_UNIT = 1 if sys.platform == "darwin" else 1024

# The most bytes of this process and a child together since `begin`. A Lambda process has one run at a time.
_with_child = 0


def begin() -> None:
    """Starts a run: `peak` does not include earlier runs of this process."""
    global _with_child
    _with_child = 0
    # 5 resets the process's high-water mark (proc(5), "clear_refs"). If that is not allowed, the mark is the highest
    # since the process began.
    with suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def mapped_bytes() -> int:
    """Bytes of mapped files: a fork shares all other memory of this process with the child, until one changes it."""
    with suppress(OSError), open("/proc/self/status") as file:
        kilobytes = {
            name: value.split()[0] for name, _, value in (line.partition(":") for line in file) if value.strip()
        }
        return (int(kilobytes["RssFile"]) + int(kilobytes["RssShmem"])) * 1024
    return 0


def add_child(peak: int, parent_bytes: int) -> None:
    """Counts a child that has ended: `peak` is its `ru_maxrss`, `parent_bytes` the `mapped_bytes` at its fork."""
    global _with_child
    _with_child = max(_with_child, parent_bytes + peak * _UNIT)


def peak() -> int:
    """The most bytes at one moment of the run."""
    return max(_with_child, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT)
