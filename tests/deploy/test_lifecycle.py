"""What becomes of a deployed stage: other code, the end, and the end of its data. Each follows the one before."""

import copy
import io
import json
import zipfile
from dataclasses import asdict, dataclass
from typing import Any

import pytest

from tests.deploy.call_log import Call
from tests.deploy.checkout import Run
from tests.deploy.conftest import Deployment
from tests.deploy.expected import ACCOUNT, ACCOUNTS_ROLE, AT, KEPT, lambda_arn, lambda_name, queue_arn
from tests.deploy.snapshot import Snapshot

USERS = "darkroom-prod-users"
OUTPUT = f"darkroom-prod-output-{ACCOUNT}"

# The schedule that is switched off, a function that an earlier code had, and a rule that no code of ours made.
OFF = "weekly_cleanup"
FORMER = "contact_sheet"
FOREIGN_RULE = "darkroom-prod-somebody-event"


@dataclass(frozen=True)
class Stage:
    """The stage after a command: its output, its calls to AWS, and a snapshot of the account."""

    run: Run
    calls: list[Call]
    snapshot: Snapshot


def command(deployment: Deployment, *arguments: str) -> Stage:
    """Runs a command of `python -m infra` on prod, which must not fail."""
    mark = len(deployment.aws.calls())
    run = deployment.checkout.run("-m", "infra", *arguments, "--stage", "prod", "--yes")
    assert run.returncode == 0, run.stdout + run.stderr
    calls = deployment.aws.calls(mark)
    return Stage(run, calls, Snapshot.of(deployment.aws))


@pytest.fixture(scope="module")
def changed(deployment: Deployment) -> Stage:
    """Deployed again with other code, over data that came meanwhile."""
    item = {"userId": {"S": "somebody"}, "email": {"S": "somebody@example.com"}}
    deployment.aws.client("dynamodb").put_item(TableName=USERS, Item=item)
    deployment.aws.client("s3").put_object(Bucket=OUTPUT, Key="processed/somebody/1.jpg", Body=b"a picture")
    deployment.checkout.change_code("0.1.1")
    return command(deployment, "deploy")


@pytest.fixture(scope="module")
def reduced(deployment: Deployment, changed: Stage) -> Stage:
    """Deployed again without one schedule, and after a deploy of code that had a function more."""
    put_a_function_that_the_code_has_no_more(deployment)
    deployment.aws.client("events").put_rule(Name=FOREIGN_RULE, ScheduleExpression="rate(1 day)")
    deployment.aws.client("events").put_targets(
        Rule=FOREIGN_RULE, Targets=[{"Id": "1", "Arn": f"arn:aws:sqs:{AT}:foreign"}]
    )
    config = deployment.checkout.config
    config["stages"]["prod"]["environment_variables"]["SCHEDULES_OFF"] = OFF
    (deployment.checkout.folder / ".chalice" / "config.json").write_text(json.dumps(config))
    return command(deployment, "deploy")


def put_a_function_that_the_code_has_no_more(deployment: Deployment) -> None:
    """As Chalice makes one, with a trigger of each kind."""
    aws, name, arn = deployment.aws, lambda_name(FORMER), lambda_arn(FORMER)
    role = aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as code:
        code.writestr("app.py", "")
    aws.client("lambda").create_function(
        FunctionName=name,
        Role=role,
        Runtime="python3.12",
        Handler=f"app.{FORMER}",
        Code={"ZipFile": package.getvalue()},
        Tags={"aws-chalice": "version=1:stage=prod:app=darkroom"},
    )
    aws.client("lambda").create_event_source_mapping(
        FunctionName=name, EventSourceArn=queue_arn("darkroom-prod-schedules-dead")
    )
    stream = aws.client("dynamodb").describe_table(TableName="darkroom-prod-usage")["Table"]["LatestStreamArn"]
    aws.client("lambda").create_event_source_mapping(
        FunctionName=name, EventSourceArn=stream, StartingPosition="LATEST"
    )
    (topic, *_) = [each["TopicArn"] for each in deployment.snapshot.subscriptions if each["Protocol"] == "lambda"]
    aws.client("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
    bucket = f"darkroom-prod-archive-{ACCOUNT}"
    notification = {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}
    aws.client("s3").put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [notification]}
    )
    aws.client("events").put_rule(Name=f"{name}-event", ScheduleExpression="rate(1 day)")
    aws.client("events").put_targets(Rule=f"{name}-event", Targets=[{"Id": "1", "Arn": arn}])


@pytest.fixture(scope="module")
def destroyed(deployment: Deployment, changed: Stage) -> Stage:
    """Destroyed, as anybody would who does not say more. With the slow tests, the stage was reduced before."""
    events = deployment.aws.client("events")
    for rule in events.list_rules(NamePrefix=FOREIGN_RULE)["Rules"]:
        events.remove_targets(Rule=rule["Name"], Ids=["1"])
        events.delete_rule(Name=rule["Name"])
    return command(deployment, "destroy")


