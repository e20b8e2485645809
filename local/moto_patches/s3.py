"""moto's buckets: fast listings of versions, events in S3's shape, and conditions in bucket policies."""

import copy
import functools
import itertools
import json
import time
import types
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_plus

from local.moto_patches import awslambda, s3_bodies
from local.patching import patch

_sequencers = itertools.count(time.time_ns())


def patch_s3() -> None:
    """Apply the patches of this module and of s3_bodies."""
    s3_bodies.keep_bodies_in_files()
    _copy_only_listed_versions()
    _complete_events()
    _evaluate_policy_conditions()


def _copy_only_listed_versions() -> None:
    # moto copies every object of the bucket, with its bytes, while other requests add to it.
    from moto.s3.models import S3Backend

    original: Any = S3Backend.list_object_versions

    def list_object_versions(self: Any, bucket_name: str, *args: Any, prefix: str = "", **kwargs: Any) -> Any:
        bucket = self.get_bucket(bucket_name)
        narrowed = copy.copy(bucket)
        narrowed.keys = type(bucket.keys)()
        for key, versions in list(dict.items(bucket.keys)):
            if key.startswith(prefix or ""):
                narrowed.keys.setlist(key, list(versions))
        backend = types.SimpleNamespace(get_bucket=lambda name: narrowed)
        return original(backend, bucket_name, *args, prefix=prefix, **kwargs)

    patch(S3Backend, "list_object_versions", list_object_versions)


def _complete_events() -> None:
    from moto.s3 import notifications

    original = notifications._get_s3_event

    def get_s3_event(event_name: str, bucket: Any, key: Any, notification_id: str) -> dict[str, Any]:
        event: dict[str, Any] = original(event_name, bucket, key, notification_id)
        for record in event["Records"]:
            record |= {
                "userIdentity": {"principalId": f"AWS:{bucket.account_id}"},
                "requestParameters": {"sourceIPAddress": "127.0.0.1"},
                "responseElements": {"x-amz-request-id": uuid.uuid4().hex[:16].upper(), "x-amz-id-2": "local"},
            }
            record["s3"]["bucket"]["ownerIdentity"] = {"principalId": bucket.account_id}
            record["s3"]["object"]["key"] = quote_plus(key.name, safe="/")
            # Hexadecimal; a later event of the same key has a larger one.
            record["s3"]["object"]["sequencer"] = f"{next(_sequencers):018X}"
            if bucket.versioning_status == "Enabled" and key.version_id:
                record["s3"]["object"]["versionId"] = key.version_id
        return event

    def invoke_awslambda(account_id: str, event_body: Any, fn_arn: str, region_name: str) -> None:
        awslambda.submit(fn_arn, event_body)

    patch(notifications, "_get_s3_event", get_s3_event)
    patch(notifications, "_invoke_awslambda", invoke_awslambda)


def _evaluate_policy_conditions() -> None:
    # moto ignores Condition, so that a Deny always holds.
    from moto.s3.models import FakeBucket

    original: Callable[..., Any] = FakeBucket.get_permission

    @functools.cache
    def applicable(policy: bytes) -> Any:
        document = json.loads(policy)
        document["Statement"] = [each for each in document["Statement"] if _is_met(each.get("Condition", {}))]
        return types.SimpleNamespace(policy=json.dumps(document).encode())

    def get_permission(self: Any, action: str, resource: str) -> Any:
        return original(self if self.policy is None else applicable(self.policy), action, resource)

    patch(FakeBucket, "get_permission", get_permission)


def _is_met(condition: Mapping[str, Mapping[str, Any]]) -> bool:
    """Only aws:SecureTransport is supported; all requests to the embedded AWS count as sent over TLS."""
    for operator, tests in condition.items():
        for key, wanted in tests.items():
            if (operator, key) != ("Bool", "aws:SecureTransport"):
                raise NotImplementedError(f"The embedded AWS does not understand the condition {operator} {key}.")
            if str(wanted).lower() != "true":
                return False
    return True
