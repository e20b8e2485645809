"""Creates, changes and removes the resources of a stack with the API calls of their types."""

from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from local.aws import REGION
from local.cloudformation.properties import Client, Properties, Resource
from local.cloudformation.resources import TYPES
from local.errors import ProvisionError
from tests.deploy import monitoring

_CONFIG = Config(retries={"max_attempts": 0}, proxies={}, s3={"addressing_style": "path"})


class FailedError(Exception):
    """A resource could not be created or removed. The message is the service's."""


class Provisioning:
    """Works with clients of the embedded AWS."""

    def __init__(self, url: str, access_key: str, secret_key: str) -> None:
        session = boto3.Session(access_key, secret_key, region_name=REGION)
        clients: dict[str, Any] = {}

        def client(service: str) -> Any:
            if service not in clients:
                clients[service] = session.client(service, endpoint_url=url, config=_CONFIG)
            return clients[service]

        self._client: Client = client

    def make(self, name: str, kind: str, properties: dict[str, Any]) -> Resource:
        """Creates a resource.

        Raises:
            FailedError: the service refused, or a type or property has no meaning here.
        """
        # S3 accepts a bucket that the owner already has; CloudFormation does not.
        if kind == "AWS::S3::Bucket" and properties["BucketName"] in self._buckets():
            raise FailedError(f"{properties['BucketName']} already exists")
        return self._put(name, kind, properties)

    def _buckets(self) -> set[str]:
        return {each["Name"] for each in self._client("s3").list_buckets()["Buckets"]}

    def _put(self, name: str, kind: str, properties: dict[str, Any]) -> Resource:
        maker = TYPES.get(kind) or monitoring.TYPES.get(kind)
        if maker is None:
            raise FailedError(f"Unrecognized resource types: [{kind}]")
        taken = Properties(name, kind, properties)
        try:
            made = maker(self._client, taken)
            taken.check_all_taken()
        except (ClientError, ProvisionError) as fault:
            raise FailedError(str(fault)) from fault
        return made

    def change(self, name: str, kind: str, properties: dict[str, Any], current: Resource) -> Resource:
        """Updates a resource to the template. Data stays."""
        if kind in _PUT_AGAIN:
            return self._put(name, kind, properties)
        if kind in _CHANGES:
            _CHANGES[kind](self._client, properties, current)
            return current
        if kind in _HOLD_DATA:
            raise FailedError(f"This CloudFormation cannot change {kind}.")
        self.remove(kind, current)
        return self.make(name, kind, properties)

    def adopt(self, kind: str, identifier: Mapping[str, str]) -> Resource:
        """Imports an existing resource.

        Raises:
            FailedError: it is not there, or its type cannot be imported.
        """
        if kind not in _ADOPTIONS:
            raise FailedError(f"ResourceTypes [{kind}] are not supported for Import")
        (name,) = identifier.values()
        try:
            return _ADOPTIONS[kind](self._client, name)
        except ClientError as fault:
            raise FailedError(str(fault)) from fault

    def remove(self, kind: str, made: Resource) -> None:
        """Removes a resource, if it exists."""
        try:
            _REMOVALS[kind](self._client, made)
        except ClientError as fault:
            if fault.response["Error"]["Code"] not in _GONE:
                raise FailedError(str(fault)) from fault


_NAMES = {"AWS::S3::Bucket": "BucketName", "AWS::DynamoDB::Table": "TableName", "AWS::SQS::Queue": "QueueName"}


