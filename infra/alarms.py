"""The alarms, all made from what there is to watch: functions, queues, the state machine, the API, our own figures.

Pure: a new function or queue has its alarms by itself. Each alarm names its entry in docs/operations.md; a test holds
both against each other, and our own figures against what the functions really write.

An alarm looks back at most seven days, at most one where its periods are shorter than an hour (CloudWatch,
PutMetricAlarm). One costs 0.10 dollars a month.
"""

import functools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.core.metrics import NAMESPACE
from chalicelib.core.recurrence import parse
from chalicelib.schedules import SCHEDULES
from infra import function_grants, triggers

Resources = dict[str, Any]

_HOUR, _DAY = 3600, 86_400
_LONGEST_LOOK = 7 * _DAY
# How often what is watched closely is looked at.
_PERIOD = 300
# EventBridge may be a minute late, and a figure some minutes: one more period is waited for than there should be.
_QUARTER = 900
# A function that takes this share of its time is about to be killed.
_MOST_OF_TIMEOUT = 0.8
# A message that was taken, lost and not done by whoever took it next.
_MOST_VISIBILITY_TIMEOUTS = 2
# Records of a stream are lost after a day; spending limits are as late as these are.
_OLDEST_RECORD_MS = 600_000
_API_FAILURES = 0.01
# Four times what the largest work takes that is done at once (chalicelib/processing.py).
_API_P95_MS = 2000

PARAMETERS = {
    "OperatorsEmail": {
        "Description": "Who is told of alarms and errors by e-mail, beside those who subscribe themselves; or nobody.",
        "Type": "String",
        "Default": "",
    },
    "DailySpendDollars": {
        "Description": "Dollars a day, of what functions cost by their own count, above which an alarm is raised.",
        "Type": "Number",
        "Default": 10,
    },
}
CONDITIONS = {"WithOperatorsEmail": {"Fn::Not": [{"Fn::Equals": [{"Ref": "OperatorsEmail"}, ""]}]}}


# What each kind of alarm says, by its entry in docs/operations.md.
_MEANINGS = {
    "function-errors": "A function failed.",
    "function-duration": "A function is about to take longer than it may.",
    "function-throttles": "A function was asked for and not run.",
    "stream-age": "A stream is read too slowly, or not at all.",
    "queue-age": "A message waits too long.",
    "dead-letters": "Something could not be done, and rests until somebody sees to it.",
    "pipeline-failed": "The state machine broke, and could not write down why.",
    "pipeline-throttled": "More images come than AWS lets the state machine take.",
    "api-failures": "More than 1 of 100 requests fail, and we are to blame.",
    "api-latency": "1 of 20 requests takes longer than two seconds.",
    "sync-failed": "A sync brought nothing.",
    "sync-partial": "A sync brought less than there was.",
    "schedule-missed": "A scheduled function has not run.",
    "schedule-overdue": "A schedule is overdue or did not end, or nobody knows.",
    "daily-spend": "The functions cost more than they should today.",
}


@dataclass(frozen=True)
class Function:
    """What is watched of a function: `timeout` in seconds; whether it raises what a file is refused for.

    `gap` is the longest time between two starts, in seconds, of what the clock fires in this stage; else None.
    """

    name: str
    timeout: int
    refuses: bool = False
    reads_stream: bool = False
    gap: int | None = None

    @property
    def lambda_name(self) -> dict[str, str]:
        """Chalice's name for it."""
        return {"Fn::Sub": "darkroom-${Stage}" + ("" if self.name == function_grants.API else f"-{self.name}")}

    @property
    def id(self) -> str:
        return "".join(word.capitalize() for word in self.name.split("_"))


def functions(app: Any, config: Mapping[str, Any], stage: str) -> list[Function]:
    """All functions of the manifest, the API's first, as that stage's configuration has them."""
    declared = function_grants.grants_by_function(app)
    decorated = {name: function for _, name, function in triggers.functions(app)}
    return [
        Function(
            name,
            timeout=_setting(config, stage, name, "lambda_timeout"),
            refuses=getattr(decorated.get(name), "refuses", False),
            reads_stream=declared[name]["stream"] is not None,
            gap=_gap(name, config, stage),
        )
        for name in declared
    ]


