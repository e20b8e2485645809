"""Every resource has its alarms, each alarm can fire, and each has its entry in docs/operations.md."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core.schedules import SCHEDULES
from infra import __main__, alarms, template, triggers, watched_functions
from infra.settings import CONFIG
from infra.watched_functions import Function

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs" / "operations.md").read_text()
STAGES = ["dev", "staging", "prod"]

# The metrics and dimensions that AWS publishes for each service, by its documentation.
PUBLISHED = {
    ("AWS/Lambda", ("FunctionName",)): {"Errors", "Duration", "Throttles", "Invocations", "IteratorAge"},
    ("AWS/SQS", ("QueueName",)): {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"},
    ("AWS/States", ("StateMachineArn",)): {"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionThrottled"},
    ("AWS/ApiGateway", ("ApiName", "Stage")): {"5XXError", "Latency"},
}
# Of those, the metrics that exist only for a function or a stream.
NO_DATA_IS_BAD = {"Invocations", "SchedulesOverdue"}

Alarm = dict[str, Any]


def alarms_of(resources: dict[str, Any]) -> dict[str, Alarm]:
    return {
        name: resource["Properties"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


@pytest.fixture(scope="module", params=STAGES)
def stage(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def whole(stage: str) -> dict[str, Any]:
    return template.complete(stage)


@pytest.fixture(scope="module")
def made(whole: dict[str, Any]) -> dict[str, Alarm]:
    return alarms_of(whole["Resources"])


@pytest.fixture(scope="module")
def functions(stage: str) -> list[Function]:
    return watched_functions.functions(triggers.application(), json.loads(CONFIG.read_text()), stage)


def dimensions(alarm: Alarm) -> dict[str, Any]:
    return {each["Name"]: each["Value"] for each in alarm["Dimensions"]}


def on(made: dict[str, Alarm], metric: str, value: Any) -> list[Alarm]:
    """The alarms on a metric with that dimension value."""
    return [each for each in made.values() if each["MetricName"] == metric and value in dimensions(each).values()]


def named(name: str) -> dict[str, str]:
    """The name that Chalice gives a function."""
    return {"Fn::Sub": "darkroom-${Stage}" if name == "api_handler" else f"darkroom-${{Stage}}-{name}"}


# ------------------------------------------------------------------------ resources


def test_every_function_has_its_alarms(stage: str, made: dict[str, Alarm]) -> None:
    config = json.loads(CONFIG.read_text())
    for name in ("api_handler", *config["lambda_functions"]):
        own = config["lambda_functions"].get(name, config)
        (duration,) = on(made, "Duration", named(name))
        assert duration["Threshold"] == own["lambda_timeout"] * 800, name
        assert len(on(made, "Throttles", named(name))) == 1
        assert len(on(made, "Errors", named(name)) + on(made, "FunctionErrors", name)) == 1


def test_a_new_function_gets_its_alarms_automatically() -> None:
    new = Function("brand_new", timeout=20, reads_stream=True, gap=3600)
    made = alarms_of(alarms.resources([new], {}, ("darkroom", "api")))
    kinds = {each["MetricName"] for each in made.values() if named("brand_new") in dimensions(each).values()}
    assert kinds == {"Errors", "Duration", "Throttles", "IteratorAge", "Invocations"}


def test_refused_files_raise_no_alarm(made: dict[str, Alarm], functions: list[Function]) -> None:
    """Lambda counts refusals as errors: without this, a broken file or a failing webhook would raise an alarm."""
    refusing = {each.name for each in functions if each.refuses}
    assert refusing == {"validation", "resize", "watermark", "notifications"}
    for name in refusing:
        assert not on(made, "Errors", named(name))
        assert on(made, "FunctionErrors", name)


def test_every_queue_has_its_alarm(whole: dict[str, Any], made: dict[str, Alarm]) -> None:
    queues = {name: each for name, each in whole["Resources"].items() if each["Type"] == "AWS::SQS::Queue"}
    assert len(queues) >= 12
    dead = {
        each["Properties"].get("RedrivePolicy", {}).get("deadLetterTargetArn", {}).get("Fn::GetAtt", [""])[0]
        for each in queues.values()
    } - {""}
    for name, queue in queues.items():
        its = {"Fn::GetAtt": [name, "QueueName"]}
        if "RedrivePolicy" in queue["Properties"]:
            (age,) = on(made, "ApproximateAgeOfOldestMessage", its)
            assert age["Threshold"] > queue["Properties"]["VisibilityTimeout"], "one retry raises no alarm"
        else:
            assert name in dead or name.endswith("DeadLetterQueue")
            (letters,) = on(made, "ApproximateNumberOfMessagesVisible", its)
            assert (letters["Threshold"], letters["EvaluationPeriods"]) == (1, 1)


def test_every_schedule_has_an_alarm_for_missed_runs(
    stage: str, made: dict[str, Alarm], functions: list[Function]
) -> None:
    gaps = {each.name: each.gap for each in functions if each.gap is not None}
    assert gaps.keys() == SCHEDULES.keys()
    for name, gap in gaps.items():
        for missed in on(made, "Invocations", named(name)):
            window = missed["Period"] * missed["EvaluationPeriods"]
            assert gap < window <= gap + 2 * 3600, f"{name} is missed too early, or late"
    seldom = {name for name in gaps if not on(made, "Invocations", named(name))}
    assert seldom == {"weekly_cleanup", "monthly_report", "quarterly_archive"}
    assert made["SchedulesOverdueAlarm"]["MetricName"] == "SchedulesOverdue", "heartbeats cover these"


@pytest.mark.parametrize(
    ("expression", "hours"),
    [
        ("rate(15 minutes)", 0.25),
        ("cron(0 2 * * ? *)", 24),
        ("cron(0/30 9-17 ? * MON-FRI *)", 63.5),
        ("cron(0 3 ? * SUN *)", 168),
        ("cron(0 2 1 JAN,APR,JUL,OCT ? *)", 92 * 24),
    ],
)
def test_the_longest_gap_between_two_starts_is_computed(expression: str, hours: float) -> None:
    assert watched_functions.longest_gap(expression) == hours * 3600


# ---------------------------------------------------------------------------- validity


def test_every_alarm_watches_a_metric_that_exists(
    stage: str, whole: dict[str, Any], made: dict[str, Alarm], functions: list[Function]
) -> None:
    """Our own metrics are checked in tests/journeys/test_observability.py."""
    things: list[Any] = [named(function.name) for function in functions]
    things += [{"Fn::GetAtt": [name, "QueueName"]} for name in whole["Resources"] if name.endswith("Queue")]
    things += [{"Ref": "ImagePipeline"}, "darkroom", stage]
    for name, alarm in made.items():
        if alarm["Namespace"] != "ImageProcessing":
            about = dimensions(alarm)
            assert alarm["MetricName"] in PUBLISHED[alarm["Namespace"], tuple(about)], name
            assert all(value in things for value in about.values()), name


def test_every_alarm_is_valid_for_cloudwatch(made: dict[str, Alarm]) -> None:
    for name, alarm in made.items():
        assert ("Statistic" in alarm) != ("ExtendedStatistic" in alarm), name
        assert alarm["Period"] % 60 == 0, name
        window = alarm["Period"] * alarm["EvaluationPeriods"]
        assert window <= (86_400 if alarm["Period"] < 3600 else 7 * 86_400), name
        assert alarm.get("DatapointsToAlarm", 1) <= alarm["EvaluationPeriods"], name
        missing = "breaching" if alarm["MetricName"] in NO_DATA_IS_BAD else "notBreaching"
        assert alarm["TreatMissingData"] == missing, name


def test_every_alarm_notifies_the_operators(whole: dict[str, Any], made: dict[str, Alarm]) -> None:
    resources = whole["Resources"]
    topic = resources["OperatorsTopic"]["Properties"]
    assert "alias/aws/sns" not in json.dumps(topic), "CloudWatch may not use that key"
    statements = [
        statement
        for each in resources.values()
        if each["Type"] == "AWS::SNS::TopicPolicy" and {"Ref": "OperatorsTopic"} in each["Properties"]["Topics"]
        for statement in each["Properties"]["PolicyDocument"]["Statement"]
    ]
    (allowed,) = (each for each in statements if each["Principal"] == {"Service": "cloudwatch.amazonaws.com"})
    pattern = allowed["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"].rpartition(":alarm:")[2]
    for alarm in made.values():
        assert alarm["AlarmActions"] == [{"Ref": "OperatorsTopic"}]
        assert fnmatchcase(alarm["AlarmName"]["Fn::Sub"], pattern.replace("[", "[[]"))
    subscription = resources["OperatorsSubscription"]
    assert subscription["Condition"] in whole["Conditions"]
    assert subscription["Properties"]["TopicArn"] == {"Ref": "OperatorsTopic"}


def test_the_template_is_valid_for_cloudformation(whole: dict[str, Any]) -> None:
    assert len(json.dumps(whole)) < 1_000_000
    assert len(whole["Resources"]) <= 500
    assert len(
        {
            each["Properties"]["AlarmName"]["Fn::Sub"]
            for each in whole["Resources"].values()
            if each["Type"] == "AWS::CloudWatch::Alarm"
        }
    ) == len(alarms_of(whole["Resources"]))


def test_the_dashboard_shows_only_metrics_that_exist(whole: dict[str, Any], functions: list[Function]) -> None:
    text = whole["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    assert len(json.loads(text)["widgets"]) >= 12
    assert all(named(each.name)["Fn::Sub"] in text for each in functions)
    for placeholder in set(re.findall(r"\$\{([^}]*)}", text)):
        name = placeholder.partition(".")[0]
        assert name.startswith("AWS::") or name in whole["Resources"] or name in whole["Parameters"], placeholder


# ------------------------------------------------------------------------------ the runbook


def entries() -> Iterator[str]:
    """The headings of the runbook's section."""
    alarms_part = RUNBOOK.partition("\n## Alarms\n")[2].partition("\n## ")[0]
    yield from re.findall(r"^### ([a-z0-9-]+)$", alarms_part, re.MULTILINE)


