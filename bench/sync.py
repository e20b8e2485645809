"""Syncs of many customers from the fake API: the cost of a sync grows no faster than the number of customers.

    python -m bench.sync [CUSTOMERS …]

Each sync runs in a process of its own, against the embedded AWS in this process. Wall time is mostly the time of the
embedded AWS; CPU seconds, calls and peak memory (boto3 included) are those of the sync. "again" is a second sync of the
same, unchanged list. The last block adds 15 ms to each call, like the network to AWS, to show the effect of batches
and lanes.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import Progress

from bench._measure import in_new_process, integer_arguments, measure
from local.fake_api import FakeApi
from local.machine import Machine

SECRET = "darkroom/local/external-services"
LARGE_BATCH, DEFAULT_BATCH = "99", "10"
LATENCY_SECONDS = 0.015
LATENCY_CUSTOMERS = 2_000


@dataclass(frozen=True)
class Cost:
    """`wall` and `cpu` in seconds, `memory` in bytes, `calls` to DynamoDB by operation."""

    wall: float
    cpu: float
    memory: int
    calls: Counter[str]
    message: str


def main() -> None:
    print(f"{'customers':>10} {'':<8}{'wall':>9}{'CPU':>10}{'each':>9}{'reads':>8}{'writes':>8}{'process':>10}")
    for count in integer_arguments([1_000, 10_000, 100_000]):
        with sync_environment(count) as environment:
            for name in ("first", "again"):
                show(count, name, run_sync(environment | {"BATCH_SIZE": LARGE_BATCH}))
    print(f"\n{LATENCY_CUSTOMERS:,} customers, AWS {LATENCY_SECONDS * 1000:.0f} ms away: customers a second")
    for lanes, size in (("1", "1"), ("1", DEFAULT_BATCH), ("4", DEFAULT_BATCH), ("4", LARGE_BATCH)):
        with sync_environment(LATENCY_CUSTOMERS) as environment:
            cost = run_sync(environment | {"BATCH_SIZE": size}, lanes=int(lanes), latency=LATENCY_SECONDS)
            print(f"{lanes} lanes, batches of {size:<4}{LATENCY_CUSTOMERS / cost.wall:>9,.0f}")


def peak(count: int) -> float:
    """The peak memory of a first sync, in MB."""
    with sync_environment(count) as environment:
        return run_sync(environment | {"BATCH_SIZE": LARGE_BATCH}).memory / 1e6


@contextmanager
def sync_environment(count: int) -> Iterator[dict[str, str]]:
    """Starts an empty embedded AWS and an API with `count` customers; yields the environment for a sync."""
    with Machine(api=False, accounts=False) as machine, FakeApi(customers=count) as fake_api:
        _show_progress(fake_api, count)
        secret = json.dumps({"api_key": fake_api.api_key})
        machine.client("secretsmanager").put_secret_value(SecretId=SECRET, SecretString=secret)
        yield machine.environment | {"EXTERNAL_API_URL": fake_api.url}


def _show_progress(fake_api: FakeApi, count: int) -> None:
    """Shows a progress bar on a terminal."""
    if not sys.stderr.isatty():
        return
    progress = Progress(transient=True)
    task = progress.add_task("customers", total=count)

    def count_page(page: dict[str, Any], number: int) -> dict[str, Any]:
        if number == 1:
            progress.reset(task)
            progress.start()
        progress.advance(task, len(page["customers"]))
        if page["nextCursor"] is None:
            progress.stop()
        return page

    fake_api.customers.edit_page = count_page


def show(count: int, name: str, cost: Cost) -> None:
    reads = sum(cost.calls[each] for each in ("BatchGetItem", "Query", "GetItem"))
    writes = cost.calls["TransactWriteItems"]
    each = cost.cpu / count * 1e6
    print(
        f"{count:>10,} {name:<8}{cost.wall:>7.1f} s{cost.cpu:>8.2f} s{each:>6.0f} µs{reads:>8,}{writes:>8,}"
        f"{cost.memory / 1e6:>7.0f} MB"
    )


def run_sync(environment: dict[str, str], *, lanes: int = 4, latency: float = 0.0) -> Cost:
    """A sync in a process of its own."""
    cost = in_new_process(_measure_sync, environment, lanes, latency)
    if cost.message != "Daily sync completed successfully":
        raise SystemExit(cost.message)
    return cost


def _measure_sync(environment: dict[str, str], lane_count: int, latency: float) -> Cost:
    os.environ.update(environment)
    # Hides the log.
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    from chalicelib.core import clients
    from chalicelib.core.deadline import Deadline
    from chalicelib.jobs import runner, sync
    from chalicelib.jobs.sync import lanes

    calls: Counter[str] = Counter()

    def count_call(model: Any, **_: Any) -> None:
        calls[model.name] += 1
        time.sleep(latency)

    lanes.LANES = lane_count
    clients.client("dynamodb").meta.events.register("before-call", count_call)
    started = time.monotonic()
    response, cpu, memory = measure(lambda: runner.run(sync.NIGHTLY, {}, deadline=Deadline(started + 3600)))
    return Cost(time.monotonic() - started, cpu, memory, calls, response["body"]["message"])


if __name__ == "__main__":
    main()
