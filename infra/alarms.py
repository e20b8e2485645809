"""CloudWatch alarms for functions, queues, the state machine, the API and our own metrics.

The alarms are generated: a new function or queue gets its alarms automatically. Each alarm names its entry in
docs/operations.md. A test compares both, and our own metrics with what the functions really write.

An alarm can look back seven days at most, or one day if its periods are shorter than an hour (CloudWatch,
PutMetricAlarm). An alarm costs $0.10 a month.
"""

import math
from collections.abc import Iterator
from typing import Any

from chalicelib.core.observing.metrics import NAMESPACE
from infra.watched_functions import Function

Resources = dict[str, Any]

_HOUR, _DAY = 3600, 86_400
_MAX_LOOKBACK = 7 * _DAY
_PERIOD = 300
_QUARTER_HOUR = 900
# A function that uses more of its timeout is about to be killed.
_MAX_TIMEOUT_SHARE = 0.8
# An older message was received, not completed, received again and still not completed.
_MAX_VISIBILITY_TIMEOUTS = 2
# A stream keeps its records for a day. Spending limits lag as much as the records do.
_MAX_RECORD_AGE_MS = 600_000
_API_FAILURE_RATE = 0.01
# Four times the duration of the largest work that a request does itself (chalicelib/actions/processing.py).
_API_P95_MS = 2000

PARAMETERS = {
    "OperatorsEmail": {
        "Description": "The e-mail address that receives alarms and errors; empty for none. Others can subscribe too.",
        "Type": "String",
        "Default": "",
    },
    "DailySpendDollars": {
        "Description": "Dollars a day. If the functions cost more, by their own measurement, an alarm is raised.",
        "Type": "Number",
        "Default": 10,
    },
}
CONDITIONS = {"WithOperatorsEmail": {"Fn::Not": [{"Fn::Equals": [{"Ref": "OperatorsEmail"}, ""]}]}}


# The first sentence of an alarm's description, by its entry in docs/operations.md.
_MEANINGS = {
    "function-errors": "A function failed.",
    "function-duration": "A function is close to its timeout.",
    "function-throttles": "Lambda refused to run a function.",
    "stream-age": "A stream is read too slowly, or not at all.",
    "queue-age": "A message waits too long.",
    "dead-letters": "Messages could not be processed and wait in a dead-letter queue.",
    "pipeline-failed": "The state machine failed and could not record why.",
    "pipeline-throttled": "More images arrive than the state machine's quota allows.",
    "api-failures": "More than 1 % of requests fail with a server error.",
    "api-latency": "1 of 20 requests takes longer than two seconds.",
    "reconciled": "A stream had lost something, and the reconciler mended it or could not.",
    "sync-failed": "A sync imported nothing.",
    "sync-partial": "A sync imported only a part.",
    "schedule-missed": "A scheduled function has not run.",
    "schedule-overdue": "A scheduled run is overdue or did not end, or the check itself does not run.",
    "daily-spend": "The functions cost more today than the limit.",
}


def resources(watched: list[Function], template: Resources, api: tuple[str, str]) -> Resources:
    """All alarms, by logical id, and the operators' e-mail subscription. `api` is the API's name and stage."""
    alarms = {
        **dict(each for function in watched for each in _function_alarms(function)),
        **dict(_queue_alarms(template)),
        **dict(_pipeline_alarms()),
        **dict(_api_alarms(*api)),
        **dict(_job_alarms()),
        **dict(_cost_alarms()),
    }
    return {**alarms, "OperatorsSubscription": _subscription()}


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


def _function_alarms(function: Function) -> Alarms:
    yield from _errors(function)
    yield from _duration(function)
    yield _alarm(f"{function.id}Throttles", "function-throttles", _lambda_metric(function, "Throttles"))
    if function.reads_stream:
        yield _alarm(
            f"{function.id}StreamAge",
            "stream-age",
            _lambda_metric(function, "IteratorAge"),
            Statistic="Maximum",
            Threshold=_MAX_RECORD_AGE_MS,
        )
    if function.gap is not None:
        yield from _missed(function, function.gap)


def _errors(function: Function) -> Alarms:
    """Lambda counts refused files as errors too, so functions that refuse files are watched by our own metric.

    That metric misses runs that were killed. Their images end in the dead-letter queue of the uploads.
    """
    failures = (
        _own_metric("FunctionErrors", Operation=function.name)
        if function.refuses
        else _lambda_metric(function, "Errors")
    )
    yield _alarm(f"{function.id}Errors", "function-errors", failures)


