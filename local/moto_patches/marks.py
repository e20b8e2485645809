"""Requests to moto note what they change, for the state folder."""

import functools
from typing import Any

from local.patching import patch
from local.state.changes import CHANGES


def mark_changes() -> None:
    """Mark a whole service after each request to it, and single objects. Rows and messages are marked elsewhere."""
    from moto.cognitoidp.responses import CognitoIdpResponse
    from moto.s3.models import S3Backend
    from moto.secretsmanager.responses import SecretsManagerResponse
    from moto.sqs.responses import SQSResponse
    from moto.ssm.responses import SimpleSystemManagerResponse

    for responses, service in (
        (CognitoIdpResponse, "cognito-idp"),
        (SecretsManagerResponse, "secretsmanager"),
        (SQSResponse, "sqs"),
        (SimpleSystemManagerResponse, "ssm"),
    ):
        patch(responses, "call_action", _marking(responses.call_action, service))
    for name in ("put_object", "delete_object", "delete_object_tagging"):
        patch(S3Backend, name, _marking_object(getattr(S3Backend, name)))
    tag = S3Backend.put_object_tagging

    def put_object_tagging(self: Any, key: Any, tags: Any) -> Any:
        CHANGES.mark("s3", (key.bucket_name, key.name))
        return tag(self, key, tags)

    patch(S3Backend, "put_object_tagging", put_object_tagging)


def _marking(call: Any, service: str) -> Any:
    @functools.wraps(call)
    def call_action(self: Any) -> Any:
        try:
            return call(self)
        finally:
            CHANGES.mark(service)

    return call_action


def _marking_object(call: Any) -> Any:
    @functools.wraps(call)
    def change(self: Any, bucket_name: str, key_name: str, *args: Any, **kwargs: Any) -> Any:
        CHANGES.mark("s3", (bucket_name, key_name))
        return call(self, bucket_name, key_name, *args, **kwargs)

    return change
