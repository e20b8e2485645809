"""A function's role on the machine of one: calls that its policy does not allow never leave the function."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import handlers
from botocore.exceptions import ClientError

from infra import iam_report, policies
from infra.rights import Declared
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
    """A call got past the role."""


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """A client in the place of a function that declares these operations; what passes raises SentError."""

    without = list(handlers.BUILTIN_HANDLERS)

    def make(service: str, **operations: list[str]) -> Any:
        declared: Declared = {"operations": operations, "queue": None, "stream": None}
        policy = policies.document("resize", declared, ENVIRONMENT, {})
        monkeypatch.setattr("botocore.handlers.BUILTIN_HANDLERS", list(without))
        iam_enforcement.enforce({"function": "resize", "policy": policy, "log": str(tmp_path / "rights"), **AT})
        session = botocore.session.Session()
        session.set_credentials("key", "secret")
        made = session.create_client(service, region_name="us-east-1")
        made.meta.events.register("before-send", _sent)
        return made

    return make


def _sent(**_: object) -> None:
    raise SentError


def refused(call: Callable[..., Any], **arguments: Any) -> str:
    """What AWS says of a call that a role refuses."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    assert error["Code"].startswith("AccessDenied")
    return str(error["Message"])


def passes(call: Callable[..., Any], **arguments: Any) -> None:
    with pytest.raises(SentError):
        call(**arguments)


def test_an_operation_passes_where_it_is_declared_and_there_alone(client: Callable[..., Any]) -> None:
    dynamodb = client("dynamodb", USERS_TABLE=["dynamodb:GetItem"])
    passes(dynamodb.get_item, TableName=TABLE, Key=KEY)
    assert "dynamodb:GetItem on resource" in refused(dynamodb.get_item, TableName=f"{TABLE}-of-others", Key=KEY)
    assert "dynamodb:DeleteItem" in refused(dynamodb.delete_item, TableName=TABLE, Key=KEY)
    assert "index/by-role" in refused(dynamodb.query, TableName=TABLE, IndexName="by-role")


def test_a_query_of_an_index_passes_with_the_right_to_that(client: Callable[..., Any]) -> None:
    passes(client("dynamodb", USERS_TABLE=["dynamodb:QueryIndex"]).query, TableName=TABLE, IndexName="by-role")
    table = client("dynamodb", USERS_TABLE=["dynamodb:Query"])
    passes(table.query, TableName=TABLE)
    assert "index/by-role" in refused(table.query, TableName=TABLE, IndexName="by-role")


def test_a_transaction_needs_the_right_to_each_of_its_writes(client: Callable[..., Any]) -> None:
    dynamodb = client("dynamodb", USERS_TABLE=["dynamodb:DeleteItem"], JOBS_TABLE=["dynamodb:ConditionCheckItem"])
    deletion = {"Delete": {"TableName": TABLE, "Key": KEY}}
    check = {"ConditionCheck": {"TableName": JOBS, "Key": {"name": {"S": "l"}}, "ConditionExpression": "a = b"}}
    passes(dynamodb.transact_write_items, TransactItems=[check, deletion])
    put = {"Put": {"TableName": JOBS, "Item": {"name": {"S": "l"}}}}
    assert "dynamodb:PutItem" in refused(dynamodb.transact_write_items, TransactItems=[deletion, put])


def test_files_are_reached_under_their_prefix_and_by_version_where_that_is_declared(client: Callable[..., Any]) -> None:
    s3 = client("s3", S3_INPUT_BUCKET=["s3:GetObjectVersion"], S3_OUTPUT_BUCKET=["s3:DeleteObjects", "s3:UploadPart"])
    source, target = ENVIRONMENT["S3_INPUT_BUCKET"], ENVIRONMENT["S3_OUTPUT_BUCKET"]
    passes(s3.get_object, Bucket=source, Key="uploads/a.jpg", VersionId="1")
    assert "s3:GetObject on" in refused(s3.get_object, Bucket=source, Key="uploads/a.jpg")
    refused(s3.get_object, Bucket=source, Key="elsewhere/a.jpg", VersionId="1")
    passes(s3.put_object, Bucket=target, Key="processed/a.jpg", Body=b"")
    # resize writes variants, and nothing else that is kept in the same bucket.
    refused(s3.put_object, Bucket=target, Key="reports/a.csv", Body=b"")
    passes(s3.delete_objects, Bucket=target, Delete={"Objects": [{"Key": "processed/a.jpg", "VersionId": "1"}]})
    refused(s3.delete_objects, Bucket=target, Delete={"Objects": [{"Key": "processed/a.jpg"}]})


def test_a_link_is_not_signed_for_what_the_signer_may_not(client: Callable[..., Any]) -> None:
    s3 = client("s3", S3_INPUT_BUCKET=["s3:GetObject"])
    named = {"Bucket": ENVIRONMENT["S3_INPUT_BUCKET"], "Key": "uploads/a.jpg"}
    assert s3.generate_presigned_url("get_object", Params=named)
    refused(s3.generate_presigned_url, ClientMethod="put_object", Params=named)
    refused(s3.generate_presigned_post, **named)
    form = client("s3", S3_INPUT_BUCKET=["s3:PutObject"]).generate_presigned_post(**named)
    assert form["fields"]["key"] == "uploads/a.jpg"


def test_calls_to_what_nobody_foresaw_fail(client: Callable[..., Any]) -> None:
    with pytest.raises(NotImplementedError, match="ec2"):
        client("ec2").describe_instances()


def test_one_right_can_be_taken_away_if_it_is_there() -> None:
    statement = {"Sid": "UsersTable", "Effect": "Allow", "Action": ["a:B", "a:C"], "Resource": ["*"]}
    order = {"function": "resize", "policy": {"Statement": [statement]}, "log": None}
    less = iam_enforcement.without(order, "UsersTable", "a:B")["policy"]["Statement"]
    assert less == [{**statement, "Action": ["a:C"]}]
    with pytest.raises(ValueError, match="no right to a:D"):
        iam_enforcement.without(order, "UsersTable", "a:D")


def test_what_was_used_and_refused_is_told(client: Callable[..., Any], tmp_path: Path, capsys: Any) -> None:
    sqs = client("sqs", SQS_QUEUE_URL=["sqs:SendMessage", "sqs:GetQueueAttributes"])
    for _ in range(2):
        passes(sqs.send_message, QueueUrl=ENVIRONMENT["SQS_QUEUE_URL"], MessageBody="x")
    refused(sqs.receive_message, QueueUrl=ENVIRONMENT["SQS_QUEUE_URL"])
    noted = list(iam_report.noted(tmp_path / "rights"))
    assert [(each.how, each.action) for each in noted] == [
        ("used", "sqs:SendMessage"),
        ("refused", "sqs:ReceiveMessage"),
    ]
    queue = "arn:aws:sqs:us-east-1:123456789012:darkroom-local-uploads"
    rights = {
        iam_report.Right("resize", "SqsQueueUrl", "sqs:SendMessage"): [queue, f"{queue}-others"],
        iam_report.Right("resize", "SqsQueueUrl", "sqs:GetQueueAttributes"): [queue],
    }
    assert iam_report.report(rights, tmp_path / "rights") == 1
    printed = capsys.readouterr().out
    assert "IN PART   darkroom-local-uploads-others" in printed
    assert "NOT USED  darkroom-local-uploads" in printed
    assert "2 rights declared, on 3 resources in all: 2 not used; 1 used and not declared." in printed
