"""The resource types of the template: one function a type makes the API calls that create it."""

import json
from collections.abc import Callable
from typing import Any

from local.aws import ACCOUNT, REGION
from local.cloudformation import security
from local.cloudformation.properties import Client, Properties, Resource


def bucket(client: Client, properties: Properties) -> Resource:
    """A bucket with its access, ownership, encryption, versioning, lifecycle, CORS and tags."""
    s3, name = client("s3"), properties.require("BucketName")
    s3.create_bucket(Bucket=name)
    if (access := properties.take("PublicAccessBlockConfiguration")) is not None:
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=access)
    if (ownership := properties.take("OwnershipControls")) is not None:
        s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=ownership)
    if (encryption := properties.take("BucketEncryption")) is not None:
        rules = [
            {"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]}
            | {key: value for key, value in rule.items() if key != "ServerSideEncryptionByDefault"}
            for rule in encryption["ServerSideEncryptionConfiguration"]
        ]
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})
    if (versioning := properties.take("VersioningConfiguration")) is not None:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=versioning)
    if (lifecycle := properties.take("LifecycleConfiguration")) is not None:
        rules = [_lifecycle_rule(rule) for rule in lifecycle["Rules"]]
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
    if (cors := properties.take("CorsConfiguration")) is not None:
        s3.put_bucket_cors(
            Bucket=name, CORSConfiguration={"CORSRules": [_cors_rule(each) for each in cors["CorsRules"]]}
        )
    if (tags := properties.take("Tags")) is not None:
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
    return Resource(name, {"Arn": f"arn:aws:s3:::{name}"})


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    plain = {"Id": "ID", "ExpirationInDays": None, "ExpiredObjectDeleteMarker": None, "Prefix": None}
    made = {plain.get(key) or key: value for key, value in rule.items() if key not in plain or plain[key]}
    made["Filter"] = {"Prefix": rule.get("Prefix", "")}
    expiration: dict[str, Any] = {}
    if "ExpirationInDays" in rule:
        expiration["Days"] = int(rule["ExpirationInDays"])
    if "ExpiredObjectDeleteMarker" in rule:
        expiration["ExpiredObjectDeleteMarker"] = rule["ExpiredObjectDeleteMarker"]
    if expiration:
        made["Expiration"] = expiration
    if "NoncurrentVersionExpiration" in rule:
        days = int(rule["NoncurrentVersionExpiration"]["NoncurrentDays"])
        made["NoncurrentVersionExpiration"] = {"NoncurrentDays": days}
    if "Transitions" in rule:
        made["Transitions"] = [
            {"StorageClass": each["StorageClass"], "Days": int(each["TransitionInDays"])}
            for each in rule["Transitions"]
        ]
    return made


def _cors_rule(rule: dict[str, Any]) -> dict[str, Any]:
    names = {"ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds", "Id": "ID"}
    return {names.get(key, key): value for key, value in rule.items()}


def bucket_policy(client: Client, properties: Properties) -> Resource:
    """A bucket's policy."""
    name = properties.require("Bucket")
    client("s3").put_bucket_policy(Bucket=name, Policy=json.dumps(properties.require("PolicyDocument")))
    return Resource(name)


def table(client: Client, properties: Properties) -> Resource:
    """A table with its stream, expiry, recovery and encryption."""
    dynamodb, name = client("dynamodb"), properties.require("TableName")
    arguments = properties.take_all(
        "AttributeDefinitions",
        "KeySchema",
        "BillingMode",
        "GlobalSecondaryIndexes",
        "Tags",
        "DeletionProtectionEnabled",
    )
    if (stream := properties.take("StreamSpecification")) is not None:
        arguments["StreamSpecification"] = {"StreamEnabled": True} | stream
    if (encryption := properties.take("SSESpecification")) is not None:
        names = {"SSEEnabled": "Enabled"}
        arguments["SSESpecification"] = {names.get(key, key): value for key, value in encryption.items()}
    made = dynamodb.create_table(TableName=name, **arguments)["TableDescription"]
    if (expiry := properties.take("TimeToLiveSpecification")) is not None:
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)
    if (recovery := properties.take("PointInTimeRecoverySpecification")) is not None:
        dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
    return Resource(name, {"Arn": made["TableArn"], "StreamArn": made.get("LatestStreamArn", "")})


