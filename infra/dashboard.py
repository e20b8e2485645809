"""One dashboard a stage: what the pipeline and the API do, what goes wrong, how long it takes, and what it costs."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from chalicelib.core.observing.metrics import NAMESPACE
from infra.alarms import Function, Resources

# CloudWatch's grid is so many columns wide.
_COLUMNS = 24
_WIDTH, _HEIGHT = 8, 6
_DAY = 86_400
_ON_THE_RIGHT = {"yAxis": "right"}

Widget = dict[str, Any]
# As CloudWatch writes a line of a graph: namespace, metric, dimension, value, …, and how it is shown.
Line = list[Any]


def resources(watched: list[Function], template: Resources, api: tuple[str, str]) -> Resources:
    """The dashboard. Its text has the placeholders of `Fn::Sub`, the stage's and the region's."""
    widgets = _placed([*_pipeline(), *_functions(watched), *_api(*api), *_queues(template), *_jobs(), *_cost(watched)])
    body = json.dumps({"widgets": widgets}, separators=(",", ":"))
    named = {"DashboardName": {"Fn::Sub": "darkroom-${Stage}"}, "DashboardBody": {"Fn::Sub": body}}
    return {"Dashboard": {"Type": "AWS::CloudWatch::Dashboard", "Properties": named}}


def _placed(widgets: list[Widget]) -> list[Widget]:
    a_row = _COLUMNS // _WIDTH
    return [
        {**widget, "x": number % a_row * _WIDTH, "y": number // a_row * _HEIGHT, "width": _WIDTH, "height": _HEIGHT}
        for number, widget in enumerate(widgets)
    ]


def _graph(title: str, lines: Iterable[Line], stat: str = "Sum", **more: Any) -> Widget:
    shown = {"title": title, "region": "${AWS::Region}", "stat": stat, "period": 300, "metrics": list(lines), **more}
    return {"type": "metric", "properties": shown}


def _ours(metric: str, *dimensions: str, **shown: Any) -> Line:
    return [NAMESPACE, metric, "Stage", "${Stage}", *dimensions, *([shown] if shown else [])]


def _pipeline() -> Iterator[Widget]:
    of_pipeline = ("Operation", "image_pipeline")
    yield _graph(
        "Images: arrived, begun, done",
        [
            ["AWS/Lambda", "Invocations", "FunctionName", "darkroom-${Stage}-s3_event", {"label": "uploaded"}],
            ["AWS/States", "ExecutionsStarted", "StateMachineArn", "${ImagePipeline}", {"label": "begun"}],
            _ours("ImagesProcessed", *of_pipeline, label="completed"),
            _ours("ProcessingErrors", label="failed"),
        ],
    )
    reasons = f"SEARCH('{{{NAMESPACE},Stage,Reason}} MetricName=\"ProcessingErrors\" Stage=\"${{Stage}}\"', 'Sum', 300)"
    yield _graph("Images that failed, by reason", [[{"expression": reasons}]], stacked=True)
    yield _graph(
        "Seconds from claim to completion, and bytes",
        [
            _ours("ProcessingTime", *of_pipeline, stat="p50", label="p50"),
            _ours("ProcessingTime", *of_pipeline, stat="p95", label="p95"),
            _ours("BytesIn", *of_pipeline, label="bytes in", **_ON_THE_RIGHT),
            _ours("BytesOut", *of_pipeline, label="bytes out", **_ON_THE_RIGHT),
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
    yield from _alike("AWS/Lambda", metric, "FunctionName", (each.lambda_name["Fn::Sub"] for each in watched))


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
    yield from _alike("AWS/SQS", metric, "QueueName", (f"${{{name}.QueueName}}" for name in names))


def _alike(namespace: str, metric: str, dimension: str, values: Iterable[str]) -> Iterator[Line]:
    """Lines that differ in their last word: "..." is all that comes before it in the line above."""
    for number, value in enumerate(values):
        yield ["...", value] if number else [namespace, metric, dimension, value]


def _jobs() -> Iterator[Widget]:
    yield _graph("Syncs", [_ours("SyncsFailed"), _ours("SyncsPartial"), _ours("SchedulesOverdue", stat="Maximum")])


def _cost(watched: list[Function]) -> Iterator[Widget]:
    yield _graph("Dollars a day, by the functions' own count", [_ours("Cost")], period=_DAY, view="timeSeries")
    lines = (_ours("Cost", "Operation", function.name) for function in watched)
    yield _graph("Dollars by function", lines, period=3600, stacked=True)
