"""The IAM actions that boto3's operations need. IAM uses another name for some, and no action for others."""

import functools

import botocore.session

# IAM's prefix, where it differs from boto3's service name.
_PREFIXES = {"stepfunctions": "states", "bedrock-runtime": "bedrock"}
# IAM's action, where it has another name or another action covers it. Deletions name versions (core/aws/objects.py).
_ACTIONS = {
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:DeleteObjects": "s3:DeleteObjectVersion",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:UploadPart": "s3:PutObject",
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "lambda:Invoke": "lambda:InvokeFunction",
}

# SES checks a configuration set only if the sender's identity has a default one.
ONE_OF = {"ses:SendRawEmail"}


def iam_actions(operation: str) -> set[str]:
    """The actions for an operation: `"s3:UploadPart"` needs `{"s3:PutObject"}`. Empty for unsigned operations."""
    service, _, name = operation.partition(":")
    if name in _unsigned(service):
        return set()
    return {_ACTIONS.get(operation, f"{_PREFIXES.get(service, service)}:{name}")}


@functools.cache
def _unsigned(service: str) -> frozenset[str]:
    """The operations whose requests have no signature. Everyone may call them, so no policy is checked."""
    model = _session().get_service_model(service)
    return frozenset(name for name in model.operation_names if model.operation_model(name).auth_type == "none")


@functools.cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()
