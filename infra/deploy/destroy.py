"""A stage taken down: Chalice's part, then the stack; what holds data stays unless it is asked for as well."""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from infra import policies, stages, template
from infra.deploy import (
    chalice_command,
    chalice_state,
    functions,
    network,
    pool_clients,
    provisioned_concurrency,
    retained,
)
from infra.deploy import target as targets
from infra.deploy.errors import RefusedError, code_of
from infra.deploy.progress import Reporter, Step, counted, is_confirmed
from infra.deploy.stack import Stack
from infra.deploy.target import CAN_BE_PROVISIONED, Target
from infra.deploy.template_upload import TemplateUpload, remove_bucket
from infra.function_grants import API

# The days in which a key's deletion can still be called off (KMS takes 7 to 30).
_KEY_WINDOW_DAYS = 7


def destroy(stage: str, *, yes: bool = False, with_data: bool = False, teller: Reporter | None = None) -> None:
    """Takes a stage down. `with_data` takes what holds data as well: it cannot be brought back.

    Raises:
        DeployError: it could not be begun, or not be ended; running it again goes on.
    """
    teller = teller or Reporter()
    with teller.step("Checks") as step:
        target = targets.load(stage)
        stack = Stack(target)
        _check(stack)
        held = dict(retained.existing(target))
        step.did = f"{stage} is in {target.place.account}, {target.place.region}"
    for line in _announced(target, stack, held, with_data):
        teller.say(line)
    if not (yes or is_confirmed("Type the stage's name to go on: ", (stage,))):
        teller.say("Nothing was removed.")
        return
    _carry_out(target, stack, teller)
    if with_data:
        with teller.step("Data") as step:
            step.did = f"{counted(_remove_data(target, held, step), 'resource')} removed with what they held"
    teller.say(f"{stage} is gone." if with_data or not held else f"{stage} is gone but for what holds data.")


def _check(stack: Stack) -> None:
    status = stack.status() or ""
    if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        raise RefusedError(f"The stack {stack.name} is {status}. Wait until that has ended, then run this again.")


def _announced(target: Target, stack: Stack, held: Mapping[str, Any], with_data: bool) -> Iterator[str]:
    there = functions.deployed(target)
    yield ""
    yield f"This removes {target.stage} from account {target.place.account}, {target.place.region}:"
    yield f"  {counted(len(there), 'function')} with roles, triggers and the API"
    yield f"  the stack {stack.name} ({stack.status() or 'not there'})"
    names = ", ".join(sorted(held)) or "nothing"
    yield f"  and with all that they hold, for ever: {names}" if with_data else f"What holds data stays: {names}"
    yield ""


def _carry_out(target: Target, stack: Stack, teller: Reporter) -> None:
    with teller.step("Functions") as step:
        _unwarm(target)
        step.did = chalice_command.delete(target, step.progress) if chalice_state.rebuild(target) else "none are left"
    with teller.step("Resources") as step:
        network.wait_until_lambda_left(target, stack.outputs().get("SecurityGroupId"), step.progress)
        stack.delete(step.progress)
        body = TemplateUpload(target, stack.name)
        remove_bucket(target.client("s3"), body.bucket)
        _remove_logs(target)
        pool_clients.remove(target)
        step.did = f"{stack.name} removed, and the functions' logs"
    with teller.step("Record") as step:
        chalice_state.rebuild(target)
        step.did = "what AWS had named is forgotten" if _forget(target) else "nothing to forget"


def _unwarm(target: Target) -> None:
    """An alias's provisioned containers would keep the function from being deleted."""
    for name in CAN_BE_PROVISIONED:
        for change in provisioned_concurrency.removals(target, name):
            change.apply()


def _remove_logs(target: Target) -> None:
    """A run that ends late makes its function's log group again, after the stack's is gone."""
    logs = target.client("logs")
    prefix = f"/aws/lambda/{target.lambda_name(API)}"
    pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
    names = [each["logGroupName"] for page in pages for each in page["logGroups"]]
    for name in names:
        if name == prefix or name.startswith(f"{prefix}-"):
            logs.delete_log_group(logGroupName=name)


def _forget(target: Target) -> bool:
    """Takes out of .chalice/config.json what the stack had named; the place stays. Whether there was anything."""
    forgotten = stages.without_recorded(stages.read(), target.stage)
    if forgotten == stages.read():
        return False
    stages.write(forgotten)
    policies.write(target.declared, forgotten)
    return True


# ------------------------------------------------------------------------------ data


def _remove_data(target: Target, held: Mapping[str, Mapping[str, str]], step: Step) -> int:
    resources = template.load()["Resources"]
    # What is encrypted goes before what it is encrypted with, and last of it the table that a second run finds the
    # key by.
    ordered = sorted(held, key=lambda name: (resources[name]["Type"] == "AWS::KMS::Key", name == retained.KEYS_TABLE))
    for logical_id in ordered:
        step.progress(logical_id)
        (identifier,) = held[logical_id].values()
        _REMOVERS[resources[logical_id]["Type"]](target, identifier)
    return len(ordered)


def _table(target: Target, name: str) -> None:
    dynamodb = target.client("dynamodb")
    try:
        if dynamodb.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled"):
            dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
            dynamodb.get_waiter("table_exists").wait(TableName=name)
        dynamodb.delete_table(TableName=name)
        dynamodb.get_waiter("table_not_exists").wait(TableName=name)
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise


def _bucket(target: Target, name: str) -> None:
    remove_bucket(target.client("s3"), name)


def _pool(target: Target, pool: str) -> None:
    cognito = target.client("cognito-idp")
    described = cognito.describe_user_pool(UserPoolId=pool)["UserPool"]
    if described.get("DeletionProtection") == "ACTIVE":
        cognito.update_user_pool(UserPoolId=pool, DeletionProtection="INACTIVE")
    cognito.delete_user_pool(UserPoolId=pool)


def _key(target: Target, key: str) -> None:
    target.client("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=_KEY_WINDOW_DAYS)


def _secret(target: Target, arn: str) -> None:
    target.client("secretsmanager").delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


_REMOVERS = {
    "AWS::S3::Bucket": _bucket,
    "AWS::DynamoDB::Table": _table,
    "AWS::Cognito::UserPool": _pool,
    "AWS::KMS::Key": _key,
    "AWS::SecretsManager::Secret": _secret,
}