@pytest.fixture(scope="module")
def empty(deployment: Deployment, destroyed: Stage) -> Stage:
    """Destroyed once more, with all that it held, and broken off at first."""
    deployment.aws.refuse("secretsmanager DeleteSecret", "AccessDeniedException", "Not by you.", 403)
    run = deployment.checkout.run("-m", "infra", "destroy", "--with-data", "--stage", "prod", "--yes")
    assert run.returncode == 1, run.stdout + run.stderr
    return command(deployment, "destroy", "--with-data")


def data(deployment: Deployment) -> tuple[bool, bool]:
    """Whether the user's row and picture are there."""
    row = deployment.aws.client("dynamodb").get_item(TableName=USERS, Key={"userId": {"S": "somebody"}})
    pictures = deployment.aws.client("s3").list_objects_v2(Bucket=OUTPUT, Prefix="processed/somebody/")
    return "Item" in row, pictures["KeyCount"] == 1


# ----------------------------------------------------------------------------- other code


def test_new_code_is_deployed_to_every_function(deployment: Deployment, changed: Stage) -> None:
    before, after = deployment.snapshot.functions, changed.snapshot.functions
    (old,) = {each["CodeSha256"] for each in before.values()}
    (new,) = {each["CodeSha256"] for each in after.values()}
    assert new != old
    assert after[lambda_name("resize")]["Aliases"]["live"]["code"] == new


def test_new_code_changes_nothing_but_code(deployment: Deployment, changed: Stage) -> None:
    assert without_code(changed.snapshot) == without_code(deployment.snapshot)


def without_code(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot without the code, and without ids that differ in each deployment."""
    plain = copy.deepcopy(asdict(snapshot))
    for function in plain["functions"].values():
        for name in ("CodeSha256", "CodeSize", "Layers"):
            del function[name]
        for alias in function["Aliases"].values():
            del alias["code"], alias["version"]
    for api in plain["apis"].values():
        for stage in api["stages"].values():
            del stage["deploymentId"]
    return plain


def test_new_code_does_not_change_the_resources(deployment: Deployment, changed: Stage) -> None:
    assert "nothing changes" in changed.run.stdout
    assert not [each for each in changed.calls if each.what == "ExecuteChangeSet"]


@pytest.mark.usefixtures("changed")
def test_new_code_runs_and_the_data_is_still_there(deployment: Deployment) -> None:
    status, health, _ = deployment.aws.ask(deployment.api, "GET", "/prod/health")
    assert (status, health["version"]) == (200, "0.1.1")
    assert data(deployment) == (True, True)


# ------------------------------------------------------------------------------ fewer triggers


@pytest.mark.slow
def test_only_the_schedule_that_is_switched_off_stops(changed: Stage, reduced: Stage) -> None:
    before = without_settings(changed.snapshot)
    del before["rules"][f"{lambda_name(OFF)}-event"]
    after = without_settings(reduced.snapshot)
    del after["rules"][FOREIGN_RULE]
    assert after == before


def without_settings(snapshot: Snapshot) -> dict[str, Any]:
    """What stands, but for the functions' settings, and the alarms, which follow them."""
    plain = without_code(snapshot)
    del plain["others"]["alarm"]
    for function in plain["functions"].values():
        del function["Environment"]
    return plain


@pytest.mark.slow
def test_a_function_that_is_removed_from_the_code_is_removed_with_its_triggers(reduced: Stage) -> None:
    assert FORMER not in repr(reduced.snapshot)


@pytest.mark.slow
def test_a_foreign_rule_with_a_similar_name_stays(reduced: Stage) -> None:
    assert FOREIGN_RULE in reduced.snapshot.rules


# -------------------------------------------------------------------------------- the end


def test_destroy_keeps_only_resources_with_data(destroyed: Stage) -> None:
    left = destroyed.snapshot
    assert {kind: set(names) for kind, names in left.others.items() if kind != "key"} == KEPT
    assert len(left.others["key"]) == 1
    assert list(left.roles) == [ACCOUNTS_ROLE]
    for each in (left.functions, left.mappings, left.notifications, left.subscriptions, left.rules, left.apis):
        assert not each
    assert not left.log_groups


@pytest.mark.slow
def test_destroy_with_data_leaves_nothing(deployment: Deployment, empty: Stage) -> None:
    assert empty.snapshot.others == {}
    assert list(empty.snapshot.roles) == [ACCOUNTS_ROLE]
    assert not empty.snapshot.functions
    kms = deployment.aws.client("kms")
    (key,) = [kms.describe_key(KeyId=each["KeyId"])["KeyMetadata"] for each in kms.list_keys()["Keys"]]
    assert key["KeyState"] == "PendingDeletion"
    assert 6 <= (key["DeletionDate"] - key["CreationDate"]).days <= 7
