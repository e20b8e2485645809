"""What a stage may choose: a network, reserved containers, no key of its own; and what is done by hand or once more."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.aws import ACCOUNT, Aws
from tests.deploy.checkout import Checkout, Run
from tests.deploy.expected import QUEUES, SCHEDULES, SIZES, STEPS, STREAMS
from tests.deploy.snapshot import Snapshot

pytestmark = pytest.mark.slow

# The chain of this module's tests is one stage's life, on one worker.

CHALICE = "import sys; from chalice.cli import main; sys.exit(main())"


def done(run: Run) -> Run:
    assert run.returncode == 0, run.stdout + run.stderr
    return run


@dataclass(frozen=True)
class Dev:
    """The stage dev as it is without being told more."""

    aws: Aws
    checkout: Checkout
    snapshot: Snapshot


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """It is deployed; whoever takes it down puts it up again."""
    folder = tmp_path_factory.mktemp("dev")
    with Aws(folder / "aws.log") as aws:
        checkout = Checkout(folder / "checkout", aws)
        deploy(checkout)
        yield Dev(aws, checkout, Snapshot.of(aws))


def deploy(checkout: Checkout) -> Run:
    return done(checkout.run("-m", "infra", "deploy", "--stage", "dev", "--yes"))


def choose(checkout: Checkout, **options: Any) -> None:
    """Writes options of the stage dev."""
    lines = [f"{name} = {toml(value)}" for name, value in options.items()]
    options_file = checkout.folder / "infra" / "stages.toml"
    options_file.write_text("\n".join([options_file.read_text(), "[dev]", *lines, ""]))


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {toml(each)}" for name, each in value.items()) + " }"
    return json.dumps(value)


def lambda_name(function: str) -> str:
    return "darkroom-dev" if function == "api_handler" else f"darkroom-dev-{function}"


def network(aws: Aws) -> dict[str, Any]:
    """A network to be in."""
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"]
        for n, zone in enumerate("ae")
    ]
    (table,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    return {
        "vpc_id": vpc,
        "subnet_ids": [each["SubnetId"] for each in subnets],
        "route_table_ids": [table["RouteTableId"]],
    }


def set_cors_origin(checkout: Checkout, origin: str) -> None:
    """Lets pages of one origin alone call the stage dev."""
    file, config = checkout.folder / ".chalice" / "config.json", checkout.config
    config["stages"]["dev"]["environment_variables"]["CORS_ORIGIN"] = origin
    file.write_text(json.dumps(config))


def origins_of(aws: Aws, checkout: Checkout, bucket: str) -> list[str]:
    """The origins that a bucket of the stage dev takes browsers' requests from."""
    name = checkout.environment("dev")[bucket]
    (rule,) = aws.client("s3").get_bucket_cors(Bucket=name)["CORSRules"]
    origins: list[str] = rule["AllowedOrigins"]
    return origins


