"""What is stored in AWS is encrypted: under the customer's key, or under each service's own."""

from collections.abc import Callable
from typing import Any

from tests.architecture.rendering import Rendering

STANDS_FOR_THE_KEY = {"Fn::GetAtt": ["EncryptionKey", "Arn"]}


def stored_data_is_encrypted(there: Rendering) -> None:
    for kind, is_encrypted in AT_REST.items():
        for name, properties in there.of(kind).items():
            assert is_encrypted(properties, there.under_key), name
    for name, properties in there.of("SNS::Topic").items():
        # Alarms cannot use the SNS key that AWS manages.
        alone = None if name == "OperatorsTopic" else "alias/aws/sns"
        assert properties.get("KmsMasterKeyId") == (STANDS_FOR_THE_KEY if there.under_key else alone), name


def _bucket_is_encrypted(properties: dict[str, Any], under_key: bool) -> bool:
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    ours = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": STANDS_FOR_THE_KEY}
    by_default: Any = rule["ServerSideEncryptionByDefault"]
    return bool(by_default == (ours if under_key else {"SSEAlgorithm": "AES256"}))


def _table_is_encrypted(properties: dict[str, Any], under_key: bool) -> bool:
    ours = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": STANDS_FOR_THE_KEY}
    return bool(properties["SSESpecification"] == (ours if under_key else {"SSEEnabled": True}))


def _queue_is_encrypted(properties: dict[str, Any], under_key: bool) -> bool:
    if under_key:
        # SQS accepts only one of them.
        return properties["KmsMasterKeyId"] == STANDS_FOR_THE_KEY and "SqsManagedSseEnabled" not in properties
    return properties["SqsManagedSseEnabled"] is True and "KmsMasterKeyId" not in properties


def _names_the_key(properties: dict[str, Any], under_key: bool) -> bool:
    return properties.get("KmsKeyId") == (STANDS_FOR_THE_KEY if under_key else None)


AT_REST: dict[str, Callable[[dict[str, Any], bool], bool]] = {
    "S3::Bucket": _bucket_is_encrypted,
    "DynamoDB::Table": _table_is_encrypted,
    "SQS::Queue": _queue_is_encrypted,
    "Logs::LogGroup": _names_the_key,
    "SecretsManager::Secret": _names_the_key,
}
