"""All resources of the template are created; what is not supported is refused by name."""

from typing import Any

import pytest

from infra import template
from local.cloudformation.provision import provision
from local.errors import ProvisionError
from tests.machine.conftest import BUCKET, Tiny

PSEUDO = {"AWS::Region": "us-east-1", "AWS::AccountId": "123456789012", "AWS::Partition": "aws"}


def _provision(tiny: Tiny, resources: dict[str, Any], **parameters: str) -> Any:
    declared = {name: {"Type": "String"} for name in parameters}
    return provision({"Parameters": declared, "Resources": resources}, parameters, tiny.client, PSEUDO)


def test_a_bucket_has_all_properties_of_the_template(tiny: Tiny) -> None:
    s3 = tiny.client("s3")
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    rules = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    lifecycle = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert [rule["ID"] for rule in lifecycle] == ["expire-what-was-overwritten", "drop-what-was-never-finished"]
    assert lifecycle[0]["NoncurrentVersionExpiration"]["NoncurrentDays"] == 7
    assert all(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values())
    assert "aws:SecureTransport" in s3.get_bucket_policy(Bucket=BUCKET)["Policy"]


def test_a_table_has_all_properties_of_the_template(tiny: Tiny) -> None:
    dynamodb = tiny.client("dynamodb")
    table = dynamodb.describe_table(TableName="darkroom-tiny-images")["Table"]
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert table["SSEDescription"]["Status"] == "ENABLED"
    expiry = dynamodb.describe_time_to_live(TableName="darkroom-tiny-images")["TimeToLiveDescription"]
    assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
    backups = dynamodb.describe_continuous_backups(TableName="darkroom-tiny-images")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


@pytest.fixture(scope="module")
def under_key(tiny: Tiny) -> Any:
    """The template's resources with a customer's own encryption key."""
    parameters = {"Stage": "locked", "BucketSuffix": "machine", "CustomerKey": "true", "LogRetentionDays": "90"}
    return provision(template.load(), parameters, tiny.client, PSEUDO)


def test_a_customers_key_encrypts_stored_data(tiny: Tiny, under_key: Any) -> None:
    key = under_key["EncryptionKey"].attributes["Arn"]
    kms = tiny.client("kms")
    assert kms.describe_key(KeyId="alias/darkroom-locked")["KeyMetadata"]["Arn"] == key
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    rules = tiny.client("s3").get_bucket_encryption(Bucket="darkroom-locked-input-machine")
    by_default = rules["ServerSideEncryptionConfiguration"]["Rules"][0]["ApplyServerSideEncryptionByDefault"]
    assert by_default == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    table = tiny.client("dynamodb").describe_table(TableName="darkroom-locked-users")["Table"]
    assert table["SSEDescription"]["KMSMasterKeyArn"] == key
    queue = under_key["UploadsQueue"].ref
    attributes = tiny.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert attributes["KmsMasterKeyId"] == key
    topic = tiny.client("sns").get_topic_attributes(TopicArn=under_key["OperatorsTopic"].ref)["Attributes"]
    assert topic["KmsMasterKeyId"] == key
    secret = tiny.client("secretsmanager").describe_secret(SecretId="darkroom/locked/external-services")
    assert secret["KmsKeyId"] == key
    groups = tiny.client("logs").describe_log_groups(logGroupNamePrefix="/aws/apigateway/darkroom-locked")["logGroups"]
    assert [(each["kmsKeyId"], each["retentionInDays"]) for each in groups] == [(key, 90)]


def test_without_a_customers_key_each_service_encrypts_with_its_own(tiny: Tiny) -> None:
    assert "EncryptionKey" not in tiny.machine.resources
    queue = tiny.resource("UploadsQueue")
    attributes = tiny.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert attributes["SqsManagedSseEnabled"] == "true"
    assert "KmsMasterKeyId" not in attributes


