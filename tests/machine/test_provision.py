"""The template becomes resources, completely; what the machine cannot make, it refuses by name."""

from typing import Any

import pytest

from local.errors import ProvisionError
from local.provision import provision
from tests.machine.conftest import BUCKET, Tiny

PSEUDO = {"AWS::Region": "us-east-1", "AWS::AccountId": "123456789012", "AWS::Partition": "aws"}


def _provision(tiny: Tiny, resources: dict[str, Any], **parameters: str) -> Any:
    declared = {name: {"Type": "String"} for name in parameters}
    return provision({"Parameters": declared, "Resources": resources}, parameters, tiny.client, PSEUDO)


def test_a_bucket_has_all_that_the_template_says(tiny: Tiny) -> None:
    s3 = tiny.client("s3")
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    rules = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    lifecycle = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert [rule["ID"] for rule in lifecycle] == ["expire-what-was-overwritten", "drop-what-was-never-finished"]
    assert lifecycle[0]["NoncurrentVersionExpiration"]["NoncurrentDays"] == 7
    assert all(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values())
    assert "aws:SecureTransport" in s3.get_bucket_policy(Bucket=BUCKET)["Policy"]


def test_a_table_has_all_that_the_template_says(tiny: Tiny) -> None:
    dynamodb = tiny.client("dynamodb")
    table = dynamodb.describe_table(TableName="darkroom-tiny-images")["Table"]
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert table["SSEDescription"]["Status"] == "ENABLED"
    expiry = dynamodb.describe_time_to_live(TableName="darkroom-tiny-images")["TimeToLiveDescription"]
    assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
    backups = dynamodb.describe_continuous_backups(TableName="darkroom-tiny-images")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def test_settings_that_are_not_in_the_environment_are_stored(tiny: Tiny) -> None:
    stored = tiny.client("ssm").get_parameters_by_path(Path="/darkroom/tiny", Recursive=True, WithDecryption=True)
    values = {each["Name"].rsplit("/", 1)[1]: (each["Type"], each["Value"]) for each in stored["Parameters"]}
    pool = tiny.resource("UserPool")
    assert values["COGNITO_USER_POOL_ID"] == ("String", pool)
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
    odd = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "odd"}, "Condition": "Never"}
    with pytest.raises(ProvisionError, match="Condition"):
        _provision(tiny, {"Odd": odd})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ({"Fn::Join": ["-", ["a", "b"]]}, "Fn::Join"),
        ({"Ref": "Nobody"}, "Nobody"),
        ({"Fn::GetAtt": ["Topic", "Colour"]}, r"Topic\.Colour"),
    ],
)
def test_what_cannot_be_resolved_is_named(tiny: Tiny, name: Any, message: str) -> None:
    resources = {
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "there"}},
        "Odd": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}},
    }
    with pytest.raises(ProvisionError, match=message):
        _provision(tiny, resources)


def test_resources_are_made_in_the_order_of_their_needs(tiny: Tiny) -> None:
    redrive = {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 3}
    name = {"Fn::Sub": "${Stage}-alive"}
    made = _provision(
        tiny,
        {
            "Alive": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name, "RedrivePolicy": redrive}},
            "Dead": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::Sub": "${Stage}-dead"}}},
        },
        Stage="order",
    )
    assert made["Alive"].ref.endswith("/order-alive")
    assert made["Dead"].attributes["Arn"].endswith(":order-dead")


def test_a_circle_is_told(tiny: Tiny) -> None:
    def queue(other: str) -> dict[str, Any]:
        return {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "q"}, "DependsOn": other}

    with pytest.raises(ProvisionError, match="need each other"):
        _provision(tiny, {"One": queue("Other"), "Other": queue("One")})
