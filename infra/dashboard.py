"""The CloudWatch dashboard of a stage: work of the pipeline and the API, errors, durations and cost."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from chalicelib.core.observing.metrics import NAMESPACE
from infra.alarms import Resources
from infra.watched_functions import Function

# The width of CloudWatch's grid.
_COLUMNS = 24
_WIDTH, _HEIGHT = 8, 6
_DAY = 86_400
_RIGHT_AXIS = {"yAxis": "right"}

Widget = dict[str, Any]
# A line of a graph in CloudWatch's format: namespace, metric, dimension, value, …, display options.
Line = list[Any]


def resources(watched: list[Function], template: Resources, api: tuple[str, str]) -> Resources:
    """The dashboard. Its body contains placeholders of `Fn::Sub` for stage and region."""
    widgets = _placed([*_pipeline(), *_functions(watched), *_api(*api), *_queues(template), *_jobs(), *_cost(watched)])
    body = json.dumps({"widgets": widgets}, separators=(",", ":"))
    properties = {"DashboardName": {"Fn::Sub": "darkroom-${Stage}"}, "DashboardBody": {"Fn::Sub": body}}
    return {"Dashboard": {"Type": "AWS::CloudWatch::Dashboard", "Properties": properties}}


def _placed(widgets: list[Widget]) -> list[Widget]:
    per_row = _COLUMNS // _WIDTH
    return [
        {**widget, "x": number % per_row * _WIDTH, "y": number // per_row * _HEIGHT, "width": _WIDTH, "height": _HEIGHT}
        for number, widget in enumerate(widgets)
    ]


def _graph(title: str, lines: Iterable[Line], stat: str = "Sum", **options: Any) -> Widget:
    properties = {
        "title": title,
        "region": "${AWS::Region}",
        "stat": stat,
        "period": 300,
        "metrics": list(lines),
        **options,
    }
    return {"type": "metric", "properties": properties}


def _own_metric(metric: str, *dimensions: str, **display: Any) -> Line:
    return [NAMESPACE, metric, "Stage", "${Stage}", *dimensions, *([display] if display else [])]


def _pipeline() -> Iterator[Widget]:
    of_pipeline = ("Operation", "image_pipeline")
    yield _graph(
        "Images: arrived, begun, done",
        [
            ["AWS/Lambda", "Invocations", "FunctionName", "darkroom-${Stage}-s3_event", {"label": "uploaded"}],
            ["AWS/States", "ExecutionsStarted", "StateMachineArn", "${ImagePipeline}", {"label": "begun"}],
            _own_metric("ImagesProcessed", *of_pipeline, label="completed"),
            _own_metric("ProcessingErrors", label="failed"),
        ],
    )
    reasons = f"SEARCH('{{{NAMESPACE},Stage,Reason}} MetricName=\"ProcessingErrors\" Stage=\"${{Stage}}\"', 'Sum', 300)"
    yield _graph("Images that failed, by reason", [[{"expression": reasons}]], stacked=True)
    yield _graph(
        "Seconds from claim to completion, and bytes",
        [
            _own_metric("ProcessingTime", *of_pipeline, stat="p50", label="p50"),
            _own_metric("ProcessingTime", *of_pipeline, stat="p95", label="p95"),
            _own_metric("BytesIn", *of_pipeline, label="bytes in", **_RIGHT_AXIS),
            _own_metric("BytesOut", *of_pipeline, label="bytes out", **_RIGHT_AXIS),
        ],
    )


def _functions(watched: list[Function]) -> Iterator[Widget]:
    yield _graph("Errors by function", _by_function(watched, "Errors"), stacked=True)
    yield _graph("Milliseconds by function, p50", _by_function(watched, "Duration"), stat="p50")
    yield _graph("Milliseconds by function, p95", _by_function(watched, "Duration"), stat="p95")
    yield _graph("Throttles by function", _by_function(watched, "Throttles"), stacked=True)
    yield _graph("Containers at once", _by_function(watched, "ConcurrentExecutions"), stat="Maximum")
    streams = [function for function in watched if function.reads_stream]
    yield _graph("Milliseconds that streams are behind", _by_function(streams, "IteratorAge"), stat="Maximum")


def _by_function(watched: list[Function], metric: str) -> Iterator[Line]:
    yield from _lines("AWS/Lambda", metric, "FunctionName", (each.lambda_name["Fn::Sub"] for each in watched))


def _api(name: str, stage: str) -> Iterator[Widget]:
    of_api = ["ApiName", name, "Stage", stage]
    requests = [["AWS/ApiGateway", metric, *of_api] for metric in ("Count", "4XXError", "5XXError")]
    yield _graph("Requests to the API", requests)
    latencies = [
        ["AWS/ApiGateway", "Latency", *of_api, {"stat": stat, "label": stat}] for stat in ("p50", "p95", "p99")
    ]
    yield _graph("Milliseconds of the API", latencies)


def _queues(template: Resources) -> Iterator[Widget]:
    queues = [name for name, resource in template.items() if resource["Type"] == "AWS::SQS::Queue"]
    dead = [name for name in queues if name.endswith("DeadLetterQueue")]
    alive = [name for name in queues if name not in dead]
    waiting, oldest = "ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"
    yield _graph("Messages that wait", _by_queue(alive, waiting), stat="Maximum")
    yield _graph("Seconds that the oldest waits", _by_queue(alive, oldest), stat="Maximum")
    yield _graph("Dead letters", _by_queue(dead, waiting), stat="Maximum", stacked=True)


def _by_queue(names: list[str], metric: str) -> Iterator[Line]:
    yield from _lines("AWS/SQS", metric, "QueueName", (f"${{{name}.QueueName}}" for name in names))


def _lines(namespace: str, metric: str, dimension: str, values: Iterable[str]) -> Iterator[Line]:
    """Lines that differ in their last value. "..." repeats everything else of the line before."""
    for number, value in enumerate(values):
        yield ["...", value] if number else [namespace, metric, dimension, value]


def _jobs() -> Iterator[Widget]:
    yield _graph(
        "Syncs",
        [_own_metric("SyncsFailed"), _own_metric("SyncsPartial"), _own_metric("SchedulesOverdue", stat="Maximum")],
    )


def _cost(watched: list[Function]) -> Iterator[Widget]:
    yield _graph("Dollars a day, by the functions' own count", [_own_metric("Cost")], period=_DAY, view="timeSeries")
    lines = (_own_metric("Cost", "Operation", function.name) for function in watched)
    yield _graph("Dollars by function", lines, period=3600, stacked=True)