def queue(client: Client, properties: Properties) -> Resource:
    """A queue. Its dead-letter queue must exist before it."""
    sqs, name = client("sqs"), properties.require("QueueName")
    names = ("VisibilityTimeout", "MessageRetentionPeriod", "DelaySeconds", "ReceiveMessageWaitTimeSeconds")
    attributes = {
        key: _text(value)
        for key, value in properties.take_all(*names, "SqsManagedSseEnabled", "KmsMasterKeyId", "FifoQueue").items()
    }
    if (redrive := properties.take("RedrivePolicy")) is not None:
        attributes["RedrivePolicy"] = json.dumps(redrive)
    tags = {tag["Key"]: tag["Value"] for tag in properties.take("Tags", [])}
    url = sqs.create_queue(QueueName=name, Attributes=attributes, tags=tags)["QueueUrl"]
    return Resource(url, {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", "QueueName": name, "QueueUrl": url})


def queue_policy(client: Client, properties: Properties) -> Resource:
    """The policy of queues."""
    policy, urls = json.dumps(properties.require("PolicyDocument")), properties.require("Queues")
    for url in urls:
        client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return Resource(urls[0])


def topic(client: Client, properties: Properties) -> Resource:
    """A topic."""
    name = properties.require("TopicName")
    attributes = {key: _text(value) for key, value in properties.take_all("KmsMasterKeyId", "DisplayName").items()}
    arguments = properties.take_all("Tags")
    arn = client("sns").create_topic(Name=name, Attributes=attributes, **arguments)["TopicArn"]
    return Resource(arn, {"TopicArn": arn, "TopicName": name})


def topic_policy(client: Client, properties: Properties) -> Resource:
    """The policy of topics."""
    policy, arns = json.dumps(properties.require("PolicyDocument")), properties.require("Topics")
    for arn in arns:
        client("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
    return Resource(arns[0])


def user_pool(client: Client, properties: Properties) -> Resource:
    """A user pool."""
    cognito = client("cognito-idp")
    arguments = properties.take_all(
        "UsernameAttributes",
        "UsernameConfiguration",
        "AutoVerifiedAttributes",
        "UserAttributeUpdateSettings",
        "AccountRecoverySetting",
        "MfaConfiguration",
        "Policies",
        "Schema",
        "EmailConfiguration",
        "UserPoolTags",
        "DeletionProtection",
        "AdminCreateUserConfig",
    )
    pool = cognito.create_user_pool(PoolName=properties.require("UserPoolName"), **arguments)["UserPool"]
    if "SOFTWARE_TOKEN_MFA" in properties.take("EnabledMfas", []):
        cognito.set_user_pool_mfa_config(
            UserPoolId=pool["Id"],
            SoftwareTokenMfaConfiguration={"Enabled": True},
            MfaConfiguration=arguments.get("MfaConfiguration", "OPTIONAL"),
        )
    return Resource(pool["Id"], {"Arn": pool["Arn"], "UserPoolId": pool["Id"]})


def user_pool_client(client: Client, properties: Properties) -> Resource:
    """An app client of a user pool."""
    arguments = properties.take_all(
        "ClientName",
        "UserPoolId",
        "GenerateSecret",
        "ExplicitAuthFlows",
        "PreventUserExistenceErrors",
        "EnableTokenRevocation",
        "AllowedOAuthFlowsUserPoolClient",
        "AuthSessionValidity",
        "AccessTokenValidity",
        "IdTokenValidity",
        "RefreshTokenValidity",
        "TokenValidityUnits",
        "ReadAttributes",
        "WriteAttributes",
    )
    made = client("cognito-idp").create_user_pool_client(**arguments)["UserPoolClient"]
    return Resource(made["ClientId"], {"ClientId": made["ClientId"]})


def log_group(client: Client, properties: Properties) -> Resource:
    """A log group."""
    logs, name = client("logs"), properties.require("LogGroupName")
    tags = {tag["Key"]: tag["Value"] for tag in properties.take("Tags", [])}
    arguments = {"kmsKeyId": key} if (key := properties.take("KmsKeyId")) is not None else {}
    logs.create_log_group(logGroupName=name, tags=tags, **arguments)
    if (days := properties.take("RetentionInDays")) is not None:
        logs.put_retention_policy(logGroupName=name, retentionInDays=int(days))
    arn = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]["arn"]
    return Resource(name, {"Arn": arn})


def role(client: Client, properties: Properties) -> Resource:
    """A role with its inline policies."""
    iam, name = client("iam"), properties.require("RoleName")
    trust = json.dumps(properties.require("AssumeRolePolicyDocument"))
    described = properties.take_all("Tags", "Description")
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, **described)["Role"]
    for policy in properties.take("Policies", []):
        document = json.dumps(policy["PolicyDocument"])
        iam.put_role_policy(RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=document)
    return Resource(name, {"Arn": made["Arn"], "RoleId": made["RoleId"]})


def state_machine(client: Client, properties: Properties) -> Resource:
    """A state machine with DefinitionSubstitutions applied."""
    definition = properties.require("DefinitionString")
    for name, value in properties.take("DefinitionSubstitutions", {}).items():
        definition = definition.replace("${" + name + "}", value)
    arguments: dict[str, Any] = {"type": properties.take("StateMachineType", "STANDARD")}
    if (logging := properties.take("LoggingConfiguration")) is not None:
        arguments["loggingConfiguration"] = _lower_first(logging)
    if (tracing := properties.take("TracingConfiguration")) is not None:
        arguments["tracingConfiguration"] = _lower_first(tracing)
    tags = [{"key": tag["Key"], "value": tag["Value"]} for tag in properties.take("Tags", [])]
    name = properties.require("StateMachineName")
    arn = client("stepfunctions").create_state_machine(
        name=name, definition=definition, roleArn=properties.require("RoleArn"), tags=tags, **arguments
    )["stateMachineArn"]
    return Resource(arn, {"Arn": arn, "Name": name})


def _lower_first(value: Any) -> Any:
    """CloudFormation's names in the camel case of Step Functions."""
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: _lower_first(each) for key, each in value.items()}
    return [_lower_first(each) for each in value] if isinstance(value, list) else value


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


TYPES: dict[str, Callable[[Client, Properties], Resource]] = {
    "AWS::S3::Bucket": bucket,
    "AWS::S3::BucketPolicy": bucket_policy,
    "AWS::DynamoDB::Table": table,
    "AWS::SQS::Queue": queue,
    "AWS::SQS::QueuePolicy": queue_policy,
    "AWS::SNS::Topic": topic,
    "AWS::SNS::TopicPolicy": topic_policy,
    "AWS::Cognito::UserPool": user_pool,
    "AWS::Cognito::UserPoolClient": user_pool_client,
    "AWS::Logs::LogGroup": log_group,
    "AWS::IAM::Role": role,
    "AWS::StepFunctions::StateMachine": state_machine,
    "AWS::KMS::Key": security.key,
    "AWS::KMS::Alias": security.key_alias,
    "AWS::SecretsManager::Secret": security.secret,
    "AWS::EC2::SecurityGroup": security.security_group,
    "AWS::EC2::VPCEndpoint": security.endpoint,
}