def _setting(config: Mapping[str, Any], stage: str, function: str, name: str) -> Any:
    """A setting of a function, looked up as Chalice does (chalice.config.Config)."""
    of_stage = config["stages"][stage]
    places = (of_stage.get("lambda_functions", {}).get(function, {}), of_stage)
    for place in (*places, config.get("lambda_functions", {}).get(function, {}), config):
        if name in place:
            return place[name]
    raise KeyError(f"nothing in config.json says the {name} of {function}")


def _gap(name: str, config: Mapping[str, Any], stage: str) -> int | None:
    settings = {**config["environment_variables"], **config["stages"][stage]["environment_variables"]}
    if name not in SCHEDULES or name in settings.get("SCHEDULES_OFF", "").replace(" ", "").split(","):
        return None
    return longest_gap(SCHEDULES[name].by_stage.get(stage, SCHEDULES[name].expression))


@functools.cache
def longest_gap(expression: str) -> int:
    """The longest time between two starts within some year, in seconds."""
    recurrence, start = parse(expression), datetime(2026, 1, 1, tzinfo=UTC)
    longest, last = 0.0, recurrence.next_after(start, start)
    while last is not None and last < start + timedelta(days=400):
        following = recurrence.next_after(last, start)
        if following is not None:
            longest = max(longest, (following - last).total_seconds())
        last = following
    return int(longest)


def api_of(config: Mapping[str, Any], stage: str) -> tuple[str, str]:
    """The API's name and stage at API Gateway, whose figures have no other dimensions."""
    of_stage = config["stages"][stage]
    default = config.get("api_gateway_stage", "api")
    return config["app_name"], of_stage.get("api_gateway_stage", default)


def resources(watched: list[Function], template: Resources, api: tuple[str, str]) -> Resources:
    """Every alarm, by logical id, and the operators' e-mail. `api` is the API's name and stage at API Gateway."""
    made = {
        **dict(each for function in watched for each in _of_function(function)),
        **dict(_of_queues(template)),
        **dict(_of_pipeline()),
        **dict(_of_api(*api)),
        **dict(_of_jobs()),
        **dict(_of_cost()),
    }
    return {**made, "OperatorsSubscription": _subscription()}


def _subscription() -> dict[str, Any]:
    return {
        "Type": "AWS::SNS::Subscription",
        "Condition": "WithOperatorsEmail",
        "Properties": {
            "TopicArn": {"Ref": "OperatorsTopic"},
            "Protocol": "email",
            "Endpoint": {"Ref": "OperatorsEmail"},
        },
    }


Alarms = Iterator[tuple[str, dict[str, Any]]]


def _of_function(function: Function) -> Alarms:
    yield from _errors(function)
    yield from _duration(function)
    yield _alarm(f"{function.id}Throttles", "function-throttles", _lambda(function, "Throttles"))
    if function.reads_stream:
        yield _alarm(
            f"{function.id}StreamAge",
            "stream-age",
            _lambda(function, "IteratorAge"),
            Statistic="Maximum",
            Threshold=_OLDEST_RECORD_MS,
        )
    if function.gap is not None:
        yield from _missed(function, function.gap)


def _errors(function: Function) -> Alarms:
    """Lambda counts what a file is refused for as an error, too: where there is such, our own count is taken.

    What that one cannot see (a run that was killed) ends in the dead-letter queue of the uploads.
    """
    failures = _ours("FunctionErrors", Operation=function.name) if function.refuses else _lambda(function, "Errors")
    yield _alarm(f"{function.id}Errors", "function-errors", failures)


def _duration(function: Function) -> Alarms:
    """In two periods running, each long enough to hold a run; of what runs less than daily, one says enough."""
    gap = function.gap or 0
    daily = gap <= _DAY
    yield _alarm(
        f"{function.id}Duration",
        "function-duration",
        _lambda(function, "Duration"),
        Statistic="Maximum",
        ComparisonOperator="GreaterThanThreshold",
        Threshold=round(_MOST_OF_TIMEOUT * function.timeout * 1000),
        Period=max(_PERIOD, math.ceil(gap / 60) * 60) if daily else _PERIOD,
        EvaluationPeriods=2 if daily else 1,
    )


def _missed(function: Function, gap: int) -> Alarms:
    """No run for longer than there should be none; what fires less than weekly, the heartbeats alone tell of."""
    period = _QUARTER if gap < _HOUR else _HOUR
    periods = math.ceil(gap / period) + 1
    if period * periods <= _LONGEST_LOOK:
        yield _alarm(
            f"{function.id}Missed",
            "schedule-missed",
            _lambda(function, "Invocations"),
            ComparisonOperator="LessThanThreshold",
            TreatMissingData="breaching",
            Period=period,
            EvaluationPeriods=periods,
        )


