"""From the start of a process to the API's first answer, beside an empty Chalice app that imports boto3.

    python -m bench.cold_start [ROUNDS]

The contenders take turns in every round; shown is the least CPU time of each, and its ratio to the empty app. Both
answer one request that needs no AWS: the empty app any, ours one without a token (401). "without bytecode" is how
Lambda finds them: the packages that Chalice builds hold sources only, and nothing can be written beside them.
Then what the time goes to, by package, and what the zip of the code and the layer weigh.
"""

import json
import re
import resource
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench import _package
from infra.settings import ROOT
from local.fork_client import plain_environment

TARGET_RATIO, TARGET_ZIP, TARGET_LAYER = 1.3, 200_000, 60_000_000
IMPORTS = 5

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
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 10
    _show_starts(rounds)
    _show_imports()
    with tempfile.TemporaryDirectory() as folder:
        _show_zip(_package.code(Path(folder)))
        _show_layer(_package.wheels(Path(folder)))


def environment() -> dict[str, str]:
    """What Lambda would set for the API's function, with names for what AWS has yet to name."""
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


# ------------------------------------------------------------------------------------ what is shown


def _show_starts(rounds: int) -> None:
    usual = environment()
    with tempfile.TemporaryDirectory() as nowhere:
        bare = {**usual, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": nowhere}
        cases = {
            "empty Chalice app": (EMPTY, usual),
            "Darkroom": (OURS, usual),
            "empty Chalice app, without bytecode": (EMPTY, bare),
            "Darkroom, without bytecode": (OURS, bare),
        }
        best = dict.fromkeys(cases, float("inf"))
        for _ in range(rounds):
            for name, (code, its) in cases.items():
                best[name] = min(best[name], _cpu_seconds(code, its))
    print(f"{'to the first answer':<42}{'CPU':>8}{'ratio':>8}   (target: {TARGET_RATIO})")
    yardstick = 0.0
    for name, seconds in best.items():
        yardstick = seconds if name.startswith("empty") else yardstick
        print(f"{name:<42}{seconds * 1e3:>5.0f} ms{seconds / yardstick:>8.2f}")


def _cpu_seconds(code: str, its: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=dict(its), check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _show_imports() -> None:
    empty, ours = _imports("import boto3, chalice.app"), _imports("import app")
    more = {module: spent for module, spent in ours.items() if module not in empty}
    print(f"\n{'imported beyond the empty app (-X importtime)':<46}{'modules':>9}{'ms':>7}")
    packages, modules = Counter[str](), Counter(module.partition(".")[0] for module in more)
    for module, spent in more.items():
        packages[module.partition(".")[0]] += spent
    for package, spent in packages.most_common(8):
        print(f"{package:<46}{modules[package]:>9}{spent / 1e3:>7.1f}")
    print(f"{'all':<46}{len(more):>9}{sum(more.values()) / 1e3:>7.1f}")
    print(f"{'(the empty app itself)':<46}{len(empty):>9}{sum(empty.values()) / 1e3:>7.1f}")
    own = Counter({module: spent for module, spent in more.items() if module.startswith("chalicelib")})
    print("of ours most: " + ", ".join(f"{module} {spent / 1e3:.1f}" for module, spent in own.most_common(6)))


def _imports(statement: str) -> dict[str, int]:
    """Microseconds that each module takes by itself: the least of several processes."""
    runs = [dict(_timed(statement)) for _ in range(IMPORTS)]
    return {module: min(run.get(module, spent) for run in runs) for module, spent in runs[0].items()}


_LINE = re.compile(r"import time:\s*(\d+) \|\s*\d+ \|\s*(\S+)")


def _timed(statement: str) -> Iterator[tuple[str, int]]:
    command = [sys.executable, "-X", "importtime", "-c", statement]
    told = subprocess.run(command, cwd=ROOT, env=environment(), check=True, capture_output=True, text=True).stderr
    for line in _LINE.finditer(told):
        yield line[2], int(line[1])


def _show_zip(package: Path) -> None:
    size = package.stat().st_size
    print(f"\n{'zip of the code':<46}{size / 1e3:>9.0f} KB   (target: {TARGET_ZIP / 1e3:.0f} KB)")
    parts = Counter[str]()
    with zipfile.ZipFile(package) as held:
        for each in held.infolist():
            parts["/".join(each.filename.split("/")[:2])] += each.compress_size
    for part, compressed in parts.most_common(8):
        print(f"  {part:<44}{compressed / 1e3:>9.0f}")


def _show_layer(wheels: list[Path] | None) -> None:
    if wheels is None:
        print("\nThe layer's wheels for arm64 cannot be downloaded here.")
        return
    sizes = Counter({wheel.name.split("-")[0]: _package.unpacked(wheel) for wheel in wheels})
    print(f"\n{'layer, unpacked, arm64':<46}{sizes.total() / 1e6:>9.1f} MB   (target: {TARGET_LAYER / 1e6:.0f} MB)")
    for name, size in sizes.most_common(8):
        print(f"  {name:<44}{size / 1e6:>9.1f}")


if __name__ == "__main__":
    main()
