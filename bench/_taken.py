"""What images took of the embedded AWS, and what that is in the units that AWS bills, beside what has to be assumed."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench._calls import NOBODY, Call
from infra.cost import Units, traces_recorded
from infra.prices import SECONDS_A_MONTH

MILLION = 1_000_000
GIGABYTE = 2**30

# Lambda gives one vCPU at 1,769 MB (AWS Lambda, "Configure Lambda function memory"); one thread uses one at most.
VCPU_MB = 1769
# A call's answer within a region, in seconds: what services commonly show, first byte to last.
LATENCY = {
    "s3:GetObject": 0.025,
    "s3:HeadObject": 0.015,
    "s3:PutObject": 0.045,
    "dynamodb:TransactWriteItems": 0.015,
    "states:StartExecution": 0.030,
}
USUAL_LATENCY = 0.008
# What the runtime itself takes of an invocation, and what a state machine takes to enter a state.
RUNTIME_SECONDS = 0.0015
STATE_SECONDS = 0.025
# Lambda's own START, END and REPORT lines (with the trace's ids), in bytes.
PLATFORM_LOG_BYTES = 420
# How many invocations begin with a cold start at most, which is billed (AWS Compute Blog, "AWS Lambda standardizes
# billing for INIT Phase").
COLD_SHARE = 0.01
# A queue's trigger receives a batch and deletes it.
REQUESTS_A_BATCH = 2


@dataclass(frozen=True)
class Assumed:
    """What the machine cannot tell: a Lambda vCPU in cores of this machine, latencies beside LATENCY's, the rate."""

    vcpu: float = 1.0
    latency: float = 1.0
    images_a_second: float = MILLION / SECONDS_A_MONTH


@dataclass
class Function:
    """What one function took, in all: MB, runs, CPU seconds, and calls as `service:Operation`.

    A run waits for all its calls of those in `side_by_side` as long as for one.
    """

    memory: int
    invocations: int = 0
    cpu: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)
    begins_traces: bool = False
    side_by_side: frozenset[str] = frozenset()

    def seconds(self, assumed: Assumed) -> float:
        """How long Lambda would run for it, in all."""
        share = min(1.0, self.memory / VCPU_MB) * assumed.vcpu
        waits = sum(
            LATENCY.get(call, USUAL_LATENCY) * (min(number, self.invocations) if call in self.side_by_side else number)
            for call, number in self.calls.items()
        )
        return self.cpu / share + waits * assumed.latency + RUNTIME_SECONDS * self.invocations


@dataclass
class Taken:
    """What so many images, or requests, took in all; by the functions, and by whatever else acts for them.

    `init` is the CPU seconds of one cold start; `metrics` how many figures of their own the functions wrote down.
    """

    number: int
    functions: dict[str, Function]
    calls: Counter[str]
    writes: float
    reads: float
    log_bytes: float
    object_bytes: float
    item_bytes: float
    init: float
    partitions: dict[str, float]
    metrics: int = 0


def taken(number: int, functions: dict[str, Function], calls: Iterable[Call], **more: Any) -> Taken:
    """What all those calls, which `functions` and others made, come to."""
    calls = list(calls)
    counted = Counter(f"{call.service}:{call.operation}" for call in calls)
    writes, reads = sum(call.writes for call in calls), sum(call.reads for call in calls)
    partitions: dict[str, float] = {}
    for name, its in (each for call in calls for each in call.partitions):
        partitions[name] = partitions.get(name, 0.0) + its
    return Taken(number, functions, counted, writes, reads, partitions=partitions, **more)


_OF_THE_STATE_MACHINE = {("dynamodb", "UpdateItem"), ("sns", "Publish")}
_OF_THE_CLIENT = {("s3", "PutObject")}


def is_billed(call: Call) -> bool:
    """Not what triggers do to poll: that is priced by the batch; nor reading a stream, which costs them nothing."""
    return call.caller != NOBODY or (call.service, call.operation) in _OF_THE_STATE_MACHINE | _OF_THE_CLIENT


# ------------------------------------------------------------------------------------------- units


def units(what: Taken, assumed: Assumed, gb_second: str = "lambda.gb_seconds") -> Units:
    """Units an image, or a request, of all but the workflow; `gb_second` names the processor's price."""
    calls, functions = what.calls, what.functions.values()
    invocations = sum(each.invocations for each in functions)
    cold = sum(each.invocations * each.memory / 1024 for each in functions) * COLD_SHARE * what.init / assumed.vcpu
    log_bytes = what.log_bytes + invocations * PLATFORM_LOG_BYTES
    in_all = {
        "lambda.requests": invocations,
        gb_second: sum(each.seconds(assumed) * each.memory / 1024 for each in functions) + cold,
        "s3.writes": calls["s3:PutObject"] + calls["s3:PostObject"] + calls["s3:ListObjects"],
        "s3.reads": calls["s3:GetObject"] + calls["s3:HeadObject"],
        "s3_storage.gb_months": what.object_bytes / GIGABYTE,
        "dynamodb.writes": what.writes,
        "dynamodb.reads": what.reads,
        "dynamodb.gb_months": what.item_bytes / GIGABYTE,
        "sqs.requests": calls["sqs:SendMessage"] + REQUESTS_A_BATCH * _runs(what, "orchestrator"),
        "sns.publishes": calls["sns:Publish"],
        "api_gateway.requests": _runs(what, "api_handler") + _runs(what, "upload"),
        "cloudwatch.log_gb": log_bytes / GIGABYTE,
        "cloudwatch.log_gb_months": log_bytes / GIGABYTE,
        "cloudwatch.api_requests": calls["monitoring:PutMetricData"],
        "x-ray.traces": _traces(what, assumed),
    }
    return {name: number / what.number for name, number in in_all.items() if number}


def _runs(what: Taken, function: str) -> int:
    return sum(each.invocations for name, each in what.functions.items() if name.removeprefix("plain-") == function)


def traces_begun(what: Taken) -> dict[str, float]:
    """Traces an image, or a request, by the function that begins them."""
    return {name: each.invocations / what.number for name, each in what.functions.items() if each.begins_traces}


def _traces(what: Taken, assumed: Assumed) -> float:
    """Those that X-Ray records."""
    rate = assumed.images_a_second
    return sum(traces_recorded(begun * rate) for begun in traces_begun(what).values()) / rate * what.number


def workflow_seconds(what: Taken, steps: Mapping[str, str] | Iterable[str], states: int, assumed: Assumed) -> float:
    """How long an execution lasts: its functions one after another, and its states."""
    return sum(what.functions[step].seconds(assumed) for step in steps) / what.number + states * STATE_SECONDS
