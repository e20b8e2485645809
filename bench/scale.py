"""A simulation of the pipeline under a burst: queue, concurrency, retries and time until all images are done.

    python -m bench.scale [--images N] [--plot docs/scale.svg]

It uses the durations that `python -m bench.cost --write` measured (infra/load.json), the retries of
infra/image_pipeline.asl.json and AWS's documented scaling. The seed is fixed, so the result is always the same.
"""

import argparse
import dataclasses
import json
import random
from pathlib import Path

from bench import _plot
from bench._pipeline_simulation import STEPS, Limits, Outcome, Retry, Simulation
from infra import cost, template

BASE_RATE, BURST_AT, DURATION = 10.0, 30.0, 600.0


def main() -> None:
    arguments = _arguments()
    defaults = default_limits()
    print(f"{BASE_RATE:g} images/s, and at once at {BURST_AT:g} s:\n")
    print(
        f"{'burst':>8}  {'limits':<48}{'queue':>8}{'oldest':>9}{'busy':>7}{'throttled':>11}{'FAILED':>8}{'drained':>9}"
    )
    for images in (1_000, arguments.images, 20_000, 50_000):
        _show(images, "as shipped", simulate(images, defaults))
    for name, changed in _changed_limits(defaults).items():
        _show(20_000, name, simulate(20_000, changed))
    if arguments.plot is not None:
        arguments.plot.write_text(_plot.draw_plot(simulate(arguments.images, defaults), arguments.images))
        print(f"\nWrote {arguments.plot}.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5_000, help="images of the burst in the plot")
    parser.add_argument("--plot", type=Path, help="where to write the plot, as SVG")
    return parser.parse_known_args()[0]


def default_limits() -> Limits:
    """The shipped settings, in an account with Lambda's default concurrency."""
    load = cost.measured()
    return Limits(
        seconds={name: load["seconds"][name] for name in ("s3_event", "orchestrator", *STEPS)},
        cold_seconds=load["cold_start_seconds"],
        retry=_retry(),
    )


def _retry() -> Retry:
    """The state machine's retries of a throttled function."""
    machine = json.loads((template.SOURCE.parent / "image_pipeline.asl.json").read_text())
    rules = machine["States"]["Resize"]["Retry"]
    rule = next(each for each in rules if "Lambda.TooManyRequestsException" in each["ErrorEquals"])
    return Retry(rule["IntervalSeconds"], rule["BackoffRate"], rule["MaxAttempts"], rule["MaxDelaySeconds"])


def simulate(images: int, limits: Limits) -> Outcome:
    return Simulation(limits, random.Random(2026)).run(BASE_RATE, DURATION, images, BURST_AT)


def _changed_limits(defaults: Limits) -> dict[str, Limits]:
    return {
        "orchestrator at most 10 at once": dataclasses.replace(defaults, max_orchestrators=10),
        "orchestrator at most 50 at once": dataclasses.replace(defaults, max_orchestrators=50),
        "a new account's concurrency of 10": dataclasses.replace(defaults, concurrency=10),
        "concurrency 3,000": dataclasses.replace(defaults, concurrency=3_000),
    }


def _show(images: int, name: str, outcome: Outcome) -> None:
    drained = "never" if outcome.drained is None else f"{outcome.drained - BURST_AT:.0f} s"
    print(
        f"{images:>8,}  {name:<48}{max(outcome.queued):>8,}{max(outcome.oldest):>7.0f} s{max(outcome.busy):>7,}"
        f"{outcome.throttled:>11,}{outcome.failed:>8,}{drained:>9}"
    )


if __name__ == "__main__":
    main()
