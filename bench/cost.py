"""Dollars a million images, from what images take on the embedded AWS, beside the plain architecture.

    python -m bench.cost [--images N] [--megapixels N] [--write]

Each architecture handles the same pictures on the same embedded AWS, one image after another, so that no image shares
a batch with another: at a higher rate ours takes less. Calls, invocations, DynamoDB's units and logged bytes are
counted; CPU is the functions' own, children included. What this machine cannot know is assumed (bench/_taken.py) and
varied below the table. `--write` keeps the figures in infra/load.json, from which a deploy prices its plan.
"""

import argparse
import json
import math
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import _plain
from bench._calls import Recorder
from bench._ours import Ours, import_seconds
from bench._taken import MILLION, Assumed, Taken, traces_begun, units, workflow_seconds
from infra.cost import LOAD, Units
from infra.prices import PRICES, READ, REGION, priced
from infra.settings import ROOT
from local.machine import Machine
from tests import pictures

TARGET_DOLLARS, TARGET_RATIO = 75.0, 0.35
STORAGE = "S3 storage"

STEPS = ("validation", "resize", "watermark")
# Begin, the three steps, Complete, AnnounceCompleted, Finished.
STATES = 7
PARTITION_UNITS = 1000
# Step Functions, "Pricing": 50 MB, the definition and the data, in steps of 64 MB and of 100 ms.
BILLED_MEMORY_GB, BILLED_SECONDS = 64 / 1024, 0.1


@dataclass(frozen=True)
class Measured:
    """Both architectures' images, and one request of ours."""

    ours: Taken
    plain: Taken
    together: Taken
    request: Taken


def main() -> None:
    asked = _arguments()
    data = _picture(asked.megapixels)
    measured = _measure(data, asked.images)
    usual = Assumed()
    ours, plain = ours_units(measured.ours, usual), plain_units(measured.plain, usual)
    print(f"{asked.images} images of {asked.megapixels:g} MP, {len(data) / 1e6:.2f} MB. Prices: {REGION}, {READ}.\n")
    _show_functions("ours", measured.ours, usual)
    _show_functions("plain", measured.plain, usual)
    _show_units(ours, plain)
    _show_dollars(priced(ours), priced(plain))
    _show_partitions(measured)
    _show_sensitivity(measured)
    if asked.write:
        _keep(measured, usual)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--megapixels", type=float, default=2.0)
    parser.add_argument("--write", action="store_true", help="keep the figures in infra/load.json")
    # `python -m bench` names benchmarks, and this is one.
    return parser.parse_known_args()[0]


def _picture(megapixels: float) -> bytes:
    width = round(math.sqrt(megapixels * 1e6 * 4 / 3))
    return pictures.jpeg(width, round(width * 3 / 4))


def _measure(data: bytes, images: int) -> Measured:
    recorder = Recorder()
    recorder.install()
    with (
        tempfile.TemporaryDirectory() as logs,
        Machine(logs=Path(logs), schedules=False, batching_windows=True) as machine,
    ):
        environment = {**os.environ, **machine.environment, "AWS_ENDPOINT_URL": machine.aws_url}
        ours = Ours(machine, recorder, Path(logs))
        # Containers are warm from here on; what a cold start takes is added to its share of the runs.
        shown = ours.image(data)
        init = import_seconds("import app", environment)
        one_by_one = ours.measure(images, lambda: [ours.image(data) for _ in range(images)], init)
        together = ours.measure(images, lambda: ours.images([data] * images), init)
        asked = ours.measure(
            images, lambda: [ours.request("GET", "/images/{imageId}", imageId=shown) for _ in range(images)], init
        )
        plain_init = import_seconds("import boto3, PIL.Image; boto3.client('s3')", environment)
        plain = _plain.measure(machine, recorder, [data] * images, plain_init)
    return Measured(one_by_one, plain, together, asked)


def ours_units(what: Taken, assumed: Assumed) -> Units:
    """Units an image, with its EXPRESS execution."""
    seconds = workflow_seconds(what, STEPS, STATES, assumed)
    billed = math.ceil(seconds / BILLED_SECONDS) * BILLED_SECONDS
    executions = what.calls["states:StartExecution"] / what.number
    return {
        **units(what, assumed),
        "step_functions.express_requests": executions,
        "step_functions.express_gb_seconds": executions * billed * BILLED_MEMORY_GB,
    }


def plain_units(what: Taken, assumed: Assumed) -> Units:
    """Units an image of the plain architecture, with its Standard execution."""
    taken = units(what, assumed, "lambda.gb_seconds_x86")
    return {**taken, "step_functions.standard_transitions": _plain.TRANSITIONS, "sns.publishes": 1}


def per_million(dollars: Mapping[str, float]) -> float:
    """Dollars for a million images, without keeping them: that depends on for how long, and is the same for both."""
    return sum(each for service, each in dollars.items() if service != STORAGE) * MILLION


# ------------------------------------------------------------------------------------ what is shown


