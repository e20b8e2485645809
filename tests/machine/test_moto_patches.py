"""Behaviour that needs our patches of moto: express executions, calls of Cognito, parallel receivers of a queue."""

import base64
import hmac
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Eventually
from tests.machine.conftest import Tiny

IMAGES = "darkroom-tiny-images"


def _start_execution(tiny: Tiny, image: str, execution: str) -> None:
    item = {"userId": {"S": "u"}, "imageId": {"S": image}, "status": {"S": "PROCESSING"}, "execution": {"S": execution}}
    tiny.client("dynamodb").put_item(TableName=IMAGES, Item=item)
    message = {"userId": "u", "imageId": image, "execution": execution, "fileName": "a.jpg", "s3Key": "k"}
    message |= {"fileSize": "1", "fileType": "image/jpeg", "versionId": "v", "bucket": "b"}
    tiny.client("stepfunctions").start_execution(
        stateMachineArn=tiny.resource("ImagePipeline"), name=execution, input=json.dumps(message)
    )


def _row(tiny: Tiny, image: str) -> dict[str, Any]:
    key = {"userId": {"S": "u"}, "imageId": {"S": image}}
    row: dict[str, Any] = tiny.client("dynamodb").get_item(TableName=IMAGES, Key=key, ConsistentRead=True)["Item"]
    return row


def test_express_executions_can_reuse_a_name(tiny: Tiny, eventually: Eventually) -> None:
    name = uuid.uuid4().hex
    for _ in range(3):
        _start_execution(tiny, name, name)
        eventually(lambda: _row(tiny, name)["status"]["S"] == "COMPLETED")


def test_an_execution_writes_times_in_the_format_of_step_functions(tiny: Tiny, eventually: Eventually) -> None:
    name = uuid.uuid4().hex
    _start_execution(tiny, name, name)
    row = eventually(lambda: (row := _row(tiny, name))["status"]["S"] == "COMPLETED" and row)
    assert len(row["processedAt"]["S"]) == len("2026-01-01T00:00:00.000Z")
    assert row["processedAt"]["S"].endswith("Z")


@pytest.mark.slow
def test_parallel_executions_do_not_disturb_each_other(tiny: Tiny, eventually: Eventually) -> None:
    names = [uuid.uuid4().hex for _ in range(12)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda name: _start_execution(tiny, name, name), names))
    eventually(lambda: {_row(tiny, name)["status"]["S"] for name in names} == {"COMPLETED"})


@pytest.mark.parametrize(
    "values",
    [{":user": {"S": ""}}, {":user": {"S": "u"}, "start": {"userId": {"S": "u"}, "imageId": {"S": ""}}}],
    ids=["partition", "start"],
)
def test_a_query_with_an_empty_key_is_refused(tiny: Tiny, values: dict[str, Any]) -> None:
    start = {"ExclusiveStartKey": values.pop("start")} if "start" in values else {}
    with pytest.raises(ClientError, match="empty string"):
        tiny.client("dynamodb").query(
            TableName=IMAGES, KeyConditionExpression="userId = :user", ExpressionAttributeValues=values, **start
        )


