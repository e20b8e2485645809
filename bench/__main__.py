"""Runs all benchmarks of this folder, or those named: python -m bench [imaging …].

Further arguments are those of the benchmarks."""

import importlib
import sys
from pathlib import Path

NAMES = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if "\ndef main(" in path.read_text())

for name in [each for each in sys.argv[1:] if each in NAMES] or NAMES:
    print(f"== {name}")
    importlib.import_module(f"bench.{name}").main()