def replaces(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether CloudFormation would replace the resource, because its name changes."""
    name = _NAMES.get(after["Type"])
    return name is not None and before["Properties"].get(name) != after["Properties"].get(name)


_HOLD_DATA = {"AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::SecretsManager::Secret"}
# The calls of these types overwrite the state.
_PUT_AGAIN = {
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
}
_GONE = {
    "NoSuchBucket",
    "NoSuchBucketPolicy",
    "NoSuchEntity",
    "ResourceNotFoundException",
    "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDoesNotExist",
    "NotFound",
    "NotFoundException",
    "StateMachineDoesNotExist",
}

Change = Callable[[Client, Mapping[str, Any], Resource], None]
Removal = Callable[[Client, Resource], Any]


def _change_log_group(client: Client, properties: Mapping[str, Any], made: Resource) -> None:
    client("logs").put_retention_policy(logGroupName=made.ref, retentionInDays=int(properties["RetentionInDays"]))


def _change_state_machine(client: Client, properties: Mapping[str, Any], made: Resource) -> None:
    definition = properties["DefinitionString"]
    for name, value in properties.get("DefinitionSubstitutions", {}).items():
        definition = definition.replace("${" + name + "}", value)
    client("stepfunctions").update_state_machine(
        stateMachineArn=made.ref, definition=definition, roleArn=properties["RoleArn"]
    )


def _change_client(client: Client, properties: Mapping[str, Any], made: Resource) -> None:
    client("cognito-idp").update_user_pool_client(
        ClientId=made.ref, **{name: value for name, value in properties.items() if name != "GenerateSecret"}
    )


def _change_pool(client: Client, properties: Mapping[str, Any], made: Resource) -> None:
    fixed = {"UserPoolName", "UsernameAttributes", "UsernameConfiguration", "Schema", "EnabledMfas"}
    client("cognito-idp").update_user_pool(
        UserPoolId=made.ref, **{name: value for name, value in properties.items() if name not in fixed}
    )


_CHANGES: dict[str, Change] = {
    "AWS::Cognito::UserPool": _change_pool,
    "AWS::Cognito::UserPoolClient": _change_client,
    "AWS::Logs::LogGroup": _change_log_group,
    "AWS::StepFunctions::StateMachine": _change_state_machine,
}


def _adopt_bucket(client: Client, name: str) -> Resource:
    client("s3").head_bucket(Bucket=name)
    return Resource(name, {"Arn": f"arn:aws:s3:::{name}"})


def _adopt_table(client: Client, name: str) -> Resource:
    table = client("dynamodb").describe_table(TableName=name)["Table"]
    return Resource(name, {"Arn": table["TableArn"], "StreamArn": table.get("LatestStreamArn", "")})


def _adopt_pool(client: Client, name: str) -> Resource:
    pool = client("cognito-idp").describe_user_pool(UserPoolId=name)["UserPool"]
    return Resource(name, {"Arn": pool["Arn"], "UserPoolId": name})


def _adopt_key(client: Client, name: str) -> Resource:
    key = client("kms").describe_key(KeyId=name)["KeyMetadata"]
    return Resource(key["KeyId"], {"Arn": key["Arn"], "KeyId": key["KeyId"]})


def _adopt_secret(client: Client, name: str) -> Resource:
    arn = client("secretsmanager").describe_secret(SecretId=name)["ARN"]
    return Resource(arn, {"Id": arn})


_ADOPTIONS: dict[str, Callable[[Client, str], Resource]] = {
    "AWS::S3::Bucket": _adopt_bucket,
    "AWS::DynamoDB::Table": _adopt_table,
    "AWS::Cognito::UserPool": _adopt_pool,
    "AWS::KMS::Key": _adopt_key,
    "AWS::SecretsManager::Secret": _adopt_secret,
}


def _remove_role(client: Client, made: Resource) -> None:
    iam = client("iam")
    for name in iam.list_role_policies(RoleName=made.ref)["PolicyNames"]:
        iam.delete_role_policy(RoleName=made.ref, PolicyName=name)
    for each in iam.list_attached_role_policies(RoleName=made.ref)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=made.ref, PolicyArn=each["PolicyArn"])
    iam.delete_role(RoleName=made.ref)


def _remove_client(client: Client, made: Resource) -> None:
    # A client's Ref does not name its pool.
    cognito = client("cognito-idp")
    for pool in cognito.list_user_pools(MaxResults=60)["UserPools"]:
        clients = cognito.list_user_pool_clients(UserPoolId=pool["Id"], MaxResults=60)["UserPoolClients"]
        if made.ref in [each["ClientId"] for each in clients]:
            cognito.delete_user_pool_client(UserPoolId=pool["Id"], ClientId=made.ref)


def _nothing(client: Client, made: Resource) -> None:
    """It is removed with its parent."""


_REMOVALS: dict[str, Removal] = {
    "AWS::S3::Bucket": lambda client, made: client("s3").delete_bucket(Bucket=made.ref),
    "AWS::S3::BucketPolicy": lambda client, made: client("s3").delete_bucket_policy(Bucket=made.ref),
    "AWS::DynamoDB::Table": lambda client, made: client("dynamodb").delete_table(TableName=made.ref),
    "AWS::SQS::Queue": lambda client, made: client("sqs").delete_queue(QueueUrl=made.ref),
    "AWS::SQS::QueuePolicy": _nothing,
    "AWS::SNS::Topic": lambda client, made: client("sns").delete_topic(TopicArn=made.ref),
    "AWS::SNS::TopicPolicy": _nothing,
    "AWS::SNS::Subscription": lambda client, made: client("sns").unsubscribe(SubscriptionArn=made.ref),
    "AWS::Cognito::UserPool": lambda client, made: client("cognito-idp").delete_user_pool(UserPoolId=made.ref),
    "AWS::Cognito::UserPoolClient": _remove_client,
    "AWS::Logs::LogGroup": lambda client, made: client("logs").delete_log_group(logGroupName=made.ref),
    "AWS::IAM::Role": _remove_role,
    "AWS::StepFunctions::StateMachine": lambda client, made: client("stepfunctions").delete_state_machine(
        stateMachineArn=made.ref
    ),
    "AWS::KMS::Key": lambda client, made: client("kms").schedule_key_deletion(KeyId=made.ref, PendingWindowInDays=7),
    "AWS::KMS::Alias": lambda client, made: client("kms").delete_alias(AliasName=made.ref),
    "AWS::SecretsManager::Secret": lambda client, made: client("secretsmanager").delete_secret(
        SecretId=made.ref, ForceDeleteWithoutRecovery=True
    ),
    "AWS::EC2::SecurityGroup": lambda client, made: client("ec2").delete_security_group(GroupId=made.ref),
    "AWS::EC2::VPCEndpoint": lambda client, made: client("ec2").delete_vpc_endpoints(VpcEndpointIds=[made.ref]),
    "AWS::CloudWatch::Alarm": lambda client, made: client("cloudwatch").delete_alarms(AlarmNames=[made.ref]),
    "AWS::CloudWatch::Dashboard": lambda client, made: client("cloudwatch").delete_dashboards(
        DashboardNames=[made.ref]
    ),
}
