"""Resources with data that an earlier deploy of the stage left: found, and imported into the new stack."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from infra import stages, template
from infra.deploy import buckets
from infra.deploy.errors import ignoring
from infra.deploy.stack import ChangeSet, ResourceChange, Stack
from infra.deploy.target import Target

# CloudFormation's identifiers for an import, by logical id.
Identifiers = Mapping[str, Mapping[str, str]]

# The table whose encryption shows which key is the stage's.
KEYS_TABLE = "UsersTable"


def to_import(target: Target, stack: Stack) -> Identifiers:
    """The existing resources of a stage without a stack; empty if the stack exists.

    Raises:
        RefusedError: the name of a bucket is taken.
    """
    if stack.exists():
        return {}
    identifiers = dict(existing(target))
    for logical_id, resource in template.load()["Resources"].items():
        if resource["Type"] == "AWS::S3::Bucket" and logical_id not in identifiers:
            buckets.check_name_is_free(target, stages.name_of(resource, target.place))
    if not target.options.customer_key:
        identifiers.pop(stages.KEY, None)
    return identifiers


def existing(target: Target) -> Iterator[tuple[str, dict[str, str]]]:
    """The existing resources that the template retains, by logical id."""
    for logical_id, resource in template.load()["Resources"].items():
        if resource.get("DeletionPolicy", "Delete").startswith("Retain"):
            identifier = _IDENTIFIERS_BY_TYPE[resource["Type"]](target, resource)
            if identifier is not None:
                yield logical_id, identifier


def planned(identifiers: Identifiers) -> ChangeSet:
    """The planned import. CloudFormation shows the other changes only after the import."""
    resources = template.load()["Resources"]
    return ChangeSet(None, [ResourceChange("Import", name, resources[name]["Type"]) for name in identifiers])


def _bucket(target: Target, resource: Mapping[str, Any]) -> dict[str, str] | None:
    name = stages.name_of(resource, target.place)
    return {"BucketName": name} if buckets.exists(target, name) else None


def _table(target: Target, resource: Mapping[str, Any]) -> dict[str, str] | None:
    name = stages.name_of(resource, target.place)
    with ignoring("ResourceNotFoundException"):
        target.client("dynamodb").describe_table(TableName=name)
        return {"TableName": name}
    return None


def _pool(target: Target, resource: Mapping[str, Any]) -> dict[str, str] | None:
    name = resource["Properties"]["UserPoolName"]["Fn::Sub"].replace("${Stage}", target.stage)
    for page in target.client("cognito-idp").get_paginator("list_user_pools").paginate(MaxResults=60):
        for each in page["UserPools"]:
            if each["Name"] == name:
                return {"UserPoolId": each["Id"]}
    return None


def _secret(target: Target, resource: Mapping[str, Any]) -> dict[str, str] | None:
    name = resource["Properties"]["Name"]["Fn::Sub"].replace("${Stage}", target.stage)
    with ignoring("ResourceNotFoundException"):
        secret = target.client("secretsmanager").describe_secret(SecretId=name)
        return None if "DeletedDate" in secret else {"Id": secret["ARN"]}
    return None


def _key(target: Target, resource: Mapping[str, Any]) -> dict[str, str] | None:
    """The key of a table's encryption. The key's alias was removed with the stack."""
    table = stages.name_of(stages.resources()[KEYS_TABLE], target.place)
    # A table without a key's ARN is encrypted with DynamoDB's own.
    with contextlib.suppress(KeyError), ignoring("ResourceNotFoundException", "NotFoundException"):
        arn = target.client("dynamodb").describe_table(TableName=table)["Table"]["SSEDescription"]["KMSMasterKeyArn"]
        metadata = target.client("kms").describe_key(KeyId=arn)["KeyMetadata"]
        is_usable = metadata.get("KeyManager") == "CUSTOMER" and metadata["KeyState"] == "Enabled"
        return {"KeyId": metadata["KeyId"]} if is_usable else None
    return None


_IDENTIFIERS_BY_TYPE = {
    "AWS::S3::Bucket": _bucket,
    "AWS::DynamoDB::Table": _table,
    "AWS::Cognito::UserPool": _pool,
    "AWS::KMS::Key": _key,
    "AWS::SecretsManager::Secret": _secret,
}