def test_a_stage_in_its_own_network(aws: Aws, checkout: Checkout) -> None:
    chosen = network(aws)
    set_cors_origin(checkout, "https://photos.example.com")
    choose(
        checkout,
        **chosen,
        reserved_concurrency={"action_worker": 5},
        operators_email="ops@example.com",
        accounts_email="accounts@example.com",
    )
    aws.set_account(sandbox=True)
    plan = deploy(checkout).stdout
    # The page is at the address that API Gateway gave to the API.
    own = checkout.environment("dev")["API_BASE_URL"].removesuffix("/dev")
    assert f"the buckets take requests from {own}" in plan
    assert origins_of(aws, checkout, "S3_INPUT_BUCKET") == ["https://photos.example.com", own]
    assert origins_of(aws, checkout, "S3_OUTPUT_BUCKET") == ["https://photos.example.com", own, "null"]
    assert "SES is in its sandbox in us-east-1: mail reaches verified addresses only" in plan
    # The zone us-east-1e has no endpoint of Cognito; EC2 would refuse to make one there.
    assert f"CognitoEndpoint is only in {chosen['subnet_ids'][0]}:" in plan
    found = Snapshot.of(aws)
    (pool,) = aws.client("cognito-idp").list_user_pools(MaxResults=10)["UserPools"]
    mail = aws.client("cognito-idp").describe_user_pool(UserPoolId=pool["Id"])["UserPool"]["EmailConfiguration"]
    assert mail["From"] == "accounts@example.com"
    assert mail["SourceArn"] == f"arn:aws:ses:us-east-1:{ACCOUNT}:identity/accounts@example.com"
    ec2 = aws.client("ec2")
    (group,) = {tuple(each["VpcConfig"]["SecurityGroupIds"]) for each in found.functions.values()}
    (security,) = ec2.describe_security_groups(GroupIds=list(group))["SecurityGroups"]
    assert security["VpcId"] == chosen["vpc_id"]
    assert security["IpPermissions"] == []
    for name in SIZES:
        function = found.functions[lambda_name(name)]
        assert function["VpcConfig"]["SubnetIds"] == chosen["subnet_ids"]
        (policy,) = found.roles[function["Role"].rpartition("/")[2]]["inline"].values()
        assert "ec2:CreateNetworkInterface" in json.dumps(policy)
        assert function["Reserved"] == (5 if name == "action_worker" else None)
    filters = [{"Name": "vpc-id", "Values": [chosen["vpc_id"]]}]
    services = {
        each["ServiceName"].rpartition(".")[2]: each
        for each in ec2.describe_vpc_endpoints(Filters=filters)["VpcEndpoints"]
    }
    assert services["cognito-idp"]["SubnetIds"] == chosen["subnet_ids"][:1]
    assert services["sqs"]["SubnetIds"] == chosen["subnet_ids"]
    assert {"s3", "dynamodb", "sqs", "sns", "states", "secretsmanager", "ssm", "cognito-idp"} <= services.keys()
    told = [each["Endpoint"] for each in found.subscriptions if each["Protocol"] == "email"]
    assert told == ["ops@example.com"]
    # EC2 does not remove a security group that Lambda's interfaces still use: the stack waits for them.
    assert ec2.describe_network_interfaces(Filters=[{"Name": "group-id", "Values": list(group)}])["NetworkInterfaces"]
    done(checkout.run("-m", "infra", "destroy", "--stage", "dev", "--yes"))
    assert not ec2.describe_network_interfaces(Filters=[{"Name": "group-id", "Values": list(group)}])[
        "NetworkInterfaces"
    ]


def test_timeouts_that_need_another_type_of_state_machine_are_refused(dev: Dev) -> None:
    file = dev.checkout.folder / ".chalice" / "config.json"
    before = file.read_text()
    config = json.loads(before)
    for name in STEPS:
        config["lambda_functions"][name]["lambda_timeout"] = 300
    file.write_text(json.dumps(config))
    run = dev.checkout.run("-m", "infra", "deploy", "--stage", "dev", "--yes")
    file.write_text(before)
    assert run.returncode == 2, run.stdout + run.stderr
    assert "must be STANDARD, and it is EXPRESS" in run.stderr


def test_tracing_can_be_switched_off(dev: Dev) -> None:
    file = dev.checkout.folder / ".chalice" / "config.json"
    before = file.read_text()
    assert dev.snapshot.functions["darkroom-dev-notifications"]["TracingConfig"] == {"Mode": "Active"}
    config = json.loads(before)
    config["lambda_functions"]["notifications"]["xray"] = False
    file.write_text(json.dumps(config))
    done(dev.checkout.run("-m", "infra", "policies"))
    deploy(dev.checkout)
    assert Snapshot.of(dev.aws).functions["darkroom-dev-notifications"]["TracingConfig"] == {"Mode": "PassThrough"}
    file.write_text(before)
    done(dev.checkout.run("-m", "infra", "policies"))
    deploy(dev.checkout)


def test_a_stage_without_the_options_of_prod(dev: Dev) -> None:
    found = dev.snapshot
    assert "key" not in found.others
    assert not [each for each in found.functions.values() if each["KMSKeyArn"] or each["Aliases"]]
    assert {each["retentionInDays"] for each in found.log_groups.values()} == {30}
    (api,) = found.apis.values()
    settings = api["stages"]["dev"]["methodSettings"]["*/*"]
    assert (settings["throttlingRateLimit"], settings["throttlingBurstLimit"]) == (50, 100)
    # More often than in prod, so that what is new in it shows.
    assert found.rules["darkroom-dev-nightly_sync-event"]["ScheduleExpression"] == "rate(15 minutes)"
    assert found.rules["darkroom-dev-reconciler-event"]["ScheduleExpression"] == "rate(6 hours)"
    for name in set(SCHEDULES) - {"nightly_sync", "reconciler"}:
        assert found.rules[f"darkroom-dev-{name}-event"]["ScheduleExpression"] == SCHEDULES[name]
    machine = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:darkroom-dev-image-pipeline"
    definition = dev.aws.client("stepfunctions").describe_state_machine(stateMachineArn=machine)["definition"]
    assert ":live" not in definition


