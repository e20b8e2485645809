"""Correlation ids from the request to the last function, and metrics."""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from chalicelib import images
from chalicelib.core.http import signatures
from chalicelib.jobs import runner, sync
from infra import template
from local.fake_api import FakeApi
from local.machine import Machine
from tests import pictures
from tests.journeys.external_services import SECRET_ID
from tests.journeys.gateway import call
from tests.journeys.ledger import settled
from tests.journeys.user import User
from tests.waiting import wait_for

ROOT = Path(__file__).parents[2]
CORRELATION = "X-Correlation-Id"
PIPELINE = {"api", "s3_event", "orchestrator", "validation", "resize", "watermark", "image_changes", "notifications"}


class Logs:
    """The lines that the functions log from now on."""

    def __init__(self, machine: Machine) -> None:
        assert machine.grants_log is not None
        self._folder = machine.grants_log.parent
        self._begin = {log: log.stat().st_size for log in self._folder.glob("*.log")}

    def lines(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each complete line, with its function's name."""
        for log in sorted(self._folder.glob("*.log")):
            whole, _, _ = log.read_bytes()[self._begin.get(log, 0) :].rpartition(b"\n")
            yield from ((log.stem, json.loads(line)) for line in whole.splitlines() if line.startswith(b"{"))

    def of_work(self, correlation_id: str) -> set[str]:
        """The functions that ran with that correlation id."""
        ended = (each for each in self.lines() if each[1]["event"] == "MEASURED")
        return {function for function, line in ended if line["correlationId"] == correlation_id}

    def about(self, what: str) -> dict[str, set[str]]:
        """The correlation ids by function, of all lines that contain the word."""
        found: dict[str, set[str]] = {}
        for function, line in self.lines():
            if what in json.dumps(line["metadata"]):
                found.setdefault(function, set()).add(line["correlationId"])
        return found


@pytest.fixture
def fake_api(machine: Machine, function: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    """An external service and a source with one record, called by this process as a function."""
    secrets = machine.client("secretsmanager")
    with FakeApi(customers=1) as started:
        secrets.put_secret_value(SecretId=SECRET_ID, SecretString=started.secret)
        function.setenv("EXTERNAL_API_URL", started.url)
        function.setenv("CUSTOM_ACTION_TYPES", "SCAN")
        yield started
        secrets.put_secret_value(SecretId=SECRET_ID, SecretString="{}")


def announced(user: User, **headers: str) -> requests.Response:
    asked = {"fileName": "a.jpg", "fileType": "image/jpeg"}
    answer = user.request("POST", "/upload", json=asked, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


def sent(answer: requests.Response, data: bytes) -> str:
    upload = answer.json()
    assert requests.put(upload["uploadUrl"], data=data, headers=upload["headers"], timeout=30).status_code == 200
    return str(upload["imageId"])


# ------------------------------------------------------------------------- correlation ids


def test_an_upload_has_one_correlation_id_from_the_request_to_the_last_function(machine: Machine, ann: User) -> None:
    settled(machine)
    logs = Logs(machine)
    answer = announced(ann)
    identity = answer.headers[CORRELATION]
    image_id = sent(answer, pictures.jpeg(640, 480))
    assert ann.finished(image_id)["status"] == "COMPLETED"
    wait_for(lambda: logs.of_work(identity) >= PIPELINE, f"{identity} in the lines of all functions")
    assert logs.about(image_id).keys() >= {"api", "s3_event", "orchestrator"}
    assert all(identities == {identity} for identities in logs.about(image_id).values())
    (first,) = (line for function, line in logs.lines() if function == "api" and line["event"] == "UPLOAD_CREATED")
    assert first["requestId"] == identity, "by default the correlation id is the first request's id"


def test_a_caller_may_choose_the_correlation_id(machine: Machine, ann: User) -> None:
    logs = Logs(machine)
    answer = announced(ann, **{CORRELATION: "order-4711_b"})
    assert answer.headers[CORRELATION] == "order-4711_b"
    image_id = sent(answer, b"no picture at all")
    assert ann.finished(image_id)["status"] == "FAILED"
    wait_for(lambda: logs.of_work("order-4711_b") >= PIPELINE - {"resize", "watermark"}, "the work in all logs")
    again = ann.request("POST", f"/images/{image_id}/reprocess", headers={CORRELATION: "second-try"})
    assert again.status_code == 200
    wait_for(lambda: logs.of_work("second-try") >= {"api", "orchestrator", "validation"}, "the other work")


@pytest.mark.parametrize(
    "named", ["x" * 65, "two words", "a\tb", "$(id)", "été", "drk_0123456789abcdef", "", 'a"b'], ids=repr
)
def test_a_correlation_id_that_is_unfit_for_logs_is_ignored(ann: User, named: str) -> None:
    answer = ann.request("GET", "/images", headers={CORRELATION: named.encode()})
    assert answer.status_code == 200
    assert answer.headers[CORRELATION] != named
    assert len(answer.headers[CORRELATION]) == 36, "the request's own id"


def test_a_queued_action_keeps_its_correlation_id_in_the_worker(machine: Machine, ann: User) -> None:
    image_id = ann.upload(pictures.jpeg(800, 600))
    assert ann.finished(image_id)["status"] == "COMPLETED"
    logs = Logs(machine)
    asked = {"fileId": image_id, "processingType": "convert", "options": {"format": "avif"}}
    answer = ann.request("POST", "/actions/process", json=asked, headers={CORRELATION: "to-avif"})
    job = answer.json()["jobId"]

    def ended() -> bool:
        return any(line["event"] == "ACTION_ENDED" for function, line in logs.lines() if function == "action_worker")

    wait_for(ended, f"{job} to end")
    assert logs.about(job) == {"api": {"to-avif"}, "action_worker": {"to-avif"}}


def test_a_callback_has_the_correlation_id_of_its_action(
    ann: User, fake_api: FakeApi, caplog: pytest.LogCaptureFixture
) -> None:
    asked = {"actionType": "SCAN", "payload": {}}
    begun = call("POST /actions/custom", {**ann.headers, CORRELATION: "scan-7"}, asked)
    assert begun.status == 200, begun
    assert fake_api.received[-1].headers[CORRELATION] == "scan-7"
    work = {"id": "work-000001", "status": "completed"}
    action_id = begun.body["actionId"]
    signature = signatures.sign(fake_api.callback_secret, int(time.time()), json.dumps(work).encode(), action_id)
    ended = call("POST /actions/{actionId}/callback", {signatures.HEADER: signature}, work, actionId=action_id)
    assert ended.status == 200, ended
    (line,) = (record for record in caplog.records if record.getMessage() == "ACTION_ENDED")
    assert line.__dict__["correlation_id"] == "scan-7"


# ------------------------------------------------------------------------- metrics


Series = tuple[str, frozenset[tuple[str, str]]]


def series_of(line: dict[str, Any]) -> Iterator[tuple[Series, list[float]]]:
    """The metrics in a log line of CloudWatch's embedded format: name, dimensions and values."""
    for directive in line.get("_aws", {}).get("CloudWatchMetrics", ()):
        assert directive["Namespace"] == "ImageProcessing"
        for names in directive["Dimensions"]:
            dimensions = frozenset((name, line[name]) for name in names)
            for metric in directive["Metrics"]:
                yield (metric["Name"], dimensions), line[metric["Name"]]


def measured(logs: Logs) -> dict[Series, list[float]]:
    """All values by metric and dimensions."""
    return collected(line for _, line in logs.lines())


def collected(lines: Iterable[dict[str, Any]]) -> dict[Series, list[float]]:
    found: dict[Series, list[float]] = {}
    for line in lines:
        for each, values in series_of(line):
            found.setdefault(each, []).extend(values)
    return found


def series(metric: str, **dimensions: str) -> Series:
    return metric, frozenset({"Stage": "local", **dimensions}.items())


def test_each_step_of_the_pipeline_is_counted_once(machine: Machine, ann: User) -> None:
    settled(machine)
    logs = Logs(machine)
    good = pictures.jpeg(640, 480)
    done = [sent(announced(ann), data) for data in (good, good, b"no picture")]
    ended = [ann.finished(image_id) for image_id in done]
    settled(machine)
    wait_for(lambda: len(measured(logs).get(series("ProcessingErrors"), ())) == 1, "the failure to be counted")

    figures, pipeline = measured(logs), {"Operation": "image_pipeline"}
    assert sum(figures[series("ImagesProcessed", **pipeline)]) == 2
    assert sum(figures[series("BytesIn", **pipeline)]) == 2 * len(good)
    written = sum(variant["fileSize"] for image in ended for variant in image["variants"])
    assert sum(figures[series("BytesOut", **pipeline)]) == written
    assert len(figures[series("ProcessingTime", **pipeline)]) == 2
    assert all(0 <= seconds < 60 for seconds in figures[series("ProcessingTime", **pipeline)])
    assert sum(figures[series("ProcessingErrors", Reason="not_an_image")]) == 1
    assert len(figures[series("ProcessingTime", Operation="resize")]) == 2
    by_function = [values for (name, about), values in figures.items() if name == "Cost" and len(about) == 2]
    assert sum(map(sum, by_function)) == pytest.approx(sum(figures[series("Cost")]))
    assert all(dollars > 0 for values in by_function for dollars in values)
    assert series("FunctionErrors", Operation="validation") not in figures, "a refused file is no error"


def test_a_stream_batch_delivered_twice_is_counted_once(
    function: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def row(**more: Any) -> dict[str, Any]:
        return {
            name: {"S": value}
            for name, value in {"userId": "somebody", "imageId": "img_once", "fileName": "a.jpg", **more}.items()
        }

    before = row(status="PROCESSING", unfinishedSince="2026-11-21T10:00:00.000Z")
    after = row(status="COMPLETED", processedAt="2026-11-21T10:00:02.500Z")
    change = {"eventID": "observed-once", "dynamodb": {"OldImage": before, "NewImage": after}}
    for _ in range(2):
        images.follow_changes({"Records": [change]})
    figures = written_here(capsys)
    assert figures[series("ImagesProcessed", Operation="image_pipeline")] == [1]
    assert figures[series("ProcessingTime", Operation="image_pipeline")] == [2.5]


def written_here(capsys: pytest.CaptureFixture[str]) -> dict[Series, list[float]]:
    """The metrics that this process wrote as a function."""
    return collected(json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line)


@pytest.fixture
def written(
    machine: Machine, ann: User, fake_api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> Callable[[], dict[Series, list[float]]]:
    """All metrics: of images that succeed and fail, a sync, a health check, and functions that fail."""
    logs = Logs(machine)
    for data in (pictures.jpeg(320, 240), b"no picture"):
        ann.finished(sent(announced(ann), data))
    message: dict[str, Any] = {"MessageId": "m", "Subject": None, "Message": "broken", "MessageAttributes": {}}
    for name in ("validation", "resize", "watermark", "notifications"):
        event = {"execution": "broken", "Records": [{"EventSource": "aws:sns", "Sns": message}]}
        answer, is_error = machine.invoke(name, event)
        assert is_error, answer
    machine.invoke("health_check")
    machine.invoke("reconciler")
    runner.run(sync.NIGHTLY, {"dryRun": True})
    here = written_here(capsys)
    return lambda: here | measured(logs)


def test_every_alarm_on_our_metrics_watches_a_metric_that_is_written(
    written: Callable[[], dict[Series, list[float]]],
) -> None:
    """An alarm on a metric that is never written would never fire."""
    watched = set()
    for resource in template.complete("local")["Resources"].values():
        about = resource["Properties"]
        if resource["Type"] == "AWS::CloudWatch::Alarm" and about["Namespace"] == "ImageProcessing":
            dimensions = {
                each["Name"]: "local" if each["Value"] == {"Ref": "Stage"} else each["Value"]
                for each in about["Dimensions"]
            }
            watched.add(series(about["MetricName"], **dimensions))
    assert len(watched) >= 7
    wait_for(lambda: watched <= written().keys(), f"all of {watched} to be written")


def test_the_dashboard_and_the_documents_name_only_metrics_that_are_written(
    written: Callable[[], dict[Series, list[float]]],
) -> None:
    body = template.complete("local")["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    lines = [line for widget in json.loads(body)["widgets"] for line in widget["properties"]["metrics"]]
    ours = [[word for word in line if isinstance(word, str)] for line in lines if line[0] == "ImageProcessing"]
    shown = {(metric, frozenset(names[::2])) for _, metric, *names in ours}
    assert len(shown) >= 7

    def missing() -> set[Any]:
        return shown - {(metric, frozenset(name for name, _ in about)) for metric, about in written()}

    wait_for(lambda: not missing(), "all that the dashboard shows to be written")
    table = (ROOT / "docs" / "operations.md").read_text().partition("| metric | by | of |")[2].partition("\n\n")[0]
    documented = {name for row in table.splitlines()[2:] for name in re.findall(r"[A-Z]\w+", row.split("|")[1])}
    assert documented == {metric for metric, _ in written()}
