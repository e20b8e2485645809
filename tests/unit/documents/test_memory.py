"""Every writer takes any number of records in the same memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

# Bytes that a writer may take beyond the interpreter and the modules that are there before it: three
# times what it needs, and less than the records would take if they were kept.
ALLOWED = 32_000_000

SCRIPT = """
import resource, sys
from bench.documents import COLUMNS, WRITERS, Counted, Table, records
name, count, allowed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + allowed, held + allowed))
rows = records(count)
if name == "kept":
    rows, name = list(rows), "json"
WRITERS[name](Counted(), Table("files", "Files", COLUMNS, rows))
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to its address space")


def run(name: str, count: int) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-c", SCRIPT, name, str(count), str(ALLOWED)]
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["json", "csv", "pdf", "html"])
def test_a_hundred_thousand_records_fit(name: str) -> None:
    finished = run(name, 100_000)
    assert finished.returncode == 0, finished.stderr


@pytest.mark.slow
def test_the_limit_would_notice_records_that_are_kept() -> None:
    finished = run("kept", 100_000)
    assert finished.returncode != 0
    assert "MemoryError" in finished.stderr


def test_importing_the_package_loads_nothing_that_draws() -> None:
    script = (
        "import sys, chalicelib.documents; print(*(m for m in sys.modules if m.startswith('chalicelib.documents.')))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == ["chalicelib.documents.values"]
