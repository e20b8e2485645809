"""A function's rights on the customer's key: those that come with what it does to what the key encrypts.

Services use the key in the caller's name, so each right holds only through the services that are called, never for the
key itself. What a call asks for: Amazon S3, "Protecting data with SSE-KMS"; Amazon SQS, "Key management"; Amazon SNS,
"Key management"; AWS Secrets Manager, "Encryption and decryption"; Amazon DynamoDB, "How DynamoDB uses AWS KMS": it
makes its tables' keys under a grant of its own, and whoever reads or writes has but to decrypt them.
"""

from collections.abc import Iterable, Iterator
from typing import Any

_READ, _WRITE = {"kms:Decrypt"}, {"kms:GenerateDataKey"}
_BOTH = _READ | _WRITE

# The others reach nothing that is encrypted: they delete, list, describe.
_ASKED = {
    "s3:GetObject": _READ,
    "s3:GetObjectVersion": _READ,
    "s3:PutObject": _WRITE,
    # Who may break off an upload in parts makes such uploads, and the parts are read again to be put together.
    "s3:AbortMultipartUpload": _BOTH,
    "secretsmanager:GetSecretValue": _READ,
    "secretsmanager:PutSecretValue": _BOTH,
    "sns:Publish": _BOTH,
    "sqs:ReceiveMessage": _READ,
    "sqs:SendMessage": _BOTH,
    # Settings that somebody stored under this key.
    "ssm:GetParameters": _READ,
}
_OF_TABLES_ALONE = {"dynamodb:DescribeTable", "dynamodb:DescribeStream", "dynamodb:ListStreams"}

_SIDS = {"kms:Decrypt": "KeyToRead", "kms:GenerateDataKey": "KeyToWrite"}
_OF_ENVIRONMENT = "Environment"
SIDS = {_OF_ENVIRONMENT, *_SIDS.values()}


def statements(key: str, function: str, actions: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The statements for a function that may do this (IAM's "s3:PutObject"); `key` and `function` are ARNs.

    The first is for its environment, which Lambda decrypts in the function's name.
    """
    context = {"kms:EncryptionContext:aws:lambda:FunctionArn": [function, f"{function}:*"]}
    yield _statement(_OF_ENVIRONMENT, "kms:Decrypt", key, {"StringLike": context})
    through: dict[str, set[str]] = {right: set() for right in _SIDS}
    for action in actions:
        for right in _asked(action):
            through[right].add(action.partition(":")[0])
    region = key.split(":")[3]
    for right, services in through.items():
        if services:
            via = {"kms:ViaService": [f"{service}.{region}.amazonaws.com" for service in sorted(services)]}
            yield _statement(_SIDS[right], right, key, {"StringEquals": via})


def _asked(action: str) -> set[str]:
    if action.startswith("dynamodb:"):
        return set() if action in _OF_TABLES_ALONE else _READ
    return _ASKED.get(action, set())


def _statement(sid: str, right: str, key: str, condition: dict[str, Any]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": [right], "Resource": [key], "Condition": condition}