def _show_functions(name: str, what: Taken, assumed: Assumed) -> None:
    print(f"{name + ', an image':<22}{'MB':>6}{'runs':>7}{'CPU ms':>9}{'AWS calls':>11}{'billed ms':>11}{'GB-s':>8}")
    for function, each in sorted(what.functions.items(), key=lambda item: -item[1].seconds(assumed) * item[1].memory):
        number = what.number
        seconds = each.seconds(assumed) / number
        print(
            f"{function:<22}{each.memory:>6}{each.invocations / number:>7.2f}{each.cpu / number * 1e3:>9.1f}"
            f"{each.calls.total() / number:>11.2f}{seconds * 1e3:>11.1f}{seconds * each.memory / 1024:>8.3f}"
        )
    print()


def _show_units(ours: Units, plain: Units) -> None:
    print(f"{'units an image':<38}{'ours':>10}{'plain':>10}{'$ a million of ours':>22}")
    for name in sorted({*ours, *plain}, key=lambda each: -ours.get(each, 0.0) * PRICES[each].dollars):
        dollars = ours.get(name, 0.0) * PRICES[name].dollars * MILLION
        print(f"{name:<38}{ours.get(name, 0.0):>10.4g}{plain.get(name, 0.0):>10.4g}{dollars:>22.2f}")
    print()


def _show_dollars(ours: Mapping[str, float], plain: Mapping[str, float]) -> None:
    print(f"{'$ a million images':<38}{'ours':>10}{'plain':>10}")
    for service in sorted({*ours, *plain} - {STORAGE}, key=lambda each: -plain.get(each, 0.0)):
        print(f"{service:<38}{ours.get(service, 0.0) * MILLION:>10.2f}{plain.get(service, 0.0) * MILLION:>10.2f}")
    mine, its = per_million(ours), per_million(plain)
    print(f"{'all':<38}{mine:>10.2f}{its:>10.2f}   ratio {mine / its:.2f}")
    without = its - plain.get("CloudWatch", 0.0) * MILLION + ours.get("CloudWatch", 0.0) * MILLION
    print(f"{'with our logs and metrics in both':<38}{mine:>10.2f}{without:>10.2f}   ratio {mine / without:.2f}")
    kept = ours[STORAGE] * MILLION, plain[STORAGE] * MILLION
    print(f"{'to keep them all, a month':<38}{kept[0]:>10.2f}{kept[1]:>10.2f}")
    print(f"target: at most {TARGET_DOLLARS:.0f} dollars and {TARGET_RATIO:.2f} of the plain one\n")


def _show_partitions(measured: Measured) -> None:
    """What one partition of DynamoDB takes: 1,000 units a second (DynamoDB, "Partition and data distribution")."""
    print(f"{'DynamoDB partition, units an image':<52}{'one by one':>12}{'at once':>10}{'images/s':>10}")
    alone, together = measured.ours.partitions, measured.together.partitions
    for name in sorted(together, key=lambda each: -together[each])[:6]:
        each = together[name] / measured.together.number
        shown = alone.get(name, 0.0) / measured.ours.number
        print(f"{name[:51]:<52}{shown:>12.2f}{each:>10.2f}{PARTITION_UNITS / each:>10.0f}")
    print()


def _show_sensitivity(measured: Measured) -> None:
    cases = {
        "as above": (measured.ours, Assumed()),
        "sent at once, so that they share batches": (measured.together, Assumed()),
        "a vCPU half as fast": (measured.ours, Assumed(vcpu=0.5)),
        "a vCPU twice as fast": (measured.ours, Assumed(vcpu=2.0)),
        "AWS answers twice as slowly": (measured.ours, Assumed(latency=2.0)),
        "10 images/s, sharing batches": (measured.together, Assumed(images_a_second=10.0)),
        "100 images/s, sharing batches": (measured.together, Assumed(images_a_second=100.0)),
    }
    print(f"{'if':<48}{'ours':>8}{'plain':>8}{'ratio':>8}")
    for name, (what, assumed) in cases.items():
        mine = per_million(priced(ours_units(what, assumed)))
        its = per_million(priced(plain_units(measured.plain, assumed)))
        print(f"{name:<48}{mine:>8.2f}{its:>8.2f}{mine / its:>8.2f}")


def _keep(measured: Measured, usual: Assumed) -> None:
    ours = measured.ours
    kept: dict[str, Any] = {
        "comment": "Units of each price an image and a request take; python -m bench.cost --write measures them anew.",
        "image": _kept(ours_units(ours, usual)),
        "request": _kept(units(measured.request, usual)),
        "image_traces": _rounded(traces_begun(ours)),
        "request_traces": _rounded(traces_begun(measured.request)),
        "seconds": _rounded({name: each.seconds(usual) / each.invocations for name, each in ours.functions.items()}),
        "cold_start_seconds": round(ours.init, 3),
        "custom_metrics": max(ours.metrics, measured.request.metrics),
    }
    LOAD.write_text(json.dumps(kept, indent=2) + "\n")
    print(f"\n{LOAD.relative_to(ROOT)} is written.")


def _kept(units_of_each: Units) -> Units:
    """All but the traces: how many are recorded depends on the load."""
    return _rounded({name: each for name, each in units_of_each.items() if name != "x-ray.traces"})


def _rounded(numbers: Mapping[str, float]) -> dict[str, float]:
    return {name: float(f"{number:.4g}") for name, number in numbers.items()}


if __name__ == "__main__":
    main()