def test_every_function_runs_when_its_trigger_fires(dev: Dev) -> None:
    told = json.dumps({"userId": "nobody", "imageId": "none"})
    empty: dict[str, Any] = {"Records": []}
    events = dict.fromkeys(("s3_event", *QUEUES, *STREAMS), empty) | {"notifications": topics_event(told)}
    for name, event in events.items():
        answer, errored = invoke(dev.aws, name, event)
        assert not errored, (name, answer)
    for name in STEPS:
        answer, errored = invoke(dev.aws, name, {})
        # It looks for what the state machine gives it; whoever cannot be imported complains otherwise.
        assert errored
        assert answer["errorType"] == "KeyError", (name, answer)
    # The sync jobs have no external API here, and the clean-up wants its settings: they run, and say so.
    for name in ("weekly_cleanup", "monthly_report", "quarterly_archive", "health_check", "sweeper", "reconciler"):
        answer, errored = invoke(dev.aws, name, {})
        assert not errored, (name, answer)


def topics_event(message: str) -> dict[str, Any]:
    notification: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": "95df01b4-ee98-5cb9-9903-4c221d41eb5e",
        "Message": message,
        "Subject": None,
        "MessageAttributes": {},
    }
    return {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": notification}]}


def invoke(aws: Aws, function: str, event: dict[str, Any]) -> tuple[Any, bool]:
    answer = aws.client("lambda").invoke(FunctionName=lambda_name(function), Payload=json.dumps(event))
    return json.loads(answer["Payload"].read()), "FunctionError" in answer


def test_chalices_own_command_works_and_the_next_deploy_restores_its_resets(dev: Dev) -> None:
    before = dev.snapshot
    mine = {"AWS_DEFAULT_REGION": "us-east-1", "PYTHONDONTWRITEBYTECODE": "1"}
    done(dev.checkout.run("-c", CHALICE, "deploy", "--stage", "dev", stage_environment=mine))
    by_hand = Snapshot.of(dev.aws)
    assert settings_of(by_hand) == settings_of(before)
    assert without_windows(by_hand) == without_windows(before)
    deploy(dev.checkout)
    mended = Snapshot.of(dev.aws)
    assert mended.mappings == before.mappings
    assert mended.rules == before.rules
    (api,), (api_before,) = mended.apis.values(), before.apis.values()
    assert api["responses"] == api_before["responses"]


def without_windows(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The triggers but for how long batches gather: Chalice puts that back to what the decorators say."""
    window = "MaximumBatchingWindowInSeconds"
    return [{name: value for name, value in each.items() if name != window} for each in snapshot.mappings]


def settings_of(snapshot: Snapshot) -> dict[str, tuple[Any, ...]]:
    names = ("CodeSha256", "MemorySize", "Timeout", "Environment", "Role", "KMSKeyArn", "EventInvokeConfig")
    return {name: tuple(each[key] for key in names) for name, each in snapshot.functions.items()}


def test_a_stage_that_is_deployed_again_has_its_data(dev: Dev, tmp_path: Path) -> None:
    item = {"userId": {"S": "somebody"}}
    dev.aws.client("dynamodb").put_item(TableName="darkroom-dev-users", Item=item)
    pool = dev.checkout.environment("dev")["COGNITO_USER_POOL_ID"]
    done(dev.checkout.run("-m", "infra", "destroy", "--stage", "dev", "--yes"))
    # From another's machine, who has the repository and nothing else.
    other = Checkout(tmp_path / "other", dev.aws)
    deploy(other)
    assert other.environment("dev")["COGNITO_USER_POOL_ID"] == pool
    assert "Item" in dev.aws.client("dynamodb").get_item(TableName="darkroom-dev-users", Key=item)
    found = Snapshot.of(dev.aws)
    assert len(found.functions) == len(SIZES)
    assert found.others["stack"] == ["darkroom-dev-resources"]
