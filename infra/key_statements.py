"""A function's grants on the customer's key: what its other grants need where the resource is encrypted.

Services use the key on behalf of the caller, so each grant is valid only through those services. Sources: Amazon S3,
"Protecting data with SSE-KMS"; Amazon SQS, "Key management"; Amazon SNS, "Key management"; AWS Secrets Manager,
"Encryption and decryption"; Amazon DynamoDB, "How DynamoDB uses AWS KMS" (DynamoDB creates the keys of its tables with
a grant of its own; callers only decrypt them).
"""

from collections.abc import Iterable, Iterator
from typing import Any

_READ, _WRITE = {"kms:Decrypt"}, {"kms:GenerateDataKey"}
_BOTH = _READ | _WRITE

# All other actions use no encrypted data: they delete, list, describe.
_NEEDED_BY = {
    "s3:GetObject": _READ,
    "s3:GetObjectVersion": _READ,
    "s3:PutObject": _WRITE,
    # A function with this action uploads in parts. S3 decrypts the parts to join them.
    "s3:AbortMultipartUpload": _BOTH,
    "secretsmanager:GetSecretValue": _READ,
    "secretsmanager:PutSecretValue": _BOTH,
    "sns:Publish": _BOTH,
    "sqs:ReceiveMessage": _READ,
    "sqs:SendMessage": _BOTH,
    # Settings that are encrypted with this key.
    "ssm:GetParameters": _READ,
}
_UNENCRYPTED_DYNAMODB = {"dynamodb:DescribeTable", "dynamodb:DescribeStream", "dynamodb:ListStreams"}

_SIDS = {"kms:Decrypt": "KeyToRead", "kms:GenerateDataKey": "KeyToWrite"}
_ENVIRONMENT = "Environment"
SIDS = {_ENVIRONMENT, *_SIDS.values()}


def statements(key: str, function: str, actions: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The statements for a function with these IAM actions. `key` and `function` are ARNs.

    The first one is for the function's environment variables, which Lambda decrypts with the function's role.
    """
    context = {"kms:EncryptionContext:aws:lambda:FunctionArn": [function, f"{function}:*"]}
    yield _statement(_ENVIRONMENT, "kms:Decrypt", key, {"StringLike": context})
    services_by_grant: dict[str, set[str]] = {grant: set() for grant in _SIDS}
    for action in actions:
        for grant in _needed_by(action):
            services_by_grant[grant].add(action.partition(":")[0])
    region = key.split(":")[3]
    for grant, services in services_by_grant.items():
        if services:
            via = {"kms:ViaService": [f"{service}.{region}.amazonaws.com" for service in sorted(services)]}
            yield _statement(_SIDS[grant], grant, key, {"StringEquals": via})


def _needed_by(action: str) -> set[str]:
    if action.startswith("dynamodb:"):
        return set() if action in _UNENCRYPTED_DYNAMODB else _READ
    return _NEEDED_BY.get(action, set())


def _statement(sid: str, action: str, key: str, condition: dict[str, Any]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": [action], "Resource": [key], "Condition": condition}