def _duration(function: Function) -> Alarms:
    """Two periods in a row, each long enough to contain a run; one period for what runs less often than daily."""
    gap = function.gap or 0
    daily = gap <= _DAY
    yield _alarm(
        f"{function.id}Duration",
        "function-duration",
        _lambda_metric(function, "Duration"),
        Statistic="Maximum",
        ComparisonOperator="GreaterThanThreshold",
        Threshold=round(_MAX_TIMEOUT_SHARE * function.timeout * 1000),
        Period=max(_PERIOD, math.ceil(gap / 60) * 60) if daily else _PERIOD,
        EvaluationPeriods=2 if daily else 1,
    )


def _missed(function: Function, gap: int) -> Alarms:
    """No run for longer than the gap and one period: EventBridge and the metric can be some minutes late.

    What runs less often than weekly is watched by heartbeats alone (SchedulesOverdue).
    """
    period = _QUARTER_HOUR if gap < _HOUR else _HOUR
    periods = math.ceil(gap / period) + 1
    if period * periods <= _MAX_LOOKBACK:
        yield _alarm(
            f"{function.id}Missed",
            "schedule-missed",
            _lambda_metric(function, "Invocations"),
            ComparisonOperator="LessThanThreshold",
            TreatMissingData="breaching",
            Period=period,
            EvaluationPeriods=periods,
        )


def _queue_alarms(template: Resources) -> Alarms:
    for name, resource in template.items():
        if resource["Type"] != "AWS::SQS::Queue":
            continue
        queue = {"QueueName": {"Fn::GetAtt": [name, "QueueName"]}}
        if name.endswith("DeadLetterQueue"):
            messages = _metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", **queue)
            yield _alarm(f"{name}Messages", "dead-letters", messages, Statistic="Maximum")
        else:
            age = _metric("AWS/SQS", "ApproximateAgeOfOldestMessage", **queue)
            max_age = _MAX_VISIBILITY_TIMEOUTS * resource["Properties"]["VisibilityTimeout"]
            yield _alarm(f"{name}Age", "queue-age", age, Statistic="Maximum", Threshold=max_age)


def _pipeline_alarms() -> Alarms:
    machine = {"StateMachineArn": {"Ref": "ImagePipeline"}}
    for metric, runbook in (
        ("ExecutionsFailed", "pipeline-failed"),
        ("ExecutionsTimedOut", "pipeline-failed"),
        ("ExecutionThrottled", "pipeline-throttled"),
    ):
        yield _alarm(f"ImagePipeline{metric}", runbook, _metric("AWS/States", metric, **machine))


def _api_alarms(name: str, stage: str) -> Alarms:
    """In two periods of three, because a single request in a quiet hour is no rate."""
    dimensions = {"ApiName": name, "Stage": stage}
    yield _alarm(
        "ApiFailureRate",
        "api-failures",
        _metric("AWS/ApiGateway", "5XXError", **dimensions),
        # Each request counts as 0 or 1, so the average is the rate.
        Statistic="Average",
        ComparisonOperator="GreaterThanThreshold",
        Threshold=_API_FAILURE_RATE,
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


def _job_alarms() -> Alarms:
    names = (("SyncsFailed", "sync-failed"), ("SyncsPartial", "sync-partial"), ("Reconciled", "reconciled"))
    for metric, runbook in names:
        yield _alarm(metric, runbook, _own_metric(metric))
    # health_check writes this metric every quarter of an hour. If it is missing, the check does not run.
    yield _alarm(
        "SchedulesOverdue",
        "schedule-overdue",
        _own_metric("SchedulesOverdue"),
        Statistic="Maximum",
        TreatMissingData="breaching",
        Period=2 * _QUARTER_HOUR,
    )


def _cost_alarms() -> Alarms:
    yield _alarm(
        "DailySpend",
        "daily-spend",
        _own_metric("Cost"),
        ComparisonOperator="GreaterThanThreshold",
        Threshold={"Ref": "DailySpendDollars"},
        Period=_DAY,
    )


def _lambda_metric(function: Function, metric: str) -> dict[str, Any]:
    return _metric("AWS/Lambda", metric, FunctionName=function.lambda_name)


def _own_metric(metric: str, **dimensions: str) -> dict[str, Any]:
    return _metric(NAMESPACE, metric, Stage={"Ref": "Stage"}, **dimensions)


def _metric(namespace: str, metric: str, **dimensions: Any) -> dict[str, Any]:
    pairs = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    return {"Namespace": namespace, "MetricName": metric, "Dimensions": pairs}


def _alarm(name: str, runbook: str, metric: dict[str, Any], **properties: Any) -> tuple[str, dict[str, Any]]:
    """An alarm if the metric is at least 1 in five minutes, unless `properties` say otherwise."""
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
