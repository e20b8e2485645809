"""What images used of the embedded AWS, as units that AWS bills, and the assumptions behind the units."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bench._aws_calls import UNNAMED_CALLER, Call
from infra.cost import Units, recorded
from infra.prices import SECONDS_A_MONTH

MILLION = 1_000_000
GIGABYTE = 2**30

# Lambda gives one vCPU at 1,769 MB (AWS Lambda, "Configure Lambda function memory"); one thread uses at most one.
VCPU_MB = 1769
# Usual seconds of a call within a region.
LATENCY = {
    "s3:GetObject": 0.025,
    "s3:HeadObject": 0.015,
    "s3:PutObject": 0.045,
    "dynamodb:TransactWriteItems": 0.015,
    "states:StartExecution": 0.030,
}
DEFAULT_LATENCY = 0.008
# Seconds of Lambda's runtime per invocation, and of a state machine to enter a state.
RUNTIME_SECONDS = 0.0015
STATE_SECONDS = 0.025
# Bytes of Lambda's START, END and REPORT lines, with trace ids.
PLATFORM_LOG_BYTES = 420
# Share of invocations with a cold start, which is billed (AWS Compute Blog, "AWS Lambda standardizes billing for INIT
# Phase").
COLD_SHARE = 0.01
# A queue's trigger receives a batch and deletes it.
REQUESTS_PER_BATCH = 2


@dataclass(frozen=True)
class Assumptions:
    """What cannot be measured here: a Lambda vCPU in cores of this machine, a factor on LATENCY, and the rate."""

    vcpu: float = 1.0
    latency: float = 1.0
    images_per_second: float = MILLION / SECONDS_A_MONTH


@dataclass
class FunctionUsage:
    """The total of one function: MB, runs, CPU seconds, and calls as `service:Operation`.

    A run makes its calls of `parallel_calls` at the same time, and so waits for them once.
    """

    memory: int
    invocations: int = 0
    cpu: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)
    starts_traces: bool = False
    parallel_calls: frozenset[str] = frozenset()

    def seconds(self, assumptions: Assumptions) -> float:
        """Total seconds that it would run on Lambda."""
        vcpus = min(1.0, self.memory / VCPU_MB) * assumptions.vcpu
        waits = 0.0
        for call, number in self.calls.items():
            times = min(number, self.invocations) if call in self.parallel_calls else number
            waits += LATENCY.get(call, DEFAULT_LATENCY) * times
        return self.cpu / vcpus + waits * assumptions.latency + RUNTIME_SECONDS * self.invocations


@dataclass
class Usage:
    """The total of `number` images or requests: by function, and including the state machine and the client.

    `init` is the CPU seconds of one cold start, `metrics` the number of custom metrics.
    """

    number: int
    functions: dict[str, FunctionUsage]
    calls: Counter[str]
    writes: float
    reads: float
    log_bytes: float
    object_bytes: float
    item_bytes: float
    init: float
    partitions: dict[str, float]
    metrics: int = 0


def usage_of(number: int, functions: dict[str, FunctionUsage], calls: list[Call], **totals: Any) -> Usage:
    """The usage from all calls, of `functions` and others; `totals` are the other fields."""
    counted = Counter(f"{call.service}:{call.operation}" for call in calls)
    writes, reads = sum(call.writes for call in calls), sum(call.reads for call in calls)
    partitions: dict[str, float] = {}
    for name, written in (each for call in calls for each in call.partitions):
        partitions[name] = partitions.get(name, 0.0) + written
    return Usage(number, functions, counted, writes, reads, partitions=partitions, **totals)


_STATE_MACHINE_CALLS = {("dynamodb", "UpdateItem"), ("sns", "Publish")}
_CLIENT_CALLS = {("s3", "PutObject")}


def is_billed(call: Call) -> bool:
    """Whether the call is billed by itself. Triggers poll queues, priced by the batch, and streams, which is free."""
    return call.caller != UNNAMED_CALLER or (call.service, call.operation) in _STATE_MACHINE_CALLS | _CLIENT_CALLS


# ------------------------------------------------------------------------------------------- units


def billed_units(usage: Usage, assumptions: Assumptions, gb_second: str = "lambda.gb_seconds") -> Units:
    """Units per image or request, without the workflow. `gb_second` names the price of the processor."""
    calls, functions = usage.calls, usage.functions.values()
    invocations = sum(each.invocations for each in functions)
    cold = sum(each.invocations * each.memory / 1024 for each in functions) * COLD_SHARE * usage.init / assumptions.vcpu
    log_bytes = usage.log_bytes + invocations * PLATFORM_LOG_BYTES
    totals = {
        "lambda.requests": invocations,
        gb_second: sum(each.seconds(assumptions) * each.memory / 1024 for each in functions) + cold,
        "s3.writes": calls["s3:PutObject"] + calls["s3:PostObject"] + calls["s3:ListObjects"],
        "s3.reads": calls["s3:GetObject"] + calls["s3:HeadObject"],
        "s3_storage.gb_months": usage.object_bytes / GIGABYTE,
        "dynamodb.writes": usage.writes,
        "dynamodb.reads": usage.reads,
        "dynamodb.gb_months": usage.item_bytes / GIGABYTE,
        "sqs.requests": calls["sqs:SendMessage"] + REQUESTS_PER_BATCH * _runs(usage, "orchestrator"),
        "sns.publishes": calls["sns:Publish"],
        "api_gateway.requests": _runs(usage, "api_handler") + _runs(usage, "upload"),
        "cloudwatch.log_gb": log_bytes / GIGABYTE,
        "cloudwatch.log_gb_months": log_bytes / GIGABYTE,
        "cloudwatch.api_requests": calls["monitoring:PutMetricData"],
        "x-ray.traces": _traces(usage, assumptions),
    }
    return {name: number / usage.number for name, number in totals.items() if number}


def _runs(usage: Usage, function: str) -> int:
    return sum(each.invocations for name, each in usage.functions.items() if name.removeprefix("baseline-") == function)


def traces_started(usage: Usage) -> dict[str, float]:
    """Traces per image or request, by the function that starts them."""
    return {name: each.invocations / usage.number for name, each in usage.functions.items() if each.starts_traces}


def _traces(usage: Usage, assumptions: Assumptions) -> float:
    """The number of traces that X-Ray records."""
    rate = assumptions.images_per_second
    return sum(recorded(started * rate) for started in traces_started(usage).values()) / rate * usage.number


def workflow_seconds(usage: Usage, steps: Iterable[str], states: int, assumptions: Assumptions) -> float:
    """Seconds of an execution: its functions one after another, and its states."""
    return sum(usage.functions[step].seconds(assumptions) for step in steps) / usage.number + states * STATE_SECONDS