def test_parallel_receivers_never_get_the_same_message(tiny: Tiny) -> None:
    sqs = tiny.client("sqs")
    url = sqs.create_queue(QueueName=f"shared-{uuid.uuid4().hex}")["QueueUrl"]
    for each in range(100):
        sqs.send_message(QueueUrl=url, MessageBody=str(each))

    def drain(_: int) -> list[str]:
        bodies = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=3).get("Messages"):
            for message in messages:
                bodies.append(message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    with ThreadPoolExecutor(4) as threads:
        received = [body for bodies in threads.map(drain, range(4)) for body in bodies]
    assert sorted(received, key=int) == [str(each) for each in range(100)]


class Account:
    """An account of the embedded user pool."""

    password = "Correct-Horse-1"

    def __init__(self, tiny: Tiny) -> None:
        self.cognito = tiny.client("cognito-idp")
        self.client_id = tiny.resource("ApiClient")
        described = self.cognito.describe_user_pool_client(
            UserPoolId=tiny.resource("UserPool"), ClientId=self.client_id
        )
        self.secret: str = described["UserPoolClient"]["ClientSecret"]
        self.email = f"{uuid.uuid4().hex}@example.com"
        self.cognito.sign_up(**self.arguments(), Password=self.password)

    def arguments(self, email: str = "") -> dict[str, str]:
        """The arguments that name the client and the user of a call."""
        email = email or self.email
        return {"ClientId": self.client_id, "Username": email, "SecretHash": self.secret_hash(email)}

    def secret_hash(self, name: str) -> str:
        digest = hmac.digest(self.secret.encode(), (name + self.client_id).encode(), "sha256")
        return base64.b64encode(digest).decode()

    def confirm(self) -> None:
        self.cognito.confirm_sign_up(**self.arguments(), ConfirmationCode="123456")

    def sign_in(self, email: str = "") -> dict[str, Any]:
        name = email or self.email
        response = self.cognito.initiate_auth(
            ClientId=self.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": self.password, "SECRET_HASH": self.secret_hash(name)},
        )
        tokens: dict[str, Any] = response["AuthenticationResult"]
        return tokens

    def refresh(self, token: str) -> None:
        self.cognito.get_tokens_from_refresh_token(
            ClientId=self.client_id, ClientSecret=self.secret, RefreshToken=token
        )


@pytest.fixture
def account(tiny: Tiny) -> Account:
    return Account(tiny)


def test_a_code_can_be_sent_again_until_the_account_is_confirmed(account: Account) -> None:
    def resend() -> dict[str, Any]:
        response = account.cognito.resend_confirmation_code(**account.arguments())
        details: dict[str, Any] = response["CodeDeliveryDetails"]
        return details

    assert resend()["DeliveryMedium"] == "EMAIL"
    account.confirm()
    with pytest.raises(account.cognito.exceptions.InvalidParameterException):
        resend()


def test_a_refresh_token_can_be_revoked(account: Account) -> None:
    account.confirm()
    token = account.sign_in()["RefreshToken"]
    account.refresh(token)
    account.cognito.revoke_token(ClientId=account.client_id, ClientSecret=account.secret, Token=token)
    with pytest.raises(account.cognito.exceptions.NotAuthorizedException):
        account.refresh(token)


def test_a_user_can_delete_the_account(account: Account) -> None:
    account.confirm()
    token = account.sign_in()["AccessToken"]
    account.cognito.delete_user(AccessToken=token)
    with pytest.raises(account.cognito.exceptions.NotAuthorizedException):
        account.cognito.get_user(AccessToken=token)
    with pytest.raises(account.cognito.exceptions.ClientError):
        account.sign_in()


def test_responses_do_not_show_whether_an_account_exists(account: Account) -> None:
    cognito, unknown = account.cognito, account.arguments("nobody@example.com")
    with pytest.raises(cognito.exceptions.NotAuthorizedException, match="Incorrect username or password"):
        account.sign_in("nobody@example.com")
    assert cognito.forgot_password(**unknown)["CodeDeliveryDetails"]["DeliveryMedium"] == "EMAIL"
    assert cognito.resend_confirmation_code(**unknown)["CodeDeliveryDetails"]["DeliveryMedium"] == "EMAIL"
    with pytest.raises(cognito.exceptions.CodeMismatchException):
        cognito.confirm_sign_up(**unknown, ConfirmationCode="123456")
    with pytest.raises(cognito.exceptions.CodeMismatchException):
        cognito.confirm_forgot_password(**unknown, ConfirmationCode="123456", Password=Account.password)


def test_a_code_resets_a_password_once(account: Account) -> None:
    account.confirm()
    reset = {**account.arguments(), "ConfirmationCode": "123456", "Password": Account.password}
    with pytest.raises(account.cognito.exceptions.ExpiredCodeException):
        account.cognito.confirm_forgot_password(**reset)
    account.cognito.forgot_password(**account.arguments())
    account.cognito.confirm_forgot_password(**reset)
    with pytest.raises(account.cognito.exceptions.ExpiredCodeException):
        account.cognito.confirm_forgot_password(**reset)
