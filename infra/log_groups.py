"""The functions' log groups, for the template: what Lambda makes by itself is kept for ever, under no key of ours."""

from collections.abc import Iterable
from typing import Any

from infra.function_grants import API


def resources(functions: Iterable[str]) -> dict[str, Any]:
    """By its name in the template, the log group of each function of the manifest ("s3_event": S3EventLogs)."""
    return {f"{_camel(name)}Logs": _log_group(name) for name in functions}


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _log_group(function: str) -> dict[str, Any]:
    return {
        "Type": "AWS::Logs::LogGroup",
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        "Properties": {
            "LogGroupName": {"Fn::Sub": "/aws/lambda/darkroom-${Stage}" + ("" if function == API else f"-{function}")},
            "RetentionInDays": {"Ref": "LogRetentionDays"},
            "KmsKeyId": {
                "Fn::If": ["WithCustomerKey", {"Fn::GetAtt": ["EncryptionKey", "Arn"]}, {"Ref": "AWS::NoValue"}]
            },
            "Tags": [{"Key": "Environment", "Value": {"Ref": "Stage"}}, {"Key": "Service", "Value": "darkroom"}],
        },
    }
