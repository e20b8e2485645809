"""The functions' log groups. Lambda would create them itself, with no end of retention and without our key."""

from collections.abc import Iterable
from typing import Any

from infra.function_grants import lambda_name


def resources(functions: Iterable[str]) -> dict[str, Any]:
    """The log group of each function, by logical id ("s3_event": S3EventLogs)."""
    return {f"{_camel(name)}Logs": _log_group(name) for name in functions}


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _log_group(function: str) -> dict[str, Any]:
    return {
        "Type": "AWS::Logs::LogGroup",
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        "Properties": {
            "LogGroupName": {"Fn::Sub": f"/aws/lambda/{lambda_name(function, '${Stage}')}"},
            "RetentionInDays": {"Ref": "LogRetentionDays"},
            "KmsKeyId": {
                "Fn::If": ["WithCustomerKey", {"Fn::GetAtt": ["EncryptionKey", "Arn"]}, {"Ref": "AWS::NoValue"}]
            },
            "Tags": [{"Key": "Environment", "Value": {"Ref": "Stage"}}, {"Key": "Service", "Value": "darkroom"}],
        },
    }
