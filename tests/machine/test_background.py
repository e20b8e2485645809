"""An error that ends a thread is reported, wherever the thread runs."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local import background
from local.errors import MachineError

THREAD = "import sys, threading; thread = threading.Thread(target=int, args=[sys.argv[1]]); thread.start()"


def fail(text: str) -> None:
    raise ValueError(text)


def test_an_error_in_a_pool_that_nobody_waits_for_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: reported.append(str(arguments.exc_value)))
    with ThreadPoolExecutor(1) as pool:
        background.submit(pool, str, "fine")
        background.submit(pool, fail, "broken")
    assert reported == ["broken"]


def test_a_functions_thread_that_ends_with_an_error_is_found_in_its_log(tmp_path: Path) -> None:
    log = tmp_path / "resize.log"
    for text in ("7", "no number"):
        with log.open("a") as output:
            subprocess.run([sys.executable, "-c", THREAD, text], stderr=output, check=True)
        if text == "7":
            background.check_logs(tmp_path)
    with pytest.raises(MachineError, match=r"resize: Exception in thread Thread-1"):
        background.check_logs(tmp_path)
