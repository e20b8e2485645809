"""The guarded child: its limits, and that it leaves nothing behind."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from chalicelib.core.observing import memory
from chalicelib.imaging import ImageRejectedError, Limits, Recipe, Size, check, render
from chalicelib.imaging.child import run_in_child
from chalicelib.imaging.files import Written
from tests import pictures
from tests.breadth import mostly_slow

ONE = Recipe((Size("box", 160, 120),))
MEBIBYTE = 1024 * 1024


def open_descriptors() -> list[str]:
    return sorted(os.listdir("/dev/fd"))


def children() -> set[str]:
    """The child processes of this one."""
    return {pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


@pytest.fixture(autouse=True)
def _others_children() -> None:
    # Other tests of this process may have left children running.
    _OTHERS.clear()
    _OTHERS.update(children())


_OTHERS: set[str] = set()


def assert_no_child_is_left() -> None:
    assert children() <= _OTHERS


def assert_refused_for_resources(data: bytes, recipe: Recipe, limits: Limits) -> None:
    with pytest.raises(ImageRejectedError) as caught:
        render(data, recipe, limits)
    assert caught.value.reason == "resource_limit"
    assert_no_child_is_left()


# In a process of its own: the child can reuse the free memory of its parent's heap, which is a lot
# in a process that has run other tests.
RENDERS_IN_LITTLE_MEMORY = """
import sys
from chalicelib.imaging import ImageRejectedError, Limits, Recipe, Size, render
side, memory = map(int, sys.argv[1:])
try:
    render(sys.stdin.buffer.read(), Recipe((Size("box", side, side),)), Limits(memory_bytes=memory))
except ImageRejectedError as rejection:
    print(rejection.reason)
"""


def outcome_with_memory(data: bytes, side: int, memory: int) -> str:
    command = [sys.executable, "-c", RENDERS_IN_LITTLE_MEMORY, str(side), str(memory)]
    done = subprocess.run(command, input=data, capture_output=True, check=True)
    return done.stdout.decode().strip()


@pytest.mark.parametrize("form", mostly_slow(["JPEG", "PNG", "WEBP", "GIF"]))
def test_a_child_without_memory_is_a_resource_limit(form: str) -> None:
    data = pictures.encoded(pictures.photo(2400, 1800), form)
    assert outcome_with_memory(data, 2400, 0) == "resource_limit"
    assert outcome_with_memory(data, 2400, 4 * MEBIBYTE) == "resource_limit"
    assert outcome_with_memory(data, 240, 256 * MEBIBYTE) == ""


def test_a_progressive_jpeg_without_memory_is_not_called_damaged() -> None:
    data = pictures.jpeg(2400, 1800, progressive=True)
    assert outcome_with_memory(data, 160, 8 * MEBIBYTE) == "resource_limit"


def test_a_child_that_uses_too_much_cpu_is_killed_by_the_kernel() -> None:
    sizes = tuple(Size(f"at-{width}", width, width) for width in range(700, 1600, 100))
    data = pictures.jpeg(1600, 1200)
    assert_refused_for_resources(data, Recipe(sizes, ("avif",), 95), Limits(cpu_seconds=1))


def test_a_child_that_takes_too_long_is_killed() -> None:
    assert_refused_for_resources(pictures.jpeg(), ONE, Limits(wall_seconds=0.0))
    with pytest.raises(ImageRejectedError, match="resource_limit"):
        check(pictures.jpeg(), "", Limits(wall_seconds=0.0))


def test_a_killed_child_is_a_resource_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr("chalicelib.imaging.rendering.write_variants", die)
    assert_refused_for_resources(pictures.jpeg(), ONE, Limits())


def test_a_bug_of_ours_does_not_reject_the_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("ours")

    monkeypatch.setattr("chalicelib.imaging.rendering.write_variants", fail)
    with pytest.raises(RuntimeError, match="KeyError: 'ours'"):
        render(pictures.jpeg(), ONE)
    assert_no_child_is_left()


def test_a_failed_fork_is_a_temporary_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise BlockingIOError(errno.EAGAIN, "no process left")

    before = open_descriptors()
    monkeypatch.setattr("os.fork", fail)
    with pytest.raises(OSError, match="no process left"):
        render(pictures.jpeg(), ONE)
    assert open_descriptors() == before


def test_no_descriptor_and_no_child_is_left() -> None:
    render(pictures.jpeg(), ONE)
    before = open_descriptors()
    for data in (pictures.jpeg(), pictures.jpeg()[:4000], pictures.png(), b""):
        for limits in (Limits(), Limits(wall_seconds=0.0), Limits(memory_bytes=0)):
            try:
                check(data, "", limits)
                render(data, ONE, limits)
            except ImageRejectedError:
                pass
    assert open_descriptors() == before
    assert_no_child_is_left()


def test_the_parent_keeps_its_own_settings() -> None:
    from PIL import Image

    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    most = Image.MAX_IMAGE_PIXELS
    render(pictures.jpeg(), ONE)
    assert handlers == [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    assert most == Image.MAX_IMAGE_PIXELS
    assert signal.alarm(0) == 0


def test_it_works_where_the_parent_ignores_sigchld() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert render(pictures.jpeg(), ONE)
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_importing_the_package_does_not_import_pillow() -> None:
    program = "import sys, chalicelib.imaging; sys.exit('PIL' in sys.modules)"
    assert os.spawnl(os.P_WAIT, sys.executable, sys.executable, "-c", program) == 0


TAKING = 128 * MEBIBYTE


def take_memory(files: object) -> list[Written]:
    """Makes the child larger than its parent by so many bytes."""
    return [Written(len(b"x" * TAKING) - TAKING)]


def take_memory_and_die(files: object) -> list[Written]:
    take_memory(files)
    os.kill(os.getpid(), signal.SIGKILL)
    return []


@pytest.mark.parametrize("work", [take_memory, take_memory_and_die])
def test_the_memory_of_a_run_includes_the_child(work: Callable[[object], list[Written]]) -> None:
    memory.begin()
    before = memory.peak()
    with suppress(ImageRejectedError):
        run_in_child(work, Limits(memory_bytes=2 * TAKING))
    # Shared memory counts once: the sum of both would be larger by the memory of the parent.
    grown = memory.peak() - before
    assert TAKING * 0.95 < grown < TAKING + before / 2
    memory.begin()
    assert memory.peak() < before + TAKING / 2, "the next run's is its own"


def test_the_memory_of_a_run_excludes_earlier_runs() -> None:
    memory.begin()
    before = memory.peak()
    take_memory(None)
    assert memory.peak() > before + TAKING * 0.9
    memory.begin()
    assert memory.peak() < before + TAKING / 2
