"""An export ends before its function is killed, and its memory does not depend on the number of records."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.actions import worker
from tests.breadth import mostly_slow

ROOT = Path(__file__).parents[3]
CONFIG = json.loads((ROOT / ".chalice" / "config.json").read_text())

# Bytes beyond the interpreter and its modules: enough for a page of records and the writers, not for all records.
ALLOWED = 48_000_000
RECORDS = 20_000

SCRIPT = """
import resource, sys
from dataclasses import replace
from bench.exports import ABOUT, ByteCounter, tables
from chalicelib.actions.exporting import build
name, count, allowed, kept = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "kept"
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + allowed, held + allowed))
whole = [replace(table, rows=list(table.rows) if kept else table.rows) for table in tables(count, name)]
build.write(ByteCounter(), name, whole, ABOUT)
"""


def run(file_format: str, rows: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-c", SCRIPT, file_format, str(RECORDS), str(ALLOWED), rows]
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to its address space")
@pytest.mark.parametrize("file_format", mostly_slow(["json", "csv", "pdf"]))
def test_the_memory_of_an_export_does_not_grow_with_the_records(file_format: str) -> None:
    finished = run(file_format, "read")
    assert finished.returncode == 0, finished.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to its address space")
def test_the_memory_limit_detects_records_that_are_kept() -> None:
    finished = run("json", "kept")
    assert finished.returncode != 0
    # Without memory for the MemoryError itself, Python says that the function returned nothing and raised nothing.
    assert re.search(r"MemoryError|SystemError: .* returned NULL without setting an exception", finished.stderr)


def test_an_export_that_takes_too_long_fails_before_its_worker_is_killed() -> None:
    timeout = CONFIG["lambda_functions"]["action_worker"]["lambda_timeout"]
    assert timeout - 30 >= worker.SECONDS