def _of_queues(template: Resources) -> Alarms:
    for name, resource in template.items():
        if resource["Type"] != "AWS::SQS::Queue":
            continue
        queue = {"QueueName": {"Fn::GetAtt": [name, "QueueName"]}}
        if name.endswith("DeadLetterQueue"):
            letters = _metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", **queue)
            yield _alarm(f"{name}Messages", "dead-letters", letters, Statistic="Maximum")
        else:
            age = _metric("AWS/SQS", "ApproximateAgeOfOldestMessage", **queue)
            oldest = _MOST_VISIBILITY_TIMEOUTS * resource["Properties"]["VisibilityTimeout"]
            yield _alarm(f"{name}Age", "queue-age", age, Statistic="Maximum", Threshold=oldest)


def _of_pipeline() -> Alarms:
    machine = {"StateMachineArn": {"Ref": "ImagePipeline"}}
    for metric, runbook in (
        ("ExecutionsFailed", "pipeline-failed"),
        ("ExecutionsTimedOut", "pipeline-failed"),
        ("ExecutionThrottled", "pipeline-throttled"),
    ):
        yield _alarm(f"ImagePipeline{metric}", runbook, _metric("AWS/States", metric, **machine))


def _of_api(name: str, stage: str) -> Alarms:
    """Two periods of three: one request in a quiet hour is not a rate."""
    dimensions = {"ApiName": name, "Stage": stage}
    yield _alarm(
        "ApiFailureRate",
        "api-failures",
        _metric("AWS/ApiGateway", "5XXError", **dimensions),
        # Each request counts as 0 or 1: their mean is the rate.
        Statistic="Average",
        ComparisonOperator="GreaterThanThreshold",
        Threshold=_API_FAILURES,
        EvaluationPeriods=3,
        DatapointsToAlarm=2,
    )
    yield _alarm(
        "ApiLatency",
        "api-latency",
        _metric("AWS/ApiGateway", "Latency", **dimensions),
        ExtendedStatistic="p95",
        EvaluateLowSampleCountPercentile="ignore",
        ComparisonOperator="GreaterThanThreshold",
        Threshold=_API_P95_MS,
        EvaluationPeriods=3,
        DatapointsToAlarm=2,
    )


def _of_jobs() -> Alarms:
    for metric, runbook in (("SyncsFailed", "sync-failed"), ("SyncsPartial", "sync-partial")):
        yield _alarm(metric, runbook, _ours(metric))
    # health_check tells of it every quarter of an hour: when it does not, nobody knows.
    yield _alarm(
        "SchedulesOverdue",
        "schedule-overdue",
        _ours("SchedulesOverdue"),
        Statistic="Maximum",
        TreatMissingData="breaching",
        Period=2 * _QUARTER,
    )


def _of_cost() -> Alarms:
    yield _alarm(
        "DailySpend",
        "daily-spend",
        _ours("Cost"),
        ComparisonOperator="GreaterThanThreshold",
        Threshold={"Ref": "DailySpendDollars"},
        Period=_DAY,
    )


def _lambda(function: Function, metric: str) -> dict[str, Any]:
    return _metric("AWS/Lambda", metric, FunctionName=function.lambda_name)


def _ours(metric: str, **dimensions: str) -> dict[str, Any]:
    return _metric(NAMESPACE, metric, Stage={"Ref": "Stage"}, **dimensions)


def _metric(namespace: str, metric: str, **dimensions: Any) -> dict[str, Any]:
    named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    return {"Namespace": namespace, "MetricName": metric, "Dimensions": named}


def _alarm(name: str, runbook: str, metric: dict[str, Any], **properties: Any) -> tuple[str, dict[str, Any]]:
    """An alarm at one or more of something in five minutes, unless its properties say otherwise."""
    statistic = {} if "ExtendedStatistic" in properties else {"Statistic": "Sum"}
    return f"{name}Alarm", {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": {"Fn::Sub": f"darkroom-${{Stage}}-{name}"},
            "AlarmDescription": f"{_MEANINGS[runbook]} docs/operations.md#{runbook}",
            **metric,
            **statistic,
            "Period": _PERIOD,
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "notBreaching",
            "AlarmActions": [{"Ref": "OperatorsTopic"}],
            **properties,
        },
    }
