"""CPU time from the start of a process to the API's first response, compared with an empty Chalice app with boto3.

    python -m bench.cold_start [ROUNDS]

The contenders take turns. Shown is the lowest CPU time of each, and its ratio to the empty app. Both answer one request
that needs no AWS; ours has no token, so the answer is 401. "without bytecode" is a start as on Lambda: the packages
that Chalice builds hold sources only, and nothing can be written there. After that: the time by imported package, and
the sizes of the code's zip and of the layer.
"""

import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench import _package
from bench._measure import best_of, integer_arguments, python_cpu_seconds, without_bytecode
from infra.settings import ROOT
from local.functions import plain_environment

TARGET_RATIO, TARGET_ZIP, TARGET_LAYER = 1.3, 200_000, 60_000_000
IMPORT_RUNS = 5

_EVENT = """
event = {
    "httpMethod": "GET", "headers": {}, "multiValueQueryStringParameters": None, "pathParameters": None, "body": None,
    "stageVariables": None, "isBase64Encoded": False, "requestContext": {
        "httpMethod": "GET", "resourcePath": "/images", "path": "/images", "identity": {"sourceIp": "192.0.2.1"},
    },
}
"""
EMPTY = f"""
import boto3
from chalice.app import Chalice

app = Chalice(app_name="empty")

@app.route("/images")
def images():
    return {{}}
{_EVENT}
assert app(event, None)["statusCode"] == 200
"""
OURS = f"""
from app import app
{_EVENT}
assert app(event, None)["statusCode"] == 401
"""


def main() -> None:
    _show_starts(integer_arguments([10])[0])
    _show_imports()
    with tempfile.TemporaryDirectory() as folder:
        _show_zip(_package.build_code_zip(Path(folder)))
        _show_layer(_package.download_wheels(Path(folder)))


def environment() -> dict[str, str]:
    """The environment of the API's function on Lambda, with placeholders for what only AWS can name."""
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    streams = dict.fromkeys(_STREAMS, "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/s")
    return {
        **plain_environment(),
        **config["environment_variables"],
        **config["stages"]["prod"]["environment_variables"],
        **streams,
        "AWS_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "darkroom-prod",
    }


_STREAMS = ("IMAGES_STREAM_ARN", "USAGE_STREAM_ARN", "AUDIT_STREAM_ARN")


# ------------------------------------------------------------------------------------ output


def _show_starts(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as empty_folder:
        bytecode, sources = environment(), without_bytecode(environment(), empty_folder)
        contenders = {
            "empty Chalice app": partial(python_cpu_seconds, EMPTY, bytecode),
            "Darkroom": partial(python_cpu_seconds, OURS, bytecode),
            "empty Chalice app, without bytecode": partial(python_cpu_seconds, EMPTY, sources),
            "Darkroom, without bytecode": partial(python_cpu_seconds, OURS, sources),
        }
        best = best_of(rounds, contenders)
    print(f"{'to the first response':<42}{'CPU':>8}{'ratio':>8}   (target: {TARGET_RATIO})")
    empty = 0.0
    for name, seconds in best.items():
        empty = seconds if name.startswith("empty") else empty
        print(f"{name:<42}{seconds * 1e3:>5.0f} ms{seconds / empty:>8.2f}")


def _show_imports() -> None:
    empty, ours = _import_times("import boto3, chalice.app"), _import_times("import app")
    extra = {module: spent for module, spent in ours.items() if module not in empty}
    print(f"\n{'imported beyond the empty app (-X importtime)':<46}{'modules':>9}{'ms':>7}")
    packages, modules = Counter[str](), Counter(module.partition(".")[0] for module in extra)
    for module, spent in extra.items():
        packages[module.partition(".")[0]] += spent
    for package, spent in packages.most_common(8):
        print(f"{package:<46}{modules[package]:>9}{spent / 1e3:>7.1f}")
    print(f"{'all':<46}{len(extra):>9}{sum(extra.values()) / 1e3:>7.1f}")
    print(f"{'(the empty app itself)':<46}{len(empty):>9}{sum(empty.values()) / 1e3:>7.1f}")
    own = Counter({module: spent for module, spent in extra.items() if module.startswith("chalicelib")})
    print("slowest of ours: " + ", ".join(f"{module} {spent / 1e3:.1f}" for module, spent in own.most_common(6)))


def _import_times(statement: str) -> dict[str, int]:
    """Microseconds of each module without its imports: the lowest of several processes."""
    runs = [dict(_timed_import(statement)) for _ in range(IMPORT_RUNS)]
    return {module: min(run.get(module, spent) for run in runs) for module, spent in runs[0].items()}


_LINE = re.compile(r"import time:\s*(\d+) \|\s*\d+ \|\s*(\S+)")


def _timed_import(statement: str) -> Iterator[tuple[str, int]]:
    command = [sys.executable, "-X", "importtime", "-c", statement]
    report = subprocess.run(command, cwd=ROOT, env=environment(), check=True, capture_output=True, text=True).stderr
    for line in _LINE.finditer(report):
        yield line[2], int(line[1])


def _show_zip(package: Path) -> None:
    size = package.stat().st_size
    print(f"\n{'zip of the code':<46}{size / 1e3:>9.0f} KB   (target: {TARGET_ZIP / 1e3:.0f} KB)")
    parts = Counter[str]()
    with zipfile.ZipFile(package) as archive:
        for each in archive.infolist():
            parts["/".join(each.filename.split("/")[:2])] += each.compress_size
    for part, compressed in parts.most_common(8):
        print(f"  {part:<44}{compressed / 1e3:>9.0f}")


def _show_layer(wheels: list[Path] | None) -> None:
    if wheels is None:
        print("\nThe layer's wheels for arm64 cannot be downloaded here.")
        return
    sizes = Counter({wheel.name.split("-")[0]: _package.unpacked_size(wheel) for wheel in wheels})
    print(f"\n{'layer, unpacked, arm64':<46}{sizes.total() / 1e6:>9.1f} MB   (target: {TARGET_LAYER / 1e6:.0f} MB)")
    for name, size in sizes.most_common(8):
        print(f"  {name:<44}{size / 1e6:>9.1f}")


if __name__ == "__main__":
    main()
