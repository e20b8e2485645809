"""What becomes of a deployed stage: other code, the end, and the end of its data. Each follows the one before."""

import copy
import io
import json
import zipfile
from dataclasses import asdict, dataclass
from typing import Any

import pytest

from tests.deploy.calls import Call
from tests.deploy.checkout import Run
from tests.deploy.conftest import Deployment
from tests.deploy.expected import ACCOUNT, ACCOUNTS_ROLE, AT, KEPT, lambda_arn, lambda_name, queue_arn
from tests.deploy.standing import Standing

pytestmark = pytest.mark.xdist_group("deployment")

USERS = "darkroom-prod-users"
OUTPUT = f"darkroom-prod-output-{ACCOUNT}"

# The schedule that is switched off, a function that an earlier code had, and a rule that no code of ours made.
OFF = "weekly_cleanup"
FORMER = "contact_sheet"
STRANGERS_RULE = "darkroom-prod-somebody-event"


@dataclass(frozen=True)
class Stage:
    """The stage after a command: what it said, what it asked of AWS, and what stood then."""

    run: Run
    calls: list[Call]
    standing: Standing


def command(deployment: Deployment, *arguments: str) -> Stage:
    """Runs a command of `python -m infra` on prod, which must not fail."""
    mark = len(deployment.aws.calls())
    run = deployment.checkout.run("-m", "infra", *arguments, "--stage", "prod", "--yes")
    assert run.returncode == 0, run.stdout + run.stderr
    calls = deployment.aws.calls(mark)
    return Stage(run, calls, Standing.of(deployment.aws))


@pytest.fixture(scope="module")
def changed(deployment: Deployment) -> Stage:
    """Deployed again with other code, over data that came meanwhile."""
    item = {"userId": {"S": "somebody"}, "email": {"S": "somebody@example.com"}}
    deployment.aws.client("dynamodb").put_item(TableName=USERS, Item=item)
    deployment.aws.client("s3").put_object(Bucket=OUTPUT, Key="processed/somebody/1.jpg", Body=b"a picture")
    deployment.checkout.change_code("0.1.1")
    return command(deployment, "deploy")


@pytest.fixture(scope="module")
def thinned(deployment: Deployment, changed: Stage) -> Stage:
    """Deployed again without one schedule, and after a deploy of code that had a function more."""
    put_a_function_that_the_code_has_no_more(deployment)
    deployment.aws.client("events").put_rule(Name=STRANGERS_RULE, ScheduleExpression="rate(1 day)")
    deployment.aws.client("events").put_targets(
        Rule=STRANGERS_RULE, Targets=[{"Id": "1", "Arn": f"arn:aws:sqs:{AT}:a-strangers"}]
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
    (topic, *_) = [each["TopicArn"] for each in deployment.standing.subscriptions if each["Protocol"] == "lambda"]
    aws.client("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
    bucket = f"darkroom-prod-archive-{ACCOUNT}"
    told = {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}
    aws.client("s3").put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [told]}
    )
    aws.client("events").put_rule(Name=f"{name}-event", ScheduleExpression="rate(1 day)")
    aws.client("events").put_targets(Rule=f"{name}-event", Targets=[{"Id": "1", "Arn": arn}])


@pytest.fixture(scope="module")
def destroyed(deployment: Deployment, thinned: Stage) -> Stage:
    """Destroyed, as anybody would who does not say more."""
    deployment.aws.client("events").remove_targets(Rule=STRANGERS_RULE, Ids=["1"])
    deployment.aws.client("events").delete_rule(Name=STRANGERS_RULE)
    return command(deployment, "destroy")


@pytest.fixture(scope="module")
def gone(deployment: Deployment, destroyed: Stage) -> Stage:
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


def test_other_code_changes_the_code_of_every_function(deployment: Deployment, changed: Stage) -> None:
    before, after = deployment.standing.functions, changed.standing.functions
    (old,) = {each["CodeSha256"] for each in before.values()}
    (new,) = {each["CodeSha256"] for each in after.values()}
    assert new != old
    assert after[lambda_name("resize")]["Aliases"]["live"]["code"] == new


def test_other_code_changes_nothing_but_code(deployment: Deployment, changed: Stage) -> None:
    assert without_code(changed.standing) == without_code(deployment.standing)


def without_code(standing: Standing) -> dict[str, Any]:
    """What stands, but for the code, and the numbers that Chalice and API Gateway give to each deployment."""
    plain = copy.deepcopy(asdict(standing))
    for function in plain["functions"].values():
        for name in ("CodeSha256", "CodeSize", "Layers"):
            del function[name]
        for alias in function["Aliases"].values():
            del alias["code"], alias["version"]
    for api in plain["apis"].values():
        for stage in api["stages"].values():
            del stage["deploymentId"]
    return plain


def test_other_code_leaves_the_resources_alone(deployment: Deployment, changed: Stage) -> None:
    assert "nothing changes" in changed.run.stdout
    assert not [each for each in changed.calls if each.what == "ExecuteChangeSet"]


@pytest.mark.usefixtures("changed")
def test_other_code_is_at_work_and_the_data_where_it_was(deployment: Deployment) -> None:
    status, health, _ = deployment.aws.ask(deployment.api, "GET", "/prod/health")
    assert (status, health["version"]) == (200, "0.1.1")
    assert data(deployment) == (True, True)


# ------------------------------------------------------------------------------ fewer triggers


def test_a_schedule_that_is_switched_off_fires_no_more_and_all_others_stay(changed: Stage, thinned: Stage) -> None:
    before = without_settings(changed.standing)
    del before["rules"][f"{lambda_name(OFF)}-event"]
    after = without_settings(thinned.standing)
    del after["rules"][STRANGERS_RULE]
    assert after == before


def without_settings(standing: Standing) -> dict[str, Any]:
    """What stands, but for the functions' settings, and the alarms, which follow them."""
    plain = without_code(standing)
    del plain["others"]["alarm"]
    for function in plain["functions"].values():
        del function["Environment"]
    return plain


def test_a_function_that_the_code_has_no_more_goes_with_its_triggers(thinned: Stage) -> None:
    assert FORMER not in repr(thinned.standing)


def test_a_strangers_rule_with_a_name_like_ours_stays(thinned: Stage) -> None:
    assert STRANGERS_RULE in thinned.standing.rules


# -------------------------------------------------------------------------------- the end


def test_what_is_destroyed_leaves_what_holds_data_and_nothing_else(destroyed: Stage) -> None:
    left = destroyed.standing
    assert {kind: set(names) for kind, names in left.others.items() if kind != "key"} == KEPT
    assert len(left.others["key"]) == 1
    assert list(left.roles) == [ACCOUNTS_ROLE]
    for each in (left.functions, left.mappings, left.notifications, left.subscriptions, left.rules, left.apis):
        assert not each
    assert not left.log_groups


@pytest.mark.usefixtures("gone")
def test_what_is_destroyed_with_its_data_leaves_nothing_at_all(deployment: Deployment, gone: Stage) -> None:
    assert gone.standing.others == {}
    assert list(gone.standing.roles) == [ACCOUNTS_ROLE]
    assert not gone.standing.functions
    kms = deployment.aws.client("kms")
    (key,) = [kms.describe_key(KeyId=each["KeyId"])["KeyMetadata"] for each in kms.list_keys()["Keys"]]
    assert key["KeyState"] == "PendingDeletion"
    assert 6 <= (key["DeletionDate"] - key["CreationDate"]).days <= 7
