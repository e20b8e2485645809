"""What an earlier deploy of the stage left because it holds data: found again, and taken over into the new stack."""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from infra import stages, template
from infra.deploy.errors import code_of
from infra.deploy.stack import ChangeSet, ResourceChange, Stack
from infra.deploy.target import Target
from infra.deploy.template_upload import check_free, is_ours

# By resource of the template, what CloudFormation identifies it by in an import.
Kept = Mapping[str, Mapping[str, str]]

# The table that tells which key is the stage's.
KEYS_TABLE = "UsersTable"


def to_import(target: Target, stack: Stack) -> Kept:
    """What there is already of a stage that has no stack; nothing where it has one.

    Raises:
        RefusedError: the name of a bucket is taken by somebody else.
    """
    if stack.exists():
        return {}
    kept = dict(existing(target))
    for logical_id, resource in template.load()["Resources"].items():
        if resource["Type"] == "AWS::S3::Bucket" and logical_id not in kept:
            check_free(target, stages.name_of(resource, target.place))
    if not target.options.customer_key:
        kept.pop(stages.KEY, None)
    return kept


def existing(target: Target) -> Iterator[tuple[str, dict[str, str]]]:
    """What there is of what the template retains, by its name there."""
    for logical_id, resource in template.load()["Resources"].items():
        if resource.get("DeletionPolicy", "Delete").startswith("Retain"):
            identifier = _OF_KIND[resource["Type"]](target, resource)
            if identifier is not None:
                yield logical_id, identifier


def planned(kept: Kept) -> ChangeSet:
    """What will be taken over; what CloudFormation makes beside it can be asked when that has been done."""
    resources = template.load()["Resources"]
    return ChangeSet(None, [ResourceChange("Import", name, resources[name]["Type"]) for name in kept])


def _bucket(target: Target, resource: Mapping[str, Any]) -> dict[str, str] | None:
    name = stages.name_of(resource, target.place)
    return {"BucketName": name} if is_ours(target, name) else None


def _table(target: Target, resource: Mapping[str, Any]) -> dict[str, str] | None:
    name = stages.name_of(resource, target.place)
    try:
        target.client("dynamodb").describe_table(TableName=name)
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        return None
    return {"TableName": name}


def _pool(target: Target, resource: Mapping[str, Any]) -> dict[str, str] | None:
    name = resource["Properties"]["UserPoolName"]["Fn::Sub"].replace("${Stage}", target.stage)
    for page in target.client("cognito-idp").get_paginator("list_user_pools").paginate(MaxResults=60):
        for each in page["UserPools"]:
            if each["Name"] == name:
                return {"UserPoolId": each["Id"]}
    return None


def _secret(target: Target, resource: Mapping[str, Any]) -> dict[str, str] | None:
    name = resource["Properties"]["Name"]["Fn::Sub"].replace("${Stage}", target.stage)
    try:
        to_import = target.client("secretsmanager").describe_secret(SecretId=name)
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        return None
    return None if "DeletedDate" in to_import else {"Id": to_import["ARN"]}


def _key(target: Target, resource: Mapping[str, Any]) -> dict[str, str] | None:
    """The key that a table says it is encrypted with: its alias goes with the stack."""
    table = stages.name_of(stages.resources()[KEYS_TABLE], target.place)
    try:
        arn = target.client("dynamodb").describe_table(TableName=table)["Table"]["SSEDescription"]["KMSMasterKeyArn"]
        to_import = target.client("kms").describe_key(KeyId=arn)["KeyMetadata"]
    except KeyError:
        return None
    except ClientError as error:
        if code_of(error) not in ("ResourceNotFoundException", "NotFoundException"):
            raise
        return None
    own = to_import.get("KeyManager") == "CUSTOMER" and to_import["KeyState"] == "Enabled"
    return {"KeyId": to_import["KeyId"]} if own else None


_OF_KIND = {
    "AWS::S3::Bucket": _bucket,
    "AWS::DynamoDB::Table": _table,
    "AWS::Cognito::UserPool": _pool,
    "AWS::KMS::Key": _key,
    "AWS::SecretsManager::Secret": _secret,
}
