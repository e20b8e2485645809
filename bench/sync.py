"""Syncs of more and more customers from the stand-in partner: what one costs, and that it grows no faster than they do.

    python -m bench.sync [CUSTOMERS …]

Each sync runs in a process of its own against the embedded AWS in this one. Wall time is mostly the embedded
AWS's; CPU seconds, calls and memory (the most that the process held, boto3 included) are the sync's own. "again" is
the same list once more, of which nothing has changed. Then the same import with 15 ms added to each call, as AWS is
away: what batches and lanes are for.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rich.progress import Progress

from local.machine import Machine
from local.partner import Partner

SECRET = "darkroom/local/external-services"
BIG, USUAL = "99", "10"
AWAY_SECONDS = 0.015
FAR_CUSTOMERS = 2_000


@dataclass(frozen=True)
class Cost:
    """`memory` is in bytes, `wall` and `cpu` in seconds; `calls` to DynamoDB by operation."""

    wall: float
    cpu: float
    memory: int
    calls: Counter[str]
    message: str


def main() -> None:
    counts = [int(given) for given in sys.argv[1:] if given.isdigit()] or [1_000, 10_000, 100_000]
    print(f"{'customers':>10} {'':<8}{'wall':>9}{'CPU':>10}{'each':>9}{'reads':>8}{'writes':>8}{'process':>10}")
    for count in counts:
        with source_of(count) as environment:
            for name in ("first", "again"):
                show(count, name, one(environment | {"BATCH_SIZE": BIG}, count))
    print(f"\n{FAR_CUSTOMERS:,} customers, AWS {AWAY_SECONDS * 1000:.0f} ms away: customers a second")
    for lanes, size in (("1", "1"), ("1", USUAL), ("4", USUAL), ("4", BIG)):
        with source_of(FAR_CUSTOMERS) as environment:
            cost = one(environment | {"BATCH_SIZE": size}, FAR_CUSTOMERS, lanes=int(lanes), away=AWAY_SECONDS)
            print(f"{lanes} lanes, batches of {size:<4}{FAR_CUSTOMERS / cost.wall:>9,.0f}")


def peak(count: int) -> float:
    """The memory in MB of a first sync."""
    with source_of(count) as environment:
        return one(environment | {"BATCH_SIZE": BIG}, count).memory / 1e6


@contextmanager
def source_of(count: int) -> Iterator[dict[str, str]]:
    """An embedded AWS with nothing in it, a partner with so many customers, and the environment of a sync of them."""
    with Machine(api=False, accounts=False) as machine, Partner(customers=count) as partner:
        _watched(partner, count)
        secret = json.dumps({"api_key": partner.api_key})
        machine.client("secretsmanager").put_secret_value(SecretId=SECRET, SecretString=secret)
        yield machine.environment | {"EXTERNAL_API_URL": partner.url}


def _watched(partner: Partner, count: int) -> None:
    """A bar where a person looks on."""
    if not sys.stderr.isatty():
        return
    progress = Progress(transient=True)
    task = progress.add_task("customers", total=count)

    def twist(page: dict[str, Any], number: int) -> dict[str, Any]:
        if number == 1:
            progress.reset(task)
            progress.start()
        progress.advance(task, len(page["customers"]))
        if page["nextCursor"] is None:
            progress.stop()
        return page

    partner.customers.twist = twist


def show(count: int, name: str, cost: Cost) -> None:
    reads = sum(cost.calls[each] for each in ("BatchGetItem", "Query", "GetItem"))
    writes = cost.calls["TransactWriteItems"]
    each = cost.cpu / count * 1e6
    print(
        f"{count:>10,} {name:<8}{cost.wall:>7.1f} s{cost.cpu:>8.2f} s{each:>6.0f} µs{reads:>8,}{writes:>8,}"
        f"{cost.memory / 1e6:>7.0f} MB"
    )


def one(environment: dict[str, str], count: int, *, lanes: int = 4, away: float = 0.0) -> Cost:
    """A sync in a process of its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(environment, lanes, away, there))
    process.start()
    there.close()
    cost: Cost = here.recv()
    process.join()
    if cost.message != "Daily sync completed successfully":
        raise SystemExit(cost.message)
    return cost


def _measure(environment: dict[str, str], lane_count: int, away: float, answer: Connection) -> None:
    os.environ.update(environment)
    # The log of a function is not what is looked at here.
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    from chalicelib.core import clients
    from chalicelib.core.deadline import Deadline
    from chalicelib.jobs import runner, sync
    from chalicelib.jobs.sync import lanes

    calls: Counter[str] = Counter()

    def call(model: Any, **_: Any) -> None:
        calls[model.name] += 1
        time.sleep(away)

    lanes.LANES = lane_count
    clients.client("dynamodb").meta.events.register("before-call", call)
    began, before = time.monotonic(), _cpu()
    message = runner.run(sync.NIGHTLY, {}, deadline=Deadline(began + 3600))["body"]["message"]
    answer.send(Cost(time.monotonic() - began, _cpu() - before, _peak(), calls, message))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak() -> int:
    """What rusage says of a child begins with its parent's; Linux tells a program's own."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main()
