"""IAM on the local machine: calls that a function's policy does not allow never leave the function."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import handlers
from botocore.exceptions import ClientError

from infra import iam_report, policies
from infra.function_grants import FunctionGrants
from local import iam_enforcement

AT = {"region": "us-east-1", "account": "123456789012"}
ENVIRONMENT = {
    "STAGE": "local",
    "STEP_FUNCTIONS_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:darkroom-local-image-pipeline",
    "S3_INPUT_BUCKET": "darkroom-local-input-machine",
    "S3_OUTPUT_BUCKET": "darkroom-local-output-machine",
    "USERS_TABLE": "darkroom-local-users",
    "JOBS_TABLE": "darkroom-local-jobs",
    "SQS_QUEUE_URL": "http://127.0.0.1:1/123456789012/darkroom-local-uploads",
}
TABLE, JOBS = ENVIRONMENT["USERS_TABLE"], ENVIRONMENT["JOBS_TABLE"]
KEY = {"userId": {"S": "u"}}


class SentError(Exception):
    """The policy allowed a call."""


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Makes a client for a function that declares these operations; an allowed call raises SentError."""

    original = list(handlers.BUILTIN_HANDLERS)

    def make(service: str, **operations: list[str]) -> Any:
        declared: FunctionGrants = {"operations": operations, "queue": None, "stream": None}
        policy = policies.document("resize", declared, ENVIRONMENT, {})
        monkeypatch.setattr("botocore.handlers.BUILTIN_HANDLERS", list(original))
        iam_enforcement.enforce({"function": "resize", "policy": policy, "log": str(tmp_path / "rights"), **AT})
        session = botocore.session.Session()
        session.set_credentials("key", "secret")
        client = session.create_client(service, region_name="us-east-1")
        client.meta.events.register("before-send", _raise_sent)
        return client

    return make


def _raise_sent(**_: object) -> None:
    raise SentError