def test_topics_require_tls(tiny: Tiny) -> None:
    topic = tiny.client("sns").get_topic_attributes(TopicArn=tiny.resource("NotificationsTopic"))["Attributes"]
    assert "aws:SecureTransport" in topic["Policy"]


def test_the_secret_of_the_external_services_is_created_empty(tiny: Tiny) -> None:
    secret = tiny.client("secretsmanager").get_secret_value(SecretId="darkroom/tiny/external-services")
    assert secret["SecretString"] == "{}"


def test_a_network_has_a_group_with_only_outgoing_tls_and_endpoints_for_the_services(tiny: Tiny) -> None:
    ec2 = tiny.client("ec2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    subnets = ",".join(each["SubnetId"] for each in ec2.describe_subnets()["Subnets"][:2])
    tables = ec2.describe_route_tables()["RouteTables"][0]["RouteTableId"]
    whole = template.load()
    network_resources = {
        name: each
        for name, each in whole["Resources"].items()
        if each.get("Condition") in ("WithNetwork", "WithRoutes")
    }
    network = {"VpcId": vpc, "SubnetIds": subnets, "RouteTableIds": tables}
    parameters = {"Stage": "walled", "BucketSuffix": "machine", **network}
    resources = provision({**whole, "Resources": network_resources}, parameters, tiny.client, PSEUDO)
    groups = ec2.describe_security_groups(GroupIds=[resources["FunctionsSecurityGroup"].ref])["SecurityGroups"]
    (egress,) = groups[0]["IpPermissionsEgress"]
    assert (egress["FromPort"], egress["ToPort"], groups[0]["IpPermissions"]) == (443, 443, [])
    endpoints = ec2.describe_vpc_endpoints()["VpcEndpoints"]
    by_service = {each["ServiceName"].rpartition(".")[2]: each for each in endpoints}
    assert by_service["sqs"]["SubnetIds"] == subnets.split(",")
    assert by_service["s3"]["RouteTableIds"] == [tables]


def test_settings_that_are_not_in_the_environment_are_stored(tiny: Tiny) -> None:
    stored = tiny.client("ssm").get_parameters_by_path(Path="/darkroom/tiny", Recursive=True, WithDecryption=True)
    values = {each["Name"].rsplit("/", 1)[1]: (each["Type"], each["Value"]) for each in stored["Parameters"]}
    pool = tiny.resource("UserPool")
    assert values["COGNITO_USER_POOL_ID"] == ("String", pool)
    described = tiny.client("cognito-idp").describe_user_pool_client(
        UserPoolId=pool, ClientId=values["COGNITO_CLIENT_ID"][1]
    )
    assert values["COGNITO_CLIENT_SECRET"] == ("SecureString", described["UserPoolClient"]["ClientSecret"])
    assert values["JWKS_URL"] == ("SecureString", f"{tiny.machine.aws_url}/{pool}/.well-known/jwks.json")
    assert values["WATERMARK_TEXT"] == ("String", "Processed by Image Platform")


def test_an_unknown_type_is_named(tiny: Tiny) -> None:
    with pytest.raises(ProvisionError, match=r"Rocket.*AWS::Space::Rocket"):
        _provision(tiny, {"Rocket": {"Type": "AWS::Space::Rocket"}})


def test_an_unknown_property_is_named(tiny: Tiny) -> None:
    properties = {"TopicName": "odd", "Colour": "red"}
    with pytest.raises(ProvisionError, match=r"Odd \(AWS::SNS::Topic\).*Colour"):
        _provision(tiny, {"Odd": {"Type": "AWS::SNS::Topic", "Properties": properties}})


def test_an_unknown_property_deep_inside_is_named(tiny: Tiny) -> None:
    properties = {"BucketName": "odd-bucket", "CorsConfiguration": {"CorsRules": [{"AllowedColours": ["red"]}]}}
    with pytest.raises(ProvisionError, match="AllowedColours"):
        _provision(tiny, {"Odd": {"Type": "AWS::S3::Bucket", "Properties": properties}})


def test_an_unknown_attribute_of_a_resource_is_named(tiny: Tiny) -> None:
    odd = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "odd"}, "CreationPolicy": {}}
    with pytest.raises(ProvisionError, match="CreationPolicy"):
        _provision(tiny, {"Odd": odd})


