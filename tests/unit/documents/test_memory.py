"""The memory of every writer is independent of the number of rows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

# Bytes that a writer may take above the interpreter and loaded modules: three times what it needs, and less than
# the rows would take in a list.
ALLOWED = 32_000_000

SCRIPT = """
import resource, sys
from bench.documents import COLUMNS, WRITERS, ByteCounter, Table, rows
name, count, allowed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + allowed, used + allowed))
table_rows = rows(count)
if name == "list":
    table_rows, name = list(table_rows), "json"
WRITERS[name](ByteCounter(), Table("files", "Files", COLUMNS, table_rows))
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the address space of a process")


def run(name: str, count: int) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-c", SCRIPT, name, str(count), str(ALLOWED)]
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["json", "csv", "pdf", "html"])
def test_a_hundred_thousand_rows_fit(name: str) -> None:
    finished = run(name, 100_000)
    assert finished.returncode == 0, finished.stderr


@pytest.mark.slow
def test_the_limit_fails_if_all_rows_are_kept() -> None:
    finished = run("list", 100_000)
    assert finished.returncode != 0
    assert "MemoryError" in finished.stderr


def test_importing_the_package_loads_no_writer() -> None:
    script = (
        "import sys, chalicelib.documents; print(*(m for m in sys.modules if m.startswith('chalicelib.documents.')))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == ["chalicelib.documents.models"]
