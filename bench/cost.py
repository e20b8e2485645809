"""Dollars per million images, from their usage of the embedded AWS, compared with the baseline architecture.

    python -m bench.cost [--images N] [--megapixels N] [--write]

Both architectures process the same images on the same embedded AWS, one after another, so that no images share a
batch; at a higher rate Darkroom costs less. Calls, invocations, DynamoDB's units and logged bytes are counted. CPU time
is that of the functions, children included. What cannot be measured here is assumed (bench/_usage.py) and varied
below the table. `--write` saves the result in infra/load.json, which a deploy uses to price its plan.
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

from bench import _baseline
from bench._aws_calls import Recorder
from bench._darkroom import Darkroom, import_seconds
from bench._usage import MILLION, Assumptions, Usage, billed_units, traces_started, workflow_seconds
from infra.cost import LOAD, Units
from infra.prices import PRICES, READ, REGION, dollars_by_service
from infra.settings import ROOT
from local.machine import Machine
from tests import pictures

TARGET_DOLLARS, TARGET_RATIO = 75.0, 0.35
STORAGE = "S3 storage"

STEPS = ("validation", "resize", "watermark")
# Entered by an image: Begin, the three steps, Complete, Finished.
STATES = 6
PARTITION_UNITS_PER_SECOND = 1000
# Step Functions, "Pricing": 50 MB plus definition and data, rounded up to 64 MB; time rounded up to 100 ms.
BILLED_MEMORY_GB, BILLED_SECONDS = 64 / 1024, 0.1


@dataclass(frozen=True)
class Measured:
    """Images of both architectures, images of Darkroom uploaded at once, and requests to Darkroom."""

    darkroom: Usage
    baseline: Usage
    at_once: Usage
    request: Usage


def main() -> None:
    arguments = _arguments()
    data = _picture(arguments.megapixels)
    measured = _measure(data, arguments.images)
    defaults = Assumptions()
    darkroom, baseline = darkroom_units(measured.darkroom, defaults), baseline_units(measured.baseline, defaults)
    size = f"{arguments.megapixels:g} MP, {len(data) / 1e6:.2f} MB"
    print(f"{arguments.images} images of {size}. Prices: {REGION}, {READ}.\n")
    _show_functions("Darkroom", measured.darkroom, defaults)
    _show_functions("baseline", measured.baseline, defaults)
    _show_units(darkroom, baseline)
    _show_dollars(dollars_by_service(darkroom), dollars_by_service(baseline))
    _show_partitions(measured)
    _show_sensitivity(measured)
    if arguments.write:
        _write_load(measured, defaults)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--megapixels", type=float, default=2.0)
    parser.add_argument("--write", action="store_true", help="save the result in infra/load.json")
    # `python -m bench` also has names of benchmarks among its arguments.
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
        darkroom = Darkroom(machine, recorder, Path(logs))
        # Containers are warm after the first image. Cold starts are added by their share of the runs.
        image_id = darkroom.process_image(data)
        init = import_seconds("import app", environment)
        one_by_one = darkroom.measure(images, lambda: [darkroom.process_image(data) for _ in range(images)], init)
        at_once = darkroom.measure(images, lambda: darkroom.process_images([data] * images), init)
        request = darkroom.measure(
            images,
            lambda: [darkroom.request("GET", "/images/{imageId}", imageId=image_id) for _ in range(images)],
            init,
        )
        baseline_init = import_seconds("import boto3, PIL.Image; boto3.client('s3')", environment)
        baseline = _baseline.measure(machine, recorder, [data] * images, baseline_init)
    return Measured(one_by_one, baseline, at_once, request)


def darkroom_units(usage: Usage, assumptions: Assumptions) -> Units:
    """Units per image, with its EXPRESS execution."""
    seconds = workflow_seconds(usage, STEPS, STATES, assumptions)
    billed = math.ceil(seconds / BILLED_SECONDS) * BILLED_SECONDS
    executions = usage.calls["states:StartExecution"] / usage.number
    return {
        **billed_units(usage, assumptions),
        "step_functions.express_requests": executions,
        "step_functions.express_gb_seconds": executions * billed * BILLED_MEMORY_GB,
    }


def baseline_units(usage: Usage, assumptions: Assumptions) -> Units:
    """Units per image, with its Standard execution."""
    units = billed_units(usage, assumptions, "lambda.gb_seconds_x86")
    return {**units, "step_functions.standard_transitions": _baseline.TRANSITIONS, "sns.publishes": 1}


def per_million(dollars: Mapping[str, float]) -> float:
    """Dollars per million images, without storage: that depends on time, and is the same for both."""
    return sum(each for service, each in dollars.items() if service != STORAGE) * MILLION


# ------------------------------------------------------------------------------------ output


def _show_functions(name: str, usage: Usage, assumptions: Assumptions) -> None:
    print(f"{name + ', an image':<22}{'MB':>6}{'runs':>7}{'CPU ms':>9}{'AWS calls':>11}{'billed ms':>11}{'GB-s':>8}")
    number = usage.number
    by_cost = sorted(usage.functions.items(), key=lambda item: -item[1].seconds(assumptions) * item[1].memory)
    for function, each in by_cost:
        seconds = each.seconds(assumptions) / number
        print(
            f"{function:<22}{each.memory:>6}{each.invocations / number:>7.2f}{each.cpu / number * 1e3:>9.1f}"
            f"{each.calls.total() / number:>11.2f}{seconds * 1e3:>11.1f}{seconds * each.memory / 1024:>8.3f}"
        )
    print()


def _show_units(darkroom: Units, baseline: Units) -> None:
    print(f"{'units an image':<38}{'Darkroom':>10}{'baseline':>10}{'$ a million, Darkroom':>22}")
    for name in sorted({*darkroom, *baseline}, key=lambda each: -darkroom.get(each, 0.0) * PRICES[each].dollars):
        dollars = darkroom.get(name, 0.0) * PRICES[name].dollars * MILLION
        print(f"{name:<38}{darkroom.get(name, 0.0):>10.4g}{baseline.get(name, 0.0):>10.4g}{dollars:>22.2f}")
    print()


def _show_dollars(darkroom: Mapping[str, float], baseline: Mapping[str, float]) -> None:
    print(f"{'$ a million images':<38}{'Darkroom':>10}{'baseline':>10}")
    for service in sorted({*darkroom, *baseline} - {STORAGE}, key=lambda each: -baseline.get(each, 0.0)):
        dollars = darkroom.get(service, 0.0) * MILLION, baseline.get(service, 0.0) * MILLION
        print(f"{service:<38}{dollars[0]:>10.2f}{dollars[1]:>10.2f}")
    ours, theirs = per_million(darkroom), per_million(baseline)
    print(f"{'all':<38}{ours:>10.2f}{theirs:>10.2f}   ratio {ours / theirs:.2f}")
    same_logs = theirs - baseline.get("CloudWatch", 0.0) * MILLION + darkroom.get("CloudWatch", 0.0) * MILLION
    ratio = ours / same_logs
    print(f"{'with the same logs and metrics in both':<38}{ours:>10.2f}{same_logs:>10.2f}   ratio {ratio:.2f}")
    storage = darkroom[STORAGE] * MILLION, baseline[STORAGE] * MILLION
    print(f"{'storage, a month':<38}{storage[0]:>10.2f}{storage[1]:>10.2f}")
    print(f"target: at most {TARGET_DOLLARS:.0f} dollars and {TARGET_RATIO:.2f} of the baseline\n")


def _show_partitions(measured: Measured) -> None:
    """A partition takes 1,000 units a second (DynamoDB, "Partition and data distribution")."""
    print(f"{'DynamoDB partition, units an image':<52}{'one by one':>12}{'at once':>10}{'images/s':>10}")
    one_by_one, at_once = measured.darkroom.partitions, measured.at_once.partitions
    for name in sorted(at_once, key=lambda each: -at_once[each])[:6]:
        each = at_once[name] / measured.at_once.number
        alone = one_by_one.get(name, 0.0) / measured.darkroom.number
        print(f"{name[:51]:<52}{alone:>12.2f}{each:>10.2f}{PARTITION_UNITS_PER_SECOND / each:>10.0f}")
    print()


def _show_sensitivity(measured: Measured) -> None:
    cases = {
        "as above": (measured.darkroom, Assumptions()),
        "sent at once, sharing batches": (measured.at_once, Assumptions()),
        "a vCPU half as fast": (measured.darkroom, Assumptions(vcpu=0.5)),
        "a vCPU twice as fast": (measured.darkroom, Assumptions(vcpu=2.0)),
        "AWS answers twice as slowly": (measured.darkroom, Assumptions(latency=2.0)),
        "10 images/s, sharing batches": (measured.at_once, Assumptions(images_per_second=10.0)),
        "100 images/s, sharing batches": (measured.at_once, Assumptions(images_per_second=100.0)),
    }
    print(f"{'if':<48}{'Darkroom':>10}{'baseline':>10}{'ratio':>8}")
    for name, (usage, assumptions) in cases.items():
        ours = per_million(dollars_by_service(darkroom_units(usage, assumptions)))
        theirs = per_million(dollars_by_service(baseline_units(measured.baseline, assumptions)))
        print(f"{name:<48}{ours:>10.2f}{theirs:>10.2f}{ours / theirs:>8.2f}")


def _write_load(measured: Measured, defaults: Assumptions) -> None:
    darkroom = measured.darkroom
    seconds = {name: each.seconds(defaults) / each.invocations for name, each in darkroom.functions.items()}
    load: dict[str, Any] = {
        "comment": "Units of each price an image and a request take; python -m bench.cost --write measures them anew.",
        "image": _without_traces(darkroom_units(darkroom, defaults)),
        "request": _without_traces(billed_units(measured.request, defaults)),
        "image_traces": _rounded(traces_started(darkroom)),
        "request_traces": _rounded(traces_started(measured.request)),
        "seconds": _rounded(seconds),
        "cold_start_seconds": round(darkroom.init, 3),
        "custom_metrics": max(darkroom.metrics, measured.request.metrics),
    }
    LOAD.write_text(json.dumps(load, indent=2) + "\n")
    print(f"\nWrote {LOAD.relative_to(ROOT)}.")


def _without_traces(units: Units) -> Units:
    """The number of recorded traces depends on the load."""
    return _rounded({name: each for name, each in units.items() if name != "x-ray.traces"})


def _rounded(numbers: Mapping[str, float]) -> dict[str, float]:
    return {name: float(f"{number:.4g}") for name, number in numbers.items()}


if __name__ == "__main__":
    main()