def test_a_resource_whose_condition_is_not_met_is_not_created(tiny: Tiny) -> None:
    def topic(name: Any, **attributes: Any) -> dict[str, Any]:
        return {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}, **attributes}

    chosen = {"Fn::If": ["Big", "big-one", "small-one"]}
    nameless = {"Fn::If": ["Big", {"Ref": "AWS::NoValue"}, "shown"]}
    resources = {
        "Chosen": topic(chosen),
        "Never": topic("never", Condition="Small"),
        "Plain": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "plain", "DisplayName": nameless}},
    }
    parameters = {"Size": {"Type": "String", "Default": "big"}, "Colour": {"Type": "String"}}
    big = {"Fn::And": [{"Fn::Equals": [{"Ref": "Size"}, "big"]}, {"Fn::Not": [{"Condition": "Blue"}]}]}
    conditions = {
        "Big": big,
        "Small": {"Fn::Not": [{"Condition": "Big"}]},
        "Blue": {"Fn::Or": [{"Fn::Equals": [{"Ref": "Colour"}, "blue"]}, {"Fn::Equals": [{"Ref": "Colour"}, "navy"]}]},
    }
    whole = {"Parameters": parameters, "Conditions": conditions, "Resources": resources}
    created = provision(whole, {"Colour": "red"}, tiny.client, PSEUDO)
    assert sorted(created) == ["Chosen", "Plain"]
    assert created["Chosen"].ref.endswith(":big-one")
    assert tiny.client("sns").get_topic_attributes(TopicArn=created["Plain"].ref)["Attributes"]["DisplayName"] == ""
    del resources["Chosen"], resources["Plain"]
    assert sorted(provision(whole, {"Colour": "blue"}, tiny.client, PSEUDO)) == ["Never"]


@pytest.mark.parametrize(
    ("conditions", "message"),
    [({}, "Big"), ({"Big": {"Fn::Odd": []}}, "Fn::Odd"), ({"Big": "true"}, "true")],
)
def test_an_unknown_condition_is_named(tiny: Tiny, conditions: dict[str, Any], message: str) -> None:
    odd = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "odd"}, "Condition": "Big"}
    with pytest.raises(ProvisionError, match=message):
        provision({"Conditions": conditions, "Resources": {"Odd": odd}}, {}, tiny.client, PSEUDO)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ({"Fn::Join": ["-", ["a", "b"]]}, "Fn::Join"),
        ({"Ref": "Nobody"}, "Nobody"),
        ({"Fn::GetAtt": ["Topic", "Colour"]}, r"Topic\.Colour"),
    ],
)
def test_a_reference_that_cannot_be_resolved_is_named(tiny: Tiny, name: Any, message: str) -> None:
    resources = {
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "there"}},
        "Odd": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}},
    }
    with pytest.raises(ProvisionError, match=message):
        _provision(tiny, resources)


def test_resources_are_created_in_the_order_of_their_dependencies(tiny: Tiny) -> None:
    redrive = {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 3}
    name = {"Fn::Sub": "${Stage}-alive"}
    created = _provision(
        tiny,
        {
            "Alive": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name, "RedrivePolicy": redrive}},
            "Dead": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::Sub": "${Stage}-dead"}}},
        },
        Stage="order",
    )
    assert created["Alive"].ref.endswith("/order-alive")
    assert created["Dead"].attributes["Arn"].endswith(":order-dead")


def test_circular_dependencies_are_reported(tiny: Tiny) -> None:
    def queue(other: str) -> dict[str, Any]:
        return {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "q"}, "DependsOn": other}

    with pytest.raises(ProvisionError, match="need each other"):
        _provision(tiny, {"One": queue("Other"), "Other": queue("One")})
