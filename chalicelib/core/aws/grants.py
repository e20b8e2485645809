"""What a function may touch: declared on it, and read to generate its IAM policy and to check its settings.

Each member's value is the operation's name in its service's API; a test holds them against botocore's models. A
transaction has no member: IAM checks the actions of its writes.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from chalicelib.core.errors import inherit_errors, raised_by
from chalicelib.core.settings import ALL


class AwsOperation(StrEnum):
    """An operation of an AWS service."""


class DynamoDBOperation(AwsOperation):
    GET_ITEM = "GetItem"
    PUT_ITEM = "PutItem"
    UPDATE_ITEM = "UpdateItem"
    DELETE_ITEM = "DeleteItem"
    DESCRIBE_TABLE = "DescribeTable"
    QUERY = "Query"
    # Not a call: IAM requires it for a query of an index.
    QUERY_INDEX = "QueryIndex"
    SCAN = "Scan"
    BATCH_GET_ITEM = "BatchGetItem"
    BATCH_WRITE_ITEM = "BatchWriteItem"
    # Not a call: IAM requires it for a transaction that checks an item without writing it.
    CONDITION_CHECK_ITEM = "ConditionCheckItem"


class S3Operation(AwsOperation):
    GET_OBJECT = "GetObject"
    # Not a call: IAM requires it for a call that names the object's version.
    GET_OBJECT_VERSION = "GetObjectVersion"
    HEAD_OBJECT = "HeadObject"
    PUT_OBJECT = "PutObject"
    DELETE_OBJECT = "DeleteObject"
    DELETE_OBJECTS = "DeleteObjects"
    CREATE_MULTIPART_UPLOAD = "CreateMultipartUpload"
    UPLOAD_PART = "UploadPart"
    COMPLETE_MULTIPART_UPLOAD = "CompleteMultipartUpload"
    ABORT_MULTIPART_UPLOAD = "AbortMultipartUpload"
    LIST_BUCKET = "ListObjectsV2"
    LIST_OBJECT_VERSIONS = "ListObjectVersions"


class SQSOperation(AwsOperation):
    GET_QUEUE_URL = "GetQueueUrl"
    SEND_MESSAGE = "SendMessage"
    RECEIVE_MESSAGE = "ReceiveMessage"
    DELETE_MESSAGE = "DeleteMessage"
    DELETE_MESSAGE_BATCH = "DeleteMessageBatch"
    GET_QUEUE_ATTRIBUTES = "GetQueueAttributes"
    CHANGE_MESSAGE_VISIBILITY = "ChangeMessageVisibility"


class SNSOperation(AwsOperation):
    PUBLISH = "Publish"


class SESOperation(AwsOperation):
    SEND_RAW_EMAIL = "SendRawEmail"


class StepFunctionsOperation(AwsOperation):
    START_EXECUTION = "StartExecution"
    DESCRIBE_STATE_MACHINE = "DescribeStateMachine"


class SecretsManagerOperation(AwsOperation):
    GET_SECRET_VALUE = "GetSecretValue"
    PUT_SECRET_VALUE = "PutSecretValue"


class SSMOperation(AwsOperation):
    GET_PARAMETER = "GetParameter"
    PUT_PARAMETER = "PutParameter"
    DELETE_PARAMETER = "DeleteParameter"


class LambdaOperation(AwsOperation):
    INVOKE_FUNCTION = "Invoke"
    GET_FUNCTION = "GetFunction"


class CognitoOperation(AwsOperation):
    SIGN_UP = "SignUp"
    CONFIRM_SIGN_UP = "ConfirmSignUp"
    RESEND_CONFIRMATION_CODE = "ResendConfirmationCode"
    INITIATE_AUTH = "InitiateAuth"
    GET_TOKENS_FROM_REFRESH_TOKEN = "GetTokensFromRefreshToken"
    RESPOND_TO_AUTH_CHALLENGE = "RespondToAuthChallenge"
    FORGOT_PASSWORD = "ForgotPassword"
    CONFIRM_FORGOT_PASSWORD = "ConfirmForgotPassword"
    ADMIN_GET_USER = "AdminGetUser"
    ADMIN_CREATE_USER = "AdminCreateUser"
    ADMIN_UPDATE_USER = "AdminUpdateUserAttributes"
    ADMIN_DELETE_USER = "AdminDeleteUser"
    ADMIN_USER_GLOBAL_SIGN_OUT = "AdminUserGlobalSignOut"
    DESCRIBE_USER_POOL = "DescribeUserPool"


class BedrockOperation(AwsOperation):
    INVOKE_MODEL = "InvokeModel"
    INVOKE_MODEL_WITH_RESPONSE_STREAM = "InvokeModelWithResponseStream"
    INVOKE_GUARDRAIL = "ApplyGuardrail"


# The service's name in boto3.
SERVICES: dict[type[AwsOperation], str] = {
    DynamoDBOperation: "dynamodb",
    S3Operation: "s3",
    SQSOperation: "sqs",
    SNSOperation: "sns",
    SESOperation: "ses",
    StepFunctionsOperation: "stepfunctions",
    SecretsManagerOperation: "secretsmanager",
    SSMOperation: "ssm",
    LambdaOperation: "lambda",
    CognitoOperation: "cognito-idp",
    BedrockOperation: "bedrock-runtime",
}

Grants = Mapping[str, Iterable[AwsOperation]]
Function = TypeVar("Function", bound=Callable[..., Any])


# Grants, or a function that declares them.
Source = Grants | Callable[..., Any]


def required_env_vars(*sources: Source) -> Callable[[Function], Function]:
    """Declares the variables that a function needs and, for each, the operations on the resource that it names.

    A setting that names no resource takes `[]`. A function as source means: everything that it declares, with the
    errors that it raises (core/errors.py). Nothing is resolved here: `@validated` and `@track_execution` find and check
    all settings of `of(function)` before it runs.

    Raises:
        TypeError: a variable is no setting, or an operation is not one of the enums above.
    """
    grants = merge(*sources)
    for variable, operations in grants.items():
        if variable not in ALL:
            raise TypeError(f"{variable} is no setting of chalicelib/core/settings/model.py")
        for operation in operations:
            if not isinstance(operation, AwsOperation):
                raise TypeError(f"{variable}: {operation!r} is not an operation of an AWS service")

    def declare(function: Function) -> Function:
        add(function, *sources)
        return function

    return declare


def add(function: Callable[..., Any], *sources: Source) -> None:
    """Adds to what a function declares, as decorators do for the functions that they call."""
    function.__dict__["grants"] = merge(function, *sources)
    for source in sources:
        if callable(source):
            inherit_errors(function, *raised_by(source))


def of(function: Callable[..., Any]) -> dict[str, frozenset[AwsOperation]]:
    """Everything that a function declares: variable → operations."""
    declared: dict[str, frozenset[AwsOperation]] = getattr(function, "grants", {})
    return declared


def merge(*sources: Source) -> dict[str, frozenset[AwsOperation]]:
    merged: dict[str, frozenset[AwsOperation]] = {}
    for source in sources:
        for variable, operations in (of(source) if callable(source) else source).items():
            merged[variable] = merged.get(variable, frozenset()) | frozenset(operations)
    return merged
