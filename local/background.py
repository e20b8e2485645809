"""Threads that nobody waits for: no error that ends one is lost, in this process or in those of the functions."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from local.errors import MachineError


class Loop(threading.Thread):
    """A thread without which the machine is not whole: `python -m local` ends when an error ends it."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        super().__init__(target=work, name=name, daemon=True)


def submit(pool: Executor, work: Callable[..., Any], *arguments: Any) -> None:
    """Run `work` in the pool. Its error goes to `threading.excepthook`: a future that nobody reads would keep it."""
    pool.submit(work, *arguments).add_done_callback(_report_error)


def report(error: BaseException) -> None:
    """Treat an error as if it had ended this thread."""
    arguments = (type(error), error, error.__traceback__, threading.current_thread())
    threading.excepthook(threading.ExceptHookArgs(arguments))


def check_logs(logs: Path) -> None:
    """Look into the functions' logs for threads that an error ended; Python reports them there.

    Raises:
        MachineError: there are such threads.
    """
    died = [f"{log.stem}: {line}" for log in sorted(logs.glob("*.log")) for line in _reports(log)]
    if died:
        raise MachineError(f"Errors ended threads: {'; '.join(died)}")


def _reports(log: Path) -> list[str]:
    return [each for each in log.read_text(errors="replace").splitlines() if each.startswith("Exception in thread ")]


def _report_error(done: Future[Any]) -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        report(error)
