"""Removes a stage: Chalice's part, then the stack. Resources with data stay unless their removal is requested."""

from collections.abc import Iterator, Mapping
from typing import Any

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
from infra.deploy.buckets import remove_bucket
from infra.deploy.errors import RefusedError, ignoring
from infra.deploy.progress import Reporter, Step, counted, is_confirmed
from infra.deploy.stack import Stack
from infra.deploy.target import CAN_BE_PROVISIONED, Target
from infra.deploy.template_upload import TemplateUpload
from infra.function_grants import API

# Days in which the deletion of a key can be cancelled (KMS allows 7 to 30).
_KEY_WINDOW_DAYS = 7


def destroy(stage: str, *, yes: bool = False, with_data: bool = False) -> None:
    """Removes a stage. `with_data` removes resources with data too, which cannot be undone.

    Raises:
        DeployError: it failed. Running it again continues.
    """
    reporter = Reporter()
    with reporter.step("Checks") as step:
        target = targets.load(stage)
        stack = Stack(target)
        _check(stack)
        retained_resources = dict(retained.existing(target))
        step.did = f"{stage} is in {target.place.account}, {target.place.region}"
    for line in _announced(target, stack, retained_resources, with_data):
        reporter.print(line)
    if not (yes or is_confirmed("Type the stage's name to continue: ", (stage,))):
        reporter.print("Nothing was removed.")
        return
    _carry_out(target, stack, reporter)
    if with_data:
        with reporter.step("Data") as step:
            step.did = f"{counted(_remove_data(target, retained_resources, step), 'resource')} removed with their data"
    reporter.print(
        f"{stage} is removed."
        if with_data or not retained_resources
        else f"{stage} is removed, except resources with data."
    )


def _check(stack: Stack) -> None:
    status = stack.status() or ""
    if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        raise RefusedError(f"The stack {stack.name} is {status}. Wait until this has ended, then run this again.")


def _announced(target: Target, stack: Stack, held: Mapping[str, Any], with_data: bool) -> Iterator[str]:
    deployed = functions.deployed(target)
    yield ""
    yield f"This removes {target.stage} from account {target.place.account}, {target.place.region}:"
    yield f"  {counted(len(deployed), 'function')} with roles, triggers and the API"
    yield f"  the stack {stack.name} ({stack.status() or 'does not exist'})"
    names = ", ".join(sorted(held)) or "none"
    yield f"  and, with all their data, for ever: {names}" if with_data else f"Resources with data stay: {names}"
    yield ""


def _carry_out(target: Target, stack: Stack, reporter: Reporter) -> None:
    with reporter.step("Functions") as step:
        _remove_provisioned_concurrency(target)
        step.did = chalice_command.delete(target, step.progress) if chalice_state.rebuild(target) else "none exist"
    with reporter.step("Resources") as step:
        network.wait_until_lambda_is_gone(target, stack.outputs().get("SecurityGroupId"), step.progress)
        stack.delete(step.progress)
        remove_bucket(target.client("s3"), TemplateUpload(target, stack.name).bucket)
        _remove_logs(target)
        pool_clients.remove(target)
        step.did = f"{stack.name} removed, and the functions' logs"
    with reporter.step("Record") as step:
        chalice_state.rebuild(target)
        step.did = (
            "recorded names are removed from the settings" if _remove_recorded(target) else "nothing was recorded"
        )


def _remove_provisioned_concurrency(target: Target) -> None:
    """A function with provisioned concurrency cannot be deleted."""
    for name in CAN_BE_PROVISIONED:
        for change in provisioned_concurrency.removals(target, name):
            change.apply()


def _remove_logs(target: Target) -> None:
    """A run that ends late creates its function's log group again, after the stack removed it."""
    logs = target.client("logs")
    prefix = f"/aws/lambda/{target.lambda_name(API)}"
    pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
    names = [each["logGroupName"] for page in pages for each in page["logGroups"]]
    for name in names:
        if name == prefix or name.startswith(f"{prefix}-"):
            logs.delete_log_group(logGroupName=name)


def _remove_recorded(target: Target) -> bool:
    """Removes recorded names from .chalice/config.json; the place stays. Returns whether anything was removed."""
    config = stages.without_recorded(stages.read(), target.stage)
    if config == stages.read():
        return False
    stages.write(config)
    policies.write(target.grants, config)
    return True


# ------------------------------------------------------------------------------ data


def _remove_data(target: Target, held: Mapping[str, Mapping[str, str]], step: Step) -> int:
    resources = template.load()["Resources"]
    # The key is removed last, and before it the table by which an interrupted run finds the key.
    ordered = sorted(held, key=lambda name: (resources[name]["Type"] == "AWS::KMS::Key", name == retained.KEYS_TABLE))
    for logical_id in ordered:
        step.progress(logical_id)
        (identifier,) = held[logical_id].values()
        _REMOVERS[resources[logical_id]["Type"]](target, identifier)
    return len(ordered)


def _table(target: Target, name: str) -> None:
    dynamodb = target.client("dynamodb")
    with ignoring("ResourceNotFoundException"):
        if dynamodb.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled"):
            dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
            dynamodb.get_waiter("table_exists").wait(TableName=name)
        dynamodb.delete_table(TableName=name)
        dynamodb.get_waiter("table_not_exists").wait(TableName=name)


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
