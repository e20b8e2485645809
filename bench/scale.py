"""The pipeline under a burst, simulated: queue, concurrency, retries, and how long until all is done.

    python -m bench.scale [--images N] [--plot docs/scale.svg]

Event by event, with the service times that `python -m bench.cost --write` measured (infra/load.json), the retries of
infra/image_pipeline.asl.json and AWS's documented scaling. The seed is fixed: the same numbers give the same plot.
"""

import argparse
import dataclasses
import json
import random
from pathlib import Path

from bench import _plot
from bench._burst import Burst, Limits, Outcome, Retry
from infra import cost, template

BASE_RATE, BURST_AT, LASTS = 10.0, 30.0, 600.0
STEPS = ("validation", "resize", "watermark")


def main() -> None:
    asked = _arguments()
    usual = limits()
    print(f"{BASE_RATE:g} images/s, and at once at {BURST_AT:g} s:\n")
    print(
        f"{'burst':>8}  {'limits':<48}{'queue':>8}{'oldest':>9}{'busy':>7}{'throttled':>11}{'FAILED':>8}{'drained':>9}"
    )
    for images in (1_000, asked.images, 20_000, 50_000):
        _show(images, "as shipped", simulated(images, usual))
    for name, changed in _changes(usual).items():
        _show(20_000, name, simulated(20_000, changed))
    if asked.plot is not None:
        asked.plot.write_text(_plot.drawn(simulated(asked.images, usual), asked.images))
        print(f"\n{asked.plot} is drawn.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5_000, help="of the burst that is drawn")
    parser.add_argument("--plot", type=Path, help="where to write the plot, as SVG")
    return parser.parse_known_args()[0]


def limits() -> Limits:
    """What is shipped, in a new account of usual size."""
    load = cost.measured()
    return Limits(
        seconds={name: load["seconds"][name] for name in ("s3_event", "orchestrator", *STEPS)},
        cold_seconds=load["cold_start_seconds"],
        retry=_retry(),
    )


def _retry() -> Retry:
    """How the state machine meets a throttled function."""
    machine = json.loads((template.SOURCE.parent / "image_pipeline.asl.json").read_text())
    rules = machine["States"]["Resize"]["Retry"]
    rule = next(each for each in rules if "Lambda.TooManyRequestsException" in each["ErrorEquals"])
    return Retry(rule["IntervalSeconds"], rule["BackoffRate"], rule["MaxAttempts"], rule["MaxDelaySeconds"])


def simulated(images: int, its: Limits) -> Outcome:
    return Burst(its, random.Random(2026)).run(BASE_RATE, LASTS, images, BURST_AT)


def _changes(usual: Limits) -> dict[str, Limits]:
    return {
        "orchestrator at most 10 at once": dataclasses.replace(usual, orchestrators=10),
        "orchestrator at most 50 at once": dataclasses.replace(usual, orchestrators=50),
        "a new account's concurrency of 10": dataclasses.replace(usual, concurrency=10),
        "concurrency 3,000": dataclasses.replace(usual, concurrency=3_000),
    }


def _show(images: int, name: str, what: Outcome) -> None:
    drained = "never" if what.drained is None else f"{what.drained - BURST_AT:.0f} s"
    print(
        f"{images:>8,}  {name:<48}{max(what.queued):>8,}{max(what.oldest):>7.0f} s{max(what.busy):>7,}"
        f"{what.throttled:>11,}{what.failed:>8,}{drained:>9}"
    )


if __name__ == "__main__":
    main()
