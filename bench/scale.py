"""Prints the first limits of docs/scale.md: for each quota of AWS, the images a second at which it is reached.

    python -m bench.scale

An image's usage is in infra/load.json and UNITS, both measured by `python -m bench.cost`. The quotas are AWS's defaults
in us-east-1. Nothing here is measured on AWS itself.
"""

import math

from infra import cost

# The functions that run for an image after its message was queued.
STEPS = ("orchestrator", "validation", "resize", "watermark")
# Write units an image by partition. In the whole table of daily sums: for images sent one by one. Of its partition
# `all`: for images that share batches.
UNITS = {"daily": 13.0, "usage of system": 3.0, "daily of all": 1.0}
PARTITION_UNITS, NEW_TABLE_UNITS, TABLE_UNITS = 1_000, 4_000, 40_000
CONCURRENCY = 1_000
# A queue's trigger (AWS Lambda, "Configuring scaling behavior for SQS event source mappings").
BATCH, FIRST_BATCHES, MORE_BATCHES_A_SECOND, MAX_BATCHES = 10, 5, 5, 1_000


def main() -> None:
    load = cost.measured()
    units, seconds = load["image"], load["seconds"]
    limits = {
        "writes of a new table of daily sums": NEW_TABLE_UNITS / UNITS["daily"],
        "writes of one partition: usage of `system`": PARTITION_UNITS / UNITS["usage of system"],
        "S3 writes in one prefix, of six objects": 3_500 / 6,
        "dedupe keys of `system`: one item a second": _dedupe_limit(runs_an_image=3),
        "concurrency, all functions together": CONCURRENCY / sum(seconds.values()),
        "writes of one partition: daily sums of `all`": PARTITION_UNITS / UNITS["daily of all"],
        "invocations, ten times the concurrency": 10 * CONCURRENCY / units["lambda.requests"],
        "writes of the table of daily sums": TABLE_UNITS / UNITS["daily"],
        "starts of EXPRESS executions": 6_000 / units["step_functions.express_requests"],
        "requests to API Gateway": 10_000 / units["api_gateway.requests"],
        "batches of the queue's trigger": MAX_BATCHES / seconds["orchestrator"],
        "notifications": 30_000 / units["sns.publishes"],
    }
    print(f"{'images/s':>8}  limit")
    for name, images in sorted(limits.items(), key=lambda item: item[1]):
        print(f"{images:>8,.0f}  {name}")
    _show_ramp(seconds)


def _dedupe_limit(runs_an_image: int) -> float:
    """A batch of 100 runs adds 33 bytes a run to the item of their second, in a transaction, which counts twice.

    n batches write 1 + 2 + … + n times that size: about n² of it, as a transaction counts twice.
    """
    kilobytes_a_batch = 100 * 33 / 1024
    return math.sqrt(PARTITION_UNITS / kilobytes_a_batch) * 100 / runs_an_image


def _show_ramp(seconds: dict[str, float]) -> None:
    """How fast the trigger starts executions, and when the steps use the whole concurrency."""
    rate = 1 / seconds["orchestrator"]
    busy = rate * sum(seconds[name] for name in STEPS)
    ramp = (CONCURRENCY / busy - FIRST_BATCHES) / MORE_BATCHES_A_SECOND
    images = rate * (FIRST_BATCHES * ramp + MORE_BATCHES_A_SECOND * ramp**2 / 2)
    print(f"\nan orchestrator: {rate:.1f} images/s; at most 30 of them: {30 * rate:.0f}")
    print(f"the ramp uses {CONCURRENCY:,} containers after {ramp:.0f} s and {images:,.0f} images, if all are warm")
    reserved = ", ".join(f"{name} {math.ceil(100 * seconds[name] * 1.5)}" for name in STEPS[1:])
    print(f"to reserve for 100 images/s (seconds a run × 1.5): {reserved}")


if __name__ == "__main__":
    main()