def test_every_alarm_has_a_runbook_entry_and_every_entry_an_alarm(made: dict[str, Alarm]) -> None:
    named = [re.search(r"docs/operations\.md#([a-z0-9-]+)$", alarm["AlarmDescription"]) for alarm in made.values()]
    assert all(named)
    assert {found[1] for found in named if found} == set(entries())
    assert len(list(entries())) == len(set(entries()))


def test_the_commands_in_the_runbook_exist() -> None:
    ours = set(re.findall(r"python -m infra ([a-z-]+)", RUNBOOK))
    known = __main__._parser().format_help()
    assert ours
    assert all(re.search(rf"^    {name}\b", known, re.MULTILINE) for name in ours), ours


def test_the_routes_in_the_runbook_exist() -> None:
    routes = {f"{method} {path}" for method, path, _ in triggers.routes(triggers.application())}
    named_routes = set(re.findall(r"`((?:GET|POST|PATCH|DELETE) /[^` ?]*)", RUNBOOK))
    assert named_routes
    assert named_routes <= routes


def test_the_queues_and_events_in_the_runbook_exist() -> None:
    queues = {
        each["Properties"]["QueueName"]["Fn::Sub"].removeprefix("darkroom-${Stage}-")
        for each in template.load()["Resources"].values()
        if each["Type"] == "AWS::SQS::Queue"
    }
    dead = set(re.findall(r"`([a-z0-9-]+-dead(?:\.fifo)?)`", RUNBOOK))
    assert dead == {name for name in queues if name.endswith(("-dead", "-dead.fifo"))}
    code = "".join(path.read_text() for path in (ROOT / "chalicelib").rglob("*.py"))
    events = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', RUNBOOK))
    assert events
    assert all(f'"{event}"' in code for event in events), events
