"""Deploys that are refused or interrupted: one message says what to do, and a second run continues."""

import json
import re
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.breadth import mostly_slow
from tests.deploy.aws import ACCOUNT, Aws
from tests.deploy.checkout import Checkout

DEPLOY = ("-m", "infra", "deploy", "--stage", "prod")
DESTROY = ("-m", "infra", "destroy", "--stage", "prod")
OTHER = "999999999999"


def refused(run: subprocess.CompletedProcess[str]) -> str:
    """The message of a command that was refused."""
    assert run.returncode == 2, run.stdout + run.stderr
    return one_message(run)


def failed(run: subprocess.CompletedProcess[str]) -> str:
    """The message of a command that failed in a step."""
    assert run.returncode == 1, run.stdout + run.stderr
    return one_message(run)


def one_message(run: subprocess.CompletedProcess[str]) -> str:
    assert "Traceback" not in run.stderr
    assert run.stderr.strip()
    return run.stderr


def done(run: subprocess.CompletedProcess[str]) -> str:
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def is_empty(aws: Aws) -> bool:
    """Whether the account is empty."""
    return not any(
        [
            aws.client("cloudformation").describe_stacks()["Stacks"],
            aws.client("s3").list_buckets()["Buckets"],
            aws.client("dynamodb").list_tables()["TableNames"],
            aws.client("lambda").list_functions()["Functions"],
            aws.client("iam").list_roles()["Roles"],
            aws.client("apigateway").get_rest_apis()["items"],
        ]
    )


def change(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


# ---------------------------------------------------------------------------- refused


@pytest.mark.parametrize(("stage", "why"), mostly_slow([("production", "is no stage"), ("local", "local machine")]))
def test_an_unknown_stage_is_refused(checkout: Checkout, stage: str, why: str) -> None:
    message = refused(checkout.run("-m", "infra", "deploy", "--stage", stage))
    assert why in message
    assert "dev, staging, prod" in message
    assert "infra configure" in message


def test_missing_credentials_are_refused(checkout: Checkout, tmp_path: Path) -> None:
    none = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}
    message = refused(checkout.run(*DEPLOY, stage_environment={**none, "HOME": str(tmp_path)}))
    assert "no AWS credentials" in message
    assert "AWS_PROFILE" in message


@pytest.mark.slow
def test_expired_credentials_are_refused(checkout: Checkout, aws: Aws) -> None:
    aws.refuse("sts GetCallerIdentity", "ExpiredToken", "The security token included in the request is expired", 403)
    message = refused(checkout.run(*DEPLOY))
    assert "expired" in message
    assert "sso login" in message