def assert_refused(call: Callable[..., Any], **arguments: Any) -> str:
    """The message of AWS's error."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    assert error["Code"].startswith("AccessDenied")
    return str(error["Message"])


def assert_allowed(call: Callable[..., Any], **arguments: Any) -> None:
    with pytest.raises(SentError):
        call(**arguments)


def test_an_operation_is_allowed_only_where_it_is_declared(client: Callable[..., Any]) -> None:
    dynamodb = client("dynamodb", USERS_TABLE=["dynamodb:GetItem"])
    assert_allowed(dynamodb.get_item, TableName=TABLE, Key=KEY)
    assert "dynamodb:GetItem on resource" in assert_refused(dynamodb.get_item, TableName=f"{TABLE}-of-others", Key=KEY)
    assert "dynamodb:DeleteItem" in assert_refused(dynamodb.delete_item, TableName=TABLE, Key=KEY)
    assert "index/by-role" in assert_refused(dynamodb.query, TableName=TABLE, IndexName="by-role")


def test_a_query_of_an_index_needs_its_own_grant(client: Callable[..., Any]) -> None:
    assert_allowed(client("dynamodb", USERS_TABLE=["dynamodb:QueryIndex"]).query, TableName=TABLE, IndexName="by-role")
    table = client("dynamodb", USERS_TABLE=["dynamodb:Query"])
    assert_allowed(table.query, TableName=TABLE)
    assert "index/by-role" in assert_refused(table.query, TableName=TABLE, IndexName="by-role")


def test_a_transaction_needs_the_grants_of_all_its_writes(client: Callable[..., Any]) -> None:
    dynamodb = client("dynamodb", USERS_TABLE=["dynamodb:DeleteItem"], JOBS_TABLE=["dynamodb:ConditionCheckItem"])
    deletion = {"Delete": {"TableName": TABLE, "Key": KEY}}
    check = {"ConditionCheck": {"TableName": JOBS, "Key": {"name": {"S": "l"}}, "ConditionExpression": "a = b"}}
    assert_allowed(dynamodb.transact_write_items, TransactItems=[check, deletion])
    put = {"Put": {"TableName": JOBS, "Item": {"name": {"S": "l"}}}}
    assert "dynamodb:PutItem" in assert_refused(dynamodb.transact_write_items, TransactItems=[deletion, put])


def test_a_grant_for_files_is_limited_to_a_prefix_and_may_be_for_versions(client: Callable[..., Any]) -> None:
    s3 = client("s3", S3_INPUT_BUCKET=["s3:GetObjectVersion"], S3_OUTPUT_BUCKET=["s3:DeleteObjects", "s3:UploadPart"])
    source, target = ENVIRONMENT["S3_INPUT_BUCKET"], ENVIRONMENT["S3_OUTPUT_BUCKET"]
    assert_allowed(s3.get_object, Bucket=source, Key="uploads/a.jpg", VersionId="1")
    assert "s3:GetObject on" in assert_refused(s3.get_object, Bucket=source, Key="uploads/a.jpg")
    assert_refused(s3.get_object, Bucket=source, Key="elsewhere/a.jpg", VersionId="1")
    assert_allowed(s3.put_object, Bucket=target, Key="processed/a.jpg", Body=b"")
    # resize writes only variants, not the other files of the same bucket.
    assert_refused(s3.put_object, Bucket=target, Key="reports/a.csv", Body=b"")
    assert_allowed(s3.delete_objects, Bucket=target, Delete={"Objects": [{"Key": "processed/a.jpg", "VersionId": "1"}]})
    assert_refused(s3.delete_objects, Bucket=target, Delete={"Objects": [{"Key": "processed/a.jpg"}]})


def test_a_bucket_is_listed_only_under_the_prefix_of_the_grant(client: Callable[..., Any]) -> None:
    s3 = client("s3", FONTS_PREFIX=["s3:ListObjectsV2", "s3:GetObject"])
    bucket = ENVIRONMENT["S3_OUTPUT_BUCKET"]
    assert_allowed(s3.list_objects_v2, Bucket=bucket, Prefix="fonts/")
    for other in ({"Prefix": "exports/"}, {"Prefix": "fonts/a"}, {"Prefix": ""}, {}):
        assert_refused(s3.list_objects_v2, Bucket=bucket, **other)
    assert_refused(s3.get_object, Bucket=bucket, Key="exports/a.pdf")


def test_a_link_is_not_signed_for_a_call_that_the_signer_may_not_make(client: Callable[..., Any]) -> None:
    s3 = client("s3", S3_INPUT_BUCKET=["s3:GetObject"])
    params = {"Bucket": ENVIRONMENT["S3_INPUT_BUCKET"], "Key": "uploads/a.jpg"}
    assert s3.generate_presigned_url("get_object", Params=params)
    assert_refused(s3.generate_presigned_url, ClientMethod="put_object", Params=params)
    assert_refused(s3.generate_presigned_post, **params)
    form = client("s3", S3_INPUT_BUCKET=["s3:PutObject"]).generate_presigned_post(**params)
    assert form["fields"]["key"] == "uploads/a.jpg"


def test_a_call_to_an_unknown_service_fails(client: Callable[..., Any]) -> None:
    with pytest.raises(NotImplementedError, match="ec2"):
        client("ec2").describe_instances()


def test_one_grant_can_be_removed_if_it_exists() -> None:
    statement = {"Sid": "UsersTable", "Effect": "Allow", "Action": ["a:B", "a:C"], "Resource": ["*"]}
    grants = {"function": "resize", "policy": {"Statement": [statement]}, "log": None}
    less = iam_enforcement.without(grants, "UsersTable", "a:B")["policy"]["Statement"]
    assert less == [{**statement, "Action": ["a:C"]}]
    with pytest.raises(ValueError, match="no right to a:D"):
        iam_enforcement.without(grants, "UsersTable", "a:D")


def test_used_and_refused_grants_are_logged(client: Callable[..., Any], tmp_path: Path, capsys: Any) -> None:
    sqs = client("sqs", SQS_QUEUE_URL=["sqs:SendMessage", "sqs:GetQueueAttributes"])
    for _ in range(2):
        assert_allowed(sqs.send_message, QueueUrl=ENVIRONMENT["SQS_QUEUE_URL"], MessageBody="x")
    assert_refused(sqs.receive_message, QueueUrl=ENVIRONMENT["SQS_QUEUE_URL"])
    noted = list(iam_report.logged_calls(tmp_path / "rights"))
    assert [(each.how, each.action) for each in noted] == [
        ("used", "sqs:SendMessage"),
        ("refused", "sqs:ReceiveMessage"),
    ]
    queue = "arn:aws:sqs:us-east-1:123456789012:darkroom-local-uploads"
    rights = {
        iam_report.Grant("resize", "SqsQueueUrl", "sqs:SendMessage"): [queue, f"{queue}-others"],
        iam_report.Grant("resize", "SqsQueueUrl", "sqs:GetQueueAttributes"): [queue],
    }
    assert iam_report.report(rights, tmp_path / "rights") == 1
    printed = capsys.readouterr().out
    assert "IN PART   darkroom-local-uploads-others" in printed
    assert "NOT USED  darkroom-local-uploads" in printed
    assert "2 grants declared, on 3 resources in all: 2 not used; 1 used and not declared." in printed
