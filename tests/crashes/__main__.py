"""python -m tests.crashes record | run PATTERN… | serve: see tests/crashes/README.md."""

import argparse
import json
import re
import sys
import time
from collections.abc import Iterable

from tests.crashes import stage
from tests.crashes.journeys import JOURNEYS
from tests.crashes.points import RECORDED, Point, all_points
from tests.crashes.runner import Runner


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crashes", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("record", help="write down what the clean journeys call")
    commands.add_parser("serve", help="run the points whose names come on standard input, a line each")
    run = commands.add_parser("run", help="run the points whose names begin with one of these regular expressions")
    run.add_argument("patterns", nargs="*", default=[""])
    run.add_argument("--list", action="store_true", help="only show their names")
    arguments = parser.parse_args()
    if arguments.command == "record":
        return _record()
    points = all_points()
    if arguments.command == "serve":
        return _serve(points)
    chosen = [point for name, point in points.items() if any(re.match(each, name) for each in arguments.patterns)]
    if arguments.list:
        print("\n".join(point.name for point in chosen))
        return 0
    return _run(chosen)


def _record() -> int:
    with stage.running() as started:
        calls = {name: [list(call) for call in Runner(started).record(name)] for name in JOURNEYS}
    lines = [
        json.dumps(name) + ": [\n    " + ",\n    ".join(map(json.dumps, each)) + "\n  ]" for name, each in calls.items()
    ]
    RECORDED.write_text("{\n  " + ",\n  ".join(lines) + "\n}\n")
    return 0


def _serve(points: dict[str, Point]) -> int:
    with stage.running() as started:
        runner = Runner(started)
        for line in sys.stdin:
            print(json.dumps(vars(runner.run(points[line.strip()]))), flush=True)
    return 0


def _run(chosen: Iterable[Point]) -> int:
    failed = 0
    with stage.running() as started:
        runner = Runner(started)
        for point in chosen:
            began = time.monotonic()
            report = runner.run(point)
            failed += bool(report.differences)
            word = "FAILED" if report.differences else "ok"
            print(f"{word} {report.name} {report.minutes:g} min, {time.monotonic() - began:.1f} s", flush=True)
            for each in report.differences[:12]:
                print(f"    {each[:600]}", flush=True)
    print(f"{failed} failed")
    return failed and 1


if __name__ == "__main__":
    sys.exit(main())
