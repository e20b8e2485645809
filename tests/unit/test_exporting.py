"""An export ends before its function is killed, and takes any number of records in the same memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.actions.exporting import build

ROOT = Path(__file__).parents[2]
CONFIG = json.loads((ROOT / ".chalice" / "config.json").read_text())

# Bytes beyond the interpreter and its modules: a page of records and what the writers keep, but not all records.
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
@pytest.mark.parametrize("file_format", ["json", "csv", pytest.param("pdf", marks=pytest.mark.slow)])
def test_memory_does_not_grow_with_the_records(file_format: str) -> None:
    finished = run(file_format, "read")
    assert finished.returncode == 0, finished.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to its address space")
def test_the_limit_would_notice_records_that_are_kept() -> None:
    finished = run("json", "kept")
    assert finished.returncode != 0
    assert "MemoryError" in finished.stderr


def test_what_takes_too_long_fails_before_the_worker_is_killed() -> None:
    timeout = CONFIG["lambda_functions"]["action_worker"]["lambda_timeout"]
    assert timeout - 30 >= build.MOST_SECONDS