@pytest.mark.slow
def test_an_unreachable_aws_is_reported(checkout: Checkout) -> None:
    message = failed(checkout.run(*DEPLOY, stage_environment={"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}))
    assert "cannot be reached" in message
    assert "AWS_ENDPOINT_URL" in message


@pytest.mark.slow
def test_invalid_json_in_the_settings_is_refused(checkout: Checkout) -> None:
    (checkout.folder / ".chalice" / "config.json").write_text("{")
    assert "config.json is not valid JSON" in refused(checkout.run(*DEPLOY))


def test_settings_that_cannot_be_used_are_refused_all_at_once(checkout: Checkout, aws: Aws) -> None:
    wrong = {
        "WATERMARK_FONT": "Papyrus",
        "QUALTY_SETTING": "85",
        "CORS_ORIGIN": "https://photos.example.com/",
        "COGNITO_CLIENT_SECRET": "do-not-show",
    }
    path = checkout.folder / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"]["prod"]["environment_variables"].update(wrong)
    path.write_text(json.dumps(config))
    (checkout.folder / "chalicelib" / "presets.toml").write_text(
        "[web]\nquality = 96\nsizes = [{ name = 'a', width = 1 }]\n"
    )
    message = refused(checkout.run(*DEPLOY))
    assert "WATERMARK_FONT must be one of Arial, Arimo, Liberation Sans, or the key of" in message
    assert 'presets.toml, line 2: quality must be a whole number from 1 to 95, or "auto", not 96' in message
    assert "QUALTY_SETTING is no setting: QUALITY_SETTING is" in message
    assert "CORS_ORIGIN must be * or an origin" in message
    assert "COGNITO_CLIENT_SECRET is read from Parameter Store alone" in message
    assert "do-not-show" not in message
    assert is_empty(aws)


@pytest.mark.slow
def test_watermarks_whose_files_cannot_be_used_are_refused(checkout: Checkout, aws: Aws) -> None:
    bucket = f"darkroom-prod-output-{ACCOUNT}"
    aws.client("s3").create_bucket(Bucket=bucket)
    aws.client("s3").put_object(Bucket=bucket, Key="fonts/broken.ttf", Body=b"no font")
    marks = '[{ text = "x", font = "fonts/broken.ttf" }, { image = "marks/gone.png" }]'
    presets = f'[web]\nsizes = [{{ name = "a", width = 1 }}]\nmarks = {marks}\n'
    (checkout.folder / "chalicelib" / "presets.toml").write_text(presets)
    message = refused(checkout.run(*DEPLOY))
    assert "presets.toml, web, names fonts/broken.ttf: the mark's font is of no use" in message
    assert f"presets.toml, web, names marks/gone.png, which is not in {bucket}" in message


@pytest.mark.slow
def test_a_stored_setting_that_cannot_be_used_is_refused(checkout: Checkout, aws: Aws) -> None:
    path = "/darkroom/prod/darkroom/QUALITY_SETTING"
    aws.client("ssm").put_parameter(Name=path, Type="String", Value="abc")
    message = refused(checkout.run(*DEPLOY))
    assert "QUALITY_SETTING must be 1 to 95, not 'abc' (in Parameter Store)" in message


def test_credentials_of_another_account_are_refused(checkout: Checkout) -> None:
    done(checkout.run("-m", "infra", "configure", "--stage", "prod", "--account", OTHER))
    message = refused(checkout.run(*DEPLOY))
    assert OTHER in message
    assert f"configure --stage prod --account {ACCOUNT}" in message


def test_policies_that_differ_from_the_grants_in_the_code_are_refused(checkout: Checkout, aws: Aws) -> None:
    for module in ("images/executions.py", "jobs/sweeper/dead_letters.py"):
        change(checkout.folder / "chalicelib" / module, "DELETE_MESSAGE_BATCH", "PURGE_QUEUE")
    change(checkout.folder / "chalicelib/core/aws/grants.py", "DELETE_MESSAGE_BATCH = ", "PURGE_QUEUE = ")
    change(checkout.folder / "chalicelib/core/aws/grants.py", '"DeleteMessageBatch"', '"PurgeQueue"')
    message = refused(checkout.run(*DEPLOY))
    assert "prod-orchestrator.json" in message
    assert "make policies" in message
    assert is_empty(aws)


@pytest.mark.slow
def test_functions_without_settings_are_refused(checkout: Checkout) -> None:
    change(checkout.folder / ".chalice" / "config.json", '"sweeper": {"lambda', '"sweepers": {"lambda')
    message = refused(checkout.run(*DEPLOY))
    assert "sweeper, sweepers" in message


@pytest.mark.parametrize(
    ("option", "why"),
    mostly_slow(
        [
            ("provisioned_concurrency = { watermark = 2 }", "can have it: resize"),
            ("reserved_concurrency = { resizer = 2 }", "app.py has no such function"),
            ("log_retention_days = 31", "log_retention_days is one of"),
            ("log_retention_days = = 30", "stages.toml is not valid TOML"),
            ('vpc_id = "vpc-1"', "by both or by neither"),
            ('subnet_ids = ["subnet-1"]', "by both or by neither"),
        ]
    ),
)
def test_invalid_options_are_refused(checkout: Checkout, option: str, why: str) -> None:
    options = checkout.folder / "infra" / "stages.toml"
    name = option.partition(" ")[0]
    kept = [line for line in options.read_text().splitlines() if not line.startswith(name)]
    kept.insert(kept.index("[default]") + 1, option)
    options.write_text("\n".join(kept))
    assert why in refused(checkout.run(*DEPLOY))


@pytest.mark.slow
def test_code_that_cannot_be_imported_is_refused(checkout: Checkout) -> None:
    change(checkout.folder / "app.py", "from typing import Any", "from typing import Any\nimport what_is_not_installed")
    assert "what_is_not_installed" in refused(checkout.run(*DEPLOY))


@pytest.mark.slow
def test_an_incomplete_layer_is_rebuilt_before_anything_is_deployed(checkout: Checkout, aws: Aws) -> None:
    (layer,) = (checkout.folder / ".chalice" / "deployments").glob("managed-layer-*.zip")
    with zipfile.ZipFile(layer, "w") as package:
        package.writestr("python/lib/python3.11/site-packages/boto3-0.dist-info/METADATA", "")
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": "/dev/null"}
    message = refused(checkout.run(*DEPLOY, "--yes", stage_environment=nowhere))
    assert "layer of dependencies cannot be built" in message
    assert is_empty(aws)
    assert not layer.exists()


@pytest.mark.slow
def test_a_layer_without_a_service_that_functions_use_is_rebuilt(checkout: Checkout, aws: Aws) -> None:
    (layer,) = (checkout.folder / ".chalice" / "deployments").glob("managed-layer-*.zip")
    with zipfile.ZipFile(layer) as package:
        kept = {name: package.read(name) for name in package.namelist() if "/data/sqs/" not in name}
    with zipfile.ZipFile(layer, "w") as package:
        for name, content in kept.items():
            package.writestr(name, content)
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": "/dev/null"}
    message = refused(checkout.run(*DEPLOY, "--yes", stage_environment=nowhere))
    assert "layer of dependencies cannot be built" in message
    assert is_empty(aws)


@pytest.mark.slow
def test_a_taken_bucket_name_is_refused(checkout: Checkout, aws: Aws) -> None:
    aws.of_another_account("s3").create_bucket(Bucket=f"darkroom-prod-output-{ACCOUNT}")
    message = refused(checkout.run(*DEPLOY, "--yes"))
    assert f"darkroom-prod-output-{ACCOUNT} is taken" in message
    assert "--suffix" in message
    assert is_empty(aws)


@pytest.mark.slow
def test_more_concurrency_than_the_account_has_is_refused(checkout: Checkout, aws: Aws) -> None:
    aws.set_account(concurrency=10)
    message = refused(checkout.run(*DEPLOY, "--dry-run"))
    assert "asks for 10 concurrent executions for prod (resize 10)" in message
    assert f"Account {ACCOUNT} has 10 in us-east-1, of which 0 can be reserved or provisioned" in message
    assert "Service Quotas" in message
    assert "provisioned_concurrency" in message
    assert is_empty(aws)


@pytest.mark.slow
def test_a_too_large_environment_is_refused(checkout: Checkout, aws: Aws) -> None:
    config = checkout.config
    config["stages"]["prod"]["environment_variables"]["SERVICE_NAME"] = "x" * 2000
    (checkout.folder / ".chalice" / "config.json").write_text(json.dumps(config))
    done(checkout.run("-m", "infra", "policies"))
    message = refused(checkout.run(*DEPLOY))
    assert re.search(r"The environment of api_handler has [\d,]+ bytes. Of Lambda's limit of 4,096 it can use", message)
    assert "Parameter Store" in message
    assert is_empty(aws)


@pytest.mark.slow
def test_without_a_terminal_nothing_is_changed(checkout: Checkout, aws: Aws) -> None:
    before = checkout.config
    message = refused(checkout.run(*DEPLOY))
    assert "--yes" in message
    assert is_empty(aws)
    assert checkout.config == before


def test_a_dry_run_shows_the_plan_and_changes_nothing(checkout: Checkout, aws: Aws) -> None:
    before = checkout.config
    plan = done(checkout.run(*DEPLOY, "--dry-run"))
    assert f"Plan for prod: account {ACCOUNT}, us-east-1" in plan
    assert "+ AWS::StepFunctions::StateMachine: ImagePipeline" in plan
    assert "+ api_handler, s3_event" in plan
    assert re.search(r"Price: \$[\d,.]+ a month for 1,000,000 images and 10,000,000 requests", plan)
    assert is_empty(aws)
    assert checkout.config == before
    assert not checkout.deployed("prod")


# ------------------------------------------------------------------------ interrupted

# The refused calls and their steps, in order. Each run gets to the next one.
STEPS = [
    ("cloudformation ExecuteChangeSet", "Resources"),
    ("dynamodb BatchWriteItem", "Record"),
    # The fifth function that is created.
    (r"lambda POST /2015-03-31/functions$", "Functions"),
    (r"events PutTargets", "Functions"),
    (r"apigateway POST /restapis/\w+/deployments", "Functions"),
    (r"lambda PUT .*/event-invoke-config", "Settings"),
    (r"apigateway PUT /restapis/\w+/gatewayresponses/THROTTLED", "Settings"),
    (r"apigateway PATCH /restapis/\w+/stages", "Settings"),
    (r"lambda PUT .*/provisioned-concurrency", "Settings"),
]


@pytest.mark.slow
def test_a_deploy_that_is_interrupted_at_any_step_continues(checkout: Checkout, aws: Aws) -> None:
    for call, step in STEPS:
        aws.refuse(call, "AccessDeniedException", "Not by you.", 403)
        run = checkout.run(*DEPLOY, "--yes")
        assert "Not by you." in failed(run).replace("\n", " ")
        assert re.search(rf"^{step} +failed", run.stdout, re.MULTILINE), run.stdout
    assert "health is" in done(checkout.run(*DEPLOY, "--yes"))
    assert len(aws.client("apigateway").get_rest_apis()["items"]) == 1
    mappings = aws.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert len({each["FunctionArn"] for each in mappings}) == len(mappings) == 6
    assert "nothing changes" in done(checkout.run(*DEPLOY, "--dry-run"))


@pytest.mark.slow
def test_a_stack_whose_creation_failed_is_removed_by_destroy(checkout: Checkout, aws: Aws) -> None:
    aws.refuse(f"s3 PUT /darkroom-prod-output-{ACCOUNT}", "BucketAlreadyExists", "It is somebody else's.", 409)
    message = failed(checkout.run(*DEPLOY, "--yes"))
    assert "is ROLLBACK_" in message
    assert "OutputBucket" in message
    message = refused(checkout.run(*DEPLOY, "--yes"))
    assert "is ROLLBACK_" in message
    assert "OutputBucket" in message
    assert "infra destroy --stage prod" in message
    done(checkout.run(*DESTROY, "--yes"))
    assert "health is" in done(checkout.run(*DEPLOY, "--yes"))


@pytest.mark.slow
def test_another_machine_can_continue(checkout: Checkout, aws: Aws) -> None:
    done(checkout.run(*DEPLOY, "--yes"))
    first = checkout.deployed("prod")
    (checkout.folder / ".chalice" / "deployed" / "prod.json").unlink()
    assert "19 functions updated" in done(checkout.run(*DEPLOY, "--yes"))
    second = checkout.deployed("prod")
    assert second.keys() == first.keys()
    for name in first.keys() - {"managed-layer"}:
        assert second[name] == first[name]


@pytest.mark.slow
def test_retained_resources_are_imported_by_the_next_deploy(checkout: Checkout, aws: Aws) -> None:
    done(checkout.run(*DEPLOY, "--yes"))
    table = {"TableName": "darkroom-prod-users"}
    user: dict[str, Any] = {"userId": {"S": "somebody"}}
    aws.client("dynamodb").put_item(**table, Item=user)
    assert "removed, except resources with data" in done(checkout.run(*DESTROY, "--yes"))
    assert not aws.client("lambda").list_functions()["Functions"]
    # Destroying twice does no harm.
    done(checkout.run(*DESTROY, "--yes"))
    plan = done(checkout.run(*DEPLOY, "--yes"))
    assert "< AWS::KMS::Key: EncryptionKey" in plan
    assert aws.client("dynamodb").get_item(**table, Key=user)["Item"] == user
    aws.client("s3").put_object(Bucket=f"darkroom-prod-input-{ACCOUNT}", Key="uploads/a/b.jpg", Body=b"once")
    aws.client("s3").put_object(Bucket=f"darkroom-prod-input-{ACCOUNT}", Key="uploads/a/b.jpg", Body=b"twice")
    done(checkout.run(*DESTROY, "--yes", "--with-data"))
    assert not aws.client("dynamodb").list_tables()["TableNames"]
    assert not aws.client("s3").list_buckets()["Buckets"]
    assert "COGNITO_USER_POOL_ID" not in json.dumps(checkout.config["stages"]["prod"])
